import KafkaProtocol
import KafkaWire

/// Where one partition's replicas are, which of them are in sync, and who leads.
public struct PartitionImage: Equatable, Sendable {
    /// The partition's number, from 0.
    public var id: Int32
    /// Brokers that hold the partition, the preferred leader first.
    public var replicas: [Int32]
    /// The log directory of each replica, in the order of `replicas`; see `DirectoryID`.
    public var directories: [KafkaUUID]
    /// The replicas that hold every committed record.
    public var isr: [Int32]
    /// Replicas that a reassignment will take away.
    public var removingReplicas: [Int32]
    /// Replicas that a reassignment brings.
    public var addingReplicas: [Int32]
    /// Eligible leader replicas: out of the ISR, yet known to hold all committed records (KIP-966).
    public var eligibleLeaderReplicas: [Int32]
    /// The last leader, kept once the partition has none.
    public var lastKnownELR: [Int32]
    /// The leader, `noLeader` when there is none.
    public var leader: Int32
    /// Whether the leader was elected uncleanly and has not recovered yet.
    public var isRecovering: Bool
    /// Grows with each election.
    public var leaderEpoch: Int32
    /// Grows with each change of the partition.
    public var partitionEpoch: Int32

    /// The leader's id when there is none.
    public static let noLeader: Int32 = -1
    /// `leader` of a change record that leaves the leader alone.
    static let noLeaderChange: Int32 = -2

    /// The first replica, which balancing brings back to lead.
    public var preferredLeader: Int32 { replicas.first ?? Self.noLeader }
    /// Whether a reassignment is under way.
    public var isReassigning: Bool { !addingReplicas.isEmpty || !removingReplicas.isEmpty }

    /// The directory that `broker` keeps the partition in; `nil` when it holds no replica.
    public func directory(of broker: Int32) -> KafkaUUID? {
        replicas.firstIndex(of: broker).map { directories[$0] }
    }

    /// A new partition with a leader from `isr`, at epoch 0.
    ///
    /// - Precondition: `isr` is not empty, and there are as many directories as replicas.
    init(id: Int32, replicas: [Int32], directories: [KafkaUUID], isr: [Int32]) {
        precondition(!isr.isEmpty, "a new partition needs an in-sync replica to lead it")
        precondition(directories.count == replicas.count, "every replica has one directory")
        self.id = id
        self.replicas = replicas
        self.directories = directories
        self.isr = isr == replicas ? replicas : isr
        removingReplicas = []
        addingReplicas = []
        eligibleLeaderReplicas = []
        lastKnownELR = []
        leader = isr[0]
        isRecovering = false
        leaderEpoch = 0
        partitionEpoch = 0
    }
}

extension PartitionImage {
    init(_ record: PartitionRecord) throws(ReplayError) {
        id = record.partitionID
        replicas = record.replicas
        directories = try Self.directories(
            record.directories, replicas: record.replicas.count, of: record.topicID)
        // One array serves both while every replica is in sync, which is nearly always.
        isr = record.isr == record.replicas ? record.replicas : record.isr
        removingReplicas = record.removingReplicas
        addingReplicas = record.addingReplicas
        eligibleLeaderReplicas = record.eligibleLeaderReplicas ?? []
        lastKnownELR = record.lastKnownElr ?? []
        leader = record.leader
        isRecovering = record.leaderRecoveryState == 1
        leaderEpoch = record.leaderEpoch
        partitionEpoch = record.partitionEpoch
    }

    /// A record without directories comes from a level that had none.
    private static func directories(
        _ given: [KafkaUUID], replicas: Int, of topicID: KafkaUUID
    ) throws(ReplayError) -> [KafkaUUID] {
        if given.isEmpty { return Array(repeating: DirectoryID.migrating, count: replicas) }
        guard given.count == replicas else {
            throw .inconsistent(
                "topic \(topicID): \(given.count) directories for \(replicas) replicas")
        }
        return given
    }

    /// Applies a change record: each change raises the partition epoch, a given leader also the
    /// leader epoch, even when it is the same broker.
    mutating func apply(_ change: PartitionChangeRecord) throws(ReplayError) {
        var next = self
        next.replicas = change.replicas ?? replicas
        if let given = change.directories {
            next.directories = try Self.directories(
                given, replicas: next.replicas.count, of: change.topicID)
        } else if next.replicas.count != directories.count {
            next.directories = Array(
                repeating: DirectoryID.migrating, count: next.replicas.count)
        }
        if let changed = change.isr { next.isr = changed }
        if next.isr == next.replicas { next.isr = next.replicas }
        next.removingReplicas = change.removingReplicas ?? removingReplicas
        next.addingReplicas = change.addingReplicas ?? addingReplicas
        next.eligibleLeaderReplicas = change.eligibleLeaderReplicas ?? eligibleLeaderReplicas
        next.lastKnownELR = change.lastKnownElr ?? lastKnownELR
        if change.leader != Self.noLeaderChange {
            next.leader = change.leader
            if !PlantedBug.keptLeaderEpoch.isPlanted { next.leaderEpoch &+= 1 }
        }
        if change.leaderRecoveryState >= 0 { next.isRecovering = change.leaderRecoveryState == 1 }
        next.partitionEpoch &+= 1
        self = next
    }

    /// Forgets eligible and last known leaders; does nothing, and raises no epoch, without any.
    ///
    /// - Returns: whether there were any.
    mutating func clearEligibleLeaders() -> Bool {
        if eligibleLeaderReplicas.isEmpty, lastKnownELR.isEmpty { return false }
        eligibleLeaderReplicas = []
        lastKnownELR = []
        partitionEpoch &+= 1
        return true
    }

    /// The record that re-creates this partition. What `version` cannot hold is left out.
    func record(of topicID: KafkaUUID, options: RecordOptions) -> PartitionRecord {
        var record = PartitionRecord()
        record.partitionID = id
        record.topicID = topicID
        record.replicas = replicas
        record.isr = isr
        record.removingReplicas = removingReplicas
        record.addingReplicas = addingReplicas
        record.leader = leader
        record.leaderRecoveryState = isRecovering ? 1 : 0
        record.leaderEpoch = leaderEpoch
        record.partitionEpoch = partitionEpoch
        if options.version.supportsDirectories { record.directories = directories }
        if options.version.supportsEligibleLeaderReplicas, options.eligibleLeaderReplicas {
            if !eligibleLeaderReplicas.isEmpty {
                record.eligibleLeaderReplicas = eligibleLeaderReplicas
            }
            if !lastKnownELR.isEmpty { record.lastKnownElr = lastKnownELR }
        }
        return record
    }
}

/// What shapes the records that are written: the level and whether ELR is on.
struct RecordOptions {
    var version: MetadataVersion
    /// Whether `eligible.leader.replicas.version` is 1 or more.
    var eligibleLeaderReplicas: Bool
}
