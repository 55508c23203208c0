import KafkaProtocol
import KafkaWire

/// A group whose members speak the consumer protocol (KIP-848): the coordinator assigns.
///
/// States: `Empty`; `Assigning` while the group epoch is ahead of the target assignment's;
/// `Reconciling` while members are on their way to the target; `Stable`.
/// Members that speak the classic protocol may be part of it while a group migrates.
final class ConsumerGroup: CoordinatedGroup {
    /// What the log says.
    private(set) var state: ConsumerGroupState
    /// Whether the group is to look at its topics at the next heartbeat: after a load, and when one
    /// of them has changed.
    var isToRefresh = true

    init(_ groupID: String) { state = ConsumerGroupState(groupID) }

    var groupID: String { state.groupID }

    /// Takes over a record; the topics that the group is subscribed to since, or no longer.
    func apply(_ record: GroupRecord) -> Set<String> {
        state.apply(record)
        return state.takeTurnedTopics()
    }

    // MARK: Of any group

    var typeName: String { "consumer" }
    var listedProtocolType: String { "consumer" }
    var stateName: String { state.name }
    var isEmpty: Bool { state.members.isEmpty }

    func commitFault(_ committer: OffsetCommitter) -> KafkaError {
        if committer.generationOrEpoch < 0, isEmpty { return .none }
        if committer.isTransactional, committer.generationOrEpoch == -1,
            committer.memberID.isEmpty, committer.instanceID == nil
        {
            return .none
        }
        guard let member = state.members[committer.memberID] else { return .unknownMemberID }
        if !committer.isTransactional, !member.usesClassicProtocol, committer.apiVersion < 9 {
            return .unsupportedVersion
        }
        return committer.generationOrEpoch > member.epoch ? Self.staleness(of: member) : .none
    }

    /// An epoch before the member's will do from the one on at which it got the partition.
    func partitionCommitFault(
        _ committer: OffsetCommitter, topic: KafkaUUID, partition: Int32
    ) -> KafkaError {
        guard let member = state.members[committer.memberID],
            committer.generationOrEpoch != member.epoch
        else { return .none }
        guard let epoch = member.assignmentEpoch(of: partition, in: topic),
            committer.generationOrEpoch >= epoch
        else { return Self.staleness(of: member) }
        return .none
    }

    func fetchFault(memberID: String?, memberEpoch: Int32) -> KafkaError {
        if memberID == nil, memberEpoch < 0 { return .none }
        guard let member = memberID.flatMap({ state.members[$0] }) else { return .unknownMemberID }
        return memberEpoch == member.epoch ? .none : Self.staleness(of: member)
    }

    private static func staleness(of member: ConsumerGroupMember) -> KafkaError {
        member.usesClassicProtocol ? .illegalGeneration : .staleMemberEpoch
    }

    var offsetDeletionFault: KafkaError { .none }
    var deletionFault: KafkaError { isEmpty ? .none : .nonEmptyGroup }
    func isSubscribed(to topic: String) -> Bool { state.subscribers[topic] != nil }
    func retentionStart(ofCommitAt commitMs: Int64) -> Int64? { commitMs }
    func tombstones() -> [GroupRecord] { state.tombstones() }
}
