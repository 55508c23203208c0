import KafkaProtocol
import KafkaWire
import LogStorage

/// This node's replica of one partition: its log, its role, its high watermark, and who waits for
/// it.
///
/// States: `leader`, `follower`, `offline`. An offline replica refuses everything with
/// `KAFKA_STORAGE_ERROR` until its directory is served again.
///
/// Invariants: `highWatermark` never exceeds what every in-sync replica counts as held, never goes
/// back within an epoch, and nothing at or above it is served to a consumer. In `flushed` mode this
/// replica counts only what is on disk.
public final class PartitionReplica {
    /// What this replica may do with its partition.
    public enum Role: Equatable, Sendable {
        case leader(LeaderEpoch)
        case follower(of: BrokerID, LeaderEpoch)
        case offline(reason: String)
    }

    /// Tickets to wake once the lock is released.
    public typealias Wakes = [WaitTicket]

    public let log: PartitionLog
    public private(set) var role: Role
    public private(set) var highWatermark: Offset
    /// Who waits for the high watermark to reach an offset, in order of offset.
    private var produceWaiters: [(offset: Offset, ticket: WaitTicket)] = []
    /// Fetches that wait for anything new.
    private var fetchWaiters: Set<WaitTicket> = []
    var flush = FlushProgress()

    /// - Parameter highWatermark: the last checkpointed one; clamped to the log.
    public init(log: PartitionLog, role: Role, highWatermark: Offset) {
        self.log = log
        self.role = role
        self.highWatermark = min(max(highWatermark, log.logStartOffset), log.logEndOffset)
    }

    /// The epoch in which this replica leads, `nil` when it does not.
    public var leaderEpoch: LeaderEpoch? {
        if case .leader(let epoch) = role { epoch } else { nil }
    }

    /// One past the last record that a reader of `isolation` may see.
    public func visibleEnd(readCommitted: Bool) -> Offset {
        readCommitted ? log.lastStableOffset(highWatermark: highWatermark) : highWatermark
    }

    // MARK: Roles

    /// Starts to lead in `epoch`. The high watermark moves at once over what is already held.
    public func becomeLeader(epoch: LeaderEpoch, durability: Durability) -> Wakes {
        role = .leader(epoch)
        return advanceHighWatermark(durability: durability)
    }

    /// Gives up the partition's service; all that wait are woken and find out why.
    public func goOffline(reason: String) -> Wakes {
        role = .offline(reason: reason)
        return takeAllWaiters()
    }

    /// Follows another broker's leadership; all that wait are woken and find out.
    public func becomeFollower(of leader: BrokerID, epoch: LeaderEpoch) -> Wakes {
        role = .follower(of: leader, epoch)
        // What a follower truncates may lie below the end of a sync that is under way.
        flush = FlushProgress()
        return takeAllWaiters()
    }

    private func takeAllWaiters() -> Wakes {
        let wakes = produceWaiters.map(\.ticket) + sortedFetchWaiters
        produceWaiters.removeAll()
        fetchWaiters.removeAll()
        return wakes
    }

    // MARK: High watermark

    /// Moves the high watermark over all that this replica counts as held, and returns whom to
    /// wake.
    ///
    /// With one replica the in-sync set is this replica alone.
    public func advanceHighWatermark(durability: Durability) -> Wakes {
        guard leaderEpoch != nil else { return [] }
        let held = durability == .flushed ? log.flushedOffset : log.logEndOffset
        guard held > highWatermark else { return [] }
        highWatermark = held
        return takeSatisfied()
    }

    /// Raises the log start (`DeleteRecords`, retention); the high watermark never lies below it.
    public func logStartOffsetMoved() {
        if highWatermark < log.logStartOffset { highWatermark = log.logStartOffset }
    }

    /// The highest offset that somebody waits for the high watermark to reach.
    var lastAwaitedOffset: Offset? { produceWaiters.last?.offset }
    var hasFetchWaiters: Bool { !fetchWaiters.isEmpty }

    private var sortedFetchWaiters: Wakes {
        fetchWaiters.sorted { ($0.loop, $0.request) < ($1.loop, $1.request) }
    }

    private func takeSatisfied() -> Wakes {
        var wakes: Wakes = []
        var count = 0
        while count < produceWaiters.count, produceWaiters[count].offset <= highWatermark {
            wakes.append(produceWaiters[count].ticket)
            count += 1
        }
        produceWaiters.removeFirst(count)
        if !fetchWaiters.isEmpty {
            wakes += sortedFetchWaiters
            fetchWaiters.removeAll(keepingCapacity: true)
        }
        return wakes
    }

    // MARK: Waiting

    /// Wakes `ticket` once the high watermark has reached `offset` (one past the last record).
    ///
    /// Appends come in order; only the retry of an earlier batch waits for a lower offset.
    public func awaitHighWatermark(_ offset: Offset, ticket: WaitTicket) {
        let position = produceWaiters.lastIndex { $0.offset <= offset }.map { $0 + 1 } ?? 0
        produceWaiters.insert((offset, ticket), at: position)
    }

    /// Wakes `ticket` at the next move of the high watermark or change of role.
    public func awaitData(ticket: WaitTicket) { fetchWaiters.insert(ticket) }

    /// Forgets a fetch that was answered some other way.
    public func cancelAwaitData(ticket: WaitTicket) { fetchWaiters.remove(ticket) }

    /// Forgets a produce that was answered some other way (its timeout).
    public func cancelAwaitHighWatermark(ticket: WaitTicket) {
        produceWaiters.removeAll { $0.ticket == ticket }
    }
}
