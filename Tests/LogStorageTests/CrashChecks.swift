import KafkaRecords
import KafkaWire
import Testing

@testable import LogStorage

/// What must hold of a log that was recovered after a crash.
struct CrashChecks {
    let expected: ExpectedLog
    let config: LogConfig
    let now: Int64
    /// Where the crash was, for the message.
    var place: String

    /// Recovers what is left and checks it; also that a second recovery finds the same, that the
    /// log can be written to, and that indexes and snapshots are only caches.
    func recover(_ files: MemoryFileSystem, _ loss: String) throws {
        var checks = self
        checks.place += ", \(loss)"
        try checks.recover(files)
    }

    /// Recovers what is left and checks it.
    func recoverOnce(_ files: MemoryFileSystem, _ loss: String) throws {
        var checks = self
        checks.place += ", \(loss)"
        let log = try TestLog.open(files, config, now: now)
        try log.flush()
        try checks.check(log)
    }

    private func recover(_ files: MemoryFileSystem) throws {
        // The checkpoints as they were found are what this recovery goes by, and the next one.
        try files.syncDirectory(TestLog.root)
        let log = try TestLog.open(files, config, now: now)
        try log.flush()
        try check(log)
        let found = try Contents(log)

        let again = try TestLog.open(files.afterKill(), config, now: now)
        let second = try Contents(again)
        #expect(second.differences(from: found) == [], "second recovery, \(place)")
        let durable = try TestLog.open(files.afterPowerCut(), config, now: now)
        let kept = try Contents(durable)
        // An empty log from 0 on is not synced: what was there before may come back.
        if found.end > .zero {
            #expect(kept.differences(from: found) == [], "power cut after, \(place)")
        }
        try checkCaches(files.afterKill(), found)

        try log.append(try testBatch([TestRecord("new", "x", at: now)]), epoch: 100, now: now)
        try log.flush()
        let after = try TestLog.open(files.afterPowerCut(), config, now: now)
        #expect(after.logEndOffset == log.logEndOffset, "an append is lost, \(place)")
    }

    private func check(_ log: PartitionLog) throws {
        #expect(log.logEndOffset >= expected.flushedEnd, "flushed records are lost, \(place)")
        #expect(
            log.logStartOffset >= min(expected.earliestStart, log.logEndOffset)
                && log.logStartOffset <= max(expected.latestStart, expected.earliestStart),
            "the log starts at \(log.logStartOffset), \(place)")
        var next = log.logStartOffset
        for batch in try log.batches() {
            #expect(batch.header.nextOffset > next, "offsets go back, \(place)")
            if !expected.isCompacted {
                #expect(batch.header.baseOffset <= next, "a hole at \(next), \(place)")
            }
            next = batch.header.nextOffset
            try check(batch.header, batch.bytes)
        }
        #expect(next <= log.logEndOffset, "records above the log end, \(place)")
        if !expected.isCompacted { #expect(next == log.logEndOffset, "a short log, \(place)") }
        if expected.isCompacted { try checkCompacted(log) }
        try checkLookups(log)
    }

    private func check(_ header: RecordBatchHeader, _ bytes: [UInt8]) throws {
        // Bytes have no padding.
        let span = unsafe bytes.span.bytes
        try RecordBatchHeader.verifyCRC(span, at: 0, header: header)
        for record in try BatchReader.records(span, limit: 1 << 20) where !header.isControl {
            let entries = expected.entries[record.offset.rawValue] ?? []
            let isKnown = entries.contains {
                $0.record == TestRecord(record) && $0.epoch == header.partitionLeaderEpoch.rawValue
                    && $0.producer == header.producerID.rawValue
            }
            #expect(isKnown, "a record that nobody wrote at \(record.offset), \(place)")
            if record.offset < expected.flushedEnd {
                #expect(entries.last?.record == TestRecord(record), "another record, \(place)")
            }
        }
    }

    /// A reader of committed data ends up with the same values as without compaction.
    private func checkCompacted(_ log: PartitionLog) throws {
        let stable = log.lastStableOffset(highWatermark: log.logEndOffset)
        var values: [String: String] = [:]
        for record in try log.committedRecords() {
            let text = TestRecord(record)
            if let key = text.key { values[key] = text.value }
        }
        let wanted = expected.committedValues(below: stable, of: log.logEndOffset)
        #expect(values == wanted, "compacted values, \(place)")
    }

    /// Each record is found by its offset and by its timestamp.
    private func checkLookups(_ log: PartitionLog) throws {
        for record in try log.allRecords() where record.offset >= log.logStartOffset {
            let read = try log.read(
                from: record.offset, maxBytes: 1, upTo: log.logEndOffset, atLeastOneBatch: true)
            let bytes = try #require(read.slice, "\(record.offset), \(place)").bytes()
            // Bytes have no padding.
            let found = try unsafe BatchReader.records(bytes.span.bytes, limit: 1 << 20)
            #expect(found.contains { $0.offset == record.offset }, "\(record.offset), \(place)")
        }
    }

    /// With no index, snapshot or checkpoint of epochs left, a full recovery finds the same.
    private func checkCaches(_ files: MemoryFileSystem, _ found: Contents) throws {
        for name in try files.list(TestLog.directory) {
            let kind = SegmentFileName(name)?.kind
            // Where the cleaner dropped aborted data, only the index still tells of it.
            let isNeeded = kind == .log || (kind == .transactionIndex && expected.isCompacted)
            if !isNeeded, name != PartitionMetadataFile.fileName {
                try files.remove("\(TestLog.directory)/\(name)")
            }
        }
        let bare = try TestLog.open(files, config, now: now)
        var contents = try Contents(bare)
        if expected.isCompacted { contents.producers = found.producers }
        #expect(contents.differences(from: found) == [], "without caches, \(place)")
    }

    /// All that can be seen of a log.
    struct Contents {
        var start: Offset
        var end: Offset
        var batches: [[UInt8]]
        /// Without the batches before the last one, which snapshots do not keep.
        var producers: [String]
        var committed: [Offset]
        var stable: Offset
        var epoch: LeaderEpoch

        init(_ log: PartitionLog) throws {
            start = log.logStartOffset
            end = log.logEndOffset
            batches = try log.batches().map(\.bytes)
            producers = log.activeProducers().map {
                let last = $0.lastBatch.map { "\($0.lastSequence)@\($0.lastOffset)" } ?? "none"
                let open = $0.currentTxnFirstOffset.map { "\($0)" } ?? "none"
                return "\($0.producerID): epochs \($0.producerEpoch) \($0.coordinatorEpoch), "
                    + "last \(last), open \(open), time \($0.lastTimestamp)"
            }
            committed = try log.committedRecords().map(\.offset)
            stable = log.lastStableOffset(highWatermark: end)
            epoch = log.latestEpoch
        }

        func differences(from other: Contents) -> [String] {
            var found: [String] = []
            func compare<T: Equatable>(_ name: String, _ a: T, _ b: T, _ shown: Bool = true) {
                if a != b { found.append(shown ? "\(name): \(a), was \(b)" : name) }
            }
            compare("start", start, other.start)
            compare("end", end, other.end)
            compare("batches", batches, other.batches, false)
            compare("producers", producers, other.producers)
            compare("committed", committed, other.committed)
            compare("last stable offset", stable, other.stable)
            compare("epoch", epoch, other.epoch)
            return found
        }
    }
}
