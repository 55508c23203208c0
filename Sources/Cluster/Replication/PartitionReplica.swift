public import KafkaWire
public import LogStorage

/// This node's replica of one partition: its log, its role, its high watermark, and who waits for
/// it.
///
/// States: `leader`, `follower`, `offline`. An offline replica refuses everything with
/// `KAFKA_STORAGE_ERROR` until its directory is served again. `adopt` alone moves between the first
/// two, as the metadata says.
///
/// Invariants: `highWatermark` never exceeds what every in-sync replica counts as held, never goes
/// back within an epoch, and nothing at or above it is served to a consumer. In `flushed` mode a
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

    public private(set) var log: PartitionLog
    public internal(set) var role: Role
    public internal(set) var highWatermark: Offset
    /// Who holds the partition, as the metadata says.
    public internal(set) var replicas: [BrokerID] = []
    var inSync = InSyncReplicas()
    /// What the leader knows of the others; empty on followers and where this replica is alone.
    var followers: [FollowerState] = []
    /// Where the log ended when this replica began to lead; 0 on followers.
    var epochStartOffset = Offset.zero
    var waiters = Waiters()
    var flush = FlushProgress()

    /// - Parameter highWatermark: the last checkpointed one; clamped to the log.
    public init(log: PartitionLog, role: Role, highWatermark: Offset) {
        self.log = log
        self.role = role
        self.highWatermark = min(max(highWatermark, log.logStartOffset), log.logEndOffset)
    }

    /// Goes on with a log that holds the same in another log directory.
    public func replaceLog(with log: PartitionLog) {
        self.log = log
        flush = FlushProgress()
    }

    /// The epoch in which this replica leads, `nil` when it does not.
    public var leaderEpoch: LeaderEpoch? {
        if case .leader(let epoch) = role { epoch } else { nil }
    }

    /// The leader epoch that this replica knows of, leading or following; `nil` offline.
    public var currentEpoch: LeaderEpoch? {
        switch role {
        case .leader(let epoch), .follower(of: _, let epoch): epoch
        case .offline: nil
        }
    }

    /// One past the last record that a reader of `isolation` may see.
    public func visibleEnd(readCommitted: Bool) -> Offset {
        readCommitted ? log.lastStableOffset(highWatermark: highWatermark) : highWatermark
    }

    // MARK: Roles

    /// Takes the role that the metadata has for `node`; whom to wake. What is older than what is
    /// known changes nothing.
    public func adopt(
        _ assignment: PartitionAssignment, as node: BrokerID, durability: Durability
    ) -> Wakes {
        guard assignment.partitionEpoch >= inSync.partitionEpoch else { return [] }
        replicas = assignment.replicas
        guard assignment.leader == node else {
            inSync.adopt(assignment.isr, partitionEpoch: assignment.partitionEpoch)
            let role = Role.follower(of: assignment.leader, assignment.leaderEpoch)
            if self.role == role { return [] }
            return becomeFollower(of: assignment.leader, epoch: assignment.leaderEpoch)
        }
        let before = inSync.committed
        inSync.adopt(assignment.isr, partitionEpoch: assignment.partitionEpoch)
        for index in followers.indices
        where before.contains(followers[index].broker) && !inSync.contains(followers[index].broker)
        {
            followers[index].hasLeft()
        }
        var wakes: Wakes = []
        if leaderEpoch != assignment.leaderEpoch {
            wakes = lead(in: assignment.leaderEpoch)
        }
        keepFollowers(of: assignment, besides: node)
        return wakes + advanceHighWatermark(durability: durability)
    }

    /// Begins to lead. What was appended before still waits for the high watermark; fetches find
    /// out about the epoch.
    private func lead(in epoch: LeaderEpoch) -> Wakes {
        role = .leader(epoch)
        epochStartOffset = log.logEndOffset
        followers = []
        if PlantedBug.hastyLeader.isPlanted { highWatermark = log.logEndOffset }
        return waiters.takeFetches()
    }

    private func keepFollowers(of assignment: PartitionAssignment, besides node: BrokerID) {
        guard assignment.replicas.count > 1 else { return followers = [] }
        // A follower with records of an epoch that this log never had finds out where it left.
        log.begin(epoch: assignment.leaderEpoch)
        followers = assignment.replicas.filter { $0 != node }.map { broker in
            var follower = followers.first { $0.broker == broker } ?? FollowerState(broker)
            if inSync.contains(broker) { follower.isJoining = false }
            return follower
        }
    }

    /// Gives up the partition's service; all that wait are woken and find out why.
    public func goOffline(reason: String) -> Wakes {
        sometimes(.partitionOffline)
        role = .offline(reason: reason)
        return waiters.takeAll()
    }

    /// Follows another broker's leadership; all that wait are woken and find out.
    public func becomeFollower(of leader: BrokerID, epoch: LeaderEpoch) -> Wakes {
        sometimes(.leaderStepsDown, when: leaderEpoch != nil)
        role = .follower(of: leader, epoch)
        followers = []
        epochStartOffset = .zero
        // What a follower truncates may lie below the end of a sync that is under way.
        flush = FlushProgress()
        if PlantedBug.watermarkTruncation.isPlanted, leader != .none {
            _ = try? prepareTruncation(to: highWatermark)
            try? truncate(to: highWatermark)
        }
        return waiters.takeAll()
    }

    // MARK: High watermark

    /// What this replica counts as held.
    func held(_ durability: Durability) -> Offset {
        durability == .flushed && !PlantedBug.eagerWatermark.isPlanted
            ? log.flushedOffset : log.logEndOffset
    }

    /// Records were appended by this leader; whom to wake: the followers' fetches, and all that
    /// waited for the high watermark if it has moved.
    public func appended(durability: Durability) -> Wakes {
        let wakes = advanceHighWatermark(durability: durability)
        return waiters.replicas.isEmpty ? wakes : wakes + waiters.takeReplicas()
    }

    /// Moves the high watermark over all that every replica of the in-sync set counts as held;
    /// whom to wake.
    ///
    /// It does not move while fewer than `min.insync.replicas` are in sync (KIP-966).
    public func advanceHighWatermark(durability: Durability) -> Wakes {
        guard leaderEpoch != nil else { return [] }
        var held = held(durability)
        if !followers.isEmpty, !PlantedBug.watermarkOfOne.isPlanted {
            guard inSync.committed.count >= leastInSync || PlantedBug.ignoredMinimum.isPlanted
            else {
                sometimes(.highWatermarkHeldBack)
                return []
            }
            for follower in followers where follower.logEndOffset < held && counts(follower) {
                held = follower.logEndOffset
            }
        }
        guard held > highWatermark else { return [] }
        highWatermark = held
        return waiters.takeSatisfied(highWatermark)
    }

    /// Whether the high watermark waits for a follower.
    private func counts(_ follower: FollowerState) -> Bool {
        if PlantedBug.uncountedJoiner.isPlanted {
            return inSync.committed.contains(follower.broker)
        }
        return follower.isJoining || inSync.contains(follower.broker)
    }

    /// Raises the log start (`DeleteRecords`, retention); the high watermark never lies below it.
    public func logStartOffsetMoved() {
        if highWatermark < log.logStartOffset { highWatermark = log.logStartOffset }
    }

    // MARK: Waiting

    /// Wakes `ticket` once the high watermark has reached `offset` (one past the last record).
    ///
    /// Appends come in order; only the retry of an earlier batch waits for a lower offset.
    public func awaitHighWatermark(_ offset: Offset, ticket: WaitTicket) {
        waiters.awaitHighWatermark(offset, ticket)
    }

    /// Wakes `ticket` at the next move of the high watermark or change of role.
    public func awaitData(ticket: WaitTicket) { waiters.consumers.insert(ticket) }

    /// Wakes `ticket`, a follower's fetch, at the next append or change of role.
    public func awaitAppend(ticket: WaitTicket) { waiters.replicas.insert(ticket) }

    /// Forgets a fetch that was answered some other way.
    public func cancelAwaitData(ticket: WaitTicket) {
        waiters.consumers.remove(ticket)
        waiters.replicas.remove(ticket)
    }

    /// Forgets a produce that was answered some other way (its timeout).
    public func cancelAwaitHighWatermark(ticket: WaitTicket) {
        waiters.cancelHighWatermark(ticket)
    }
}
