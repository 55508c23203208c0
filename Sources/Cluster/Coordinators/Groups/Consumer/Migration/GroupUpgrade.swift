import KafkaProtocol
import KafkaWire

/// A classic group becomes a consumer group when the first member of that protocol joins it.
///
/// Members keep what they have: the last assignment of the classic group is the target of the new
/// one, in the epoch of its generation. They go on with JoinGroup, SyncGroup and Heartbeat.
extension GroupMachine {
    /// Whether members may come to groups of the other protocol
    /// (`group.consumer.migration.policy`).
    struct MigrationPolicy {
        let allowsUpgrade: Bool
        let allowsDowngrade: Bool

        init(_ name: String) {
            allowsUpgrade = name == "bidirectional" || name == "upgrade"
            allowsDowngrade = name == "bidirectional" || name == "downgrade"
        }

        /// Whether a group may have members of both protocols.
        var allowsMixing: Bool { allowsUpgrade || allowsDowngrade }
    }

    var migrationPolicy: MigrationPolicy { MigrationPolicy(settings.consumer.migrationPolicy) }

    /// The consumer group that takes the place of a classic one.
    func upgradeDraft(of group: ClassicGroup) throws(GroupFault) -> ConsumerGroupDraft {
        try checkUpgrade(of: group)
        var members: [ConsumerGroupMember] = []
        for member in group.sortedMembers { members.append(try upgraded(member, of: group)) }
        var draft = ConsumerGroupDraft(
            ConsumerGroupState(group.groupID), after: group.tombstones())
        draft.write(members.map { $0.metadataRecord(of: group.groupID) })
        let hash = topicSubscriptions.metadataHash(of: draft.state, environment.metadata)
        draft.write(draft.state.epochRecord(group.generation, metadataHash: hash))
        for member in members {
            let target = member.assigned.mapValues { $0.keys.sorted() }
            draft.write(draft.state.targetRecord(of: member.id, target))
        }
        draft.write(draft.state.targetRecord(epoch: group.generation, timestamp: 0))
        draft.write(members.map { $0.assignmentRecord(of: group.groupID) })
        return draft
    }

    private func checkUpgrade(of group: ClassicGroup) throws(GroupFault) {
        func refused(_ reason: String) -> GroupFault {
            GroupFault(
                .groupIDNotFound,
                "Cannot upgrade classic group \(group.groupID) to consumer group because "
                    + "\(reason).")
        }
        if !migrationPolicy.allowsUpgrade { throw refused("online upgrade is disabled") }
        if group.protocolType != "consumer" {
            throw refused("the group does not use the consumer embedded protocol")
        }
        if group.members.count > Int(settings.consumer.maxSize) {
            throw refused("the group size exceeds the consumer group maximum size")
        }
    }

    private func upgraded(
        _ member: ClassicMember, of group: ClassicGroup
    ) throws(GroupFault) -> ConsumerGroupMember {
        func refused(_ reason: String) -> GroupFault {
            GroupFault(
                .groupIDNotFound,
                "Cannot upgrade classic group \(group.groupID) to consumer group because \(reason)."
            )
        }
        let said = member.metadata(of: group.protocolName ?? group.selectProtocol() ?? "")
        guard let subscription = ClassicProtocolCoding.subscription(said),
            let assignment = ClassicProtocolCoding.assignment(member.assignment)
        else { throw refused("the embedded consumer protocol is malformed") }
        if assignment.userData?.isEmpty == false {
            throw refused("an unsupported custom assignor is in use")
        }
        var upgraded = ConsumerGroupMember(id: member.memberID)
        upgraded.epoch = group.generation
        upgraded.previousEpoch = group.generation
        upgraded.instanceID = member.instanceID
        upgraded.rackID = subscription.rackID.flatMap { $0.isEmpty ? nil : $0 }
        upgraded.rebalanceTimeoutMs = member.rebalanceTimeoutMs
        upgraded.clientID = member.clientID
        upgraded.clientHost = member.clientHost
        upgraded.topicNames = ConsumerGroupMember.normalized(subscription.topics)
        upgraded.assigned = PartitionsByTopic(
            assignment.assignedPartitions.map { ($0.topic, $0.partitions) }, environment.metadata
        ).mapValues { partitions in
            Dictionary(uniqueKeysWithValues: partitions.map { ($0, group.generation) })
        }
        upgraded.classic = .init(
            sessionTimeoutMs: member.sessionTimeoutMs,
            supportedProtocols: member.protocols.map {
                .init(name: $0.name, metadata: $0.metadata)
            })
        return upgraded
    }

    /// A consumer group is about to take the place of a classic one: whoever waits for its next
    /// generation joins again, and then is a member of the new group.
    func endForUpgrade(_ group: ClassicGroup) {
        for member in group.sortedMembers {
            answerJoin(member, error: .rebalanceInProgress)
            answerSync(member, error: .rebalanceInProgress)
            cancelSession(member.memberID, of: group)
        }
        for kind in [GroupTimer.Kind.classicJoin, .classicSync] {
            timers.cancel(GroupTimer(kind: kind, group: group.groupID))
        }
    }

    /// Gives the classic members of a group that was upgraded their sessions.
    func beginClassicSessions(of state: ConsumerGroupState, _ now: Moment) {
        for member in state.members.values.sorted(by: { $0.id < $1.id }) {
            guard let classic = member.classic else { continue }
            setClassicSession(of: member.id, in: state.groupID, classic.sessionTimeoutMs, now)
        }
    }

    func setClassicSession(
        of member: String, in group: String, _ timeoutMs: Int32, _ now: Moment
    ) {
        timers.set(
            GroupTimer(kind: .consumerSession, group: group, member: member),
            at: now.monotonicMs + Int64(timeoutMs))
    }
}
