import KafkaWire
public import LogStorage

/// How soon the unsynced records of a partition have to be on disk (`martlet.durability=flushed`).
public enum FlushUrgency: Int, Comparable, Sendable {
    /// Nobody waits: within the flush interval, together with what comes until then.
    case paced
    /// A consumer waits for records: at once when the disk keeps up, a few milliseconds later when
    /// it does not.
    case awaited
    /// An answer waits, or too much is unsynced: at once.
    case required

    public static func < (left: FlushUrgency, right: FlushUrgency) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension PartitionReplica {
    /// The sync that the log calls for now, if it is more urgent than what was asked for since the
    /// last one began; the caller has the flush thread do it.
    ///
    /// - Parameter mostBytes: unsynced bytes from which on nothing is left to the pace.
    public func takeFlushRequest(durability: Durability, mostBytes: Int) -> FlushUrgency? {
        guard durability == .flushed, log.logEndOffset > flush.covered(log) else { return nil }
        let urgency = flushUrgency(mostBytes)
        if let asked = flush.asked, asked >= urgency { return nil }
        flush.asked = urgency
        return urgency
    }

    private func flushUrgency(_ mostBytes: Int) -> FlushUrgency {
        if let awaited = waiters.lastAwaitedOffset, awaited > flush.covered(log) {
            return .required
        }
        if log.appendedBytes - flush.begunBytes >= mostBytes { return .required }
        return waiters.hasFetches ? .awaited : .paced
    }

    /// Begins a sync of all that the log holds now; `nil` when all is on disk.
    public func beginFlush() -> FlushTicket? {
        flush.asked = nil
        flush.begunBytes = log.appendedBytes
        let ticket = log.beginFlush()
        flush.begunOffset = ticket?.endOffset
        return ticket
    }

    /// Takes over what a sync has made durable; whom to wake. After a failure the log takes and
    /// gives nothing any more.
    public func completeFlush(
        _ result: FlushResult, durability: Durability
    ) throws(FileError) -> Wakes {
        flush.begunOffset = nil
        try log.completeFlush(result)
        return flushed(durability: durability)
    }

    /// More of the log may count as being on disk; whom to wake.
    public func flushed(durability: Durability) -> Wakes {
        let synced = waiters.takeSynced(log.flushedOffset)
        let wakes = advanceHighWatermark(durability: durability)
        return synced.isEmpty ? wakes : wakes + synced
    }
}

/// What a replica knows of the syncs of its log.
struct FlushProgress {
    /// The most urgent sync that was asked for and has not begun.
    var asked: FlushUrgency?
    /// Where the sync ends that is under way.
    var begunOffset: Offset?
    /// The bytes ever appended when the last one began.
    var begunBytes = 0

    /// What lies below is on disk, or will be when the sync that is under way has ended.
    func covered(_ log: PartitionLog) -> Offset {
        begunOffset.map { max($0, log.flushedOffset) } ?? log.flushedOffset
    }
}
