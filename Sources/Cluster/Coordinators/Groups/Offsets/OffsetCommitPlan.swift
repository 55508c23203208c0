import KafkaProtocol
import KafkaWire

/// A request to commit offsets as it is decided on: the records to write, and each partition's
/// outcome in the order of the request.
struct OffsetCommitPlan {
    private let groupID: String
    private let group: (any CoordinatedGroup)?
    private let committer: OffsetCommitter
    private let metadataLimit: Int
    private let commitMs: Int64
    private let expireMs: Int64
    private var planned: [GroupRecord] = []
    private var outcomes: [KafkaError] = []
    /// Why the group refuses the request as a whole.
    private(set) var fault: KafkaError

    /// - Parameter expireMs: when the offsets go, -1 for the broker's retention.
    init(
        _ machine: GroupMachine, _ groupID: String, _ committer: OffsetCommitter, _ now: Moment,
        expireMs: Int64 = -1
    ) {
        self.groupID = groupID
        self.committer = committer
        self.expireMs = expireMs
        commitMs = now.wallMs
        metadataLimit = Int(machine.settings.offsetMetadataMaxBytes)
        group = machine.groups[groupID]?.common
        fault = group?.commitFault(committer) ?? committer.faultWithoutGroup
        if PlantedBug.staleCommit.isPlanted { fault = .none }
    }

    /// Decides on one partition.
    mutating func add(
        _ target: CommitTarget, _ partition: Int32, _ offset: Int64, leaderEpoch: Int32,
        metadata: String?
    ) {
        let error = check(target, partition, metadata)
        outcomes.append(error)
        guard error == .none else { return }
        planned.append(
            .offsetCommit(
                OffsetCommitKey(group: groupID, topic: target.name, partition: partition),
                OffsetCommitValue(
                    offset: offset, leaderEpoch: leaderEpoch, metadata: metadata ?? "",
                    commitTimestamp: commitMs, expireTimestamp: expireMs, topicID: target.id)))
    }

    private mutating func check(
        _ target: CommitTarget, _ partition: Int32, _ metadata: String?
    ) -> KafkaError {
        if let missing = target.fault(of: partition) { return missing }
        guard fault == .none else { return fault }
        // Kafka counts UTF-16 units.
        if let metadata, metadata.utf16.count > metadataLimit { return .offsetMetadataTooLarge }
        guard !PlantedBug.staleCommit.isPlanted else { return .none }
        fault =
            group?.partitionCommitFault(committer, topic: target.id, partition: partition) ?? .none
        return fault
    }

    /// What is to be written: all that could be committed, or nothing if the group refuses.
    var records: [GroupRecord] { fault == .none ? planned : [] }

    /// The partitions' outcomes: a refusal of the group counts for all that exist.
    var errors: [KafkaError] {
        guard fault != .none else { return outcomes }
        sometimes(.commitOfStaleMember)
        return outcomes.map { error in
            switch error {
            case .unknownTopicID, .unknownTopicOrPartition: error
            default: fault
            }
        }
    }
}

/// Who commits offsets, as the request says.
struct OffsetCommitter {
    var memberID: String
    var instanceID: String?
    /// Generation of a classic group, member epoch of a consumer group; -1 outside of a group.
    var generationOrEpoch: Int32
    /// Whether the commit is part of a transaction (TxnOffsetCommit).
    var isTransactional: Bool
    var apiVersion: Int16

    /// Why offsets cannot be committed to a group that is not there. A client outside of any group
    /// can: its first commit makes the group.
    fileprivate var faultWithoutGroup: KafkaError {
        if generationOrEpoch < 0 { return .none }
        return apiVersion >= (isTransactional ? 6 : 9) ? .groupIDNotFound : .illegalGeneration
    }
}

/// A topic to commit offsets for, as the request names it and the cluster knows it.
struct CommitTarget {
    var name: String
    var id: KafkaUUID
    private var partitions: Int32
    private var unknown: KafkaError

    /// - Parameter hasID: whether the request names the topic by id.
    init(_ name: String, _ id: KafkaUUID, hasID: Bool, _ metadata: any GroupMetadataSource) {
        self.name = hasID ? metadata.topicName(of: id) ?? "" : name
        self.id = hasID ? id : metadata.topicID(of: name) ?? .zero
        let count = metadata.partitionCount(of: self.id)
        partitions = count ?? 0
        unknown = hasID && count == nil ? .unknownTopicID : .unknownTopicOrPartition
    }

    /// Why there is no such partition; `nil` if there is.
    func fault(of partition: Int32) -> KafkaError? {
        0 <= partition && partition < partitions ? nil : unknown
    }
}
