import KafkaProtocol
import KafkaWire

/// JoinGroup of a member of the classic protocol in a consumer group.
///
/// The coordinator assigns as for all others: the answer makes nobody a leader, its generation is
/// the member's epoch, and SyncGroup gives it its partitions.
extension GroupMachine {
    func joinConsumerGroup(
        _ group: ConsumerGroup, _ request: JoinGroupRequest, from client: GroupClient,
        _ caller: Caller, _ now: Moment
    ) {
        let version = client.apiVersion
        var response = JoinGroupResponse()
        do throws(GroupFault) {
            response = try join(group.state, request, client, now)
        } catch {
            response.errorCode = error.code.rawValue
            response.memberID = request.memberID
        }
        let memberID = response.memberID
        reply(to: caller, response.fitting(version)) { error in
            JoinGroupResponse(errorCode: error.rawValue, memberID: memberID).fitting(version)
        }
    }

    private func join(
        _ state: ConsumerGroupState, _ request: JoinGroupRequest, _ client: GroupClient,
        _ now: Moment
    ) throws(GroupFault) -> JoinGroupResponse {
        guard migrationPolicy.allowsMixing else {
            throw GroupFault(.inconsistentGroupProtocol, "the group migration is disabled")
        }
        let memberID = request.memberID.isEmpty ? newMemberID() : request.memberID
        try checkRoom(in: state, for: memberID, request.groupInstanceID)
        let subscription = try subscription(request, in: state)
        if client.apiVersion >= 4, request.memberID.isEmpty, request.groupInstanceID == nil {
            return JoinGroupResponse(
                errorCode: KafkaError.memberIDRequired.rawValue, memberID: memberID)
        }
        var draft = ConsumerGroupDraft(state)
        // The place of a static member of the consumer protocol may be the last of its kind.
        let replaced = state.staticMember(request.groupInstanceID)
        let isToDowngrade =
            replaced.map {
                !$0.usesClassicProtocol && self.isToDowngrade(state, replacing: $0)
            } ?? false
        let before = try classicMember(memberID, request, in: &draft)
        var member = before
        member.instanceID = request.groupInstanceID ?? before.instanceID
        member.rackID = subscription.rackID.flatMap { $0.isEmpty ? nil : $0 } ?? before.rackID
        member.rebalanceTimeoutMs = request.rebalanceTimeoutMs
        member.topicNames = ConsumerGroupMember.normalized(subscription.topics)
        member.topicRegex = ""
        member.clientID = client.clientID
        member.clientHost = client.host
        member.classic = .init(
            sessionTimeoutMs: request.sessionTimeoutMs,
            supportedProtocols: request.protocols.map {
                .init(name: $0.name, metadata: $0.metadata)
            })
        let change = try update(before, to: member, in: &draft, now: now)
        refreshMetadata(&draft, mustBump: change.mustBump || change.isOther)
        let isStale = draft.state.assignmentEpoch < draft.state.groupEpoch
        if !isToDowngrade { updateTarget(&draft, now: now) }
        if !isToDowngrade || !isStale {
            try reconcile(
                memberID, hasSubscriptionChanged: change.isOther,
                reported: PartitionsByTopic(
                    subscription.ownedPartitions.map { ($0.topic, $0.partitions) },
                    environment.metadata), in: &draft)
        }
        let joined = draft.state.members[memberID] ?? member
        if isToDowngrade {
            downgrade(state, to: draft.state, without: [], isRebalancing: isStale, now: now)
        } else {
            commit(draft, now)
            setTimers(afterJoinOf: joined, in: state.groupID, request, now)
        }
        return JoinGroupResponse(
            generationID: joined.epoch, protocolType: "consumer",
            protocolName: request.protocols.first?.name, memberID: memberID)
    }

    private func subscription(
        _ request: JoinGroupRequest, in state: ConsumerGroupState
    ) throws(GroupFault) -> ConsumerProtocolSubscription {
        let isSupported =
            request.protocolType == "consumer"
            && request.protocols.contains {
                state.classicProtocolVotes[$0.name, default: 0] == state.classicMemberCount
            }
        guard isSupported,
            let subscription = request.protocols.first.flatMap({
                ClassicProtocolCoding.subscription($0.metadata)
            })
        else {
            throw GroupFault(.inconsistentGroupProtocol, "the member's protocols do not fit")
        }
        return subscription
    }

    private func classicMember(
        _ memberID: String, _ request: JoinGroupRequest, in draft: inout ConsumerGroupDraft
    ) throws(GroupFault) -> ConsumerGroupMember {
        guard let instanceID = request.groupInstanceID else {
            return draft.state.members[memberID] ?? ConsumerGroupMember(id: memberID)
        }
        let holder = draft.state.staticMember(instanceID)
        guard request.memberID.isEmpty else {
            return try staticMember(holder, memberID, instanceID)
        }
        guard let holder else { return ConsumerGroupMember(id: memberID) }
        return replace(holder, by: memberID, in: &draft)
    }

    private func isToDowngrade(
        _ state: ConsumerGroupState, replacing member: ConsumerGroupMember
    ) -> Bool {
        state.members.values.allSatisfy { $0.id == member.id || $0.usesClassicProtocol }
            && migrationPolicy.allowsDowngrade && state.members.count <= Int(settings.maxSize)
    }

    private func setTimers(
        afterJoinOf member: ConsumerGroupMember, in group: String, _ request: JoinGroupRequest,
        _ now: Moment
    ) {
        timers.cancel(GroupTimer(kind: .consumerJoin, group: group, member: member.id))
        timers.cancel(GroupTimer(kind: .consumerRevocation, group: group, member: member.id))
        setClassicSession(of: member.id, in: group, request.sessionTimeoutMs, now)
        timers.set(
            GroupTimer(kind: .consumerSync, group: group, member: member.id),
            at: now.monotonicMs + Int64(request.rebalanceTimeoutMs))
    }
}
