public import ClientCore
import KafkaProtocol
public import KafkaWire

/// A topic to be made.
public struct NewTopic: Sendable {
    public var name: String
    /// `nil` for the broker's default, as for replicas.
    public var partitions: Int32?
    public var replicationFactor: Int16?
    /// The replicas of each partition, the leader first, in the place of the two counts.
    public var assignments: [Int32: [BrokerID]]
    public var configs: [String: String]

    public init(
        _ name: String, partitions: Int32? = nil, replicationFactor: Int16? = nil,
        assignments: [Int32: [BrokerID]] = [:], configs: [String: String] = [:]
    ) {
        self.name = name
        self.partitions = partitions
        self.replicationFactor = replicationFactor
        self.assignments = assignments
        self.configs = configs
    }
}

/// A topic as it was made.
public struct CreatedTopic: Sendable, Hashable {
    /// Zero for brokers before 2.8; so are the counts -1 before 2.4.
    public var id: KafkaUUID
    public var partitions: Int32
    public var replicationFactor: Int16
}

/// A topic in a list.
public struct TopicListing: Sendable, Hashable {
    public var name: String
    public var id: KafkaUUID
    public var isInternal: Bool
}

/// A topic and its partitions.
public struct TopicDescription: Sendable, Hashable {
    public struct Partition: Sendable, Hashable {
        public var partition: Int32
        /// `nil` while there is none.
        public var leader: BrokerID?
        public var leaderEpoch: LeaderEpoch
        public var replicas: [BrokerID]
        public var inSyncReplicas: [BrokerID]
        public var offlineReplicas: [BrokerID]
        /// Who may lead without loss once nobody is in sync (KIP-966); `nil` where that was not
        /// asked for, or the broker does not say.
        public var eligibleLeaders: [BrokerID]?
        /// The last that were eligible, where nobody is any more; `nil` as above.
        public var lastKnownEligibleLeaders: [BrokerID]?
    }
    public var name: String
    public var id: KafkaUUID
    public var isInternal: Bool
    /// In order.
    public var partitions: [Partition]
}

extension Admin {
    /// Makes a topic.
    ///
    /// - Throws: `broker` with `topicAlreadyExists` and the like; `timedOut`.
    @discardableResult
    public func createTopic(
        _ name: String, partitions: Int32? = nil, replicationFactor: Int16? = nil,
        configs: [String: String] = [:]
    ) async throws(ClientError) -> CreatedTopic {
        let topic = NewTopic(
            name, partitions: partitions, replicationFactor: replicationFactor, configs: configs)
        return try await createTopics([topic]).one(name)
    }

    /// Makes topics, or says what would become of it.
    public func createTopics(
        _ topics: [NewTopic], validateOnly: Bool = false
    ) async throws(ClientError) -> [String: Result<CreatedTopic, ClientError>] {
        let request = CreateTopicsRequest(
            topics: topics.map { topic in
                let isAssigned = !topic.assignments.isEmpty
                return .init(
                    name: topic.name, numPartitions: isAssigned ? -1 : topic.partitions ?? -1,
                    replicationFactor: isAssigned ? -1 : topic.replicationFactor ?? -1,
                    assignments: topic.assignments.sorted { $0.key < $1.key }.map {
                        .init(partitionIndex: $0, brokerIDs: $1.map(\.rawValue))
                    },
                    configs: topic.configs.sorted { $0.key < $1.key }.map {
                        .init(name: $0, value: $1)
                    })
            }, timeoutMs: timeoutMs, validateOnly: validateOnly)
        return try await call(.controller, request) { answer throws(ClientError) in
            try Self.checkController(answer.topics.map(\.errorCode))
            return Dictionary(
                answer.topics.map { topic in
                    (
                        topic.name,
                        outcome(
                            topic.errorCode, topic.errorMessage,
                            CreatedTopic(
                                id: topic.topicID, partitions: topic.numPartitions,
                                replicationFactor: topic.replicationFactor))
                    )
                }, uniquingKeysWith: { $1 })
        }
    }

    /// Throws when the broker was not the controller, which is then looked for.
    static func checkController(_ codes: [Int16]) throws(ClientError) {
        if codes.contains(KafkaError.notController.code) {
            throw .broker(.notController, message: nil)
        }
    }

