import KafkaProtocol
import KafkaWire

/// Members that leave, and those that are put out.
extension GroupMachine {
    func leave(
        _ request: ConsumerGroupHeartbeatRequest, now: Moment
    ) throws(GroupFault) -> ConsumerGroupHeartbeatResponse {
        guard case .consumer(let group) = groups[request.groupID] else {
            throw GroupFault(
                .groupIDNotFound, "Group \(request.groupID) is not a consumer group.")
        }
        let response = ConsumerGroupHeartbeatResponse(
            memberID: request.memberID, memberEpoch: request.memberEpoch)
        guard let instanceID = request.instanceID else {
            guard let member = group.state.members[request.memberID] else {
                throw GroupFault(
                    .unknownMemberID,
                    "Member \(request.memberID) is not a member of group \(request.groupID).")
            }
            fence([member.id], of: group.state, now: now)
            return response
        }
        let member = try staticMember(
            group.state.staticMember(instanceID), request.memberID, instanceID)
        if request.memberEpoch == ConsumerGroupMember.leavingStatic {
            pause(member, of: group.state)
        } else {
            fence([member.id], of: group.state, now: now)
        }
        return response
    }

    /// A static member goes away for a while: it keeps its partitions until its session is over.
    ///
    /// The epochs of its partitions begin anew, so that it may commit under its next member id.
    private func pause(_ member: ConsumerGroupMember, of state: ConsumerGroupState) {
        var next = member
        next.epoch = ConsumerGroupMember.leavingStatic
        next.pendingRevocation = [:]
        next.assigned = member.assigned.mapValues { $0.mapValues { _ in 0 } }
        write([next.assignmentRecord(of: state.groupID)])
    }

    /// Takes members out of the group.
    func fence(_ ids: [String], of state: ConsumerGroupState, now: Moment) {
        guard !ids.isEmpty else { return }
        if isToDowngrade(state, without: Set(ids)) {
            return downgrade(
                state, to: state, without: Set(ids), isRebalancing: true, now: now)
        }
        var draft = ConsumerGroupDraft(state)
        for id in ids { draft.write(state.tombstones(of: id)) }
        for pattern in state.patternMembers.keys.sorted()
        where draft.state.patternMembers[pattern] == nil {
            draft.write(state.patternRecord(pattern, nil))
        }
        bumpEpoch(of: &draft)
        if draft.state.members.isEmpty {
            sometimes(.groupEmptied)
            // No time: the next member need not wait for the assignment interval.
            draft.write(state.targetRecord(epoch: draft.state.groupEpoch, timestamp: 0))
        }
        commit(draft, now)
        for id in ids { cancelTimers(of: id, in: state.groupID) }
    }

    /// Takes a member out for what a timer found, if it is still there.
    func fence(_ id: String, in groupID: String, now: Moment) {
        guard case .consumer(let group) = groups[groupID], group.state.members[id] != nil else {
            return
        }
        sometimes(.memberExpired)
        fence([id], of: group.state, now: now)
    }

    /// Has the draft's records written.
    func commit(_ draft: consuming ConsumerGroupDraft, _ now: Moment) {
        let groupID = draft.groupID
        var isUpgrade = false
        if case .classic(let classic) = groups[groupID], !classic.isEmpty {
            endForUpgrade(classic)
            isUpgrade = true
        }
        let records = draft.records
        // The draft shares its storage with the group, which must not be copied to be changed.
        _ = consume draft
        write(records)
        guard case .consumer(let group) = groups[groupID] else { return }
        group.isToRefresh = false
        if isUpgrade { beginClassicSessions(of: group.state, now) }
    }

    // MARK: Timers

    /// A heartbeat has come: the session goes on, and so does the time to give up partitions.
    func setTimers(
        of member: ConsumerGroupMember, changedFrom before: ConsumerGroupMember,
        in groupID: String, _ limits: ConsumerLimits, now: Moment
    ) {
        timers.set(
            GroupTimer(kind: .consumerSession, group: groupID, member: member.id),
            at: now.monotonicMs + Int64(limits.sessionTimeoutMs))
        guard member != before else { return }
        let revocation = GroupTimer(kind: .consumerRevocation, group: groupID, member: member.id)
        if member.state == .unrevokedPartitions {
            guard
                member.state != before.state || member.epoch != before.epoch
                    || member.pendingRevocation != before.pendingRevocation
            else { return }
            timers.set(revocation, at: now.monotonicMs + Int64(member.rebalanceTimeoutMs))
        } else {
            timers.cancel(revocation)
        }
    }

    func cancelTimers(of member: String, in group: String) {
        for kind in [
            GroupTimer.Kind.consumerSession, .consumerRevocation, .consumerJoin, .consumerSync,
        ] {
            timers.cancel(GroupTimer(kind: kind, group: group, member: member))
        }
    }

    /// The log has been replayed: the group's members have a session from now on.
    func consumerLoaded(_ group: ConsumerGroup, _ now: Moment) {
        let limits = consumerLimits(of: group.groupID)
        for member in group.state.members.values.sorted(by: { $0.id < $1.id }) {
            setTimers(
                of: member, changedFrom: ConsumerGroupMember(id: member.id), in: group.groupID,
                limits, now: now)
        }
    }

    /// A timer of a consumer group is due.
    func consumerTimerDue(_ timer: GroupTimer, _ now: Moment) {
        fence(timer.member, in: timer.group, now: now)
    }
}
