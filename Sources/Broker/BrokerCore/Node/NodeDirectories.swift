import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

/// The node's log directories, shared by the controller and the I/O threads, behind a lock.
public final class NodeDirectories: DirectoryAccess, @unchecked Sendable {
    // Sendable: `directories`, `metadata`, `topics`,
    // `isComplete`, `cleaned`, `checkpointed` are reached only with `lock` held.
    private let lock: any PartitionLock
    /// Held over the writing of a checkpoint: the last one written holds all that those before it
    /// did.
    private let checkpointLock: any PartitionLock
    private var directories: LogDirectories
    /// The directory of the metadata log where it is none of the log directories.
    private var metadata: LogDirectories?
    private let fileSystem: any FileSystem
    public let moves: ReplicaMoves
    /// The partitions of this node as they were published last, for the directories' checkpoints.
    private var topics: [KafkaUUID: TopicCells] = [:]
    /// `topics` has all that the directories hold: a checkpoint of less would forget the rest.
    private var isComplete = false
    /// By directory, how far its logs are compacted.
    private var cleaned: [String: [TopicPartition: Offset]] = [:]
    /// By directory, what its checkpoints may name.
    private var checkpointed: [String: Set<TopicPartition>] = [:]

    init(
        _ directories: LogDirectories, metadata: LogDirectories?, fileSystem: any FileSystem,
        random: SplitMix64, makeLock: () -> any PartitionLock
    ) {
        self.directories = directories
        self.metadata = metadata
        self.fileSystem = fileSystem
        moves = ReplicaMoves(fileSystem: fileSystem, random: random, makeLock: makeLock)
        lock = makeLock()
        checkpointLock = makeLock()
    }

    private func locked<R>(_ body: () -> R) -> R {
        lock.enter()
        defer { lock.leave() }
        return body()
    }

    var online: [LogDirectory] { locked { directories.online } }
    var all: [LogDirectory] { locked { directories.all } }
    func isOnline(_ path: String) -> Bool {
        locked { directories.directory(at: path)?.isOnline ?? false }
    }

    func choices(preferring id: KafkaUUID?) -> [LogDirectory] {
        locked { directories.choices(preferring: id) }
    }
    func countPartitions(_ change: Int, in path: String) {
        locked { directories.countPartitions(change, in: path) }
    }
    func cordon(_ paths: Set<String>) { locked { directories.cordon(paths) } }
    func fail(_ path: String, reason: String) -> Bool {
        locked { directories.fail(path, reason: reason) }
    }
    func releaseLocks() {
        locked {
            directories.releaseLocks()
            metadata?.releaseLocks()
        }
    }

    // MARK: DirectoryAccess

    public func statuses() -> [DirectoryStatus] {
        all.map { directory in
            guard directory.isOnline else {
                return DirectoryStatus(
                    path: directory.path, error: .kafkaStorageError, totalBytes: -1,
                    usableBytes: -1)
            }
            let space = fileSystem.space(of: directory.path)
            var status = DirectoryStatus(
                path: directory.path, error: .none, totalBytes: space?.total ?? -1,
                usableBytes: space?.usable ?? -1)
            status.isCordoned = directory.isCordoned
            return status
        }
    }

    /// All partitions that were found have been opened; checkpoints are written from now on.
    func partitionsAreOpen() { locked { isComplete = true } }

    /// Later checkpoints are of these partitions.
    func publish(_ topics: [KafkaUUID: TopicCells]) { locked { self.topics = topics } }

    private func cells(in directory: String) -> [PartitionCell] {
        locked { topics }.values.flatMap { $0.partitions.compactMap { $0 } }
            .filter { $0.logDirectory == directory }
    }

    public func cleanedOffset(of partition: TopicPartition, in directory: String) -> Offset? {
        locked { cleaned[directory]?[partition] }
    }

    @discardableResult
    public func noteCleaned(
        _ partition: TopicPartition, to offset: Offset?, in directory: String
    ) -> Bool {
        locked {
            let old = cleaned[directory]?[partition]
            cleaned[directory, default: [:]][partition] = offset
            return old != offset
        }
    }

    public func noteMoved(_ partition: TopicPartition, from source: String, to target: String) {
        locked {
            cleaned[target, default: [:]][partition] = cleaned[source]?.removeValue(
                forKey: partition)
            directories.countPartitions(-1, in: source)
            directories.countPartitions(1, in: target)
        }
    }

    public func checkpoint(
        _ kind: OffsetCheckpoint.Kind, of directory: String
    ) throws(FileError) {
        checkpointLock.enter()
        defer { checkpointLock.leave() }
        guard locked({ isComplete }) else { return }
        var offsets = moves.offsets(kind, in: directory)
        for cell in cells(in: directory) {
            let noted = cell.locked { offset(kind, of: $0, in: directory) }
            if let noted { offsets[cell.topicPartition] = noted }
        }
        noteCheckpointed(Set(offsets.keys), in: directory)
        try OffsetCheckpoint(kind, in: directory, fileSystem: fileSystem).write(offsets)
    }

    /// Notes what the directory's checkpoints may name from now on.
    func noteCheckpointed(_ names: Set<TopicPartition>, in directory: String) {
        locked { checkpointed[directory, default: []].formUnion(names) }
    }

    public func forget(
        _ names: Set<TopicPartition>, in directory: String
    ) throws(FileError) {
        checkpointLock.enter()
        defer { checkpointLock.leave() }
        let isNamed = locked { !(checkpointed[directory]?.isDisjoint(with: names) ?? true) }
        guard isNamed else { return }
        sometimes(.checkpointForgets)
        for kind in OffsetCheckpoint.Kind.allCases {
            try OffsetCheckpoint(kind, in: directory, fileSystem: fileSystem).remove(names)
        }
        locked { checkpointed[directory, default: []].subtract(names) }
    }

    /// `nil` when the log itself tells as much.
    private func offset(
        _ kind: OffsetCheckpoint.Kind, of replica: PartitionReplica, in directory: String
    ) -> Offset? {
        // Its name may be another log's by now.
        if replica.log.isRetired { return nil }
        switch kind {
        case .recoveryPoint: return replica.log.flushedOffset
        case .highWatermark: return replica.highWatermark
        case .logStartOffset:
            let start = replica.log.logStartOffset
            return start > replica.log.firstSegmentOffset ? start : nil
        case .cleaner: return cleanedOffset(of: replica.log.topicPartition, in: directory)
        }
    }
}
