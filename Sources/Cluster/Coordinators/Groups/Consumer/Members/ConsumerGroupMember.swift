import KafkaProtocol
import KafkaWire

/// Partitions of a member by topic, each with the epoch at which the member got it.
typealias EpochsByTopic = [KafkaUUID: [Int32: Int32]]

/// A member of a consumer group (KIP-848), as the log has it.
///
/// The member's epoch says up to which target assignment it has come:
/// - `stable`: it has all of the target of its epoch, and nothing else.
/// - `unrevokedPartitions`: it must give up `pendingRevocation` before it gets a new epoch.
/// - `unreleasedPartitions`: it has the epoch, but some of its target is still with others.
struct ConsumerGroupMember: Equatable {
    enum State: Int8 {
        case stable = 0
        case unrevokedPartitions = 1
        case unreleasedPartitions = 2
        /// Written by a version that knows more states.
        case unknown = 127
    }
    /// The epoch of a member that is leaving, and of a static one that will come back.
    static let leaving: Int32 = -1
    static let leavingStatic: Int32 = -2

    let id: String
    var instanceID: String?
    var rackID: String?
    var clientID = ""
    var clientHost = ""
    /// Sorted, each once.
    var topicNames: [String] = []
    /// Empty for none.
    var topicRegex = ""
    /// How long it may take to give up partitions, in ms.
    var rebalanceTimeoutMs: Int32 = -1
    /// The assignor that it asks for.
    var assignor: String?
    /// What it said in JoinGroup, for a member that speaks the classic protocol.
    var classic: ConsumerGroupMemberMetadataValue.ClassicMemberMetadata?

    var epoch: Int32 = 0
    /// The one before, in case the answer with the new one was lost.
    var previousEpoch: Int32 = -1
    var state = State.stable
    var assigned: EpochsByTopic = [:]
    var pendingRevocation: EpochsByTopic = [:]

    init(id: String) { self.id = id }

    /// The same member under another id, for a static member that comes back.
    init(id: String, inPlaceOf other: ConsumerGroupMember) {
        self.id = id
        instanceID = other.instanceID
        rackID = other.rackID
        clientID = other.clientID
        clientHost = other.clientHost
        topicNames = other.topicNames
        topicRegex = other.topicRegex
        rebalanceTimeoutMs = other.rebalanceTimeoutMs
        assignor = other.assignor
        classic = other.classic
        state = other.state
        assigned = other.assigned
        pendingRevocation = other.pendingRevocation
        previousEpoch = 0
    }

    var usesClassicProtocol: Bool { classic != nil }

    /// Whether the member has all of the target of `targetEpoch`, and nothing else.
    func isReconciled(to targetEpoch: Int32) -> Bool { state == .stable && epoch == targetEpoch }

    /// The epoch at which the member got a partition that it still has; `nil` for others.
    func assignmentEpoch(of partition: Int32, in topic: KafkaUUID) -> Int32? {
        assigned[topic]?[partition] ?? pendingRevocation[topic]?[partition]
    }

    /// Sorts topic names and drops repeated ones.
    static func normalized(_ names: [String]) -> [String] { Set(names).sorted() }
}

// MARK: Records

extension ConsumerGroupMember {
    /// Takes over what a record says of the member itself.
    mutating func update(_ value: ConsumerGroupMemberMetadataValue) {
        instanceID = value.instanceID
        rackID = value.rackID
        clientID = value.clientID
        clientHost = value.clientHost
        topicNames = Self.normalized(value.subscribedTopicNames)
        topicRegex = value.subscribedTopicRegex ?? ""
        rebalanceTimeoutMs = value.rebalanceTimeoutMs
        assignor = value.serverAssignor
        // The message's default is not null; a record that leaves it out has no such member.
        classic = value.classicMemberMetadata.flatMap { $0 == .init() ? nil : $0 }
    }

    /// Takes over what a record says of the member's partitions.
    mutating func update(_ value: ConsumerGroupCurrentMemberAssignmentValue) {
        epoch = value.memberEpoch
        previousEpoch = value.previousMemberEpoch
        state = State(rawValue: value.state) ?? .unknown
        assigned = Self.epochs(value.assignedPartitions, otherwise: value.memberEpoch)
        pendingRevocation = Self.epochs(
            value.partitionsPendingRevocation, otherwise: value.memberEpoch)
    }

    /// - Parameter epoch: of partitions whose epoch an older version did not write.
    private static func epochs(
        _ topics: [ConsumerGroupCurrentMemberAssignmentValue.TopicPartitions],
        otherwise epoch: Int32
    ) -> EpochsByTopic {
        var result: EpochsByTopic = [:]
        for topic in topics where !topic.partitions.isEmpty {
            let known = topic.assignmentEpochs ?? []
            let epochs =
                known.count == topic.partitions.count
                ? known : Array(repeating: max(epoch, 0), count: topic.partitions.count)
            result[topic.topicID] = Dictionary(
                zip(topic.partitions, epochs), uniquingKeysWith: { $1 })
        }
        return result
    }

    /// The record that says who the member is.
    func metadataRecord(of group: String) -> GroupRecord {
        .memberMetadata(
            ConsumerGroupMemberMetadataKey(groupID: group, memberID: id),
            ConsumerGroupMemberMetadataValue(
                instanceID: instanceID, rackID: rackID, clientID: clientID,
                clientHost: clientHost, subscribedTopicNames: topicNames,
                subscribedTopicRegex: topicRegex, rebalanceTimeoutMs: rebalanceTimeoutMs,
                serverAssignor: assignor, classicMemberMetadata: classic))
    }

    /// The record that says what the member has.
    func assignmentRecord(of group: String) -> GroupRecord {
        .currentAssignment(
            ConsumerGroupCurrentMemberAssignmentKey(groupID: group, memberID: id),
            ConsumerGroupCurrentMemberAssignmentValue(
                memberEpoch: epoch, previousMemberEpoch: previousEpoch, state: state.rawValue,
                assignedPartitions: Self.written(assigned),
                partitionsPendingRevocation: Self.written(pendingRevocation)))
    }

    private static func written(
        _ epochs: EpochsByTopic
    ) -> [ConsumerGroupCurrentMemberAssignmentValue.TopicPartitions] {
        epochs.sorted { $0.key < $1.key }.map { topic, partitions in
            let sorted = partitions.sorted { $0.key < $1.key }
            return .init(
                topicID: topic, partitions: sorted.map(\.key), assignmentEpochs: sorted.map(\.value)
            )
        }
    }
}
