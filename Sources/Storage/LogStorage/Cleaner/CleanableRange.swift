import KafkaWire

/// What the choice of the next log to clean needs to know of one log.
public struct CleanableLog: Sendable {
    /// All segments, oldest first, the active one last. There is always an active one.
    public var segments: [SegmentSummary]
    /// The timestamp of the first batch of each segment, where known; milliseconds since the epoch.
    /// Only asked for when `max.compaction.lag.ms` is set.
    public var firstTimestamps: [Int64?]
    public var logStartOffset: Offset
    public var logEndOffset: Offset
    /// No open transaction begins below, and it is not above the high watermark.
    public var lastStableOffset: Offset

    public init(
        segments: [SegmentSummary], firstTimestamps: [Int64?], logStartOffset: Offset,
        logEndOffset: Offset, lastStableOffset: Offset
    ) {
        self.segments = segments
        self.firstTimestamps = firstTimestamps
        self.logStartOffset = logStartOffset
        self.logEndOffset = logEndOffset
        self.lastStableOffset = lastStableOffset
    }
}

/// The part of a log that can be compacted now, and how much there is to gain.
///
/// From the log's start: what is clean, what is dirty and can be cleaned, what cannot be cleaned
/// yet because it is too young (`min.compaction.lag.ms`), undecided (the last stable offset), or
/// active.
public struct CleanableRange: Sendable, Equatable {
    /// Everything below has been cleaned before.
    public let firstDirtyOffset: Offset
    /// The base offset of the first segment that is left alone.
    public let firstUncleanableOffset: Offset
    /// Bytes below the first dirty offset.
    public let cleanBytes: Int
    /// Bytes of dirty segments that can be cleaned.
    public let dirtyBytes: Int
    /// How long ago `max.compaction.lag.ms` ran out, in milliseconds; 0 if it has not.
    public let compactionDelayMs: Int64
    /// The checkpoint lies outside of the log: it is to be set to `firstDirtyOffset`.
    public let checkpointIsInvalid: Bool

    /// Part of the bytes that is dirty, 0 to 1.
    public var dirtyRatio: Double {
        let total = cleanBytes + dirtyBytes
        return total == 0 ? 0 : Double(dirtyBytes) / Double(total)
    }

    /// Whether the log is to be cleaned: it is dirty enough, or its oldest dirty record too old.
    public func isDue(minCleanableDirtyRatio: Double) -> Bool {
        dirtyBytes > 0 && (compactionDelayMs > 0 || dirtyRatio > minCleanableDirtyRatio)
    }

    /// - Parameters:
    ///   - checkpoint: the log's entry in `cleaner-offset-checkpoint`.
    ///   - now: milliseconds since the epoch.
    public init(_ log: CleanableLog, checkpoint: Offset?, config: LogConfig, now: Int64) {
        precondition(!log.segments.isEmpty, "a log has an active segment")
        let start = checkpoint ?? log.logStartOffset
        checkpointIsInvalid = start < log.logStartOffset || start > log.logEndOffset
        let firstDirty = checkpointIsInvalid ? log.logStartOffset : start
        firstDirtyOffset = firstDirty

        let bound = Self.bound(log, firstDirty, config, now)
        // Whole segments only: the first that reaches past the bound is left alone.
        let uncleanable = Self.segmentIndex(log.segments, of: max(firstDirty, bound))
        firstUncleanableOffset = log.segments[uncleanable].baseOffset
        let dirty = Self.segmentIndex(log.segments, of: firstDirty)
        cleanBytes = log.segments[..<dirty].reduce(0) { $0 + $1.sizeInBytes }
        dirtyBytes =
            dirty < uncleanable
            ? log.segments[dirty..<uncleanable].reduce(0) { $0 + $1.sizeInBytes } : 0
        compactionDelayMs = Self.delay(log, from: dirty, config, now)
    }

    /// Nothing at or above may be cleaned.
    private static func bound(
        _ log: CleanableLog, _ firstDirty: Offset, _ config: LogConfig, _ now: Int64
    ) -> Offset {
        let active = log.segments[log.segments.count - 1]
        var bound = min(log.lastStableOffset, active.baseOffset)
        if config.minCompactionLagMs > 0 {
            let horizon = now.saturatingDifference(config.minCompactionLagMs)
            let from = segmentIndex(log.segments, of: firstDirty)
            let young = log.segments[from...].dropLast().first { $0.largestTimestamp > horizon }
            if let young { bound = min(bound, young.baseOffset) }
        }
        return bound
    }

    /// The segment that holds `offset`.
    private static func segmentIndex(_ segments: [SegmentSummary], of offset: Offset) -> Int {
        max(0, (segments.firstIndex { $0.baseOffset > offset } ?? segments.count) - 1)
    }

    private static func delay(
        _ log: CleanableLog, from dirty: Int, _ config: LogConfig, _ now: Int64
    ) -> Int64 {
        let times = log.firstTimestamps.prefix(log.segments.count - 1).dropFirst(dirty)
        guard let oldest = times.compactMap({ $0 }).filter({ $0 > 0 }).min() else { return 0 }
        let until = now.saturatingDifference(max(0, config.maxCompactionLagMs))
        return max(0, until.saturatingDifference(oldest))
    }
}
