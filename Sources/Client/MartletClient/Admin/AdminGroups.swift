public import ClientCore
import KafkaProtocol
public import KafkaWire

/// A group in a list.
public struct GroupListing: Sendable, Hashable {
    public var id: String
    /// `consumer` and the like; empty for a group that has only committed offsets.
    public var protocolType: String
    /// As Kafka names it: `Stable`, `Empty` and so on; empty for brokers before 2.6.
    public var state: String
    /// `Classic`, `Consumer`, `Share` or `Streams`; empty for brokers before 3.8.
    public var type: String
}

/// A group and its members.
public struct GroupDescription: Sendable, Hashable {
    public struct Member: Sendable, Hashable {
        public var id: String
        /// `group.instance.id`
        public var instanceID: String?
        public var clientID: String
        public var host: String
        /// `nil` in a classic group.
        public var epoch: Int32?
        public var subscribedTopics: [String]
        /// RE2J (KIP-848).
        public var subscribedPattern: String?
        public var assignment: [TopicPartition]
        /// What it is to have once all others have let go of it; `nil` in a classic group.
        public var target: [TopicPartition]?
        /// Whether it speaks the classic protocol; `nil` where the broker does not say.
        public var isClassic: Bool?
    }
    public var id: String
    /// `Classic` or `Consumer`.
    public var type: String
    public var state: String
    public var coordinator: BrokerID
    /// The group's epoch; `nil` in a classic group.
    public var epoch: Int32?
    /// Of the target assignment; `nil` in a classic group.
    public var targetEpoch: Int32?
    public var assignor: String
    /// `consumer` and the like.
    public var protocolType: String
    public var members: [Member]
}

extension Admin {
    /// The groups of all coordinators, by id.
    ///
    /// - Parameters:
    ///   - states: only in these states; any without.
    ///   - types: only of these types (KIP-848); any without.
    public func listGroups(
        states: [String] = [], types: [String] = []
    ) async throws(ClientError) -> [GroupListing] {
        let brokers = try await describeCluster().nodes.map(\.id)
        let found = await each(brokers) { broker throws(ClientError) in
            try await self.call(
                .broker(broker),
                { version in
                    var request = ListGroupsRequest()
                    if version >= 4 { request.statesFilter = states }
                    if version >= 5 { request.typesFilter = types }
                    return request
                }
            ) { answer, _ throws(ClientError) in
                try ClientError.check(code: answer.errorCode)
                return answer.groups.map {
                    GroupListing(
                        id: $0.groupID, protocolType: $0.protocolType, state: $0.groupState,
                        type: $0.groupType)
                }
            }
        }
        var all: Set<GroupListing> = []
        for broker in brokers { all.formUnion(try found.one(broker) as [GroupListing]) }
        return all.sorted { $0.id < $1.id }
    }

    /// Groups of the consumer protocol and classic ones, with their members.
    public func describeGroups(
        _ ids: [String]
    ) async -> [String: Result<GroupDescription, ClientError>] {
        await each(ids) { id throws(ClientError) in
            var reason: ClientError
            do throws(ClientError) { return try await self.describeConsumerGroup(id) } catch {
                // A classic group, or a broker that has no others.
                switch error {
                case .broker(.groupIDNotFound, _), .broker(.unsupportedVersion, _),
                    .unsupportedRequest:
                    reason = error
                default: throw error
                }
            }
            do throws(ClientError) { return try await self.describeClassicGroup(id) } catch {
                // The first answer says more of a group that neither request knows.
                if reason.kafkaError == nil || error.kafkaError != .groupIDNotFound {
                    reason = error
                }
                throw reason
            }
        }
    }

