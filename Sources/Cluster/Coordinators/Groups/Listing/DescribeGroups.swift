public import KafkaProtocol
import KafkaWire

/// DescribeGroups (key 15): classic groups. One that is not there is `Dead`.
extension GroupMachine {
    /// Tells a group's state and members; the response has that one group.
    public func describeGroup(_ name: String, version: Int16, _ caller: Caller) {
        var answer = DescribeGroupsResponse.DescribedGroup(groupID: name)
        if case .classic(let group) = groups[name] {
            let isStable = group.state == .stable
            answer.groupState = group.stateName
            answer.protocolType = group.protocolType ?? ""
            answer.protocolData = isStable ? group.protocolName ?? "" : ""
            answer.members = group.sortedMembers.map { member in
                .init(
                    memberID: member.memberID, groupInstanceID: member.instanceID,
                    clientID: member.clientID, clientHost: member.clientHost,
                    memberMetadata: isStable ? member.metadata(of: answer.protocolData) : [],
                    memberAssignment: member.assignment)
            }
        } else {
            answer.groupState = "Dead"
            if version >= 6 {
                answer.errorCode = KafkaError.groupIDNotFound.rawValue
                answer.errorMessage =
                    groups[name] == nil
                    ? "Group \(name) not found." : "Group \(name) is not a classic group."
            }
        }
        reply(to: caller, DescribeGroupsResponse(groups: [answer])) {
            DescribeGroupsResponse.refusal($0, of: name)
        }
    }
}

extension DescribeGroupsResponse {
    /// The answer for a group that cannot be told of.
    public static func refusal(_ error: KafkaError, of group: String) -> Self {
        Self(groups: [.init(errorCode: error.rawValue, groupID: group)])
    }
}
