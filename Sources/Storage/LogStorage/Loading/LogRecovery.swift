import KafkaRecords
import KafkaWire

/// Recovers the segments that may not have reached the disk before a crash.
struct LogRecovery {
    let loader: LogLoader
    var segments: [LogSegment]
    var snapshots: [Offset]
    var epochs = LeaderEpochCache()
    private(set) var producers: ProducerTable?

    init(loader: LogLoader, segments: [LogSegment], snapshots: [Offset]) {
        self.loader = loader
        self.segments = segments
        self.snapshots = snapshots
    }

    /// Recovers the segments from `first` on, up to the first that is not all valid; those after it
    /// are removed, for what they hold does not follow on what is left.
    mutating func run(from first: Int) throws(FileError) {
        let base = segments[first].baseOffset
        let logStart = max(loader.logStartOffset, segments[0].baseOffset)
        var kept = snapshots.filter { $0 <= base }
        for stray in snapshots where stray > base { try loader.remove(stray) }
        var table = try ProducerReplay(loader: loader).table(
            upTo: max(base, logStart), Array(segments[..<first]), logStart: logStart, &kept)
        snapshots = kept
        epochs.truncate(fromEnd: base)
        var index = first
        while index < segments.count {
            let scan = SegmentScan(
                segment: segments[index], trustedBelow: loader.recoveryPoint,
                logStart: logStart)
            let isWhole = try scan.run(&table, &epochs)
            index += 1
            if !isWhole { break }
        }
        for segment in segments[index...] { try loader.removeFiles(of: segment) }
        segments.removeSubrange(index...)
        producers = table
    }
}

/// Reads one segment from its beginning, builds its indexes anew, and cuts off what is not valid.
private struct SegmentScan {
    let segment: LogSegment
    /// Batches below are on disk for certain: their CRC is not checked.
    let trustedBelow: Offset
    let logStart: Offset
    private static let chunkBytes = 1 << 20

    /// Whether all of the segment was valid.
    func run(
        _ table: inout ProducerTable, _ epochs: inout LeaderEpochCache
    ) throws(FileError) -> Bool {
        let size = segment.size
        try segment.resetIndexes()
        var next = segment.baseOffset
        let trusted = try walkTrusted(&next, &table, &epochs)
        let valid = try scan(from: trusted, &next, &table, &epochs)
        if valid < size { try segment.cut(to: valid) }
        try segment.finishIndexes()
        segment.closeFiles()
        return valid == size
    }

    /// Whether the batch can follow in this segment.
    private func follows(_ header: RecordBatchHeader, _ next: Offset) -> Bool {
        let first = header.magic >= 2 ? header.baseOffset : header.lastOffset
        return first >= next && header.lastOffsetDelta >= 0
            && header.lastOffset - segment.baseOffset <= Int64(Int32.max)
    }

    private func take(
        _ header: RecordBatchHeader, _ bytes: RawSpan, at offset: Int, position: Int,
        _ table: inout ProducerTable, _ epochs: inout LeaderEpochCache
    ) throws(FileError) {
        try segment.note(header, at: position)
        guard header.magic >= 2 else { return }
        if header.partitionLeaderEpoch > epochs.latest {
            epochs.assign(header.partitionLeaderEpoch, at: header.baseOffset)
        }
        if header.hasProducerID, header.baseOffset >= table.endOffset {
            for aborted in ProducerReplay.take(header, bytes, at: offset, &table) {
                try segment.note(aborted)
            }
        }
        table.endOffset = max(table.endOffset, header.nextOffset)
    }

    /// Goes over the headers of what is on disk for certain. Where it ends.
    private func walkTrusted(
        _ next: inout Offset, _ table: inout ProducerTable, _ epochs: inout LeaderEpochCache
    ) throws(FileError) -> Int {
        var (offset, producers, cache) = (next, table, epochs)
        let end = try segment.walk(from: 0, to: segment.size) {
            header, position throws(FileError) in
            guard header.nextOffset <= trustedBelow, follows(header, offset) else { return false }
            var bytes: [UInt8] = []
            if header.isControl {
                bytes = try segment.file().readBytes(at: position, count: header.sizeInBytes)
            }
            // Bytes have no padding.
            try unsafe take(
                header, bytes.span.bytes, at: 0, position: position, &producers, &cache)
            offset = header.nextOffset
            return true
        }
        (next, table, epochs) = (offset, producers, cache)
        return end
    }

    /// Reads and checks everything from `start` on. Where the valid batches end.
    private func scan(
        from start: Int, _ next: inout Offset, _ table: inout ProducerTable,
        _ epochs: inout LeaderEpochCache
    ) throws(FileError) -> Int {
        guard start < segment.size else { return start }
        let file = try segment.file()
        var position = start
        var chunk = [UInt8](repeating: 0, count: min(Self.chunkBytes, segment.size - start))
        while position < segment.size {
            let count = try file.read(at: position, into: &chunk)
            let (used, needed) = try take(
                chunk, min(count, segment.size - position), at: position, &next, &table, &epochs)
            position += used
            if used == 0 {
                // Either the batch is larger than the chunk, or it is not valid.
                guard needed > chunk.count, needed <= segment.size - position else { break }
                chunk = [UInt8](repeating: 0, count: needed)
            }
        }
        return position
    }

    /// Takes the valid batches at the beginning of `chunk`: how many bytes they have, and how many
    /// the next one needs if it is cut off.
    private func take(
        _ chunk: [UInt8], _ count: Int, at position: Int, _ next: inout Offset,
        _ table: inout ProducerTable, _ epochs: inout LeaderEpochCache
    ) throws(FileError) -> (used: Int, needed: Int) {
        // Bytes have no padding.
        let bytes = unsafe chunk.span.bytes.extracting(0..<count)
        var used = 0
        var needed = 0
        while let header = batch(bytes, used, next, &needed) {
            try take(header, bytes, at: used, position: position + used, &table, &epochs)
            next = header.nextOffset
            used += header.sizeInBytes
        }
        return (used, needed)
    }

    /// The valid batch at `offset`; `nil` when there is none, or it needs `needed` bytes to tell.
    private func batch(
        _ bytes: RawSpan, _ offset: Int, _ next: Offset, _ needed: inout Int
    ) -> RecordBatchHeader? {
        guard offset < bytes.byteCount else { return nil }
        do throws(BatchError) {
            let header = try RecordBatchHeader(bytes, at: offset)
            guard follows(header, next) else { return nil }
            guard header.sizeInBytes <= bytes.byteCount - offset else {
                needed = header.sizeInBytes
                return nil
            }
            try RecordBatchHeader.verifyCRC(bytes, at: offset, header: header)
            return header
        } catch {
            return nil
        }
    }
}
