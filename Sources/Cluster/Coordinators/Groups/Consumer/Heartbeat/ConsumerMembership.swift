import KafkaProtocol
import KafkaWire

/// Finds the group and the member that a request speaks of, or makes them.
extension GroupMachine {
    /// The group as a draft; one that joins may find none, or one of the classic protocol.
    func consumerDraft(
        of groupID: String, isJoining: Bool
    ) throws(GroupFault) -> ConsumerGroupDraft {
        switch groups[groupID] {
        case .consumer(let group): return ConsumerGroupDraft(group.state)
        case .classic(let group) where isJoining && group.isEmpty:
            return ConsumerGroupDraft(ConsumerGroupState(groupID), after: group.tombstones())
        case .classic(let group) where isJoining: return try upgradeDraft(of: group)
        case nil where isJoining: return ConsumerGroupDraft(ConsumerGroupState(groupID))
        case nil: throw GroupFault(.groupIDNotFound, "Consumer group \(groupID) not found.")
        case .classic:
            throw GroupFault(.groupIDNotFound, "Group \(groupID) is not a consumer group.")
        }
    }

    /// The member that sends a heartbeat, as it was before.
    func member(
        _ memberID: String, _ request: ConsumerGroupHeartbeatRequest,
        in draft: inout ConsumerGroupDraft
    ) throws(GroupFault) -> ConsumerGroupMember {
        let isJoining = request.memberEpoch == 0
        guard let instanceID = request.instanceID else {
            let member = draft.state.members[memberID]
            guard isJoining || member != nil else {
                sometimes(.heartbeatOfStranger)
                throw GroupFault(
                    .unknownMemberID,
                    "Member \(memberID) is not a member of group \(draft.groupID).")
            }
            let found = member ?? ConsumerGroupMember(id: memberID)
            try checkEpoch(of: found, request)
            return found
        }
        let holder = draft.state.staticMember(instanceID)
        guard isJoining else {
            let member = try staticMember(holder, memberID, instanceID)
            try checkEpoch(of: member, request)
            return member
        }
        guard let holder else {
            return draft.state.members[memberID] ?? ConsumerGroupMember(id: memberID)
        }
        if !holder.usesClassicProtocol, holder.epoch != ConsumerGroupMember.leavingStatic {
            throw GroupFault(
                .unreleasedInstanceID,
                "Static member \(memberID) with instance id \(instanceID) cannot join the group "
                    + "because the instance id is owned by \(holder.id) member.")
        }
        return replace(holder, by: memberID, in: &draft)
    }

    /// The member with an instance id, if it has the member id that it says.
    func staticMember(
        _ holder: ConsumerGroupMember?, _ memberID: String, _ instanceID: String
    ) throws(GroupFault) -> ConsumerGroupMember {
        guard let holder else {
            throw GroupFault(.unknownMemberID, "Instance id \(instanceID) is unknown.")
        }
        guard holder.id == memberID else {
            throw GroupFault(
                .fencedInstanceID,
                "Static member \(memberID) with instance id \(instanceID) was fenced by member "
                    + "\(holder.id).")
        }
        return holder
    }

    /// Puts a new member in the place of one with the same instance id.
    func replace(
        _ old: ConsumerGroupMember, by memberID: String, in draft: inout ConsumerGroupDraft
    ) -> ConsumerGroupMember {
        let new = ConsumerGroupMember(id: memberID, inPlaceOf: old)
        let target = draft.state.target(of: old.id)
        draft.write(draft.state.tombstones(of: old.id))
        draft.write(new.metadataRecord(of: draft.groupID))
        draft.write(draft.state.targetRecord(of: memberID, target))
        draft.write(new.assignmentRecord(of: draft.groupID))
        return new
    }

    /// Refuses an epoch that is neither the member's nor the one before, whose answer was lost.
    private func checkEpoch(
        of member: ConsumerGroupMember, _ request: ConsumerGroupHeartbeatRequest
    ) throws(GroupFault) {
        let received = request.memberEpoch
        guard received != 0, received != member.epoch else { return }
        let isRepeated =
            received == member.previousEpoch
            && hasOnly(request.topicPartitions, of: member.assigned)
        sometimes(.heartbeatRepeated, when: received < member.epoch && isRepeated)
        guard received > member.epoch || !isRepeated else { return }
        sometimes(.memberEpochFenced)
        let relation = received > member.epoch ? "greater" : "smaller"
        throw GroupFault(
            .fencedMemberEpoch,
            "The consumer group member has a \(relation) member epoch (\(received)) than the one "
                + "known by the group coordinator (\(member.epoch)). The member must abandon all "
                + "its partitions and rejoin.")
    }

    private func hasOnly(
        _ owned: [ConsumerGroupHeartbeatRequest.TopicPartitions]?, of assigned: EpochsByTopic
    ) -> Bool {
        guard let owned else { return false }
        return owned.allSatisfy { topic in
            topic.partitions.allSatisfy { assigned[topic.topicID]?[$0] != nil }
        }
    }
}
