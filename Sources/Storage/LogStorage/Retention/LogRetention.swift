public import KafkaWire

/// What a pass of retention did to one log.
public struct RetentionResult: Sendable, Equatable {
    /// Why each segment went, from the oldest on.
    public var reasons: [RetentionPlan.Reason] = []
    /// Bytes of log that are given up.
    public var bytes = 0
    /// The files that are out of use, by their new names; remove them once `file.delete.delay.ms`
    /// has passed (`PendingDeletions`). A restart removes them as well.
    public var files: [String] = []
}

extension PartitionLog {
    /// Gives up the oldest segments as far as time, size and the log start offset ask for it, and
    /// moves the log start along.
    ///
    /// Under the lock only names change; nothing is read but what the indexes say about the
    /// youngest record of a segment.
    /// - Parameter now: milliseconds since the epoch.
    public func applyRetention(now: Int64, highWatermark: Offset) throws(LogError)
        -> RetentionResult
    {
        let plan = try retentionPlan(now: now, highWatermark: highWatermark)
        guard plan.count > 0 else { return RetentionResult() }
        let result = try failingLog { () throws(FileError) in
            if plan.rollsActiveSegment {
                sometimes(.retentionRollsSegment)
                try rollSegment(at: logEndOffset, now: now)
            }
            sometimes(.retentionDeletes)
            let given = Array(segments[..<plan.count])
            var result = RetentionResult(reasons: plan.reasons)
            for segment in given {
                result.bytes += segment.size
                result.files += try giveUp(segment)
            }
            segments.removeFirst(given.count)
            unsynced.segments.removeAll { segment in given.contains { $0 === segment } }
            unsynced.names = true
            let start = segments[0].baseOffset
            for snapshot in snapshots where snapshot < start { try removeSnapshot(snapshot) }
            snapshots.removeAll { $0 < start }
            return result
        }
        try deleteRecords(before: segments[0].baseOffset)
        return result
    }

    /// What `applyRetention` would give up now.
    public func retentionPlan(
        now: Int64, highWatermark: Offset
    ) throws(LogError) -> RetentionPlan {
        let limit = config.delete && config.retentionMs >= 0 ? config.retentionMs : nil
        let summaries = try reading { () throws(FileError) in
            var isExpired = limit != nil
            var summaries: [SegmentSummary] = []
            for segment in segments {
                // Behind the first that is young enough no timestamp counts.
                let largest = isExpired ? try segment.largestTimestamp() : .max
                if isExpired, let limit { isExpired = now &- largest > limit || largest < 0 }
                summaries.append(
                    SegmentSummary(
                        baseOffset: segment.baseOffset, sizeInBytes: segment.size,
                        largestTimestamp: largest))
            }
            return summaries
        }
        return RetentionPlan(
            segments: summaries, config: config, logStartOffset: logStartOffset,
            logEndOffset: logEndOffset, highWatermark: highWatermark, now: now)
    }

    /// Renames the files of a segment that nobody reads any more; their new names.
    func giveUp(_ segment: LogSegment) throws(FileError) -> [String] {
        try segment.rename(to: .deleted)
        segment.closeFiles()
        var files: [String] = []
        for kind in SegmentFileKind.allCases where kind != .producerSnapshot {
            let path = segment.path(kind)
            if try fileSystem.status(path) != nil { files.append(path) }
        }
        return files
    }
}

extension LogSegment {
    /// The largest record timestamp, or, where no record has one, when the file last changed.
    func largestTimestamp() throws(FileError) -> Int64 {
        let largest = try maxTimestamp().timestamp
        return largest >= 0 ? largest : modified
    }
}
