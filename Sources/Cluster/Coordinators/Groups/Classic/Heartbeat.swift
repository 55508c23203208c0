public import KafkaProtocol
import KafkaWire

/// Heartbeat (key 12): a member is alive, and learns whether it must join again.
extension GroupMachine {
    /// Puts the end of the member's session off.
    public func heartbeat(_ request: HeartbeatRequest, _ caller: Caller, _ now: Moment) {
        let error = heartbeatOutcome(request, now)
        reply(to: caller, HeartbeatResponse(errorCode: error.rawValue)) {
            HeartbeatResponse(errorCode: $0.rawValue)
        }
    }

    private func heartbeatOutcome(_ request: HeartbeatRequest, _ now: Moment) -> KafkaError {
        guard !request.groupID.isEmpty else { return .invalidGroupID }
        if case .consumer(let group) = groups[request.groupID] {
            return heartbeat(request, in: group, now)
        }
        guard case .classic(let group) = groups[request.groupID] else { return .unknownMemberID }
        let fault = group.fault(of: request.memberID, instanceID: request.groupInstanceID)
        guard fault == .none, let member = group.members[request.memberID] else { return fault }
        guard request.generationID == group.generation else { return .illegalGeneration }
        switch group.state {
        case .empty: return .unknownMemberID
        case .preparingRebalance:
            scheduleSession(member, of: group, now)
            return .rebalanceInProgress
        case .completingRebalance, .stable:
            scheduleSession(member, of: group, now)
            return .none
        }
    }
}
