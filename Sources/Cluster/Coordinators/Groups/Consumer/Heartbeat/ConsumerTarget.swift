import KafkaProtocol
import KafkaWire

/// The target assignment of a group, and a member's way to it.
extension GroupMachine {
    /// Makes the target assignment of the group's epoch, unless the last one is too young.
    func updateTarget(_ draft: inout ConsumerGroupDraft, now: Moment) {
        let state = draft.state
        guard state.assignmentEpoch < state.groupEpoch else { return }
        let interval = Int64(consumerLimits(of: draft.groupID).assignmentIntervalMs)
        // 0 is no time: no assignment was made yet, or the group was empty since. One to come is by
        // another node's clock: nobody waits until it is past.
        let last = state.assignmentTimestamp
        let isToCome = last > now.wallMs && !PlantedBug.clockBoundAssignment.isPlanted
        guard
            last == 0 || interval == 0 || isToCome
                || now.wallMs >= last.saturatingSum(interval)
        else { return }
        let task = assignmentTask(of: state)
        let result = preferredAssignor(of: state).assign(task)
        for (member, partitions) in zip(task.members, result)
        where state.targets[member.id] != partitions {
            draft.write(state.targetRecord(of: member.id, partitions))
        }
        draft.write(state.targetRecord(epoch: state.groupEpoch, timestamp: now.wallMs))
    }

    private func assignmentTask(of state: ConsumerGroupState) -> AssignmentTask {
        var ids: [String: KafkaUUID] = [:]
        var counts: [KafkaUUID: Int32] = [:]
        for name in state.subscribers.keys {
            guard let id = environment.metadata.topicID(of: name),
                let count = environment.metadata.partitionCount(of: id)
            else { continue }
            ids[name] = id
            counts[id] = count
        }
        // Members mostly want the same; then they share one array, which compares at once.
        var last: (names: [String], pattern: String, topics: [KafkaUUID])?
        let members = state.members.values.sorted { $0.id < $1.id }.map { member in
            let topics: [KafkaUUID]
            if let last, last.pattern == member.topicRegex, last.names == member.topicNames {
                topics = last.topics
            } else {
                topics = state.topics(of: member).compactMap { ids[$0] }.sorted()
                last = (member.topicNames, member.topicRegex, topics)
            }
            return AssignmentTask.Member(
                id: member.id, instanceID: member.instanceID, topics: topics,
                previous: state.target(of: member.id))
        }
        return AssignmentTask(members: members, partitionCounts: counts)
    }

    /// Takes the member a step towards its target.
    ///
    /// - Parameter reported: what the member says it has; `nil` when it does not say.
    func reconcile(
        _ memberID: String, hasSubscriptionChanged: Bool, reported: PartitionsByTopic?,
        in draft: inout ConsumerGroupDraft
    ) throws(GroupFault) {
        let state = draft.state
        guard let member = state.members[memberID],
            hasSubscriptionChanged || !member.isReconciled(to: state.assignmentEpoch)
        else { return }
        let topics = state.topics(of: member).compactMap { environment.metadata.topicID(of: $0) }
        let step = Reconciliation(
            targetEpoch: state.assignmentEpoch, target: state.target(of: memberID),
            subscribed: Set(topics), hasSubscriptionChanged: hasSubscriptionChanged,
            reported: reported, isTaken: state.isTaken)
        guard let next = step.step(member) else {
            throw GroupFault(
                .fencedMemberEpoch,
                "The consumer group member is in a unknown state. The member must abandon all its "
                    + "partitions and rejoin.")
        }
        if next != member { draft.write(next.assignmentRecord(of: draft.groupID)) }
    }
}
