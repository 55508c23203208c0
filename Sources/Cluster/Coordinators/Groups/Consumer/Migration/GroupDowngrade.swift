import KafkaProtocol
import KafkaWire

/// A consumer group becomes a classic group when its last member of the consumer protocol goes.
///
/// The group's epoch is the generation, the target assignment what the members have. They are
/// called to the next generation unless nothing has changed.
extension GroupMachine {
    /// Whether the group is to become a classic one without the members `ids`.
    func isToDowngrade(_ state: ConsumerGroupState, without ids: Set<String>) -> Bool {
        let rest = state.members.values.filter { !ids.contains($0.id) }
        return !rest.isEmpty && rest.allSatisfy(\.usesClassicProtocol)
            && migrationPolicy.allowsDowngrade && rest.count <= Int(settings.maxSize)
    }

    /// Writes a classic group in the place of `former`.
    ///
    /// - Parameter next: the group that goes on, its members all of the classic protocol.
    func downgrade(
        _ former: ConsumerGroupState, to next: ConsumerGroupState, without ids: Set<String>,
        isRebalancing: Bool, now: Moment
    ) {
        let classic = ClassicGroup(former.groupID, stateSinceMs: now.wallMs)
        for member in next.members.values.sorted(by: { $0.id < $1.id })
        where !ids.contains(member.id) {
            guard let said = member.classic else { continue }
            classic.add(
                ClassicMember(member, said, assignment: assignment(of: member, in: next)),
                type: "consumer")
        }
        classic.takeOver(generation: next.groupEpoch, now)
        let tombstones = former.tombstones()
        // The record does not hold all that the members offer: this object does, and stays.
        writeWithoutReplay(tombstones + [classic.record])
        for tombstone in tombstones { replayConsumer(tombstone) }
        groups[former.groupID] = .classic(classic)
        for id in former.members.keys { cancelTimers(of: id, in: former.groupID) }
        for member in classic.sortedMembers { scheduleSession(member, of: classic, now) }
        if isRebalancing { prepareRebalance(classic, now) }
    }

    /// The member's target, in the version in which it wrote its subscription.
    private func assignment(
        of member: ConsumerGroupMember, in state: ConsumerGroupState
    ) -> [UInt8] {
        ClassicProtocolCoding.written(
            state.target(of: member.id).classicAssignment(environment.metadata),
            for: member.classicSubscription)
    }
}

extension ClassicMember {
    fileprivate convenience init(
        _ member: ConsumerGroupMember,
        _ said: ConsumerGroupMemberMetadataValue.ClassicMemberMetadata, assignment: [UInt8]
    ) {
        self.init(
            memberID: member.id, instanceID: member.instanceID, clientID: member.clientID,
            clientHost: member.clientHost, rebalanceTimeoutMs: member.rebalanceTimeoutMs,
            sessionTimeoutMs: said.sessionTimeoutMs,
            protocols: said.supportedProtocols.map { .init(name: $0.name, metadata: $0.metadata) },
            assignment: assignment)
    }
}

extension ConsumerGroupMember {
    /// The subscription of a member of the classic protocol, as it wrote it.
    var classicSubscription: [UInt8] { classic?.supportedProtocols.first?.metadata ?? [] }
}
