import KafkaRecords
import KafkaWire

/// Recovers the segments that may not have reached the disk before a crash.
///
/// A power cut may keep a segment and lose the unsynced end of the one before. So above the
/// recovery point a segment counts only if it begins where the one before ends; the log is cut at
/// the first hole. Gaps that are legal there: below the log start, where nothing is read; below
/// what the cleaner has done (it syncs what it writes); after a segment that has gaps of its own,
/// for that is the cleaner's work or a copy of it; and where the segment before could not have
/// taken the first batch of the next, which nothing but a copied gap makes.
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

    /// Recovers the segments from `first` on, up to the first that is not all valid or is not
    /// continued by the next; those after it are removed.
    ///
    /// What is cut off is gone durably on return: were it to come back in a second power cut, it
    /// might seem to continue what has been appended by then.
    mutating func run(from first: Int) throws(FileError) {
        let base = segments[first].baseOffset
        let logStart = max(loader.logStartOffset, segments[0].baseOffset)
        var kept = snapshots.filter { $0 <= base }
        for stray in snapshots where stray > base { try loader.remove(stray) }
        let table = try ProducerReplay(loader: loader).table(
            upTo: base, Array(segments[..<first]), from: segments[0].baseOffset, &kept)
        snapshots = kept
        epochs.truncate(fromEnd: base)
        var found = SegmentScan.Found(next: base, producers: table, epochs: epochs)
        var index = first
        while index < segments.count,
            try continues(segments[index], found, logStart, index > first)
        {
            let scan = SegmentScan(segment: segments[index], trustedBelow: loader.trustedBelow)
            let isWhole = try scan.run(&found)
            index += 1
            if !isWhole { break }
        }
        for segment in segments[index...] { try loader.removeFiles(of: segment) }
        if index < segments.count {
            try loader.fileSystem.syncDirectory(loader.directory)
        }
        segments.removeSubrange(index...)
        producers = found.producers
        epochs = found.epochs
    }

    /// Whether the segment may follow on what was found so far.
    private func continues(
        _ segment: LogSegment, _ found: SegmentScan.Found, _ logStart: Offset, _ hasEarlier: Bool
    ) throws(FileError) -> Bool {
        let base = segment.baseOffset
        if base == found.next || !hasEarlier { return true }
        if PlantedBug.joinedHole.isPlanted { return base > found.next }
        let gapsBelow = max(loader.trustedBelow, logStart, loader.cleanedOffset)
        guard base > found.next else { return false }
        if base <= gapsBelow || found.hasGaps { return true }
        guard let header = try segment.header(at: 0) else { return false }
        return header.lastOffset - found.next > LogSegment.maxOffsetSpan
    }
}

/// Reads one segment from its beginning, builds its indexes anew, and cuts off what is not valid.
private struct SegmentScan {
    /// What the segments up to here hold.
    struct Found {
        /// The offset after the last batch.
        var next: Offset
        var producers: ProducerTable
        var epochs: LeaderEpochCache
        /// Offsets are missing in the last segment, or it has an old format, which does not tell.
        var hasGaps = false
    }

    let segment: LogSegment
    /// Batches below are on disk for certain: their CRC is not checked.
    let trustedBelow: Offset
    private static let chunkBytes = 1 << 20

    /// Whether all of the segment was valid.
    func run(_ found: inout Found) throws(FileError) -> Bool {
        let size = segment.size
        try segment.resetIndexes()
        found.next = segment.baseOffset
        found.hasGaps = false
        let trusted = try walkTrusted(&found)
        let valid = try scan(from: trusted, &found)
        if valid < size {
            sometimes(.tornTailCut)
            try segment.cut(to: valid)
        }
        try segment.finishIndexes()
        segment.closeFiles()
        return valid == size
    }

    /// Whether the batch can follow in this segment.
    private func follows(_ header: RecordBatchHeader, _ next: Offset) -> Bool {
        let first = header.magic >= 2 ? header.baseOffset : header.lastOffset
        return first >= next && header.lastOffsetDelta >= 0
            && header.lastOffset - segment.baseOffset <= LogSegment.maxOffsetSpan
    }

    private func take(
        _ header: RecordBatchHeader, _ bytes: RawSpan, at offset: Int, position: Int,
        _ found: inout Found
    ) throws(FileError) {
        try segment.note(header, at: position)
        let isDense =
            header.magic >= 2 && header.baseOffset == found.next
            && Int64(header.recordCount) == Int64(header.lastOffsetDelta) + 1
        if !isDense { found.hasGaps = true }
        found.next = header.nextOffset
        guard header.magic >= 2 else { return }
        if header.partitionLeaderEpoch > found.epochs.latest {
            found.epochs.assign(header.partitionLeaderEpoch, at: header.baseOffset)
        }
        // A batch that the log start lies in still has records to read.
        if header.hasProducerID, header.nextOffset > found.producers.endOffset {
            for aborted in ProducerReplay.take(header, bytes, at: offset, &found.producers) {
                try segment.note(aborted)
            }
        }
        found.producers.endOffset = max(found.producers.endOffset, header.nextOffset)
    }

    /// Goes over the headers of what is on disk for certain. Where it ends.
    private func walkTrusted(_ found: inout Found) throws(FileError) -> Int {
        var walked = found
        let end = try segment.walk(from: 0, to: segment.size) {
            header, position throws(FileError) in
            guard header.nextOffset <= trustedBelow, follows(header, walked.next) else {
                return false
            }
            var bytes: [UInt8] = []
            if header.isControl {
                bytes = try segment.file().readBytes(at: position, count: header.sizeInBytes)
            }
            // Bytes have no padding.
            try unsafe take(header, bytes.span.bytes, at: 0, position: position, &walked)
            return true
        }
        found = walked
        return end
    }

    /// Reads and checks everything from `start` on. Where the valid batches end.
    private func scan(from start: Int, _ found: inout Found) throws(FileError) -> Int {
        guard start < segment.size else { return start }
        let file = try segment.file()
        var position = start
        var chunk = [UInt8](repeating: 0, count: min(Self.chunkBytes, segment.size - start))
        while position < segment.size {
            let count = try file.read(at: position, into: &chunk)
            let (used, needed) = try take(
                chunk, min(count, segment.size - position), at: position, &found)
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
        _ chunk: [UInt8], _ count: Int, at position: Int, _ found: inout Found
    ) throws(FileError) -> (used: Int, needed: Int) {
        // Bytes have no padding.
        let bytes = unsafe chunk.span.bytes.extracting(0..<count)
        var used = 0
        var needed = 0
        while let header = batch(bytes, used, found.next, &needed) {
            try take(header, bytes, at: used, position: position + used, &found)
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
            if PlantedBug.uncheckedRecovery.isPlanted { return header }
            try RecordBatchHeader.verifyCRC(bytes, at: offset, header: header)
            return header
        } catch {
            sometimes(.recoveryRefusesBatch)
            return nil
        }
    }
}
