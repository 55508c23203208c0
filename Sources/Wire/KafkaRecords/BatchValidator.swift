import KafkaWire

/// Why a leader refuses a producer's batch.
public enum BatchRejection: Error, Equatable, Sendable {
    /// The batch as a whole makes no sense (`INVALID_RECORD`).
    case invalidBatch(String)
    /// The batch's timestamps do (`INVALID_TIMESTAMP`).
    case invalidTimestamp(String)
    /// Records are at fault, at most `BatchValidator.rejectionsListed` of them: `INVALID_TIMESTAMP`
    /// if any of them is for its timestamp, `INVALID_RECORD` otherwise.
    case invalidRecords([RecordRejection])
    /// The bytes are damaged (`CORRUPT_MESSAGE`), or structured wrongly (`BatchError.invalid`,
    /// `INVALID_RECORD`), or decompress to too much.
    case unreadable(BatchError)
}

/// One record that a leader refuses.
public struct RecordRejection: Equatable, Sendable {
    public enum Reason: Equatable, Sendable {
        /// A compacted topic takes no record without a key.
        case missingKey
        /// The timestamp is outside of the topic's bounds, in milliseconds since the epoch.
        case timestampOutOfRange(Int64, ClosedRange<Int64>)
    }
    /// The record's place in its batch, from 0.
    public var index: Int
    public var reason: Reason
}

extension RecordRejection: CustomStringConvertible {
    public var description: String {
        switch reason {
        case .missingKey: "a compacted topic takes no record without a key"
        case .timestampOutOfRange(let timestamp, let bounds):
            "timestamp \(timestamp) is not within \(bounds.lowerBound)...\(bounds.upperBound)"
        }
    }
}

/// What a leader checks of a format-2 batch besides its checksum, in two steps: the header, always,
/// and the records, which costs decompressing them.
public struct BatchValidator: Sendable {
    /// Most rejected records that are listed in one answer.
    public static let rejectionsListed = 100

    /// The topic's `message.timestamp.type`.
    public var timestampType: TimestampType
    /// `message.timestamp.before.max.ms` and `message.timestamp.after.max.ms`.
    public var timestampBeforeMaxMs: Int64
    public var timestampAfterMaxMs: Int64
    /// Whether the topic is compacted.
    public var requiresKeys: Bool
    /// Whether a client sent the batch; coordinators and the quorum may write control batches.
    public var isFromClient: Bool
    /// Most bytes that the records may take once decompressed.
    public var decompressedLimit: Int

    public init(
        timestampType: TimestampType = .createTime, timestampBeforeMaxMs: Int64 = .max,
        timestampAfterMaxMs: Int64 = 3_600_000, requiresKeys: Bool = false,
        isFromClient: Bool = true, decompressedLimit: Int
    ) {
        self.timestampType = timestampType
        self.timestampBeforeMaxMs = timestampBeforeMaxMs
        self.timestampAfterMaxMs = timestampAfterMaxMs
        self.requiresKeys = requiresKeys
        self.isFromClient = isFromClient
        self.decompressedLimit = decompressedLimit
    }

    /// What the records of a batch turned out to be.
    public struct Summary: Equatable, Sendable {
        public var recordCount: Int
        /// The largest timestamp of a record, -1 for none. A leader puts it in the header
        /// (`RecordBatchHeader.setMaxTimestamp`), since a producer's may be wrong.
        public var maxTimestamp: Int64
        /// The first record that has it.
        public var offsetDeltaOfMaxTimestamp: Int32
        /// Bytes of the records once decompressed.
        public var uncompressedBytes: Int
    }

