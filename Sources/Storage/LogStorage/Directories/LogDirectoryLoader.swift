import KafkaWire

/// Which partitions to open in one log directory, and how: read before any log is touched.
///
/// The owner then opens the partitions of the plan on as many threads as it likes
/// (`num.recovery.threads.per.data.dir`); they do not depend on each other.
public struct LogDirectoryPlan: Sendable {
    /// One partition to open with `PartitionLog.open`.
    public struct Load: Sendable, Equatable {
        /// The partition's directory.
        public let path: String
        public let name: PartitionDirectoryName
        /// Recovery reads from here when the stop was not an orderly one.
        public let recoveryPoint: Offset
        /// From the checkpoint; zero when it is not there: the first segment's base offset counts.
        public let logStartOffset: Offset
        /// Below it the log has been compacted; from the checkpoint, zero when it is not there.
        public let cleanedOffset: Offset
        /// The high watermark before the stop, from the checkpoint; zero when it is not there.
        public let highWatermark: Offset
        /// No recovery is needed.
        public let cleanShutdown: Bool

        /// The same directory under another name, with nothing known of how it was closed.
        public func renamed(to name: PartitionDirectoryName, in directory: String) -> Load {
            Load(
                path: SmallFile.path(directory, name.name), name: name,
                recoveryPoint: recoveryPoint, logStartOffset: logStartOffset,
                cleanedOffset: cleanedOffset, highWatermark: highWatermark, cleanShutdown: false)
        }
    }

    /// The log directory.
    public let directory: String
    /// Whether the last stop was an orderly one.
    public let wasClean: Bool
    /// The broker epoch at that stop, if known (KIP-966).
    public let brokerEpoch: Int64?
    /// Current replicas, sorted by name.
    public let current: [Load]
    /// Replicas that are being moved here from another directory.
    public let future: [Load]
    /// Directories whose removal was begun; remove them after `file.delete.delay.ms`.
    public let deleted: [String]
    /// Replicas set aside earlier; left alone.
    public let stray: [String]
    /// Whether the metadata log is here, which the quorum opens itself.
    public let holdsMetadataLog: Bool
    /// Directories that are no partition's; left alone.
    public let unknown: [String]
    /// Partitions that a checkpoint names, be there a log of them or not.
    public let checkpointed: Set<TopicPartition>
    /// Checkpoints that could not be read, and were taken for empty.
    public let damage: [LogDirectoryError]
}

/// Reads a log directory and says what to open.
public enum LogDirectoryLoader {
    /// The topic of the metadata log.
    public static let metadataTopic = "__cluster_metadata"
    /// A cache of tiered storage, which is no partition.
    static let remoteIndexCache = "remote-log-index-cache"

    /// Makes the plan, and removes the marker of an orderly stop: should the node crash while it
    /// opens the logs, then the next start recovers them.
    public static func plan(
        _ directory: String, in fileSystem: any FileSystem
    ) throws(LogDirectoryError) -> LogDirectoryPlan {
        let marker = CleanShutdownFile(in: directory, fileSystem: fileSystem)
        let clean = try marker.take()
        var checkpoints = Checkpoints()
        try checkpoints.read(directory, fileSystem)
        var contents = Contents()
        try contents.scan(directory, fileSystem)

        let load = { (name: PartitionDirectoryName) in
            LogDirectoryPlan.Load(
                path: SmallFile.path(directory, name.name), name: name,
                recoveryPoint: checkpoints.recoveryPoint[name.topicPartition] ?? .zero,
                logStartOffset: checkpoints.logStart[name.topicPartition] ?? .zero,
                cleanedOffset: checkpoints.cleaner[name.topicPartition] ?? .zero,
                highWatermark: checkpoints.highWatermark[name.topicPartition] ?? .zero,
                cleanShutdown: clean != nil)
        }
        return LogDirectoryPlan(
            directory: directory, wasClean: clean != nil, brokerEpoch: clean?.brokerEpoch,
            current: contents.current.map(load), future: contents.future.map(load),
            deleted: contents.deleted, stray: contents.stray,
            holdsMetadataLog: contents.holdsMetadataLog, unknown: contents.unknown,
            checkpointed: checkpoints.names, damage: checkpoints.damage)
    }

    /// The broker epoch that proves an orderly stop of the whole node: all directories are there
    /// and agree on it; else `nil` (KIP-966).
    public static func provenBrokerEpoch(
        _ plans: [LogDirectoryPlan], configuredDirectories: Int
    ) -> Int64? {
        guard plans.count == configuredDirectories, let first = plans.first?.brokerEpoch,
            plans.allSatisfy({ $0.brokerEpoch == first })
        else { return nil }
        return first
    }

    private struct Checkpoints {
        var recoveryPoint: [TopicPartition: Offset] = [:]
        var logStart: [TopicPartition: Offset] = [:]
        var cleaner: [TopicPartition: Offset] = [:]
        var highWatermark: [TopicPartition: Offset] = [:]
        var damage: [LogDirectoryError] = []

        var names: Set<TopicPartition> {
            [recoveryPoint, logStart, cleaner, highWatermark].reduce(into: []) {
                $0.formUnion($1.keys)
            }
        }

        mutating func read(
            _ directory: String, _ fileSystem: any FileSystem
        ) throws(LogDirectoryError) {
            recoveryPoint = try read(.recoveryPoint, directory, fileSystem)
            logStart = try read(.logStartOffset, directory, fileSystem)
            cleaner = try read(.cleaner, directory, fileSystem)
            highWatermark = try read(.highWatermark, directory, fileSystem)
        }

        private mutating func read(
            _ kind: OffsetCheckpoint.Kind, _ directory: String, _ fileSystem: any FileSystem
        ) throws(LogDirectoryError) -> [TopicPartition: Offset] {
            do throws(LogDirectoryError) {
                return try OffsetCheckpoint(kind, in: directory, fileSystem: fileSystem).read()
            } catch {
                guard case .corrupt = error else { throw error }
                damage.append(error)
                return [:]
            }
        }
    }

    private struct Contents {
        var current: [PartitionDirectoryName] = []
        var future: [PartitionDirectoryName] = []
        var deleted: [String] = []
        var stray: [String] = []
        var unknown: [String] = []
        var holdsMetadataLog = false

        mutating func scan(
            _ directory: String, _ fileSystem: any FileSystem
        ) throws(LogDirectoryError) {
            do throws(FileError) {
                for name in try fileSystem.list(directory) {
                    let path = SmallFile.path(directory, name)
                    guard try fileSystem.status(path)?.isDirectory == true else { continue }
                    add(name, path)
                }
            } catch {
                throw .io(error)
            }
        }

        private mutating func add(_ name: String, _ path: String) {
            guard name != remoteIndexCache else { return }
            guard let parsed = PartitionDirectoryName(parsing: name) else {
                unknown.append(path)
                return
            }
            switch parsed.role {
            case .delete: deleted.append(path)
            case .stray: stray.append(path)
            case .future: future.append(parsed)
            case .current where parsed.topicPartition.topic == metadataTopic:
                holdsMetadataLog = true
            case .current: current.append(parsed)
            }
        }
    }
}
