import KafkaProtocol
import KafkaWire

/// A group whose members speak the classic protocol: one of them assigns partitions to all.
///
/// A group without members that only holds committed offsets is one too.
final class ClassicGroup: CoordinatedGroup {
    let groupID: String
    var protocolType: String?

    init(_ groupID: String) { self.groupID = groupID }

    var typeName: String { "classic" }
    var listedProtocolType: String { protocolType ?? "" }
    var stateName: String { "Empty" }
    var isEmpty: Bool { true }

    func commitFault(_ committer: OffsetCommitter) -> KafkaError { .none }
    func fetchFault(memberID: String?, memberEpoch: Int32) -> KafkaError { .none }
    var offsetDeletionFault: KafkaError { .none }
    var deletionFault: KafkaError { .none }
    func isSubscribed(to topic: String) -> Bool { false }
    func retentionStart(ofCommitAt commitMs: Int64) -> Int64? { commitMs }
    func tombstones() -> [GroupRecord] { [.groupMetadata(GroupMetadataKey(group: groupID), nil)] }
}
