import KafkaWire

/// What decisions about whole segments need to know of one.
public struct SegmentSummary: Sendable, Equatable {
    public var baseOffset: Offset
    /// Bytes of its `.log` file.
    public var sizeInBytes: Int
    /// The largest record timestamp, or, where no record has one, when the file was last changed;
    /// milliseconds since the epoch.
    public var largestTimestamp: Int64

    public init(baseOffset: Offset, sizeInBytes: Int, largestTimestamp: Int64) {
        self.baseOffset = baseOffset
        self.sizeInBytes = sizeInBytes
        self.largestTimestamp = largestTimestamp
    }
}

/// Which of the oldest segments of a log are to go, and why.
public struct RetentionPlan: Sendable, Equatable {
    /// Why a segment goes.
    public enum Reason: Sendable, Equatable {
        /// All of it lies below the log start offset (`DeleteRecords`).
        case logStartOffset
        /// The log is larger than `retention.bytes` even without it.
        case size
        /// Its youngest record is older than `retention.ms`.
        case time
    }

    /// One reason for each segment that goes, from the oldest on.
    public var reasons: [Reason]
    /// Even the active segment goes: roll a new one first.
    public var rollsActiveSegment: Bool

    /// How many segments go.
    public var count: Int { reasons.count }

    /// Decides for a log with these segments, oldest first, the active one last.
    ///
    /// Nothing at or above the high watermark goes, and an empty active segment stays. Age and size
    /// count only where `cleanup.policy` has `delete`; a limit of -1 is none.
    public init(
        segments: [SegmentSummary], config: LogConfig, logStartOffset: Offset,
        logEndOffset: Offset, highWatermark: Offset, now: Int64
    ) {
        var decision = Decision(
            segments: segments, logEndOffset: logEndOffset, highWatermark: highWatermark)
        decision.take(because: .logStartOffset) { index in
            index + 1 < segments.count && segments[index + 1].baseOffset <= logStartOffset
        }
        if config.delete {
            decision.takeBySize(config.retentionBytes)
            decision.takeByTime(config.retentionMs, now)
        }
        reasons = decision.reasons
        rollsActiveSegment = !segments.isEmpty && reasons.count == segments.count
    }
}

/// The prefix that has been given up so far.
private struct Decision {
    let segments: [SegmentSummary]
    let logEndOffset: Offset
    let highWatermark: Offset
    var reasons: [RetentionPlan.Reason] = []

    /// Extends the prefix as long as `applies` does.
    mutating func take(because reason: RetentionPlan.Reason, while applies: (Int) -> Bool) {
        while reasons.count < segments.count {
            let index = reasons.count
            let isActive = index + 1 == segments.count
            let end = isActive ? logEndOffset : segments[index + 1].baseOffset
            guard highWatermark >= end, !(isActive && segments[index].sizeInBytes == 0),
                applies(index)
            else { return }
            reasons.append(reason)
        }
    }

    mutating func takeBySize(_ limit: Int) {
        guard limit >= 0 else { return }
        var excess = segments[reasons.count...].reduce(0) { $0 + $1.sizeInBytes } - limit
        let segments = self.segments
        take(because: .size) { index in
            guard excess >= segments[index].sizeInBytes else { return false }
            excess -= segments[index].sizeInBytes
            return true
        }
    }

    mutating func takeByTime(_ limitMs: Int64, _ now: Int64) {
        guard limitMs >= 0 else { return }
        let segments = self.segments
        take(because: .time) { index in
            // Timestamps are the producers' own and may be anything.
            let (age, overflow) = now.subtractingReportingOverflow(segments[index].largestTimestamp)
            return overflow ? segments[index].largestTimestamp < now : age > limitMs
        }
    }
}
