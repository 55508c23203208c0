import KafkaProtocol
import KafkaWire

extension ClusterView {
    /// Answers a DescribeTopicPartitions request: topics in order of their names, from the cursor
    /// on, up to a limit of partitions, with a cursor to go on from when there is more (KIP-966).
    ///
    /// - Parameters: - limit: `max.request.partition.size.limit` of the broker. - mayDescribe:
    ///   topics it refuses are left out, or answered with TOPIC_AUTHORIZATION_FAILED.
    /// - Returns: INVALID_REQUEST for every topic when the cursor is malformed.
    public func describeTopicPartitions(
        _ request: DescribeTopicPartitionsRequest, limit: Int32 = 2000,
        mayDescribe: (_ topic: String) -> Bool = { _ in true }
    ) -> DescribeTopicPartitionsResponse {
        var response = DescribeTopicPartitionsResponse()
        let names: [String]
        do throws(DecisionFailure) {
            names = try wantedNames(request)
        } catch {
            response.topics = request.topics.map {
                .init(errorCode: error.error.rawValue, name: $0.name)
            }
            return response
        }
        let wantsAll = request.topics.isEmpty
        var remaining = max(min(limit, request.responsePartitionLimit), 1)
        for name in names where mayDescribe(name) {
            if remaining == 0 {
                response.nextCursor = .init(topicName: name, partitionIndex: 0)
                break
            }
            let isCursor = request.cursor?.topicName == name
            let start = isCursor ? request.cursor?.partitionIndex ?? 0 : 0
            guard let topic = image.topics[name] else {
                if !wantsAll { response.topics.append(Self.missing(name)) }
                continue
            }
            let end = Int32(min(topic.partitions.count, Int(start) + Int(remaining)))
            response.topics.append(describe(topic, from: start, to: end))
            if Int(end) < topic.partitions.count {
                response.nextCursor = .init(topicName: name, partitionIndex: end)
                break
            }
            remaining -= max(end - start, 0)
        }
        if !wantsAll {
            response.topics += names.filter { !mayDescribe($0) }.map {
                .init(errorCode: KafkaError.topicAuthorizationFailed.rawValue, name: $0)
            }
        }
        return response
    }

    private func wantedNames(
        _ request: DescribeTopicPartitionsRequest
    ) throws(DecisionFailure) -> [String] {
        let first = request.cursor?.topicName ?? ""
        let named = Set(request.topics.map(\.name))
        let names = named.isEmpty ? image.topics.names : named.sorted()
        let wanted = names.filter { $0 >= first }
        if let cursor = request.cursor {
            if !named.isEmpty, !named.contains(cursor.topicName) {
                throw .init(
                    .invalidRequest,
                    "DescribeTopicPartitionsRequest topic list should contain the cursor topic: "
                        + cursor.topicName)
            }
            if cursor.partitionIndex < 0 {
                throw .init(
                    .invalidRequest,
                    "DescribeTopicPartitionsRequest cursor partition must be valid")
            }
        }
        return wanted
    }

    private static func missing(
        _ name: String
    ) -> DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic {
        let error: KafkaError =
            TopicName.flaw(of: name) == nil ? .unknownTopicOrPartition : .invalidTopicException
        return .init(
            errorCode: error.rawValue, name: name, isInternal: TopicName.isInternal(name))
    }

    private func describe(
        _ topic: TopicImage, from start: Int32, to end: Int32
    ) -> DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic {
        let partitions = topic.partitions.filter { $0.id >= start && $0.id < end }
        return .init(
            name: topic.name, topicID: topic.id, isInternal: TopicName.isInternal(topic.name),
            partitions: partitions.map { partition in
                .init(
                    partitionIndex: partition.id,
                    leaderID: hasListener(partition.leader)
                        ? partition.leader : PartitionImage.noLeader,
                    leaderEpoch: partition.leaderEpoch, replicaNodes: partition.replicas,
                    isrNodes: partition.isr,
                    eligibleLeaderReplicas: partition.eligibleLeaderReplicas,
                    lastKnownElr: partition.lastKnownELR,
                    offlineReplicas: offlineReplicas(of: partition))
            })
    }
}
