import KafkaWire

/// What a consumer knows of one partition that it is assigned.
///
/// States: `unknown` (no position) → `asking` (ListOffsets is under way) → `fetching`, and back to
/// `unknown` when the offset is out of range; `fetching` → `validating` when the leader's epoch
/// has changed, to see whether the position is still on the log (KIP-320). `failed` stays until a
/// seek.
final class ConsumedPartition {
    enum State {
        /// Wants the offset for this timestamp, or for a special value of ListOffsets.
        case unknown(timestamp: Int64)
        /// Waits to hear what the group has committed.
        case awaitingCommitted
        case asking
        case fetching
        case validating
        case failed
    }

    let id: TopicPartition
    var state: State
    /// Grows with each seek: what was fetched before it does not count any more.
    var generation: UInt64
    /// What will be fetched next.
    var fetchOffset = Offset.zero
    /// The epoch of the batch before `fetchOffset`; `.none` when unknown.
    var fetchEpoch = LeaderEpoch.none
    /// What the reader will be given next.
    var position: Offset?
    var positionEpoch = LeaderEpoch.none
    /// The leader's epoch under which the position was found to be on the log.
    var validatedEpoch = LeaderEpoch.none
    var isPaused = false
    /// It is being given up: nothing more of it is read.
    var isRevoked = false
    /// What the group has committed, as far as we know.
    var committed: Offset?
    /// Bytes that were fetched and not read.
    var bufferedBytes = 0
    /// Nothing is asked before then.
    var retryAt: ClientInstant?
    var failures = 0
    var highWatermark: Offset?
    var lastStableOffset: Offset?
    var logStartOffset: Offset?
    /// Where the leader sent us (KIP-392), until it has to be asked again.
    var preferredReplica: BrokerID?
    var preferredUntil: ClientInstant?

    init(_ id: TopicPartition, generation: UInt64, timestamp: Int64) {
        self.id = id
        self.generation = generation
        state = .unknown(timestamp: timestamp)
    }

    /// Begins at `offset`.
    func seek(to offset: Offset, epoch: LeaderEpoch = .none, generation: UInt64) {
        self.generation = generation
        fetchOffset = offset
        fetchEpoch = epoch
        position = offset
        positionEpoch = epoch
        validatedEpoch = .none
        bufferedBytes = 0
        failures = 0
        retryAt = nil
        preferredReplica = nil
        state = .fetching
    }

    /// Forgets the position and looks it up by `timestamp`.
    func lookUp(timestamp: Int64, generation: UInt64) {
        self.generation = generation
        position = nil
        bufferedBytes = 0
        preferredReplica = nil
        state = .unknown(timestamp: timestamp)
    }
}

/// Special timestamps of ListOffsets.
enum OffsetTimestamp {
    static let latest: Int64 = -1
    static let earliest: Int64 = -2
}
