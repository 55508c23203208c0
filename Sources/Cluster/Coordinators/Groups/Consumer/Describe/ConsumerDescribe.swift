public import KafkaProtocol
import KafkaWire

/// ConsumerGroupDescribe (KIP-848).
extension GroupMachine {
    /// Answers with one group as it is described.
    public func describeConsumerGroup(_ groupID: String, _ caller: Caller) {
        let described = describedConsumerGroup(groupID)
        reply(to: caller, ConsumerGroupDescribeResponse(groups: [described])) {
            ConsumerGroupDescribeResponse.refusal($0, of: groupID)
        }
    }

    private func describedConsumerGroup(
        _ groupID: String
    ) -> ConsumerGroupDescribeResponse.DescribedGroup {
        guard let known = groups[groupID] else {
            return notFound(groupID, "Group \(groupID) not found.")
        }
        guard case .consumer(let group) = known else {
            return notFound(groupID, "Group \(groupID) is not a consumer group.")
        }
        let state = group.state
        return .init(
            groupID: groupID, groupState: state.name, groupEpoch: state.groupEpoch,
            assignmentEpoch: state.assignmentEpoch,
            assignorName: state.preferredAssignor ?? preferredAssignor(of: state).rawValue,
            members: state.members.values.sorted { $0.id < $1.id }.map { member in
                described(member, target: state.target(of: member.id))
            })
    }

    private func notFound(
        _ groupID: String, _ message: String
    ) -> ConsumerGroupDescribeResponse.DescribedGroup {
        .init(
            errorCode: KafkaError.groupIDNotFound.rawValue, errorMessage: message,
            groupID: groupID)
    }

    private func described(
        _ member: ConsumerGroupMember, target: PartitionsByTopic
    ) -> ConsumerGroupDescribeResponse.Member {
        // What the member is still to give up counts as its own.
        var held = member.assigned.mapValues { Array($0.keys) }
        for (topic, partitions) in member.pendingRevocation {
            held[topic, default: []] += partitions.keys
        }
        return .init(
            memberID: member.id, instanceID: member.instanceID, rackID: member.rackID,
            memberEpoch: member.epoch, clientID: member.clientID, clientHost: member.clientHost,
            subscribedTopicNames: member.topicNames, subscribedTopicRegex: member.topicRegex,
            assignment: described(held), targetAssignment: described(target),
            memberType: member.usesClassicProtocol ? 0 : 1)
    }

    /// Topics that are gone are left out.
    private func described(
        _ partitions: PartitionsByTopic
    ) -> ConsumerGroupDescribeResponse.Assignment {
        .init(
            topicPartitions: partitions.sorted { $0.key < $1.key }.compactMap { topic, numbers in
                environment.metadata.topicName(of: topic).map {
                    .init(topicID: topic, topicName: $0, partitions: numbers.sorted())
                }
            })
    }
}

extension ConsumerGroupDescribeResponse {
    /// The part of an answer that says that a group cannot be described here.
    public static func refusal(_ error: KafkaError, of groupID: String) -> Self {
        Self(groups: [.init(errorCode: error.rawValue, groupID: groupID)])
    }
}
