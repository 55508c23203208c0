import AdminWire
import KafkaProtocol
import KafkaWire

/// A reassignment that is under way.
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

/// What `reassign-partitions` asks the cluster.
struct ReassignmentQueries {
    private let client: AdminClient
    private var timeout: Int32 { Int32(clamping: client.settings.requestMilliseconds) }

    init(_ client: AdminClient) { self.client = client }

    /// All reassignments that are under way.
    func ongoing() throws -> [TopicPartition: OngoingReassignment] {
        let response = try client.callController(
            ListPartitionReassignmentsRequest(timeoutMs: timeout, topics: nil))
        try AdminError.check(response.errorCode, response.errorMessage)
        var found: [TopicPartition: OngoingReassignment] = [:]
        for topic in response.topics {
            for partition in topic.partitions {
                let id = TopicPartition(topic: topic.name, partition: partition.partitionIndex)
                found[id] = OngoingReassignment(
                    replicas: partition.replicas, adding: partition.addingReplicas,
                    removing: partition.removingReplicas)
            }
        }
        return found
    }

    /// The brokers of each partition of the topics; topics that do not exist are left out.
    func replicas(ofTopics topics: [String]) throws -> [TopicPartition: [Int32]] {
        guard !topics.isEmpty else { return [:] }
        var found: [TopicPartition: [Int32]] = [:]
        for topic in try client.metadata(topics: topics).topics {
            if topic.errorCode == KafkaError.unknownTopicOrPartition.rawValue { continue }
            try AdminError.check(topic.errorCode, context: "Topic '\(topic.name ?? "")'")
            for partition in topic.partitions {
                let id = TopicPartition(
                    topic: topic.name ?? "", partition: partition.partitionIndex)
                found[id] = partition.replicaNodes
            }
        }
        return found
    }

    /// The brokers of the cluster, by id, with their racks.
    func brokers() throws -> [(id: Int32, rack: String?)] {
        let response = try client.call(DescribeClusterRequest())
        try AdminError.check(response.errorCode, response.errorMessage)
        return response.brokers.map { ($0.brokerID, $0.rack) }.sorted { $0.id < $1.id }
    }

    /// Where the replicas are; those of which no broker knows have no directory.
    func directories(of places: [ReplicaPlace]) throws -> [ReplicaPlace: ReplicaDirectories] {
        var found = Dictionary(uniqueKeysWithValues: places.map { ($0, ReplicaDirectories()) })
        for (broker, places) in Self.byBroker(places) {
            let topics = AdminClient.byTopic(places.map(\.partition).sorted()).map {
                DescribeLogDirsRequest.DescribableLogDirTopic(
                    topic: $0, partitions: $1.map(\.partition))
            }
            let response = try client.call(
                DescribeLogDirsRequest(topics: topics), broker: BrokerID(broker))
            try AdminError.check(response.errorCode, context: "Broker \(broker)")
            for directory in response.results {
                for topic in directory.topics {
                    for partition in topic.partitions {
                        let place = ReplicaPlace(
                            broker: broker,
                            partition: TopicPartition(
                                topic: topic.name, partition: partition.partitionIndex))
                        if partition.isFutureKey {
                            found[place]?.future = directory.logDir
                        } else {
                            found[place]?.current = directory.logDir
                        }
                    }
                }
            }
        }
        return found
    }

    /// Starts reassignments, or cancels them (`nil`); the partitions that were refused, with why.
    func alter(
        _ targets: [TopicPartition: [Int32]?], allowsReplicationFactorChange: Bool
    ) throws -> [(partition: TopicPartition, error: AdminError)] {
        var topics: [AlterPartitionReassignmentsRequest.ReassignableTopic] = []
        for (topic, partitions) in AdminClient.byTopic(targets.keys.sorted()) {
            topics.append(
                .init(
                    name: topic,
                    partitions: partitions.map {
                        .init(partitionIndex: $0.partition, replicas: targets[$0] ?? nil)
                    }))
        }
        var request = AlterPartitionReassignmentsRequest(timeoutMs: timeout, topics: topics)
        request.allowReplicationFactorChange = allowsReplicationFactorChange
        let response = try client.callController(request)
        try AdminError.check(response.errorCode, response.errorMessage)
        var failures: [(partition: TopicPartition, error: AdminError)] = []
        for topic in response.responses {
            for partition in topic.partitions {
                let id = TopicPartition(topic: topic.name, partition: partition.partitionIndex)
                do { try AdminError.check(partition.errorCode, partition.errorMessage) } catch {
                    failures.append((id, error))
                }
            }
        }
        return failures.sorted { $0.partition < $1.partition }
    }

    /// Asks brokers to move replicas between directories; those that a broker does not have yet
    /// are not in the answer. Throws for any other refusal.
    func move(_ directories: [ReplicaPlace: String]) throws -> [ReplicaPlace] {
        var started: [ReplicaPlace] = []
        for (broker, places) in Self.byBroker(Array(directories.keys)) {
            var request = AlterReplicaLogDirsRequest()
            for (path, places) in Dictionary(grouping: places, by: { directories[$0] ?? "" })
                .sorted(by: { $0.key < $1.key })
            {
                let topics = AdminClient.byTopic(places.map(\.partition).sorted())
                request.dirs.append(
                    .init(
                        path: path,
                        topics: topics.map {
                            .init(name: $0, partitions: $1.map(\.partition))
                        }))
            }
            for topic in try client.call(request, broker: BrokerID(broker)).results {
                for partition in topic.partitions {
                    let place = ReplicaPlace(
                        broker: broker,
                        partition: TopicPartition(
                            topic: topic.topicName, partition: partition.partitionIndex))
                    if partition.errorCode == KafkaError.replicaNotAvailable.rawValue { continue }
                    try AdminError.check(
                        partition.errorCode, context: "Failed to alter dir for \(place)")
                    started.append(place)
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
