import KafkaProtocol
import KafkaWire

/// What offsets, lists and deletion ask of a classic group.
extension ClassicGroup: CoordinatedGroup {
    var typeName: String { "classic" }
    var listedProtocolType: String { protocolType ?? "" }
    var stateName: String { state.rawValue }
    var isEmpty: Bool { state == .empty }
    private var isConsumers: Bool { protocolType == "consumer" }

    func commitFault(_ committer: OffsetCommitter) -> KafkaError {
        if committer.generationOrEpoch < 0, isEmpty { return .none }
        if committer.generationOrEpoch >= 0 || !committer.memberID.isEmpty
            || committer.instanceID != nil
        {
            let fault = fault(of: committer.memberID, instanceID: committer.instanceID)
            guard fault == .none else { return fault }
            guard committer.generationOrEpoch == generation else { return .illegalGeneration }
        } else if !committer.isTransactional {
            // A client outside of the group cannot commit while there are members.
            return .unknownMemberID
        }
        // The member must rejoin before long; a transaction does not ask for the group's state.
        if !committer.isTransactional, state == .completingRebalance { return .rebalanceInProgress }
        return .none
    }

    func partitionCommitFault(
        _ committer: OffsetCommitter, topic: KafkaUUID, partition: Int32
    ) -> KafkaError { .none }

    func fetchFault(memberID: String?, memberEpoch: Int32) -> KafkaError { .none }

    var offsetDeletionFault: KafkaError { isEmpty || isConsumers ? .none : .nonEmptyGroup }

    var deletionFault: KafkaError { isEmpty ? .none : .nonEmptyGroup }

    func isSubscribed(to topic: String) -> Bool {
        subscribedTopics?.contains(topic) ?? isConsumers
    }

    func retentionStart(ofCommitAt commitMs: Int64) -> Int64? {
        if protocolType == nil { return commitMs }
        if isEmpty { return stateSinceMs == -1 ? commitMs : stateSinceMs }
        return isConsumers && subscribedTopics != nil && state == .stable ? commitMs : nil
    }

    func tombstones() -> [GroupRecord] { [.groupMetadata(GroupMetadataKey(group: groupID), nil)] }
}
