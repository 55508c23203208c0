import ClusterController
import KafkaWire
import LogStorage
import Replication

/// Mutual exclusion that the shell provides: a real lock in production, nothing in simulation.
public protocol PartitionLock: AnyObject, Sendable {
    func enter()
    func leave()
}

/// One partition of this node: its replica behind the lock that the shell chose.
///
/// `enter` returns the replica; whoever enters leaves, on the same thread, without waiting for
/// anything in between.
public final class PartitionCell: @unchecked Sendable {
    // Sendable: `replica` is reached only between `enter` and `leave`, `directory` with
    // `directoryLock` held.
    public let topicPartition: TopicPartition
    public let topicID: KafkaUUID
    /// Whether it is of a topic that Kafka keeps its own state in.
    public let isInternal: Bool
    private var directory: String
    /// Of its own, so that who is inside `lock` may ask for the directory too.
    private let directoryLock: any PartitionLock
    private let lock: any PartitionLock
    /// Held by the one flush that runs; taken before `lock`, never within it.
    private let flushLock: any PartitionLock
    private let replica: PartitionReplica

    public init(
        replica: PartitionReplica, topicID: KafkaUUID, logDirectory: String,
        makeLock: () -> any PartitionLock
    ) {
        self.topicPartition = replica.log.topicPartition
        self.topicID = topicID
        self.isInternal = TopicName.isInternal(topicPartition.topic)
        self.directory = logDirectory
        self.directoryLock = makeLock()
        self.lock = makeLock()
        self.flushLock = makeLock()
        self.replica = replica
    }

    /// The log directory that holds it (a path of `log.dirs`). It changes when the replica is moved
    /// to another one.
    public var logDirectory: String {
        directoryLock.enter()
        defer { directoryLock.leave() }
        return directory
    }

    /// Notes where the replica is now; its log has been replaced, and the lock is still held.
    func moved(to logDirectory: String) {
        directoryLock.enter()
        directory = logDirectory
        directoryLock.leave()
    }

    /// Takes the lock.
    @inlinable public func enter() -> PartitionReplica { enterLocked() }
    @usableFromInline func enterLocked() -> PartitionReplica {
        lock.enter()
        return replica
    }
    /// Releases the lock.
    public func leave() { lock.leave() }

    /// Runs `body` with the lock held.
    public func locked<R>(_ body: (PartitionReplica) -> R) -> R {
        let replica = enter()
        defer { leave() }
        return body(replica)
    }

    /// Syncs what `replica` holds now, where it wants it, on the caller's thread; whom to wake.
    ///
    /// One flush of a log runs at a time: two would write the same `leader-epoch-checkpoint.tmp`,
    /// and the older could put its epochs over the newer's.
    public func flush(
        _ durability: Durability, where isWanted: (PartitionReplica) -> Bool = { _ in true }
    ) throws(FileError) -> [WaitTicket] {
        flushLock.enter()
        defer { flushLock.leave() }
        guard let ticket = locked({ isWanted($0) ? $0.beginFlush() : nil }) else { return [] }
        return try completeFlush(ticket.run(), durability: durability)
    }

    /// Runs `body` while no flush of the log is under way: one would write to the directory that is
    /// there by then, were it renamed and made anew.
    func betweenFlushes<R>(_ body: () throws(LogError) -> R) throws(LogError) -> R {
        flushLock.enter()
        defer { flushLock.leave() }
        return try body()
    }

    /// Takes over what came of a flush; whom to wake, for the high watermark may have moved. After
    /// a failure the log takes and gives nothing any more.
    public func completeFlush(
        _ result: FlushResult, durability: Durability
    ) throws(FileError) -> [WaitTicket] {
        let replica = enter()
        defer { leave() }
        return try replica.completeFlush(result, durability: durability)
    }
}

/// The partitions of one topic that this node holds, by number; `nil` where another node does.
public struct TopicCells: Sendable {
    public let name: String
    public let id: KafkaUUID
    public internal(set) var partitions: [PartitionCell?]

    public init(name: String, id: KafkaUUID, partitions: [PartitionCell?]) {
        self.name = name
        self.id = id
        self.partitions = partitions
    }

    /// The partition's cell; `nil` when the number is out of range or the replica is elsewhere.
    public subscript(partition: Int32) -> PartitionCell? {
        partition >= 0 && Int(partition) < partitions.count ? partitions[Int(partition)] : nil
    }
}

extension TopicCells {
    /// Puts a cell at its number, with room for those before it.
    mutating func set(_ cell: PartitionCell, at partition: Int32) {
        while partitions.count <= Int(partition) { partitions.append(nil) }
        partitions[Int(partition)] = cell
    }
}
