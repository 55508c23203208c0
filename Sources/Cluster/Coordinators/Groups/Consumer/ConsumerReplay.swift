import KafkaProtocol

extension GroupMachine {
    /// Takes over a record of a consumer group.
    func replayConsumer(_ record: GroupRecord) {
        guard let (groupID, isTombstone) = record.consumerGroup else { return }
        let group: ConsumerGroup
        if case .consumer(let known) = groups[groupID] {
            group = known
        } else {
            // The end of what is not there, or not there any more, changes nothing.
            guard !isTombstone else { return }
            group = ConsumerGroup(groupID)
            groups[groupID] = .consumer(group)
        }
        let turned = group.apply(record)
        topicSubscriptions.update(groupID, turned: turned, in: group.state)
        if group.state.isDeleted {
            for topic in group.state.subscribers.keys {
                topicSubscriptions.remove(groupID, from: topic)
            }
            groups[groupID] = nil
        }
    }

    /// What is known of the cluster has changed: groups whose topics have changed look at them at
    /// their next heartbeat.
    func noteTopicChanges() {
        guard let changed = topicSubscriptions.noteChanges(environment.metadata) else {
            for case .consumer(let group) in groups.values { group.isToRefresh = true }
            return
        }
        for id in changed {
            if case .consumer(let group) = groups[id] { group.isToRefresh = true }
        }
    }
}

extension GroupRecord {
    /// The consumer group that a record belongs to, and whether it is a tombstone.
    fileprivate var consumerGroup: (id: String, isTombstone: Bool)? {
        switch self {
        case .offsetCommit, .groupMetadata: nil
        case .consumerGroup(let key, let value): (key.groupID, value == nil)
        case .partitionMetadata(let key, let value): (key.groupID, value == nil)
        case .memberMetadata(let key, let value): (key.groupID, value == nil)
        case .targetMetadata(let key, let value): (key.groupID, value == nil)
        case .targetMember(let key, let value): (key.groupID, value == nil)
        case .currentAssignment(let key, let value): (key.groupID, value == nil)
        case .regularExpression(let key, let value): (key.groupID, value == nil)
        }
    }
}
