import KafkaProtocol
import KafkaWire

/// SyncGroup, Heartbeat and LeaveGroup of members of the classic protocol in a consumer group.
extension GroupMachine {
    /// The answer to SyncGroup: what the member has.
    func sync(
        _ request: SyncGroupRequest, in group: ConsumerGroup, _ now: Moment
    ) -> SyncGroupResponse {
        do throws(GroupFault) {
            let member = try classicMember(
                request.memberID, request.groupInstanceID, request.generationID, in: group.state)
            let name = member.classic?.supportedProtocols.first?.name
            if request.protocolType ?? "consumer" != "consumer"
                || request.protocolName ?? name != name
            {
                throw GroupFault(.inconsistentGroupProtocol, "the protocol is another one")
            }
            // A member that is giving partitions up has joined already; its turn comes after that.
            if group.state.assignmentEpoch > member.epoch, member.state != .unrevokedPartitions {
                callToJoin(member, in: group.groupID, now)
                throw GroupFault(.rebalanceInProgress, "a new assignment has been made")
            }
            timers.cancel(
                GroupTimer(kind: .consumerSync, group: group.groupID, member: member.id))
            setClassicSession(
                of: member.id, in: group.groupID, member.classic?.sessionTimeoutMs ?? 0, now)
            let assignment = member.assigned.mapValues { Array($0.keys) }
                .classicAssignment(environment.metadata)
            return SyncGroupResponse(
                protocolType: request.protocolType, protocolName: request.protocolName,
                assignment: ClassicProtocolCoding.written(
                    assignment, for: member.classicSubscription))
        } catch {
            return SyncGroupResponse(errorCode: error.code.rawValue)
        }
    }

    /// The outcome of a Heartbeat: whether the member must join again.
    func heartbeat(
        _ request: HeartbeatRequest, in group: ConsumerGroup, _ now: Moment
    ) -> KafkaError {
        do throws(GroupFault) {
            let member = try classicMember(
                request.memberID, request.groupInstanceID, request.generationID, in: group.state)
            setClassicSession(
                of: member.id, in: group.groupID, member.classic?.sessionTimeoutMs ?? 0, now)
            guard mustJoin(member, group.state) else { return .none }
            callToJoin(member, in: group.groupID, now)
            return .rebalanceInProgress
        } catch {
            return error.code
        }
    }

    /// Whether there is a new target, something to give up, or something that has become free.
    private func mustJoin(_ member: ConsumerGroupMember, _ state: ConsumerGroupState) -> Bool {
        if member.epoch < state.assignmentEpoch { return true }
        switch member.state {
        case .stable, .unknown: return false
        case .unrevokedPartitions: return true
        case .unreleasedPartitions:
            return state.target(of: member.id).allSatisfy { topic, partitions in
                partitions.allSatisfy {
                    member.assigned[topic]?[$0] != nil || !state.isTaken(topic, $0)
                }
            }
        }
    }

    /// The member has its rebalance timeout to join again; that does not begin anew with each call.
    private func callToJoin(_ member: ConsumerGroupMember, in group: String, _ now: Moment) {
        let timer = GroupTimer(kind: .consumerJoin, group: group, member: member.id)
        guard timers.deadline(of: timer) == nil else { return }
        timers.set(timer, at: now.monotonicMs + Int64(member.rebalanceTimeoutMs))
    }

    private func classicMember(
        _ memberID: String, _ instanceID: String?, _ generation: Int32,
        in state: ConsumerGroupState
    ) throws(GroupFault) -> ConsumerGroupMember {
        let member: ConsumerGroupMember
        if let instanceID {
            member = try staticMember(state.staticMember(instanceID), memberID, instanceID)
        } else if let known = state.members[memberID] {
            member = known
        } else {
            throw GroupFault(.unknownMemberID, "there is no member \(memberID)")
        }
        guard member.usesClassicProtocol else {
            throw GroupFault(
                .unknownMemberID, "Member \(memberID) does not use the classic protocol.")
        }
        guard member.epoch == generation else {
            throw GroupFault(.illegalGeneration, "the member's epoch is \(member.epoch)")
        }
        return member
    }

    /// Takes members out as LeaveGroup asks; each one's outcome, in order.
    func leave(
        _ identities: [LeaveGroupRequest.MemberIdentity], group: ConsumerGroup, _ now: Moment
    ) -> [KafkaError] {
        var leaving: Set<String> = []
        let outcomes = identities.map { identity -> KafkaError in
            let member: ConsumerGroupMember?
            if let instanceID = identity.groupInstanceID {
                member = group.state.staticMember(instanceID)
                // An administrator names the instance alone.
                if let member, !identity.memberID.isEmpty, member.id != identity.memberID {
                    return .fencedInstanceID
                }
            } else {
                member = group.state.members[identity.memberID]
            }
            guard let member else { return .unknownMemberID }
            leaving.insert(member.id)
            return .none
        }
        fence(leaving.sorted(), of: group.state, now: now)
        return outcomes
    }
}