    private func describeConsumerGroup(
        _ id: String
    ) async throws(ClientError) -> GroupDescription {
        let request = ConsumerGroupDescribeRequest(groupIDs: [id])
        return try await exchange(.group(id), { _ in request }) { answer throws(ClientError) in
            guard let group = answer.response.groups.first else {
                throw .malformedResponse("ConsumerGroupDescribe names none")
            }
            try ClientError.check(code: group.errorCode, group.errorMessage)
            return GroupDescription(
                id: id, type: "Consumer", state: group.groupState,
                coordinator: answer.broker ?? .none, epoch: group.groupEpoch,
                targetEpoch: group.assignmentEpoch, assignor: group.assignorName,
                protocolType: "consumer",
                members: group.members.map(Self.member))
        }
    }

    private static func member(
        _ member: ConsumerGroupDescribeResponse.Member
    ) -> GroupDescription.Member {
        func partitions(_ assignment: ConsumerGroupDescribeResponse.Assignment) -> [TopicPartition]
        {
            assignment.topicPartitions.flatMap { topic in
                topic.partitions.map { TopicPartition(topic: topic.topicName, partition: $0) }
            }.sorted()
        }
        return .init(
            id: member.memberID, instanceID: member.instanceID, clientID: member.clientID,
            host: member.clientHost, epoch: member.memberEpoch,
            subscribedTopics: member.subscribedTopicNames,
            subscribedPattern: member.subscribedTopicRegex.flatMap { $0.isEmpty ? nil : $0 },
            assignment: partitions(member.assignment),
            target: partitions(member.targetAssignment),
            isClassic: member.memberType < 0 ? nil : member.memberType == 0)
    }

    private func describeClassicGroup(
        _ id: String
    ) async throws(ClientError) -> GroupDescription {
        let request = DescribeGroupsRequest(groups: [id])
        return try await exchange(.group(id), { _ in request }) { answer throws(ClientError) in
            guard let group = answer.response.groups.first else {
                throw .malformedResponse("DescribeGroups names none")
            }
            try ClientError.check(code: group.errorCode, group.errorMessage)
            return GroupDescription(
                id: id, type: "Classic", state: group.groupState,
                coordinator: answer.broker ?? .none, epoch: nil, targetEpoch: nil,
                assignor: group.protocolData, protocolType: group.protocolType,
                members: group.members.map { member in
                    let isConsumer = group.protocolType == "consumer"
                    return .init(
                        id: member.memberID, instanceID: member.groupInstanceID,
                        clientID: member.clientID, host: member.clientHost, epoch: nil,
                        subscribedTopics: isConsumer
                            ? ClassicMembers.topics(member.memberMetadata) : [],
                        subscribedPattern: nil,
                        assignment: isConsumer
                            ? ClassicMembers.assignment(member.memberAssignment) : [],
                        target: nil, isClassic: true)
                })
        }
    }

    /// Deletes groups without members.
    public func deleteGroups(_ ids: [String]) async -> [String: Result<Void, ClientError>] {
        await each(ids) { id throws(ClientError) in
            try await self.call(.group(id), DeleteGroupsRequest(groupsNames: [id])) {
                answer throws(ClientError) in
                guard let result = answer.results.first else {
                    throw .malformedResponse("DeleteGroups names none")
                }
                try ClientError.check(code: result.errorCode, result.errorMessage)
            }
        }
    }

    /// Puts static members out of a classic group (KIP-345), by `group.instance.id`.
    public func removeMembers(
        instanceIDs: [String], of group: String
    ) async throws(ClientError) -> [String: Result<Void, ClientError>] {
        try await call(
            .group(group),
            { version in
                LeaveGroupRequest(
                    groupID: group,
                    members: instanceIDs.map {
                        .init(groupInstanceID: $0, reason: version >= 5 ? "removed" : nil)
                    })
            }
        ) { answer, _ throws(ClientError) in
            try ClientError.check(code: answer.errorCode)
            return Dictionary(
                answer.members.map { ($0.groupInstanceID ?? "", outcome($0.errorCode, nil, ())) },
                uniquingKeysWith: { $1 })
        }
    }
}
