public import KafkaWire

/// What the cluster's metadata says of one partition.
public struct PartitionAssignment: Equatable, Sendable {
    /// `none` while the partition has no leader.
    public var leader: BrokerID
    public var leaderEpoch: LeaderEpoch
    /// Grows with each change of the partition.
    public var partitionEpoch: Int32
    /// Who holds the partition, the preferred leader first.
    public var replicas: [BrokerID]
    /// Who holds every committed record.
    public var isr: [BrokerID]

    public init(
        leader: BrokerID, leaderEpoch: LeaderEpoch, partitionEpoch: Int32, replicas: [BrokerID],
        isr: [BrokerID]
    ) {
        self.leader = leader
        self.leaderEpoch = leaderEpoch
        self.partitionEpoch = partitionEpoch
        self.replicas = replicas
        self.isr = isr
    }
}

/// A new in-sync set that a leader asks the controller for (AlterPartition, KIP-497).
public struct IsrProposal: Equatable, Sendable {
    /// One broker of the set, with the epoch that it fetched with; -1 where none is known, as for
    /// the leader itself.
    public struct Member: Equatable, Sendable {
        public var broker: BrokerID
        public var brokerEpoch: Int64
        public init(broker: BrokerID, brokerEpoch: Int64) {
            self.broker = broker
            self.brokerEpoch = brokerEpoch
        }
    }
    public var topicID: KafkaUUID
    public var partition: Int32
    public var leaderEpoch: LeaderEpoch
    public var partitionEpoch: Int32
    public var isr: [Member]

    public init(
        topicID: KafkaUUID, partition: Int32, leaderEpoch: LeaderEpoch, partitionEpoch: Int32,
        isr: [Member]
    ) {
        self.topicID = topicID
        self.partition = partition
        self.leaderEpoch = leaderEpoch
        self.partitionEpoch = partitionEpoch
        self.isr = isr
    }
}

/// What became of an `IsrProposal`.
public enum IsrAnswer: Equatable, Sendable {
    /// The controller has this state of the partition now.
    case accepted(leaderEpoch: LeaderEpoch, partitionEpoch: Int32, isr: [BrokerID])
    /// The controller's error for the partition, or one that stands for a request that was lost.
    case refused(KafkaErrorCode)

    /// Error codes as Kafka numbers them (`KafkaError.rawValue`).
    public typealias KafkaErrorCode = Int16
}
