import KafkaRecords
public import KafkaWire

/// A record found by its timestamp.
public struct TimestampedOffset: Equatable, Sendable {
    /// Milliseconds since the epoch; -1 when it was not looked at.
    public var timestamp: Int64
    public var offset: Offset
    public var leaderEpoch: LeaderEpoch

    public init(timestamp: Int64, offset: Offset, leaderEpoch: LeaderEpoch) {
        self.timestamp = timestamp
        self.offset = offset
        self.leaderEpoch = leaderEpoch
    }
}

extension PartitionLog {
    /// Where the first segment begins: at or below `logStartOffset`.
    public var firstSegmentOffset: Offset { segments.first?.baseOffset ?? logStartOffset }

    /// The first record below `end` whose timestamp is at least `timestamp` (KIP-79).
    public func offset(
        forTimestamp timestamp: Int64, upTo end: Offset
    ) throws(LogError) -> TimestampedOffset? {
        try reading { () throws(FileError) in
            for segment in segments where try segment.maxTimestamp().timestamp >= timestamp {
                let near = try segment.loadedIndexes().time.entry(atOrBelow: timestamp).offset
                let found = try record(in: segment, from: near) { $0.timestamp >= timestamp }
                guard let found else { continue }
                return found.offset < end ? found : nil
            }
            return nil
        }
    }

    /// The first of the records with the largest timestamp of all (KIP-734); `nil` in an empty log.
    public func maxTimestampOffset() throws(LogError) -> TimestampedOffset? {
        try reading { () throws(FileError) in
            var largest: (segment: LogSegment, timestamp: Int64)?
            for segment in segments {
                let timestamp = try segment.maxTimestamp().timestamp
                if timestamp > largest?.timestamp ?? -1 { largest = (segment, timestamp) }
            }
            guard let (segment, timestamp) = largest else { return nil }
            let near = try segment.loadedIndexes().time.entry(
                atOrBelow: timestamp.saturatingDifference(1)
            ).offset
            return try record(in: segment, from: near) { $0.timestamp >= timestamp }
        }
    }

    /// The first record of `segment` at or after `near` that `matches`; a batch whose largest
    /// timestamp does not match is passed over whole.
    private func record(
        in segment: LogSegment, from near: Offset, _ matches: (TimestampEntry) -> Bool
    ) throws(FileError) -> TimestampedOffset? {
        guard let start = try segment.batch(holding: max(near, logStartOffset)) else { return nil }
        var found: TimestampedOffset?
        let file = try segment.file()
        try segment.walk(from: start.position, to: segment.size) {
            (header, position) throws(FileError) in
            let last = TimestampEntry(timestamp: header.maxTimestamp, offset: header.lastOffset)
            guard !header.isControl, matches(last) else { return true }
            let bytes = try file.readBytes(at: position, count: header.sizeInBytes)
            found = firstRecord(of: bytes, header, matches)
            return found == nil
        }
        return found
    }

    private func firstRecord(
        of batch: [UInt8], _ header: RecordBatchHeader, _ matches: (TimestampEntry) -> Bool
    ) -> TimestampedOffset? {
        let records: [Record]
        do throws(BatchError) {
            // Bytes have no padding.
            let span = unsafe batch.span.bytes
            records = try BatchReader.records(span, limit: config.maxDecompressedBatchBytes)
        } catch {
            // What cannot be unpacked is found by its header.
            return TimestampedOffset(
                timestamp: header.maxTimestamp, offset: header.baseOffset,
                leaderEpoch: header.partitionLeaderEpoch)
        }
        let record = records.first {
            $0.offset >= logStartOffset
                && matches(TimestampEntry(timestamp: $0.timestamp, offset: $0.offset))
        }
        return record.map {
            TimestampedOffset(
                timestamp: $0.timestamp, offset: $0.offset,
                leaderEpoch: header.partitionLeaderEpoch)
        }
    }
}
