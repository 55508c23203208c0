/// A bug that the simulator must find: each is one that brokers have had, or that is easily made.
///
/// One at a time can be switched on, in debug builds only, for the time of a simulation
/// (`simulate --planted NAME`). In a release build `isPlanted` is the constant false, and nothing
/// of them is left.
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
    /// Compaction takes aborted records for committed ones.
    case revivedAbort = "revived-abort"
    // Groups
    /// Any generation may commit offsets.
    case staleCommit = "stale-commit"
    /// A member gets partitions that another one still has.
    case doubleOwner = "double-owner"
    /// A coordinator answers before its records are committed.
    case earlyAnswer = "early-answer"
    // Connections
    /// Answers leave in the order in which they are ready.
    case hurriedAnswers = "hurried-answers"

    #if DEBUG
        @TaskLocal package static var active: PlantedBug?
    #endif

    /// Whether this bug is to be had.
    @inlinable package var isPlanted: Bool {
        #if DEBUG
            Self.active == self
        #else
            false
        #endif
    }
}
