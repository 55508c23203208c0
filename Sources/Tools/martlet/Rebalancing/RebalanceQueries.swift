import MartletClient

/// What `rebalance` asks the cluster, beyond what `reassign-partitions` does.
struct RebalanceQueries {
    private let cluster: AdminSession

    init(_ cluster: AdminSession) { self.cluster = cluster }

    /// All brokers and partitions. Brokers that are registered and away are among them.
    ///
    /// A partition is as large as its largest replica. `isMovable` says which topics a plan may
    /// change.
    func layout(_ isMovable: (String) -> Bool) throws -> ClusterLayout {
        let nodes = try cluster.ask {
            try await $0.describeCluster(includingFenced: true).nodes
        }
        let alive = nodes.filter { !$0.isFenced }.map(\.id)
        let disks = try cluster.ask { try await $0.describeLogDirs(of: alive) }
            .whole { "Broker \($0)" }
        var sizes: [TopicPartition: Int64] = [:]
        let brokers = nodes.map { node in
            var broker = LayoutBroker(id: node.id.rawValue, rack: node.rack)
            broker.takesReplicas = !node.isFenced
            if let found = disks[node.id] { Self.measure(Array(found.values), &broker, &sizes) }
            return broker
        }
        let partitions = try cluster.partitions().map { id, partition in
            LayoutPartition(
                id: id, replicas: partition.replicas.map(\.rawValue), size: sizes[id] ?? 0,
                isMovable: isMovable(id.topic))
        }
        return ClusterLayout(brokers: brokers, partitions: partitions.sorted { $0.id < $1.id })
    }

    /// A broker's disks, and the replicas on them.
    private static func measure(
        _ directories: [LogDirDescription], _ broker: inout LayoutBroker,
        _ sizes: inout [TopicPartition: Int64]
    ) {
        var capacity: Int64? = 0
        var isCordoned = true
        for directory in directories where directory.error == nil {
            isCordoned = isCordoned && directory.isCordoned
            let total = directory.totalBytes ?? 0
            capacity = total > 0 ? capacity.map { $0 + total } : nil
            for (id, replica) in directory.replicas where !replica.isFuture {
                sizes[id] = max(sizes[id] ?? 0, replica.size)
            }
        }
        broker.capacity = capacity
        broker.takesReplicas = !isCordoned
    }

    /// Has the first replica lead each partition that another one leads; what could not be done.
    func electPreferred(_ partitions: [TopicPartition]) throws -> [String] {
        guard !partitions.isEmpty else { return [] }
        let results = try cluster.ask { try await $0.electLeaders(.preferred, partitions) }
        return results.sorted { $0.key < $1.key }.compactMap { partition, result in
            guard case .failure(let error) = result, error.kafkaError != .electionNotNeeded else {
                return nil
            }
            return "Leader of \(partition): \(error.cause)"
        }
    }
}