    /// Checks what the header alone can tell: format, record count against offsets, that clients
    /// write no control batches, set no log-append time, and give a sequence with a producer id;
    /// and its largest timestamp against the topic's bounds.
    public func validate(_ header: RecordBatchHeader, now: Int64) throws(BatchRejection) {
        guard header.magic == 2 else { throw .unreadable(.unsupportedMagic(header.magic)) }
        guard isFromClient else { return }
        guard header.lastOffsetDelta >= 0 else {
            throw .invalidBatch("the last offset delta is \(header.lastOffsetDelta)")
        }
        guard header.recordCount > 0,
            Int64(header.recordCount) == Int64(header.lastOffsetDelta) + 1
        else {
            throw .invalidBatch(
                "\(header.recordCount) records with a last offset delta of "
                    + "\(header.lastOffsetDelta)")
        }
        guard !header.isControl else {
            throw .invalidBatch("clients may not write control records")
        }
        guard !header.hasProducerID || header.baseSequence >= 0 else {
            throw .invalidBatch("producer \(header.producerID) gave no sequence number")
        }
        guard header.timestampType == .createTime else {
            throw .invalidTimestamp("producers may not set log-append time")
        }
        let bounds = timestampBounds(now: now)
        guard
            timestampType == .logAppendTime || header.maxTimestamp < 0
                || header.maxTimestamp <= bounds.upperBound
        else {
            throw .invalidTimestamp(
                "the largest timestamp \(header.maxTimestamp) is after \(bounds.upperBound)")
        }
    }

    /// Checks every record of the batch at `position`: its structure, that offset deltas run from 0
    /// without a gap (for clients), its key and its timestamp.
    public func validateRecords(
        _ bytes: RawSpan, at position: Int = 0, header: RecordBatchHeader, now: Int64
    ) throws(BatchRejection) -> Summary {
        var rejections: [RecordRejection] = []
        let summary: Summary
        do throws(BatchError) {
            summary = try BatchReader.withPayload(
                bytes, at: position, header: header, limit: decompressedLimit
            ) { payload throws(BatchError) in
                try walk(payload, header, now: now, rejections: &rejections)
            }
        } catch {
            throw .unreadable(error)
        }
        guard rejections.isEmpty else { throw .invalidRecords(rejections) }
        return summary
    }

    private func walk(
        _ payload: RawSpan, _ header: RecordBatchHeader, now: Int64,
        rejections: inout [RecordRejection]
    ) throws(BatchError) -> Summary {
        let bounds = timestampBounds(now: now)
        var summary = Summary(
            recordCount: 0, maxTimestamp: RecordBatchHeader.noTimestamp,
            offsetDeltaOfMaxTimestamp: -1, uncompressedBytes: payload.byteCount)
        var cursor = try RecordCursor(payload, header: header)
        while let fields = try cursor.next() {
            let index = summary.recordCount
            guard !isFromClient || Int(fields.offsetDelta) == index else {
                throw .invalid("record \(index) has the offset delta \(fields.offsetDelta)")
            }
            let timestamp = fields.timestamp(in: header)
            if let reason = rejection(of: fields, timestamp: timestamp, bounds: bounds),
                rejections.count < Self.rejectionsListed
            {
                rejections.append(RecordRejection(index: index, reason: reason))
            }
            if timestamp > summary.maxTimestamp {
                summary.maxTimestamp = timestamp
                summary.offsetDeltaOfMaxTimestamp = fields.offsetDelta
            }
            summary.recordCount += 1
        }
        return summary
    }

    private func rejection(
        of fields: RecordFields, timestamp: Int64, bounds: ClosedRange<Int64>
    ) -> RecordRejection.Reason? {
        if requiresKeys && fields.key == nil { return .missingKey }
        if timestampType == .createTime && timestamp != RecordBatchHeader.noTimestamp
            && !bounds.contains(timestamp)
        {
            return .timestampOutOfRange(timestamp, bounds)
        }
        return nil
    }

    /// The timestamps that the topic takes at `now`.
    private func timestampBounds(now: Int64) -> ClosedRange<Int64> {
        let earliest = now.saturatingDifference(max(0, timestampBeforeMaxMs))
        return earliest...now.saturatingSum(max(0, timestampAfterMaxMs))
    }
}
