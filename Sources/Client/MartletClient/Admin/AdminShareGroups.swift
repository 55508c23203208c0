public import ClientCore
import KafkaProtocol
public import KafkaWire

/// A share group and its members (KIP-932).
public struct ShareGroupDescription: Sendable, Hashable {
    public struct Member: Sendable, Hashable {
        public var id: String
        public var rack: String?
        public var epoch: Int32
        public var clientID: String
        public var host: String
        public var subscribedTopics: [String]
        public var assignment: [TopicPartition]
    }
    public var id: String
    public var state: String
    public var epoch: Int32
    public var assignmentEpoch: Int32
    public var assignor: String
    public var members: [Member]
}

/// Where a share group is in a partition.
public struct ShareGroupOffset: Sendable, Hashable {
    /// All before it has been dealt with.
    public var start: Offset
    public var leaderEpoch: LeaderEpoch
    /// Records that are left; `nil` when unknown.
    public var lag: Int64?
}

extension Admin {
    /// Share groups with their members.
    public func describeShareGroups(
        _ ids: [String]
    ) async -> [String: Result<ShareGroupDescription, ClientError>] {
        await each(ids) { id throws(ClientError) in
            let request = ShareGroupDescribeRequest(groupIDs: [id])
            return try await self.call(.group(id), request) { answer throws(ClientError) in
                guard let group = answer.groups.first else {
                    throw .malformedResponse("ShareGroupDescribe names none")
                }
                try ClientError.check(code: group.errorCode, group.errorMessage)
                return ShareGroupDescription(
                    id: id, state: group.groupState, epoch: group.groupEpoch,
                    assignmentEpoch: group.assignmentEpoch, assignor: group.assignorName,
                    members: group.members.map { member in
                        .init(
                            id: member.memberID, rack: member.rackID, epoch: member.memberEpoch,
                            clientID: member.clientID, host: member.clientHost,
                            subscribedTopics: member.subscribedTopicNames,
                            assignment: member.assignment.topicPartitions.flatMap { topic in
                                topic.partitions.map {
                                    TopicPartition(topic: topic.topicName, partition: $0)
                                }
                            }.sorted())
                    })
            }
        }
    }

    /// Where a share group is.
    ///
    /// - Parameter partitions: those that are asked about; `nil` for all that it has. Partitions
    ///   without an offset are left out.
    public func listShareGroupOffsets(
        _ group: String, _ partitions: [TopicPartition]? = nil
    ) async throws(ClientError) -> [TopicPartition: ShareGroupOffset] {
        let request = DescribeShareGroupOffsetsRequest(groups: [
            .init(
                groupID: group,
                topics: partitions?.grouped.map { .init(topicName: $0, partitions: $1) })
        ])
        return try await call(.group(group), request) { answer throws(ClientError) in
            guard let one = answer.groups.first else {
                throw .malformedResponse("DescribeShareGroupOffsets names no group")
            }
            try ClientError.check(code: one.errorCode, one.errorMessage)
            for part in one.topics.flatMap(\.partitions) {
                try ClientError.check(code: part.errorCode, part.errorMessage)
            }
            return byPartition(one.topics, \.topicName, \.partitions, \.partitionIndex) { part in
                part.startOffset < 0
                    ? nil
                    : ShareGroupOffset(
                        start: Offset(part.startOffset), leaderEpoch: .init(part.leaderEpoch),
                        lag: part.lag < 0 ? nil : part.lag)
            }.compactMapValues { $0 }
        }
    }

    /// Has a share group without members go on at these offsets.
    public func alterShareGroupOffsets(
        _ group: String, _ offsets: [TopicPartition: Offset]
    ) async throws(ClientError) -> [TopicPartition: Result<Void, ClientError>] {
        let request = AlterShareGroupOffsetsRequest(
            groupID: group,
            topics: Array(offsets.keys).grouped.map { topic, numbers in
                .init(
                    topicName: topic,
                    partitions: numbers.compactMap { number in
                        offsets[TopicPartition(topic: topic, partition: number)].map {
                            .init(partitionIndex: number, startOffset: $0.rawValue)
                        }
                    })
            })
        return try await call(.group(group), request) { answer throws(ClientError) in
            try ClientError.check(code: answer.errorCode, answer.errorMessage)
            return byPartition(answer.responses, \.topicName, \.partitions, \.partitionIndex) {
                outcome($0.errorCode, $0.errorMessage, ())
            }
        }
    }

    /// Has a share group without members forget where it is in these topics.
    public func deleteShareGroupOffsets(
        _ group: String, topics: [String]
    ) async throws(ClientError) -> [String: Result<Void, ClientError>] {
        let request = DeleteShareGroupOffsetsRequest(
            groupID: group, topics: topics.map { .init(topicName: $0) })
        return try await call(.group(group), request) { answer throws(ClientError) in
            try ClientError.check(code: answer.errorCode, answer.errorMessage)
            return Dictionary(
                answer.responses.map {
                    ($0.topicName, outcome($0.errorCode, $0.errorMessage, ()))
                }, uniquingKeysWith: { $1 })
        }
    }
}
