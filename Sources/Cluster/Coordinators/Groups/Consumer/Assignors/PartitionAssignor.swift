import KafkaWire

/// Partitions by the id of their topic; each list ascends and none is empty.
typealias PartitionsByTopic = [KafkaUUID: [Int32]]

/// What an assignor works on: who is in the group, and what there is to share out.
struct AssignmentTask {
    struct Member {
        var id: String
        var instanceID: String?
        /// The topics that the member is subscribed to and that exist, ascending.
        var topics: [KafkaUUID]
        /// What the last target assignment gave it.
        var previous: PartitionsByTopic
    }
    /// In the order of their ids.
    var members: [Member]
    /// The number of partitions of each topic that a member is subscribed to.
    var partitionCounts: [KafkaUUID: Int32]

    /// Whether all members are subscribed to the same topics.
    var isHomogeneous: Bool {
        guard let first = members.first else { return true }
        return members.allSatisfy { $0.topics == first.topics }
    }
}

/// An assignor of the broker (KIP-848): gives each partition of a subscribed topic to exactly one
/// member that is subscribed to it.
public enum PartitionAssignor: String, CaseIterable, Sendable {
    /// Equal shares of all partitions, moving as few as it can.
    case uniform
    /// Of each topic a range to each member, so that topics of equal size are co-partitioned.
    case range

    /// The partitions of each member, in the order of the task's members.
    func assign(_ task: AssignmentTask) -> [PartitionsByTopic] {
        guard !task.members.isEmpty else { return [] }
        switch self {
        case .uniform where task.isHomogeneous: return EqualShares(task).assign()
        case .uniform: return LevelledShares(task).assign()
        case .range: return RangeShares(task).assign()
        }
    }
}
