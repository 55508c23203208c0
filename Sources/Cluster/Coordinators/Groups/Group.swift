import KafkaProtocol
import KafkaWire

/// A group of a shard, by the protocol that its members speak.
enum Group {
    case classic(ClassicGroup)
    case consumer(ConsumerGroup)

    /// What both kinds can be asked.
    var common: any CoordinatedGroup {
        switch self {
        case .classic(let group): group
        case .consumer(let group): group
        }
    }
}

/// What offsets, lists and deletion need to know of a group, whatever its protocol.
protocol CoordinatedGroup: AnyObject {
    var groupID: String { get }
    /// `classic`, `consumer`: as ListGroups names it.
    var typeName: String { get }
    /// `consumer` for consumers, empty for groups that only hold offsets.
    var listedProtocolType: String { get }
    /// The state as ListGroups names it: `Stable`.
    var stateName: String { get }
    /// Whether there are no members.
    var isEmpty: Bool { get }

    /// Checks who commits offsets.
    func commitFault(_ committer: OffsetCommitter) -> KafkaError
    /// Checks a commit that `commitFault` lets pass, partition by partition (KIP-1251).
    func partitionCommitFault(
        _ committer: OffsetCommitter, topic: KafkaUUID, partition: Int32
    ) -> KafkaError
    /// Checks who fetches offsets.
    ///
    /// - Parameters:
    ///   - memberID: `nil` outside of a group.
    ///   - memberEpoch: -1 outside of a group.
    func fetchFault(memberID: String?, memberEpoch: Int32) -> KafkaError
    /// Why offsets cannot be deleted at all; `none` when they can, topic by topic.
    var offsetDeletionFault: KafkaError { get }
    /// Why the group cannot be deleted: `nonEmptyGroup`, `groupIDNotFound`; `none` when it can.
    var deletionFault: KafkaError { get }
    /// Whether a member may read the topic, so that its offsets must stay.
    func isSubscribed(to topic: String) -> Bool
    /// When the retention of a committed offset begins (ms); `nil` while nothing expires.
    func retentionStart(ofCommitAt commitMs: Int64) -> Int64?
    /// The records that take the group out of the log, offsets aside.
    func tombstones() -> [GroupRecord]
}
