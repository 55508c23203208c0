import KafkaProtocol
import KafkaWire

/// A group whose members speak the consumer protocol (KIP-848): the coordinator assigns.
final class ConsumerGroup: CoordinatedGroup {
    let groupID: String

    init(_ groupID: String) { self.groupID = groupID }

    var typeName: String { "consumer" }
    var listedProtocolType: String { "consumer" }
    var stateName: String { "Empty" }
    var isEmpty: Bool { true }

    func commitFault(_ committer: OffsetCommitter) -> KafkaError { .none }
    func fetchFault(memberID: String?, memberEpoch: Int32) -> KafkaError { .none }
    var offsetDeletionFault: KafkaError { .none }
    var deletionFault: KafkaError { .none }
    func isSubscribed(to topic: String) -> Bool { false }
    func retentionStart(ofCommitAt commitMs: Int64) -> Int64? { commitMs }
    func tombstones() -> [GroupRecord] {
        [.consumerGroup(ConsumerGroupMetadataKey(groupID: groupID), nil)]
    }
}
