import KafkaProtocol
import KafkaWire

/// A group of consumers, of the classic or the consumer protocol.
public struct ConsumerGroupDescription: Sendable, Equatable {
    public var id: String
    public var type: GroupType
    public var state: GroupState
    /// The broker that answered.
    public var coordinator: BrokerID
    /// The assignor or, in a classic group, the protocol; empty when there is none.
    public var assignor: String
    public var members: [GroupMemberDescription]
    /// `nil` for a classic group.
    public var groupEpoch: Int32?
    /// `nil` for a classic group.
    public var targetAssignmentEpoch: Int32?
}

/// A member of a group of consumers.
public struct GroupMemberDescription: Sendable, Equatable {
    public var id: String
    /// Of a static member (KIP-345).
    public var instanceID: String?
    public var clientID: String
    public var host: String
    /// Partitions that it has, sorted.
    public var assignment: [TopicPartition]
    /// Partitions that it shall have, sorted; `nil` in a classic group.
    public var targetAssignment: [TopicPartition]?
    /// `nil` in a classic group.
    public var epoch: Int32?
    /// Whether it speaks the consumer protocol; `nil` when the broker does not say.
    public var isUpgraded: Bool?
}

extension AdminClient {
    /// Groups of consumers by id, each with its own result.
    ///
    /// Asks by ConsumerGroupDescribe first and, for what that does not know, by DescribeGroups.
    public func describeConsumerGroups(
        _ ids: [String]
    ) -> [String: Result<ConsumerGroupDescription, AdminError>] {
        atCoordinators(of: ids, .group) { (broker, ids) throws(AdminError) in
            var results: [String: Result<ConsumerGroupDescription, AdminError>] = [:]
            if try connection(to: broker).serves(.consumerGroupDescribe) {
                results = try describeByConsumerProtocol(ids, broker)
            }
            var reasons: [String: AdminError] = [:]
            for (id, result) in results {
                guard case .failure(let error) = result else { continue }
                if [.groupIDNotFound, .unsupportedVersion].contains(error.kafkaError) {
                    reasons[id] = error
                }
            }
            let rest = ids.filter { results[$0] == nil || reasons[$0] != nil }
            guard !rest.isEmpty else { return results }
            for (id, result) in try describeByClassicProtocol(rest, broker) {
                results[id] = result
                // The first answer says more about a group that neither knows.
                if case .failure(let error) = result, error.kafkaError == .groupIDNotFound {
                    results[id] = .failure(reasons[id] ?? error)
                }
            }
            return results
        }
    }

    private func describeByConsumerProtocol(
        _ ids: [String], _ broker: BrokerID
    ) throws(AdminError) -> [String: Result<ConsumerGroupDescription, AdminError>] {
        let response = try call(ConsumerGroupDescribeRequest(groupIDs: ids), broker: broker)
        var results: [String: Result<ConsumerGroupDescription, AdminError>] = [:]
        for group in response.groups {
            results[group.groupID] = Result { () throws(AdminError) in
                try AdminError.check(group.errorCode, group.errorMessage)
                return ConsumerGroupDescription(
                    id: group.groupID, type: .consumer, state: GroupState(named: group.groupState),
                    coordinator: broker, assignor: group.assignorName,
                    members: group.members.map(Self.member), groupEpoch: group.groupEpoch,
                    targetAssignmentEpoch: group.assignmentEpoch)
            }
        }
        return results
    }

    private static func member(
        _ member: ConsumerGroupDescribeResponse.Member
    ) -> GroupMemberDescription {
        GroupMemberDescription(
            id: member.memberID, instanceID: member.instanceID, clientID: member.clientID,
            host: member.clientHost, assignment: partitions(member.assignment),
            targetAssignment: partitions(member.targetAssignment), epoch: member.memberEpoch,
            isUpgraded: member.memberType < 0 ? nil : member.memberType == 1)
    }

    private static func partitions(
        _ assignment: ConsumerGroupDescribeResponse.Assignment
    ) -> [TopicPartition] {
        assignment.topicPartitions.flatMap { topic in
            topic.partitions.map { TopicPartition(topic: topic.topicName, partition: $0) }
        }.sorted()
    }

    private func describeByClassicProtocol(
        _ ids: [String], _ broker: BrokerID
    ) throws(AdminError) -> [String: Result<ConsumerGroupDescription, AdminError>] {
        let response = try call(DescribeGroupsRequest(groups: ids), broker: broker)
        let address = try connection(to: broker).address
        var results: [String: Result<ConsumerGroupDescription, AdminError>] = [:]
        for group in response.groups {
            results[group.groupID] = Result { () throws(AdminError) in
                try AdminError.check(group.errorCode, group.errorMessage)
                guard ["", "consumer"].contains(group.protocolType) else {
                    throw .broker(
                        .inconsistentGroupProtocol,
                        message: "The group is not of consumers but of '\(group.protocolType)'.",
                        context: "Group '\(group.groupID)'")
                }
                var members: [GroupMemberDescription] = []
                for member in group.members { members.append(try Self.member(member, address)) }
                return ConsumerGroupDescription(
                    id: group.groupID, type: .classic, state: GroupState(named: group.groupState),
                    coordinator: broker, assignor: group.protocolData, members: members)
            }
        }
        return results
    }

    private static func member(
        _ member: DescribeGroupsResponse.DescribedGroupMember, _ address: HostPort
    ) throws(AdminError) -> GroupMemberDescription {
        var assignment: [TopicPartition] = []
        if !member.memberAssignment.isEmpty {
            do { assignment = try partitions(member.memberAssignment) } catch {
                throw .badResponse(
                    address, what: "DescribeGroups",
                    reason: "assignment of member \(member.memberID): \(error)")
            }
        }
        return GroupMemberDescription(
            id: member.memberID, instanceID: member.groupInstanceID, clientID: member.clientID,
            host: member.clientHost, assignment: assignment)
    }

    /// Reads an assignment of the consumer protocol: a version, then the fields of that version.
    /// Newer versions begin with the same fields.
    private static func partitions(_ bytes: [UInt8]) throws(WireError) -> [TopicPartition] {
        var reader = WireReader(bytes.span.bytes)
        let version = try reader.readInt16()
        let known = ConsumerProtocolAssignment.validVersions
        let assignment = try ConsumerProtocolAssignment(
            from: &reader, version: min(max(version, known.lowerBound), known.upperBound))
        return assignment.assignedPartitions.flatMap { topic in
            topic.partitions.map { TopicPartition(topic: topic.topic, partition: $0) }
        }.sorted()
    }
}
