import KafkaWire

/// Brings a member one step closer to its target assignment (KIP-848).
///
/// A member first gives up what it is to lose, and keeps its epoch until it says that it has. Then
/// it moves to the target's epoch and gets what nobody else has. What others still have it gets in
/// later steps. So no partition is ever with two members.
struct Reconciliation {
    let targetEpoch: Int32
    let target: PartitionsByTopic
    /// The topics that the member is subscribed to now: it keeps and gets no others, even where an
    /// older target has them.
    let subscribed: Set<KafkaUUID>
    let hasSubscriptionChanged: Bool
    /// What the member says it has; `nil` when it does not say.
    let reported: PartitionsByTopic?
    /// Whether somebody has a partition, or is still giving it up.
    let isTaken: (KafkaUUID, Int32) -> Bool

    /// The member after the step; `nil` when it must rejoin without partitions, for its state is
    /// not known to this version.
    func step(_ member: ConsumerGroupMember) -> ConsumerGroupMember? {
        switch member.state {
        case .stable:
            if member.epoch != targetEpoch { return advance(member, from: member.epoch) }
            return hasSubscriptionChanged ? dropUnsubscribed(member) : member
        case .unrevokedPartitions:
            guard stillHas(member.pendingRevocation) else {
                return advance(member, from: member.epoch)
            }
            return hasSubscriptionChanged ? dropUnsubscribed(member) : member
        case .unreleasedPartitions:
            return advance(member, from: member.epoch)
        case .unknown:
            guard let reported, reported.isEmpty else { return nil }
            return advance(member, from: targetEpoch)
        }
    }

    /// Whether the member has, or may have, any of `partitions`.
    private func stillHas(_ partitions: EpochsByTopic) -> Bool {
        guard let reported else { return true }
        return reported.contains { topic, held in
            guard let pending = partitions[topic] else { return false }
            return held.contains { pending[$0] != nil }
        }
    }

    /// Takes away what the member is no longer subscribed to, and leaves the rest for later.
    private func dropUnsubscribed(_ member: ConsumerGroupMember) -> ConsumerGroupMember {
        let dropped = member.assigned.filter { !subscribed.contains($0.key) }
        guard !dropped.isEmpty else { return member }
        var next = member
        next.previousEpoch = member.epoch
        next.assigned = member.assigned.filter { subscribed.contains($0.key) }
        let pending = member.pendingRevocation.merging(dropped) { old, new in
            old.merging(new) { $1 }
        }
        guard stillHas(pending) else { return next }
        next.pendingRevocation = pending
        next.state = .unrevokedPartitions
        return next
    }

    private func advance(
        _ member: ConsumerGroupMember, from epoch: Int32
    ) -> ConsumerGroupMember {
        let plan = plan(for: member)
        var next = member
        next.previousEpoch = member.epoch
        next.assigned = plan.kept
        if !plan.revoked.isEmpty, stillHas(plan.revoked) {
            sometimes(.partitionsRevoked)
            next.epoch = epoch
            next.pendingRevocation = plan.revoked
            next.state = .unrevokedPartitions
            return next
        }
        next.epoch = targetEpoch
        next.pendingRevocation = [:]
        for (topic, partitions) in plan.free {
            for partition in partitions {
                next.assigned[topic, default: [:]][partition] = targetEpoch
            }
        }
        next.state = plan.isWaiting ? .unreleasedPartitions : .stable
        return next
    }

    private struct Plan {
        var kept: EpochsByTopic = [:]
        var revoked: EpochsByTopic = [:]
        /// What the member can have at once.
        var free: PartitionsByTopic = [:]
        /// Whether others have some of the target.
        var isWaiting = false
    }

    private func plan(for member: ConsumerGroupMember) -> Plan {
        var plan = Plan()
        let wanted = target.filter { subscribed.contains($0.key) }
        for (topic, held) in member.assigned {
            let goal = Set(wanted[topic] ?? [])
            let kept = held.filter { goal.contains($0.key) }
            let revoked = held.filter { !goal.contains($0.key) }
            if !kept.isEmpty { plan.kept[topic] = kept }
            if !revoked.isEmpty { plan.revoked[topic] = revoked }
        }
        for (topic, partitions) in wanted {
            for partition in partitions where member.assigned[topic]?[partition] == nil {
                // What the member itself was giving up it can simply keep.
                let isOwn = member.pendingRevocation[topic]?[partition] != nil
                if isOwn || !isTaken(topic, partition) || PlantedBug.doubleOwner.isPlanted {
                    plan.free[topic, default: []].append(partition)
                } else {
                    sometimes(.partitionAwaited)
                    plan.isWaiting = true
                }
            }
        }
        return plan
    }
}
