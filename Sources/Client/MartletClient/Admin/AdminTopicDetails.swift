public import ClientCore
import KafkaProtocol
public import KafkaWire

extension Admin {
    /// As `describeTopics`, with the replicas that may lead without loss (KIP-966); brokers before
    /// 3.8 do not tell those.
    ///
    /// - Parameter limit: the most partitions in one answer; there are as many as it takes.
    public func describeTopicDetails(
        _ names: [String], partitionsPerAnswer limit: Int32 = 2000
    ) async throws(ClientError) -> [String: Result<TopicDescription, ClientError>] {
        var topics: [String: Result<TopicDescription, ClientError>] = [:]
        var cursor: DescribeTopicPartitionsRequest.Cursor?
        repeat {
            let rest = names.sorted().filter { $0 >= cursor?.topicName ?? "" }
            let request = DescribeTopicPartitionsRequest(
                topics: rest.map { .init(name: $0) }, responsePartitionLimit: limit, cursor: cursor)
            let page: DescribeTopicPartitionsResponse
            do throws(ClientError) { page = try await call(.any, request) { $0 } } catch {
                guard case .unsupportedRequest = error else { throw error }
                return try await describeTopics(names)
            }
            for topic in page.topics { Self.add(topic, to: &topics) }
            cursor = page.nextCursor.map {
                .init(topicName: $0.topicName, partitionIndex: $0.partitionIndex)
            }
        } while cursor != nil
        return topics
    }

    private static func add(
        _ topic: DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic,
        to topics: inout [String: Result<TopicDescription, ClientError>]
    ) {
        let name = topic.name ?? ""
        guard topic.errorCode == 0 else {
            topics[name] = .failure(.broker(KafkaError(code: topic.errorCode), message: nil))
            return
        }
        var description = TopicDescription(
            name: name, id: topic.topicID, isInternal: topic.isInternal, partitions: [])
        if case .success(let begun)? = topics[name] { description = begun }
        func ids(_ numbers: [Int32]?) -> [BrokerID] { (numbers ?? []).map { BrokerID($0) } }
        description.partitions += topic.partitions.map {
            .init(
                partition: $0.partitionIndex, leader: $0.leaderID < 0 ? nil : BrokerID($0.leaderID),
                leaderEpoch: LeaderEpoch($0.leaderEpoch), replicas: ids($0.replicaNodes),
                inSyncReplicas: ids($0.isrNodes), offlineReplicas: ids($0.offlineReplicas),
                eligibleLeaders: ids($0.eligibleLeaderReplicas),
                lastKnownEligibleLeaders: ids($0.lastKnownElr))
        }
        topics[name] = .success(description)
    }

    /// The topic with this id (brokers from 3.1 on).
    ///
    /// - Throws: `broker` with `unknownTopicID`.
    public func describeTopic(id: KafkaUUID) async throws(ClientError) -> TopicDescription {
        try await call(
            .any, atLeast: 12,
            { _ in
                MetadataRequest(
                    topics: [.init(topicID: id, name: nil)], allowAutoTopicCreation: false)
            }
        ) { answer, _ throws(ClientError) in
            try ClientError.check(code: answer.errorCode)
            guard let topic = answer.topics.first else {
                throw .malformedResponse("Metadata names no topic")
            }
            try ClientError.check(code: topic.errorCode)
            return Self.description(topic)
        }
    }
}
