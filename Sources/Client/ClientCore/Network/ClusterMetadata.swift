public import KafkaProtocol
public import KafkaWire

/// What a client knows of its cluster: brokers, and the leaders of the topics that it asks for.
public struct ClusterMetadata: Sendable {
    public struct Partition: Sendable, Equatable {
        /// `.none` while there is no leader.
        public var leader: BrokerID
        public var leaderEpoch: LeaderEpoch
        public var replicas: [BrokerID]
        public var inSyncReplicas: [BrokerID]
    }
    public struct Topic: Sendable, Equatable {
        public var name: String
        /// Zero for brokers before 2.8.
        public var id: KafkaUUID
        /// By partition number.
        public var partitions: [Partition]
        public var isInternal: Bool
        /// Why nothing is known of the topic.
        public var error: KafkaError?
    }
    public struct Broker: Sendable, Equatable {
        public var address: BrokerAddress
        public var rack: String?
    }

    /// Known brokers.
    public private(set) var brokers: [BrokerID: Broker] = [:]
    /// Topics by name; those with an error too.
    public private(set) var topics: [String: Topic] = [:]
    private var names: [KafkaUUID: String] = [:]
    public private(set) var clusterID: String?
    /// A broker that takes controller requests; `.none` when unknown.
    public private(set) var controller = BrokerID.none
    /// Grows with each change.
    public private(set) var version = 0

    /// The name of the topic with this id.
    public func name(of id: KafkaUUID) -> String? { names[id] }

    /// The partition, if it is known and has no error.
    public func partition(_ id: TopicPartition) -> Partition? {
        guard let topic = topics[id.topic], topic.error == nil,
            topic.partitions.indices.contains(Int(id.partition))
        else { return nil }
        return topic.partitions[Int(id.partition)]
    }

    /// Whether a request can carry a topic of this name: no broker has one of a longer name.
    static func canName(_ topic: String) -> Bool { topic.utf8.count <= Int(Int16.max) }

    /// Whether nothing of these topics is to be waited for: each partition has a leader whose
    /// address is known, and no error passes by itself.
    func isComplete(_ names: some Sequence<String>) -> Bool {
        names.allSatisfy { name in
            guard let topic = topics[name] else { return true }
            return !(topic.error?.isRetriable ?? false)
                && topic.partitions.allSatisfy { brokers[$0.leader] != nil }
        }
    }

    /// Takes in an answer about `asked` topics, or about all of them (`nil`). Those that no request
    /// can name are invalid.
    ///
    /// A leader of an older epoch than the known one is not believed: brokers learn of elections
    /// at different times (KIP-320).
    mutating func update(_ response: MetadataResponse, asked: Set<String>?) {
        brokers = [:]
        for broker in response.brokers {
            guard let port = UInt16(exactly: broker.port) else { continue }
            brokers[BrokerID(broker.nodeID)] = Broker(
                address: BrokerAddress(host: broker.host, port: port), rack: broker.rack)
        }
        clusterID = response.clusterID ?? clusterID
        controller = BrokerID(response.controllerID)
        var fresh: [String: Topic] = [:]
        for answer in response.topics {
            guard let name = answer.name else { continue }
            fresh[name] = topic(name, answer)
        }
        for name in asked ?? [] where !Self.canName(name) {
            fresh[name] = Topic(
                name: name, id: .zero, partitions: [], isInternal: false,
                error: .invalidTopicException)
        }
        if let asked { topics = topics.filter { !asked.contains($0.key) } } else { topics = [:] }
        topics.merge(fresh) { $1 }
        names = [:]
        for topic in topics.values where topic.id != .zero { names[topic.id] = topic.name }
        version += 1
    }

    /// Takes in which controllers there are, and which of them is active.
    mutating func update(_ response: DescribeClusterResponse) {
        brokers = [:]
        for node in response.brokers {
            guard let port = UInt16(exactly: node.port) else { continue }
            brokers[BrokerID(node.brokerID)] = Broker(
                address: BrokerAddress(host: node.host, port: port), rack: node.rack)
        }
        clusterID = response.clusterID
        controller = BrokerID(response.controllerID)
        version += 1
    }

    private func topic(_ name: String, _ answer: MetadataResponse.MetadataResponseTopic) -> Topic {
        var topic = Topic(
            name: name, id: answer.topicID, partitions: [], isInternal: answer.isInternal,
            error: answer.errorCode == 0 ? nil : KafkaError(code: answer.errorCode))
        let known = topics[name].flatMap { $0.id == answer.topicID ? $0 : nil }
        for (index, partition) in answer.partitions.sorted(by: {
            $0.partitionIndex < $1.partitionIndex
        }).enumerated() {
            guard Int(partition.partitionIndex) == index else {
                topic.error = .unknownServerError
                return topic
            }
            var fresh = Partition(
                leader: BrokerID(partition.leaderID),
                leaderEpoch: LeaderEpoch(partition.leaderEpoch),
                replicas: partition.replicaNodes.map { BrokerID($0) },
                inSyncReplicas: partition.isrNodes.map { BrokerID($0) })
            if let known, known.partitions.indices.contains(index),
                fresh.leaderEpoch < known.partitions[index].leaderEpoch
            {
                fresh.leader = known.partitions[index].leader
                fresh.leaderEpoch = known.partitions[index].leaderEpoch
            }
            topic.partitions.append(fresh)
        }
        return topic
    }

    /// Takes a new leader from an answer that refused a request (KIP-951); whether it is news.
    mutating func adopt(
        leader: BrokerID, epoch: LeaderEpoch, of id: TopicPartition,
        at endpoint: BrokerAddress?
    ) -> Bool {
        guard let partition = partition(id), leader != .none, epoch > partition.leaderEpoch else {
            return false
        }
        if let endpoint { brokers[leader] = Broker(address: endpoint, rack: nil) }
        guard brokers[leader] != nil else { return false }
        topics[id.topic]?.partitions[Int(id.partition)].leader = leader
        topics[id.topic]?.partitions[Int(id.partition)].leaderEpoch = epoch
        version += 1
        return true
    }
}
