import KafkaProtocol
import KafkaWire
import LogStorage

/// The node's log directories, shared by the controller and the I/O threads, behind a lock.
public final class NodeDirectories: DirectoryAccess, @unchecked Sendable {
    // Sendable: `directories` and `replicas` are reached only with `lock` held.
    private let lock: any PartitionLock
    private var directories: LogDirectories
    private let fileSystem: any FileSystem
    /// The replicas in a directory, for its checkpoints; set once the node has opened them.
    private var replicas: (@Sendable (String) -> [PartitionCell])?

    init(_ directories: LogDirectories, fileSystem: any FileSystem, lock: any PartitionLock) {
        self.directories = directories
        self.fileSystem = fileSystem
        self.lock = lock
    }

    private func locked<R>(_ body: (inout LogDirectories) -> R) -> R {
        lock.enter()
        defer { lock.leave() }
        return body(&directories)
    }

    var online: [LogDirectory] { locked { $0.online } }
    var all: [LogDirectory] { locked { $0.all } }

    func choices(preferring id: KafkaUUID?) -> [LogDirectory] {
        locked { $0.choices(preferring: id) }
    }
    func countPartitions(_ change: Int, in path: String) {
        locked { $0.countPartitions(change, in: path) }
    }
    func fail(_ path: String, reason: String) -> Bool { locked { $0.fail(path, reason: reason) } }
    func releaseLocks() { locked { $0.releaseLocks() } }

    // MARK: DirectoryAccess

    public func statuses() -> [DirectoryStatus] {
        all.map { directory in
            guard directory.isOnline else {
                return DirectoryStatus(
                    path: directory.path, error: .kafkaStorageError, totalBytes: -1,
                    usableBytes: -1)
            }
            let space = fileSystem.space(of: directory.path)
            return DirectoryStatus(
                path: directory.path, error: .none, totalBytes: space?.total ?? -1,
                usableBytes: space?.usable ?? -1)
        }
    }

    func setReplicas(_ replicas: @escaping @Sendable (String) -> [PartitionCell]) {
        lock.enter()
        defer { lock.leave() }
        self.replicas = replicas
    }

    public func checkpointLogStartOffsets(of directory: String) -> KafkaError? {
        lock.enter()
        let replicas = self.replicas
        lock.leave()
        let cells = replicas?(directory) ?? []
        var offsets: [TopicPartition: Offset] = [:]
        for cell in cells {
            let (start, first) = cell.locked { ($0.log.logStartOffset, $0.log.firstSegmentOffset) }
            if start > first { offsets[cell.topicPartition] = start }
        }
        do throws(FileError) {
            try OffsetCheckpoint(.logStartOffset, in: directory, fileSystem: fileSystem)
                .write(offsets)
            return nil
        } catch {
            return .kafkaStorageError
        }
    }
}
