import KafkaProtocol
import KafkaWire
import LogStorage

/// The node's log directories, shared by the controller and the I/O threads, behind a lock.
public final class NodeDirectories: DirectoryAccess, @unchecked Sendable {
    // Sendable: `directories`, `metadata` and `topics` are reached only with `lock` held.
    private let lock: any PartitionLock
    private var directories: LogDirectories
    /// The directory of the metadata log where it is none of the log directories.
    private var metadata: LogDirectories?
    private let fileSystem: any FileSystem
    /// The partitions of this node as they were published last, for the directories' checkpoints.
    private var topics: [KafkaUUID: TopicCells] = [:]
    /// Held over the writing of a checkpoint: the last one written holds all that those before it
    /// did.
    private let writing: any PartitionLock

    init(
        _ directories: LogDirectories, metadata: LogDirectories?, fileSystem: any FileSystem,
        makeLock: () -> any PartitionLock
    ) {
        self.directories = directories
        self.metadata = metadata
        self.fileSystem = fileSystem
        lock = makeLock()
        writing = makeLock()
    }

    private func locked<R>(_ body: (inout LogDirectories) -> R) -> R {
        lock.enter()
        defer { lock.leave() }
        return body(&directories)
    }

    var online: [LogDirectory] { locked { $0.online } }
    var all: [LogDirectory] { locked { $0.all } }
    func isOnline(_ path: String) -> Bool {
        locked { $0.directory(at: path)?.isOnline ?? false }
    }

    func choices(preferring id: KafkaUUID?) -> [LogDirectory] {
        locked { $0.choices(preferring: id) }
    }
    func countPartitions(_ change: Int, in path: String) {
        locked { $0.countPartitions(change, in: path) }
    }
    func cordon(_ paths: Set<String>) { locked { $0.cordon(paths) } }
    func fail(_ path: String, reason: String) -> Bool { locked { $0.fail(path, reason: reason) } }
    func releaseLocks() {
        lock.enter()
        defer { lock.leave() }
        directories.releaseLocks()
        metadata?.releaseLocks()
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

    /// Later checkpoints are of these partitions.
    func publish(_ topics: [KafkaUUID: TopicCells]) {
        lock.enter()
        defer { lock.leave() }
        self.topics = topics
    }

    private func cells(in directory: String) -> [PartitionCell] {
        lock.enter()
        defer { lock.leave() }
        return topics.values.flatMap { $0.partitions.compactMap { $0 } }
            .filter { $0.logDirectory == directory }
    }

    public func checkpointLogStartOffsets(of directory: String) -> FileError? {
        writing.enter()
        defer { writing.leave() }
        var offsets: [TopicPartition: Offset] = [:]
        for cell in cells(in: directory) {
            let (start, first) = cell.locked { ($0.log.logStartOffset, $0.log.firstSegmentOffset) }
            if start > first { offsets[cell.topicPartition] = start }
        }
        do throws(FileError) {
            try OffsetCheckpoint(.logStartOffset, in: directory, fileSystem: fileSystem)
                .write(offsets)
            return nil
        } catch {
            return error
        }
    }
}
