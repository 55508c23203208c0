import KafkaRecords
import KafkaWire

/// Stands for one opened log, as long as anybody asks about it.
final class LogIdentity: Sendable {}

/// What a log that is being moved to another log directory keeps for the move.
struct MovingState: Sendable {
    /// The lowest end that truncations have given the log since the move last looked.
    var truncatedTo: Offset?
    /// While set, flushes leave `flushedOffset` where it is; how far they have got.
    var heldFlush: Offset?

    mutating func truncated(to end: Offset) {
        truncatedTo = min(truncatedTo ?? end, end)
        if let held = heldFlush { heldFlush = min(held, end) }
    }
}

extension PartitionLog {
    /// Whether a move to another log directory is under way, or has swapped this log in and has
    /// not ended yet. Such a log is not compacted: a tombstone must not go before the copy has it.
    public var isMoving: Bool { moving != nil }

    /// The topic is gone, and the directory may be at any moment: no flush, no cleaning and no move
    /// of this log begins any more, and what is under way is to end.
    public func retire() { isRetired = true }

    /// Ends the part of a log in a move: flushes count again, what they did meanwhile included.
    public func endMoving() {
        guard let state = moving else { return }
        moving = nil
        if let held = state.heldFlush {
            flushedOffset = max(flushedOffset, min(held, logEndOffset))
        }
    }

    /// From now on flushes do not move `flushedOffset`, until `endMoving`: nothing is counted as
    /// held that only this log has on disk.
    func holdFlushes() {
        if moving?.heldFlush == nil { moving?.heldFlush = flushedOffset }
    }

    /// Gives the partition's directory another name, not durably.
    func rename(to newDirectory: String) throws(LogError) {
        try failingLog { () throws(FileError) in
            try fileSystem.rename(directory, to: newDirectory)
            directory = newDirectory
            for segment in segments { segment.moved(to: newDirectory) }
        }
    }

    /// The header of the batch that holds `offset`, or, where the log is compacted, of the next.
    func header(at offset: Offset) throws(LogError) -> RecordBatchHeader? {
        try reading { () throws(FileError) in
            try segments[segmentIndex(of: offset)].batch(holding: offset)?.header
        }
    }

    /// Whether it holds no batch at all.
    var isBare: Bool { segments.count == 1 && active.size == 0 }

    /// What a copy of all batches below the log's end does not get from the batches.
    struct Handover {
        var end: Offset
        var producers: ProducerTable
        var epochs: LeaderEpochCache
    }

    var handover: Handover { Handover(end: logEndOffset, producers: producers, epochs: epochs) }

    /// Takes over what the original remembers. This log holds all of its batches; offsets may be
    /// missing at the end, where the original is compacted.
    ///
    /// - Parameter rolls: a segment begins at the end, so that recovery finds the producers in a
    ///   snapshot: some may have no record left to learn them from.
    func take(_ handover: Handover, rolls: Bool, now: Int64) throws(LogError) {
        precondition(handover.end >= logEndOffset, "the copy is longer than the original")
        try failingLog { () throws(FileError) in
            let isShort = handover.end > logEndOffset
            producers = handover.producers
            if epochs != handover.epochs {
                epochs = handover.epochs
                unsynced.epochs = true
            }
            logEndOffset = handover.end
            if isShort || rolls && active.size > 0 {
                try rollSegment(at: handover.end, now: now)
            }
        }
    }
}
