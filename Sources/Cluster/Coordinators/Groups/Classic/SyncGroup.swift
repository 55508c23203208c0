public import KafkaProtocol
import KafkaWire

/// SyncGroup (key 14): the leader says who gets what, the others learn it.
extension GroupMachine {
    /// Answers with the member's assignment, once the leader has given it and the log holds it.
    public func syncGroup(
        _ request: SyncGroupRequest, version: Int16, _ caller: Caller, _ now: Moment
    ) {
        if let refusal = refusal(of: request, version) {
            return answerSync(caller, SyncGroupResponse(errorCode: refusal.rawValue))
        }
        if case .consumer(let group) = groups[request.groupID] {
            return answerSync(caller, sync(request, in: group, now))
        }
        guard case .classic(let group) = groups[request.groupID],
            let member = group.members[request.memberID]
        else { return answerSync(caller, error: .unknownMemberID) }
        switch group.state {
        case .empty: answerSync(caller, error: .unknownMemberID)
        case .preparingRebalance: answerSync(caller, error: .rebalanceInProgress)
        case .stable:
            hasSynced(member, group)
            answerSync(caller, group.syncAnswer(for: member))
        case .completingRebalance:
            answerSync(member, error: .rebalanceInProgress)
            member.syncWaiter = caller
            hasSynced(member, group)
            if group.isLeader(member.memberID) { assign(request.assignments, group, now) }
        }
    }

    private func refusal(of request: SyncGroupRequest, _ version: Int16) -> KafkaError? {
        if version >= 5, request.protocolType == nil || request.protocolName == nil {
            return .inconsistentGroupProtocol
        }
        guard !request.groupID.isEmpty else { return .invalidGroupID }
        // In a consumer group it is the member that is checked.
        if case .consumer = groups[request.groupID] { return nil }
        guard case .classic(let group) = groups[request.groupID], !group.isEmpty else {
            return .unknownMemberID
        }
        let fault = group.fault(of: request.memberID, instanceID: request.groupInstanceID)
        guard fault == .none else { return fault }
        guard request.generationID == group.generation else { return .illegalGeneration }
        func differ(_ asked: String?, _ current: String?) -> Bool {
            if let asked, let current { asked != current } else { false }
        }
        let isOther =
            differ(request.protocolType, group.protocolType)
            || differ(request.protocolName, group.protocolName)
        return isOther ? .inconsistentGroupProtocol : nil
    }

    /// The group is stable once its log says who has what; answers wait for that by themselves.
    private func assign(
        _ assignments: [SyncGroupRequest.SyncGroupRequestAssignment], _ group: ClassicGroup,
        _ now: Moment
    ) {
        let byMember = Dictionary(
            assignments.map { ($0.memberID, $0.assignment) }, uniquingKeysWith: { $1 })
        for member in group.members.values { member.assignment = byMember[member.memberID] ?? [] }
        writeWithoutReplay([group.record])
        group.transition(to: .stable, now)
        for member in group.sortedMembers {
            guard let waiter = member.syncWaiter else { continue }
            member.syncWaiter = nil
            answerSync(waiter, group.syncAnswer(for: member))
            // While a member waits its session may run out; it begins anew.
            scheduleSession(member, of: group, now)
        }
    }

    private func hasSynced(_ member: ClassicMember, _ group: ClassicGroup) {
        group.pendingSyncMembers.remove(member.memberID)
        if group.pendingSyncMembers.isEmpty {
            timers.cancel(GroupTimer(kind: .classicSync, group: group.groupID))
        }
    }

    // MARK: Answers

    private func answerSync(_ caller: Caller, error: KafkaError) {
        answerSync(caller, SyncGroupResponse(errorCode: error.rawValue))
    }

    private func answerSync(_ caller: Caller, _ response: SyncGroupResponse) {
        reply(to: caller, response) { SyncGroupResponse(errorCode: $0.rawValue) }
    }

    /// Answers a member that waits for its assignment, if it does.
    func answerSync(_ member: ClassicMember, error: KafkaError) {
        guard let waiter = member.syncWaiter else { return }
        member.syncWaiter = nil
        answerSync(waiter, error: error)
    }
}

extension ClassicGroup {
    /// What a member of a stable group gets.
    fileprivate func syncAnswer(for member: ClassicMember) -> SyncGroupResponse {
        SyncGroupResponse(
            protocolType: protocolType, protocolName: protocolName, assignment: member.assignment)
    }
}
