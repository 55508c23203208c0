import KafkaWire

/// What a quorum member is configured with.
public struct QuorumSettings: Sendable {
    /// `controller.quorum.voters`; holds until the log names voters (kraft.version 1).
    public var staticVoters: VoterSet
    /// `controller.quorum.bootstrap.servers`; empty when static voters take their place.
    public var bootstrap: [QuorumEndpoint]
    /// The listeners of this controller, the default one first; empty on a broker that is no
    /// controller.
    public var listeners: [QuorumListener]
    /// The first of `controller.listener.names`: by which listener others are reached.
    public var listenerName: String
    /// Whether this node is a controller, and so may become a voter.
    public var mayVote: Bool
    /// `controller.quorum.auto.join.enable` (KIP-1186)
    public var autoJoin = false
    /// `controller.quorum.election.timeout.ms`
    public var electionTimeoutMs: Int64 = 1000
    /// `controller.quorum.fetch.timeout.ms`
    public var fetchTimeoutMs: Int64 = 2000
    /// How soon a voter asks for votes whose connection to the leader broke and did not come back;
    /// up to twice as long, by chance. Those that still hear of the leader refuse in the pre-vote.
    public var disconnectGraceMs: Int64 = 100
    /// `controller.quorum.election.backoff.max.ms`
    public var electionBackoffMaxMs: Int64 = 1000
    /// `controller.quorum.request.timeout.ms`
    public var requestTimeoutMs: Int64 = 2000
    /// `controller.quorum.retry.backoff.ms`
    public var retryBackoffMs: Int64 = 20
    /// `controller.quorum.fetch.max.bytes`
    public var fetchMaxBytes: Int32 = 1 << 20
    /// `controller.quorum.fetch.snapshot.max.bytes`
    public var fetchSnapshotMaxBytes: Int32 = 1 << 20
    /// `metadata.max.retention.bytes`: log and snapshots together; negative for no limit.
    public var retentionBytes: Int64 = 100 << 20
    /// `metadata.max.retention.ms`: the age of a snapshot's last record; negative for no limit.
    public var retentionMs: Int64 = 604_800_000
    /// `metadata.log.segment.bytes`
    public var segmentBytes = 1 << 30
    /// `metadata.log.segment.ms`
    public var segmentMs: Int64 = 604_800_000
    /// How long a leader may hold a fetch that has nothing new.
    public var fetchMaxWaitMs: Int32 = 500

    public init(
        staticVoters: VoterSet = VoterSet(), bootstrap: [QuorumEndpoint] = [],
        listeners: [QuorumListener] = [], listenerName: String, mayVote: Bool
    ) {
        self.staticVoters = staticVoters
        self.bootstrap = bootstrap
        self.listeners = listeners
        self.listenerName = listenerName
        self.mayVote = mayVote
    }
}

/// The time that a quorum member is told.
public struct QuorumTime: Equatable, Sendable {
    /// Milliseconds since some instant; never goes back. For timeouts.
    public var monotonic: Int64
    /// Milliseconds since 1970. For records and descriptions.
    public var wall: Int64
    public init(monotonic: Int64, wall: Int64) {
        self.monotonic = monotonic
        self.wall = wall
    }
}
