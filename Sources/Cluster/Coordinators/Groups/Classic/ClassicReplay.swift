import KafkaProtocol
import KafkaWire

/// What the log says of classic groups, and how they come to life and end with their shard.
extension GroupMachine {
    /// Takes over the record of a classic group, `nil` for the end of the group.
    func replay(_ key: GroupMetadataKey, _ value: GroupMetadataValue?) {
        groups[key.group] = value.map { .classic(ClassicGroup(key.group, $0)) }
    }

    /// A group has committed offsets: if there is none of the name, there is now one without
    /// members.
    func replayGroupOfCommit(_ group: String) {
        guard groups[group] == nil else { return }
        groups[group] = .classic(ClassicGroup(group, stateSinceMs: -1))
    }

    /// The sessions of a group's members begin when its log has been read.
    func classicLoaded(_ group: ClassicGroup, _ now: Moment) {
        for member in group.sortedMembers { scheduleSession(member, of: group, now) }
        // The limit may have been lowered: the next generation keeps to it.
        if group.members.count > Int(settings.maxSize) { prepareRebalance(group, now) }
    }

    /// All that wait learn why there is no answer.
    func classicUnload(_ group: ClassicGroup, _ error: KafkaError) {
        for member in group.sortedMembers {
            answerJoin(member, error: error)
            answerSync(member, error: error)
        }
    }
}
