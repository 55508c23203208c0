import KafkaRecords
public import KafkaWire
public import LogStorage

/// What a follower does with its leader's records.
extension PartitionReplica {
    /// What a follower asks its leader for.
    public struct FetchPosition: Equatable, Sendable {
        public var offset: Offset
        /// The epoch of the last record, by which the leader sees whether the logs have parted.
        public var lastEpoch: LeaderEpoch
        public var logStartOffset: Offset
    }

    /// Whether this replica follows `leader` in `epoch`.
    public func follows(_ leader: BrokerID, in epoch: LeaderEpoch) -> Bool {
        role == .follower(of: leader, epoch)
    }

    /// Where this follower goes on; `nil` while what it has is not on disk, in which case `ticket`
    /// is woken once it is.
    ///
    /// The leader takes the offset for what this replica holds.
    public func fetchPosition(durability: Durability, ticket: WaitTicket) -> FetchPosition? {
        guard isSynced(durability: durability) else {
            sometimes(.followerAwaitsSync)
            waiters.awaitSync(log.logEndOffset, ticket)
            return nil
        }
        return position
    }

    /// Where the log ends, be it on disk or not.
    public var position: FetchPosition {
        FetchPosition(
            offset: log.logEndOffset, lastEpoch: log.latestEpoch,
            logStartOffset: log.logStartOffset)
    }

    /// Whether this replica counts all that it has as held.
    public func isSynced(durability: Durability) -> Bool {
        held(durability) >= log.logEndOffset
    }

    /// Appends what the leader of `epoch` sent, at the log's end.
    ///
    /// Batches of a later epoch are left out: the answer may be older than what its sender has done
    /// since (KAFKA-18723). A log that is empty may begin in the middle of the first batch.
    public func appendAsFollower(
        _ batches: RawSpan, epoch: LeaderEpoch
    ) throws(AppendError) {
        let start = log.logStartOffset
        if log.logEndOffset == start, let first = try? RecordBatchHeader(batches, at: 0),
            first.baseOffset >= .zero, first.baseOffset < start, first.nextOffset > start
        {
            sometimes(.followerBeginsInBatch)
            do throws(LogError) {
                try log.truncateFullyAndStart(at: first.baseOffset)
            } catch {
                throw AppendError(error)
            }
            truncated()
        }
        _ = try log.appendReplicated(batches, upToEpoch: epoch)
    }

    /// Takes over the leader's high watermark and log start as far as this log goes; whom to wake.
    public func learn(
        highWatermark leaders: Offset, logStartOffset: Offset
    ) throws(LogError) -> Wakes {
        let reached = min(leaders, log.logEndOffset)
        var hasMoved = false
        if reached > highWatermark {
            highWatermark = reached
            hasMoved = true
        }
        let start = min(logStartOffset, highWatermark)
        if start > log.logStartOffset {
            sometimes(.followerLearnsStart)
            try log.deleteRecords(before: start)
        }
        return hasMoved ? waiters.takeSatisfied(highWatermark) : []
    }

    // MARK: Truncation

    /// Where this log has to end before it can go on, given where the leader says that the last
    /// epoch they may share ends (KIP-101, KIP-279).
    ///
    /// When the leader's epoch is not in this log, it is cut to the last earlier one, and the next
    /// fetch finds out more.
    public func truncationOffset(divergingEpoch epoch: LeaderEpoch, endOffset: Offset) -> Offset {
        guard endOffset >= .zero else { return highWatermark }
        let end = log.logEndOffset
        guard epoch != .none else { return min(endOffset, end) }
        let (own, ownEnd) = log.endOffset(forEpoch: epoch)
        if own == .none {
            return min(endOffset, end)
        }
        if PlantedBug.oneStepTruncation.isPlanted { return min(endOffset, end) }
        if own == epoch {
            sometimes(.followerTruncatedByEpoch)
            return min(ownEnd, endOffset, end)
        }
        return min(ownEnd, end)
    }

    /// Lets nothing of what a truncation to `offset` cuts off count as being on disk; whether a
    /// checkpoint of the recovery point is to be written before, for recovery trusts what lies
    /// below it.
    public func prepareTruncation(to offset: Offset) throws(LogError) -> Bool {
        flush = FlushProgress()
        return try log.prepareTruncation(to: offset)
    }

    /// Cuts the log off at `offset`.
    public func truncate(to offset: Offset) throws(LogError) {
        try log.truncate(to: offset)
        truncated()
    }

    /// Drops the whole log and begins anew at `offset`, where the leader's log begins.
    public func truncateFullyAndStart(at offset: Offset) throws(LogError) {
        try log.truncateFullyAndStart(at: offset)
        truncated()
    }

    private func truncated() {
        highWatermark = min(max(highWatermark, log.logStartOffset), log.logEndOffset)
    }
}

extension AppendError {
    /// What a failure of the log means for an append.
    init(_ error: LogError) {
        switch error {
        case .io(let cause), .failed(let cause): self = .io(cause)
        case .offsetOutOfRange, .corrupt: self = .kafka(error.kafkaError, "\(error)")
        }
    }
}
