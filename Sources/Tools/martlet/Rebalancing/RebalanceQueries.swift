import AdminWire
import KafkaProtocol
import KafkaWire

/// What `rebalance` asks the cluster.
struct RebalanceQueries {
    /// Replicas that are there or on their way, with their bytes.
    typealias Sizes = [ReplicaPlace: Int64]

    private let client: AdminClient

    init(_ client: AdminClient) { self.client = client }

    /// All brokers and partitions. Brokers that are registered and away are among them.
    ///
    /// A partition is as large as its largest replica. `isMovable` says which topics a plan may
    /// change.
    func layout(_ isMovable: (String) -> Bool) throws -> ClusterLayout {
        var brokers: [LayoutBroker] = []
        var sizes: [TopicPartition: Int64] = [:]
        for broker in try ClusterQueries.describe(client, fenced: true).brokers {
            var place = LayoutBroker(id: broker.brokerID, rack: broker.rack)
            place.takesReplicas = !broker.isFenced
            if !broker.isFenced { try measure(&place, &sizes) }
            brokers.append(place)
        }
        var partitions: [LayoutPartition] = []
        for topic in try client.metadata(topics: nil).topics {
            let name = topic.name ?? ""
            try AdminError.check(topic.errorCode, context: "Topic '\(name)'")
            for partition in topic.partitions {
                let id = TopicPartition(topic: name, partition: partition.partitionIndex)
                partitions.append(
                    LayoutPartition(
                        id: id, replicas: partition.replicaNodes, size: sizes[id] ?? 0,
                        isMovable: isMovable(name)))
            }
        }
        return ClusterLayout(
            brokers: brokers.sorted { $0.id < $1.id },
            partitions: partitions.sorted { $0.id < $1.id })
    }

    /// The broker's disks, and the replicas on them.
    private func measure(
        _ broker: inout LayoutBroker, _ sizes: inout [TopicPartition: Int64]
    ) throws {
        var capacity: Int64? = 0
        var isCordoned = true
        for directory in try directories(of: broker.id, nil) where directory.errorCode == 0 {
            isCordoned = isCordoned && directory.isCordoned
            capacity = directory.totalBytes > 0 ? capacity.map { $0 + directory.totalBytes } : nil
            for topic in directory.topics {
                for partition in topic.partitions where !partition.isFutureKey {
                    let id = TopicPartition(
                        topic: topic.name, partition: partition.partitionIndex)
                    sizes[id] = max(sizes[id] ?? 0, partition.partitionSize)
                }
            }
        }
        broker.capacity = capacity
        broker.takesReplicas = !isCordoned
    }

    private func directories(
        of broker: Int32, _ topics: [DescribeLogDirsRequest.DescribableLogDirTopic]?
    ) throws -> [DescribeLogDirsResponse.DescribeLogDirsResult] {
        let response = try client.call(
            DescribeLogDirsRequest(topics: topics), broker: BrokerID(broker))
        try AdminError.check(response.errorCode, context: "Broker \(broker)")
        return response.results
    }

    /// How many bytes there are of each replica; of those that are not there yet, none.
    func sizes(of places: some Sequence<ReplicaPlace>) throws -> Sizes {
        var sizes: Sizes = [:]
        for (broker, places) in Dictionary(grouping: places, by: \.broker) {
            let topics = AdminClient.byTopic(places.map(\.partition).sorted()).map {
                DescribeLogDirsRequest.DescribableLogDirTopic(
                    topic: $0, partitions: $1.map(\.partition))
            }
            for directory in try directories(of: broker, topics) {
                for topic in directory.topics {
                    for partition in topic.partitions where !partition.isFutureKey {
                        let place = ReplicaPlace(
                            broker: broker,
                            partition: TopicPartition(
                                topic: topic.name, partition: partition.partitionIndex))
                        sizes[place] = partition.partitionSize
                    }
                }
            }
        }
        return sizes
    }

    /// Has the first replica lead each partition that another one leads; what could not be done.
    func electPreferred(_ partitions: [TopicPartition]) throws -> [String] {
        guard !partitions.isEmpty else { return [] }
        let response = try client.callController(
            ElectLeadersRequest(
                electionType: 0,
                topicPartitions: AdminClient.byTopic(partitions.sorted()).map {
                    .init(topic: $0, partitions: $1.map(\.partition))
                },
                timeoutMs: Int32(clamping: client.settings.requestMilliseconds)))
        try AdminError.check(response.errorCode)
        var notes: [String] = []
        for topic in response.replicaElectionResults {
            for partition in topic.partitionResult {
                do {
                    try AdminError.check(
                        partition.errorCode, partition.errorMessage,
                        context: "Leader of \(topic.topic)-\(partition.partitionID)")
                } catch  where error.kafkaError == .electionNotNeeded {
                    continue
                } catch { notes.append("\(error)") }
            }
        }
        return notes
    }
}
