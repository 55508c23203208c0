import MartletClient

/// Limits on what reassignments copy: a rate for brokers, and the replicas that it holds for.
struct ReplicationThrottles {
    private static let leaderReplicas = "leader.replication.throttled.replicas"
    private static let followerReplicas = "follower.replication.throttled.replicas"
    private static let leaderRate = "leader.replication.throttled.rate"
    private static let followerRate = "follower.replication.throttled.rate"
    private static let directoryRate = "replica.alter.log.dirs.io.max.bytes.per.second"

    /// Brokers that a partition is copied from and to.
    struct Move: Equatable {
        var sources: Set<Int32>
        var destinations: Set<Int32>
    }

    private let cluster: AdminSession
    private let console: Console

    init(_ cluster: AdminSession, _ console: Console) {
        self.cluster = cluster
        self.console = console
    }

    /// The moves that are under way and those that `targets` adds to them.
    static func moves(
        ongoing: [TopicPartition: OngoingReassignment], targets: [TopicPartition: [Int32]],
        current: [TopicPartition: [Int32]]
    ) -> [TopicPartition: Move] {
        var moves = ongoing.mapValues { reassignment in
            Move(
                sources: Set(reassignment.replicas).subtracting(reassignment.adding),
                destinations: Set(reassignment.adding))
        }
        for (partition, replicas) in targets {
            let sources = moves[partition]?.sources ?? Set(current[partition] ?? [])
            moves[partition] = Move(
                sources: sources, destinations: Set(replicas).subtracting(sources))
        }
        return moves
    }

    /// The configs of each topic: `partition:broker` for all that read, and for all that write.
    static func replicas(
        _ moves: [TopicPartition: Move]
    ) -> [(topic: String, leaders: String, followers: String)] {
        func text(_ moves: [(TopicPartition, Move)], _ side: (Move) -> Set<Int32>) -> String {
            moves.flatMap { partition, move in
                side(move).map { "\(partition.partition):\($0)" }
            }.sorted().joined(separator: ",")
        }
        return Dictionary(grouping: moves, by: \.key.topic).sorted { $0.key < $1.key }.map {
            topic, moves in
            let moves = moves.map { ($0.key, $0.value) }
            return (topic, text(moves, \.sources), text(moves, \.destinations))
        }
    }

    /// Limits the copying between brokers to `rate` bytes a second.
    func limit(_ moves: [TopicPartition: Move], to rate: Int64) throws {
        for (topic, leaders, followers) in Self.replicas(moves) {
            try cluster.alterConfigs(
                of: .topic(topic),
                [(Self.leaderReplicas, leaders), (Self.followerReplicas, followers)])
        }
        let brokers = moves.values.reduce(into: Set<Int32>()) {
            $0.formUnion($1.sources)
            $0.formUnion($1.destinations)
        }
        try alter(brokers, [(Self.leaderRate, "\(rate)"), (Self.followerRate, "\(rate)")])
        console.print("The inter-broker throttle limit was set to \(rate) B/s")
    }

    /// Limits the copying between directories of `brokers` to `rate` bytes a second.
    func limitDirectories(of brokers: Set<Int32>, to rate: Int64) throws {
        try alter(brokers, [(Self.directoryRate, "\(rate)")])
        console.print("The replica-alter-dir throttle limit was set to \(rate) B/s")
    }

    private func alter(
        _ brokers: Set<Int32>, _ changes: [(name: String, value: String?)]
    ) throws {
        for broker in brokers.sorted() {
            try cluster.alterConfigs(of: .broker(BrokerID(broker)), changes)
        }
    }

    /// Removes all limits from `brokers` and from the topics of the plan.
    func clear(_ plan: ReassignmentPlan, brokers: [Int32]) throws {
        let all = Set(brokers).union(plan.targets.flatMap(\.replicas))
        let names = all.sorted().map(String.init).joined(separator: ",")
        console.print(
            "Clearing broker-level throttles on broker\(all.count == 1 ? "" : "s") \(names)")
        try alter(
            all,
            [(Self.leaderRate, nil), (Self.followerRate, nil), (Self.directoryRate, nil)])
        let topics = Set(plan.partitions.map(\.topic)).sorted()
        console.print(
            "Clearing topic-level throttles on topic\(topics.count == 1 ? "" : "s") "
                + topics.joined(separator: ","))
        for topic in topics {
            try cluster.alterConfigs(
                of: .topic(topic), [(Self.leaderReplicas, nil), (Self.followerReplicas, nil)])
        }
    }
}
