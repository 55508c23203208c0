import MartletClient

/// A reassignment that is under way, with brokers as plans have them.
struct OngoingReassignment: Equatable {
    /// All brokers, those that are being added and removed included.
    var replicas: [Int32]
    var adding: [Int32]
    var removing: [Int32]
}

/// Where a replica's log is on its broker, and where it is being moved to.
struct ReplicaDirectories: Equatable {
    var current: String?
    var future: String?
}

/// What `reassign-partitions` and `rebalance` ask the cluster.
struct ReassignmentQueries {
    private let cluster: AdminSession

    /// Whether controllers are asked, who know reassignments alone.
    var asksControllers: Bool { cluster.asksControllers }

    init(_ cluster: AdminSession) { self.cluster = cluster }

    /// All reassignments that are under way.
    func ongoing() throws -> [TopicPartition: OngoingReassignment] {
        try cluster.ask { try await $0.listPartitionReassignments() }.mapValues {
            OngoingReassignment(
                replicas: $0.replicas.map(\.rawValue), adding: $0.adding.map(\.rawValue),
                removing: $0.removing.map(\.rawValue))
        }
    }

    /// The brokers of each partition of the topics; topics that do not exist are left out.
    func replicas(ofTopics topics: [String]) throws -> [TopicPartition: [Int32]] {
        guard !topics.isEmpty else { return [:] }
        let known = try cluster.ask { try await $0.describeTopics(topics) }.filter { _, topic in
            guard case .failure(let error) = topic else { return true }
            return error.kafkaError != .unknownTopicOrPartition
        }
        return try known.whole { "Topic '\($0)'" }.byPartition.mapValues {
            $0.replicas.map(\.rawValue)
        }
    }

    /// The brokers of the cluster, by id, with their racks.
    func brokers() throws -> [(id: Int32, rack: String?)] {
        try cluster.ask { try await $0.describeCluster().nodes }.map { ($0.id.rawValue, $0.rack) }
    }

    /// Where the replicas are; those of which no broker knows have no directory.
    func directories(of places: [ReplicaPlace]) throws -> [ReplicaPlace: ReplicaDirectories] {
        var found = Dictionary(uniqueKeysWithValues: places.map { ($0, ReplicaDirectories()) })
        for (place, path, replica) in try replicas(at: places) {
            if replica.isFuture {
                found[place]?.future = path
            } else {
                found[place]?.current = path
            }
        }
        return found
    }

    /// How many bytes there are of each replica; of those that are not there yet, none.
    func sizes(of places: [ReplicaPlace]) throws -> [ReplicaPlace: Int64] {
        var sizes: [ReplicaPlace: Int64] = [:]
        for (place, _, replica) in try replicas(at: places) where !replica.isFuture {
            sizes[place] = replica.size
        }
        return sizes
    }

    private func replicas(
        at places: [ReplicaPlace]
    ) throws -> [(place: ReplicaPlace, directory: String, replica: LogDirDescription.Replica)] {
        var found: [(place: ReplicaPlace, directory: String, replica: LogDirDescription.Replica)] =
            []
        for (broker, places) in Self.byBroker(places) {
            let id = BrokerID(broker)
            let partitions = places.map(\.partition)
            let directories =
                try cluster.ask {
                    try await $0.describeLogDirs(of: [id], partitions)
                }[id]?.get() ?? [:]
            for (path, directory) in directories.sorted(by: { $0.key < $1.key }) {
                for (partition, replica) in directory.replicas {
                    found.append(
                        (ReplicaPlace(broker: broker, partition: partition), path, replica))
                }
            }
        }
        return found
    }

    /// Starts reassignments, or cancels them (`nil`); the partitions that were refused, with why.
    func alter(
        _ targets: [TopicPartition: [Int32]?], allowsReplicationFactorChange: Bool
    ) throws -> [(partition: TopicPartition, error: ClientError)] {
        let wanted = targets.mapValues { replicas in replicas?.map { BrokerID($0) } }
        return try cluster.ask {
            try await $0.alterPartitionReassignments(
                wanted, allowsFactorChange: allowsReplicationFactorChange)
        }.sorted { $0.key < $1.key }.compactMap { partition, result in
            guard case .failure(let error) = result else { return nil }
            return (partition, error)
        }
    }

    /// Asks brokers to move replicas between directories; those that a broker does not have yet
    /// are not in the answer. Throws for any other refusal.
    func move(_ directories: [ReplicaPlace: String]) throws -> [ReplicaPlace] {
        var started: [ReplicaPlace] = []
        for (broker, places) in Self.byBroker(Array(directories.keys)) {
            let moves = Dictionary(
                places.map { ($0.partition, directories[$0] ?? "") }, uniquingKeysWith: { $1 })
            let results = try cluster.ask {
                try await $0.alterReplicaLogDirs(moves, on: BrokerID(broker))
            }
            for (partition, result) in results.sorted(by: { $0.key < $1.key }) {
                let place = ReplicaPlace(broker: broker, partition: partition)
                switch result {
                case .success: started.append(place)
                case .failure(let error) where error.kafkaError == .replicaNotAvailable: break
                case .failure(let error):
                    throw Failure("Failed to alter dir for \(place): \(error.cause)")
                }
            }
        }
        return started.sorted()
    }

    private static func byBroker(
        _ places: [ReplicaPlace]
    ) -> [(broker: Int32, places: [ReplicaPlace])] {
        Dictionary(grouping: places, by: \.broker).sorted { $0.key < $1.key }
            .map { ($0.key, $0.value.sorted()) }
    }
}
