import KafkaWire

/// Names a fetcher: one connection to one leader.
struct FetcherID: Hashable, Comparable, Sendable {
    let leader: BrokerID
    /// Below `num.replica.fetchers`.
    let number: Int32

    static func < (left: FetcherID, right: FetcherID) -> Bool {
        (left.leader, left.number) < (right.leader, right.number)
    }
}

/// Names a partition among those that a fetcher follows.
struct ReplicaKey: Hashable, Sendable {
    let topicID: KafkaUUID
    let partition: Int32

    init(topicID: KafkaUUID, partition: Int32) {
        self.topicID = topicID
        self.partition = partition
    }
    init(_ cell: PartitionCell) {
        self.init(topicID: cell.topicID, partition: cell.topicPartition.partition)
    }
}

/// A partition that this node follows, and in which epoch.
struct FollowedPartition: Sendable {
    let cell: PartitionCell
    let epoch: LeaderEpoch
}

/// What one fetcher follows; a new version with each change.
struct FetcherPlan: Sendable {
    fileprivate(set) var version: UInt64 = 0
    fileprivate(set) var partitions: [ReplicaKey: FollowedPartition] = [:]
}

/// Which fetcher follows which partition; event loops see it through the view.
///
/// A fetcher that has nothing to follow any more keeps its empty plan, so that its loop learns of
/// it.
struct FetcherPlans: Sendable {
    private(set) var plans: [FetcherID: FetcherPlan] = [:]
    private var places: [ReplicaKey: FetcherID] = [:]
    private var lastVersion: UInt64 = 0
    /// `num.replica.fetchers`
    private let fetchersPerLeader: Int32

    init(fetchersPerLeader: Int32 = 1) {
        self.fetchersPerLeader = max(1, fetchersPerLeader)
    }

    /// Has the partition fetched from `leader`, by the fetcher that its name falls to.
    mutating func follow(_ cell: PartitionCell, leader: BrokerID, epoch: LeaderEpoch) {
        let key = ReplicaKey(cell)
        guard leader != .none else { return unfollow(key) }
        let spread = UInt64(truncatingIfNeeded: key.topicID.low) &+ UInt64(UInt32(key.partition))
        let id = FetcherID(
            leader: leader, number: Int32(spread % UInt64(fetchersPerLeader)))
        if places[key] != id { unfollow(key) }
        places[key] = id
        if let known = plans[id]?.partitions[key], known.cell === cell, known.epoch == epoch {
            return
        }
        change(id) { $0[key] = FollowedPartition(cell: cell, epoch: epoch) }
    }

    /// Has the partition fetched from nobody.
    mutating func unfollow(_ key: ReplicaKey) {
        guard let id = places.removeValue(forKey: key) else { return }
        change(id) { $0[key] = nil }
    }

    private mutating func change(
        _ id: FetcherID, _ body: (inout [ReplicaKey: FollowedPartition]) -> Void
    ) {
        lastVersion += 1
        plans[id, default: FetcherPlan()].version = lastVersion
        body(&plans[id, default: FetcherPlan()].partitions)
    }
}