    /// Deletes topics with all their records.
    public func deleteTopics(
        _ names: [String]
    ) async throws(ClientError) -> [String: Result<Void, ClientError>] {
        let timeout = timeoutMs
        return try await call(
            .controller,
            { version in
                version >= 6
                    ? DeleteTopicsRequest(
                        topics: names.map { .init(name: $0) }, timeoutMs: timeout)
                    : DeleteTopicsRequest(topicNames: names, timeoutMs: timeout)
            }
        ) { answer, _ throws(ClientError) in
            try Self.checkController(answer.responses.map(\.errorCode))
            return Dictionary(
                answer.responses.map {
                    ($0.name ?? "", outcome($0.errorCode, $0.errorMessage, ()))
                }, uniquingKeysWith: { $1 })
        }
    }

    /// Deletes a topic with all its records.
    ///
    /// - Throws: `broker` with `unknownTopicOrPartition` and the like; `timedOut`.
    public func deleteTopic(_ name: String) async throws(ClientError) {
        try await deleteTopics([name]).one(name)
    }

    /// Gives topics more partitions.
    ///
    /// - Parameters:
    ///   - counts: by topic, how many there are to be in all.
    ///   - assignments: the replicas of each partition that is new, the leader first; without any,
    ///     the cluster chooses.
    public func createPartitions(
        _ counts: [String: Int32], assignments: [String: [[BrokerID]]] = [:],
        validateOnly: Bool = false
    ) async throws(ClientError) -> [String: Result<Void, ClientError>] {
        let request = CreatePartitionsRequest(
            topics: counts.sorted { $0.key < $1.key }.map { topic, count in
                let places = assignments[topic]?.map {
                    CreatePartitionsRequest.CreatePartitionsAssignment(
                        brokerIDs: $0.map(\.rawValue))
                }
                return .init(name: topic, count: count, assignments: places)
            }, timeoutMs: timeoutMs, validateOnly: validateOnly)
        return try await call(.controller, request) { answer throws(ClientError) in
            try Self.checkController(answer.results.map(\.errorCode))
            return Dictionary(
                answer.results.map { ($0.name, outcome($0.errorCode, $0.errorMessage, ())) },
                uniquingKeysWith: { $1 })
        }
    }

    /// All topics, by name.
    public func listTopics(
        includingInternal: Bool = false
    ) async throws(ClientError) -> [TopicListing] {
        let topics = try await metadata(nil).topics
        return topics.filter { $0.errorCode == 0 && (includingInternal || !$0.isInternal) }.map {
            TopicListing(name: $0.name ?? "", id: $0.topicID, isInternal: $0.isInternal)
        }.sorted { $0.name < $1.name }
    }

    /// Topics with their partitions, leaders and replicas.
    ///
    /// - Parameter names: `nil` for all topics.
    public func describeTopics(
        _ names: [String]? = nil
    ) async throws(ClientError) -> [String: Result<TopicDescription, ClientError>] {
        let topics = try await metadata(names).topics
        return Dictionary(
            topics.map { ($0.name ?? "", outcome($0.errorCode, nil, Self.description($0))) },
            uniquingKeysWith: { $1 })
    }

    static func description(
        _ topic: MetadataResponse.MetadataResponseTopic
    ) -> TopicDescription {
        func ids(_ numbers: [Int32]) -> [BrokerID] { numbers.map { BrokerID($0) } }
        return TopicDescription(
            name: topic.name ?? "", id: topic.topicID, isInternal: topic.isInternal,
            partitions: topic.partitions.map {
                .init(
                    partition: $0.partitionIndex,
                    leader: $0.leaderID < 0 ? nil : BrokerID($0.leaderID),
                    leaderEpoch: LeaderEpoch($0.leaderEpoch), replicas: ids($0.replicaNodes),
                    inSyncReplicas: ids($0.isrNodes), offlineReplicas: ids($0.offlineReplicas))
            }.sorted { $0.partition < $1.partition })
    }

    /// - Parameter topics: `nil` for all.
    func metadata(_ topics: [String]?) async throws(ClientError) -> MetadataResponse {
        try await call(
            .any,
            { version in
                var request = MetadataRequest(topics: topics.map { $0.map { .init(name: $0) } })
                if version >= 4 { request.allowAutoTopicCreation = false }
                return request
            }
        ) { answer, _ throws(ClientError) in
            try ClientError.check(code: answer.errorCode)
            return answer
        }
    }
}
