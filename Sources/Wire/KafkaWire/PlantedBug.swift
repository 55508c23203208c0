/// A bug that the simulator must find: each is one that brokers have had, or that is easily made.
///
/// One at a time can be switched on for the time of a simulation (`simulate --planted NAME`), in
/// debug builds and in those with the flag `PLANTED_BUGS` (`make planted`). In a release build
/// `isPlanted` is the constant false, and nothing of them is left.
package enum PlantedBug: String, CaseIterable, Sendable {
    // Durability
    /// Data is acknowledged without a sync.
    case unsyncedAck = "unsynced-ack"
    /// New files' names are not synced.
    case unsyncedNames = "unsynced-names"
    /// A segment that is rolled is forgotten by the next sync.
    case unsyncedRoll = "unsynced-roll"
    /// A sync that failed counts as done.
    case ignoredSyncError = "ignored-sync-error"
    /// What is written counts as held, synced or not.
    case eagerWatermark = "eager-watermark"
    // Recovery
    /// After a crash the log is taken for what its files say.
    case unrecoveredLog = "unrecovered-log"
    /// Recovery goes on over a hole between segments.
    case joinedHole = "joined-hole"
    /// Recovery does not check checksums.
    case uncheckedRecovery = "unchecked-recovery"
    // Producers
    /// A restart forgets the idempotent producers.
    case lostProducers = "lost-producers"
    /// A snapshot keeps the last batch of each producer alone.
    case shortSnapshot = "short-snapshot"
    /// A batch that comes again is appended again.
    case appendedRetry = "appended-retry"
    /// A producer of an old epoch may write.
    case zombieWrites = "zombie-writes"
    /// A batch that comes before its predecessors is appended.
    case acceptedGap = "accepted-gap"
    // Replication
    /// A replica that begins to follow cuts its log to its own high watermark (KIP-101).
    case watermarkTruncation = "watermark-truncation"
    /// A leader does not tell followers where their logs have parted (KIP-101).
    case unseenDivergence = "unseen-divergence"
    /// A follower cuts to where the leader's epoch ends, whoever wrote what lies before (KIP-279).
    case oneStepTruncation = "one-step-truncation"
    /// A leader serves fetches of any leader epoch (KIP-320).
    case unfencedFetch = "unfenced-fetch"
    /// What a truncation cuts off still counts as being on disk.
    case trustedTruncation = "trusted-truncation"
    /// The high watermark is counted over the leader alone.
    case watermarkOfOne = "watermark-of-one"
    /// The high watermark does not wait for a replica that is about to join the in-sync set.
    case uncountedJoiner = "uncounted-joiner"
    /// A replica joins the in-sync set before it has all that is committed.
    case earlyJoiner = "early-joiner"
    /// A replica is out of the in-sync set before the controller says so (KIP-497).
    case unconfirmedShrink = "unconfirmed-shrink"
    /// The high watermark moves under `min.insync.replicas` (KIP-966).
    case ignoredMinimum = "ignored-minimum"
    /// A new leader takes all that it has for committed.
    case hastyLeader = "hasty-leader"
    /// Consumers read up to the log's end.
    case uncommittedRead = "uncommitted-read"
    // Controller
    /// A replica that is not in sync may lead.
    case uncleanElection = "unclean-election"
    /// An in-sync set made of older metadata is taken (KIP-497).
    case staleIsr = "stale-isr"
    /// A broker that is fenced, or another instance by now, may join an in-sync set (KIP-841).
    case fencedJoiner = "fenced-joiner"
    /// A new leader leads in the epoch of the last one.
    case keptLeaderEpoch = "kept-leader-epoch"
    // The metadata quorum
    /// Votes and epochs are not on disk.
    case unpersistedVote = "unpersisted-vote"
    /// A voter votes for all that ask.
    case doubleVote = "double-vote"
    /// A candidate gets votes that lacks records.
    case staleCandidate = "stale-candidate"
    /// What the leader has is committed.
    case lonelyCommit = "lonely-commit"
    /// Records of older epochs are committed as such (Raft, section 5.4.2).
    case oldEpochCommit = "old-epoch-commit"
    /// A quorum's leader does not tell followers where their logs have parted.
    case unseenMetadataDivergence = "unseen-metadata-divergence"
    // Transactions
    /// The last stable offset passes open transactions.
    case unstableOffset = "unstable-offset"
    /// Aborted transactions are not indexed.
    case unlistedAbort = "unlisted-abort"
    /// The end of an old epoch's transaction is taken for the present one's.
    case lateEnd = "late-end"
    /// A new instance of a producer gets the old one's epoch.
    case keptEpoch = "kept-epoch"
    /// A transaction is complete before its markers are written.
    case hastyCompletion = "hasty-completion"
    /// Transactions that are left open stay open.
    case noTimeout = "no-timeout"
    /// Offsets of a transaction count before it commits.
    case earlyOffsets = "early-offsets"
    /// Offsets of a transaction do not count when it commits.
    case droppedOffsets = "dropped-offsets"
    // Compaction
    /// Compaction removes every marker.
    case droppedMarker = "dropped-marker"
    /// Compaction removes tombstones and leaves values before them.
    case earlyTombstone = "early-tombstone"
    /// Compaction drops the last value of a key.
    case droppedValue = "dropped-value"
    /// A cleaned segment whose swap failed half way is thrown away.
    case discardedSwap = "discarded-swap"
    /// Compaction takes aborted records for committed ones.
    case revivedAbort = "revived-abort"
    // Groups
    /// Any generation may commit offsets.
    case staleCommit = "stale-commit"
    /// A member gets partitions that another one still has.
    case doubleOwner = "double-owner"
    /// An assignment by a clock that is ahead holds up the next one.
    case clockBoundAssignment = "clock-bound-assignment"
    /// A new coordinator reads its log up to the high watermark alone.
    case shortLoad = "short-load"
    /// A coordinator answers before its records are committed.
    case earlyAnswer = "early-answer"
    // Connections
    /// Answers leave in the order in which they are ready.
    case hurriedAnswers = "hurried-answers"

    #if DEBUG || PLANTED_BUGS
        @TaskLocal package static var active: PlantedBug?
    #endif

    /// Whether this bug is to be had.
    @inlinable package var isPlanted: Bool {
        #if DEBUG || PLANTED_BUGS
            Self.active == self
        #else
            false
        #endif
    }
}
