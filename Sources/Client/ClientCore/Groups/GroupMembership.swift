import KafkaProtocol
public import KafkaWire

/// What changes in a consumer's partitions, told in order.
public enum RebalanceEvent: Sendable, Equatable {
    /// These are the consumer's from now on, beside those that it has.
    case assigned([TopicPartition])
    /// These will be the consumer's no longer; offsets can be committed until the event has been
    /// handled.
    case revoked([TopicPartition])
    /// These went to others already: nothing can be committed for them.
    case lost([TopicPartition])
}

/// An offset as a group keeps it.
public struct CommittedOffset: Sendable, Hashable {
    /// The next record to be read.
    public var offset: Offset
    /// The epoch of the record before; `.none` when unknown.
    public var leaderEpoch: LeaderEpoch
    /// Whatever the committer added.
    public var metadata: String

    public init(_ offset: Offset, leaderEpoch: LeaderEpoch = .none, metadata: String = "") {
        self.offset = offset
        self.leaderEpoch = leaderEpoch
        self.metadata = metadata
    }
}

/// Which topics a consumer subscribes to.
public enum Subscription: Sendable {
    case topics([String])
    /// All topics that match; the text is the pattern as the coordinator understands it (RE2J, for
    /// the protocol `consumer`).
    case pattern(String, matches: @Sendable (String) -> Bool)
}

/// A consumer's place in its group.
///
/// Classic: `out` → `joining` (JoinGroup is under way) → `assigning` (we assign, and wait for
/// metadata) → `syncing` → `stable` → `out` when the group rebalances. With the protocol
/// `consumer` only `out` and `stable` are used: heartbeats do the rest. `left` and `failed` are
/// ends. While `ticket` is set, the user handles a revocation, and nothing moves but heartbeats
/// and commits.
struct GroupMembership {
    enum Phase: Equatable { case out, joining, assigning, syncing, stable, left, failed }

    let settings: GroupSettings
    var subscription: Subscription?
    var phase = Phase.out
    var coordinator: BrokerID?
    var isFinding = false
    /// Nothing is asked of the coordinator before then, heartbeats and commits apart.
    var notBefore: ClientInstant?
    var failures = 0
    var memberID = ""
    /// The generation, or the member's epoch; -1 outside of the group.
    var generation: Int32 = -1
    var assignor: Assignor?
    /// Members that we assign to.
    var members: [MemberSubscription] = []
    /// What the assignment was computed from: partitions of the group's topics.
    var assignedCounts: [String: Int]?
    var nextHeartbeat: ClientInstant?
    var heartbeatInterval: Duration
    var isBeating = false
    var needsRejoin = false
    /// Set while the user handles `revoked`; `then` is what has been revoked.
    var ticket: UInt64?
    var revoking: Set<TopicPartition> = []
    /// With the protocol `consumer`: what the coordinator wants us to have.
    var targetIDs: [ConsumerGroupHeartbeatResponse.TopicPartitions]?
    /// What we had in the last generation, for assignors that are sticky.
    var lastOwned: [TopicPartition] = []
    var lastGeneration: Int32 = -1
    /// The topics that we last joined with.
    var joinedTopics: [String] = []
    /// Whether the request to leave is under way.
    var isSayingGoodbye = false
    /// What we last told the coordinator that we have.
    var toldOwned: [TopicPartition]?
    var nextCommit: ClientInstant?
    /// When the rebalance that is under way began for us.
    var rebalancing: ClientInstant?
    var isLeaving = false

    init(_ settings: GroupSettings) {
        self.settings = settings
        heartbeatInterval = settings.heartbeatInterval
    }

    var isCooperative: Bool { settings.assignors.allSatisfy(\.isCooperative) }

    /// Whether requests may name us as a member.
    var isMember: Bool { generation >= 0 && !memberID.isEmpty }

    /// The topics of the subscription, sorted, as far as the metadata knows.
    func topics(_ metadata: ClusterMetadata) -> [String] {
        switch subscription {
        case nil: []
        case .topics(let names): Set(names).sorted()
        case .pattern(_, let matches):
            metadata.topics.values.filter { !$0.isInternal && matches($0.name) }.map(\.name)
                .sorted()
        }
    }

    /// Forgets the membership, not the member id.
    mutating func step(out reason: Phase = .out) {
        phase = reason
        generation = -1
        needsRejoin = false
        nextHeartbeat = nil
        targetIDs = nil
        toldOwned = nil
        assignedCounts = nil
        members = []
    }
}

/// A commit that has not ended.
struct PendingCommit {
    /// `nil` for one that nobody waits for.
    var waiter: UInt64?
    var offsets: [TopicPartition: CommittedOffset]
    var deadline: ClientInstant
    var notBefore: ClientInstant?
    var isInFlight = false
}

/// A user's question for committed offsets.
struct PendingOffsetFetch {
    /// `nil` for positions of assigned partitions.
    var waiter: UInt64?
    var partitions: [TopicPartition]
    var deadline: ClientInstant
    var notBefore: ClientInstant?
    var isInFlight = false
    /// By which the answer is known.
    var number: UInt64 = 0
}
