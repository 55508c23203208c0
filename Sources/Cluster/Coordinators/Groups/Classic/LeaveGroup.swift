public import KafkaProtocol
import KafkaWire

/// LeaveGroup (key 13): members go of themselves, or an administrator takes out static ones by
/// their instance ids.
extension GroupMachine {
    /// Takes members out of a group, and calls the others to the next generation.
    public func leaveGroup(
        _ request: LeaveGroupRequest, version: Int16, _ caller: Caller, _ now: Moment
    ) {
        let answer = leave(request, version: version, now)
        reply(to: caller, answer) { LeaveGroupResponse(errorCode: $0.rawValue) }
    }

    private typealias Result = LeaveGroupResponse.MemberResponse

    private func leave(
        _ request: LeaveGroupRequest, version: Int16, _ now: Moment
    ) -> LeaveGroupResponse {
        guard !request.groupID.isEmpty else {
            return LeaveGroupResponse(errorCode: KafkaError.invalidGroupID.rawValue)
        }
        let leaving = version < 3 ? [.init(memberID: request.memberID)] : request.members
        var results: [Result] = []
        if case .classic(let group) = groups[request.groupID] {
            results = leaving.map { identity in
                Result(
                    memberID: identity.memberID, groupInstanceID: identity.groupInstanceID,
                    errorCode: remove(identity, from: group).rawValue)
            }
            if results.contains(where: { $0.errorCode == 0 }) {
                switch group.state {
                case .stable, .completingRebalance: rebalanceOrCompleteJoin(group, now)
                case .preparingRebalance: completeJoinIfAllJoined(group, now)
                case .empty: break
                }
            }
        } else if case .consumer(let group) = groups[request.groupID] {
            results = zip(leaving, leave(leaving, group: group, now)).map {
                Result(
                    memberID: $0.memberID, groupInstanceID: $0.groupInstanceID,
                    errorCode: $1.rawValue)
            }
        } else {
            results = leaving.map {
                Result(
                    memberID: $0.memberID, groupInstanceID: $0.groupInstanceID,
                    errorCode: KafkaError.unknownMemberID.rawValue)
            }
        }
        guard version < 3 else { return LeaveGroupResponse(members: results) }
        return LeaveGroupResponse(errorCode: results[0].errorCode)
    }

    private func remove(
        _ identity: LeaveGroupRequest.MemberIdentity, from group: ClassicGroup
    ) -> KafkaError {
        var memberID = identity.memberID
        if memberID.isEmpty {
            guard let known = identity.groupInstanceID.flatMap({ group.staticMembers[$0] }) else {
                return .unknownMemberID
            }
            memberID = known
        } else if group.pendingJoinMembers.contains(memberID) {
            group.remove(memberID)
            cancelSession(memberID, of: group)
            return .none
        }
        let fault = group.fault(of: memberID, instanceID: identity.groupInstanceID)
        guard fault == .none, let member = group.members[memberID] else { return fault }
        cancelSession(memberID, of: group)
        answerJoin(member, error: .unknownMemberID)
        group.remove(memberID)
        return .none
    }
}
