import KafkaRecords
import KafkaWire
import Testing

@testable import LogStorage

/// A scripted life of one log, which a fault may end at any call to the file system, and what a
/// reader may expect of the log after that.
final class CrashWorkload {
    let files: MemoryFileSystem
    var config: LogConfig
    private(set) var log: PartitionLog
    private(set) var expected = ExpectedLog()
    private var writers: [Int64: TestProducer] = [:]
    private var epoch: Int32 = 1
    private(set) var now: Int64 = 1_000_000
    private var generator = SplitMix64(seed: 1)
    private var discarded: [String] = []

    init(_ files: MemoryFileSystem, _ config: LogConfig) throws {
        self.files = files
        self.config = config
        expected.isCompacted = config.compact
        log = try TestLog.open(files, config, now: now)
    }

    /// Where the log ends now.
    var expectedEnd: Offset { log.logEndOffset }

    // MARK: Appends

    func pass(_ ms: Int64) { now += ms }
    func beginEpoch() { epoch += 1 }

    /// Appends a batch of records without a producer.
    func append(_ records: [(key: String, value: String?)]) throws {
        try append(records, by: .none)
    }

    /// Appends as an idempotent producer, or within a transaction of it.
    func append(
        _ records: [(key: String, value: String?)], as id: Int64, transactional: Bool = false
    ) throws {
        var writer = writers[id] ?? TestProducer(id: id)
        writer.isTransactional = transactional
        try append(records, by: writer)
        writer.sequence += Int32(records.count)
        writers[id] = writer
    }

    private func append(
        _ records: [(key: String, value: String?)], by writer: TestProducer
    ) throws {
        let texts = records.map { TestRecord($0.key, $0.value, at: now) }
        expected.add(texts, at: log.logEndOffset, epoch, writer)
        try log.append(try testBatch(texts, by: writer), epoch: epoch, now: now)
    }

    func end(_ id: Int64, commit: Bool) throws {
        guard let writer = writers[id] else { return }
        expected.end(of: id, commit: commit, at: log.logEndOffset)
        try log.append(
            try testMarker(commit: commit, of: writer, at: now), origin: .coordinator,
            epoch: epoch, now: now)
    }

    // MARK: What an owner does with a log

    func flush() throws {
        try log.flush()
        expected.isFlushed(upTo: log.logEndOffset)
    }

    func checkpoint() throws { try TestLog.write(.recoveryPoint, log.flushedOffset, files) }

    func deleteRecords(before offset: Offset) throws {
        expected.mayBeDeleted(below: offset)
        try log.deleteRecords(before: offset)
        try TestLog.write(.logStartOffset, log.logStartOffset, files)
        expected.isDeleted(below: offset)
    }

    func retain() throws {
        let plan = try log.retentionPlan(now: now, highWatermark: log.flushedOffset)
        if plan.count > 0 {
            let next = plan.count < log.segments.count ? log.segments[plan.count] : nil
            expected.mayBeDeleted(below: next?.baseOffset ?? log.logEndOffset)
        }
        discarded += try log.applyRetention(now: now, highWatermark: log.flushedOffset).files
        try removeDiscarded()
    }

    func truncate(to offset: Offset) throws {
        expected.willTruncate(to: offset)
        let point = min(offset, try TestLog.checkpoint(.recoveryPoint, files) ?? .zero)
        try TestLog.write(.recoveryPoint, point, files)
        try log.truncate(to: offset)
        expected.didTruncate(to: log.logEndOffset)
        for id in writers.keys {
            writers[id]?.sequence = log.producer(ProducerID(id)).map { $0.lastSequence + 1 } ?? 0
        }
    }

    func startAnew(at offset: Offset) throws {
        expected.willStartAnew(at: offset)
        try TestLog.write(.recoveryPoint, .zero, files)
        try log.truncateFullyAndStart(at: offset)
        try log.flush()
        expected.didTruncate(to: offset)
        expected.isDeleted(below: offset)
        expected.isFlushed(upTo: offset)
        writers = [:]
    }

    func compact() throws {
        try flush()
        let highWatermark = log.flushedOffset
        let range = try log.cleanableRange(
            checkpoint: try TestLog.checkpoint(.cleaner, files), highWatermark: highWatermark,
            now: now)
        try checkpoint()
        let work = CleanerWork(
            try log.cleanerInput(range, highWatermark: highWatermark),
            settings: CleanerSettings(), now: now, using: &generator)
        while true {
            switch try work.step() {
            case .again: continue
            case .needsLock: discarded += try log.swap(work, now: now)
            case .done(let result):
                try TestLog.write(.cleaner, result.endOffset, files)
                return try removeDiscarded()
            }
        }
    }

    private func removeDiscarded() throws {
        for file in discarded { try files.remove(file) }
        discarded = []
    }

    /// A crash of the process and a start.
    func restartAfterKill() throws {
        log = try TestLog.open(files, config, now: now)
        try flush()
    }
}

/// What a log may hold after a crash.
struct ExpectedLog {
    /// A record as it was appended.
    struct Entry: Equatable {
        var record: TestRecord
        var epoch: Int32
        var producer: Int64
        var isTransactional: Bool
    }
    /// Where an offset has had several records (truncation), the newest one is last.
    private(set) var entries: [Int64: [Entry]] = [:]
    /// The ends of transactions, by offset.
    private(set) var markers: [Int64: (producer: Int64, commit: Bool)] = [:]
    private(set) var end = Offset.zero
    /// Everything below is on disk.
    private(set) var flushedEnd = Offset.zero
    /// The log start is between these.
    private(set) var earliestStart = Offset.zero
    private(set) var latestStart = Offset.zero
    var isCompacted = false

    mutating func add(
        _ records: [TestRecord], at offset: Offset, _ epoch: Int32, _ writer: TestProducer
    ) {
        for (index, record) in records.enumerated() {
            entries[offset.rawValue + Int64(index), default: []].append(
                Entry(
                    record: record, epoch: epoch, producer: writer.id,
                    isTransactional: writer.isTransactional))
        }
        end = offset + Int64(records.count)
    }

    mutating func end(of producer: Int64, commit: Bool, at offset: Offset) {
        markers[offset.rawValue] = (producer, commit)
        end = offset + 1
    }

    mutating func isFlushed(upTo offset: Offset) { flushedEnd = max(flushedEnd, offset) }

    mutating func mayBeDeleted(below offset: Offset) { latestStart = max(latestStart, offset) }
    mutating func isDeleted(below offset: Offset) { earliestStart = max(earliestStart, offset) }

    mutating func willTruncate(to offset: Offset) { flushedEnd = min(flushedEnd, offset) }

    mutating func willStartAnew(at offset: Offset) {
        flushedEnd = .zero
        mayBeDeleted(below: offset)
    }

    /// What lay at or above `offset` never comes back.
    mutating func didTruncate(to offset: Offset) {
        entries = entries.filter { $0.key < offset.rawValue }
        markers = markers.filter { $0.key < offset.rawValue }
        end = offset
    }

    /// For each key the value that a reader of committed data ends up with at the last stable
    /// offset `stable` of a log up to `end`; absent when the key was deleted.
    func committedValues(below stable: Offset, of end: Offset) -> [String: String] {
        var values: [String: String] = [:]
        // Records of a transaction count at their own offset: their order is that of the log.
        let decided = decisions(upTo: end)
        for offset in entries.keys.sorted() where offset < stable.rawValue {
            guard let entry = entries[offset]?.last else { continue }
            if entry.isTransactional, decided[offset] != true { continue }
            if let key = entry.record.key { values[key] = entry.record.value }
        }
        return values
    }

    /// For each offset of a transaction's record whether the transaction was committed.
    private func decisions(upTo end: Offset) -> [Int64: Bool] {
        var decided: [Int64: Bool] = [:]
        var open: [Int64: [Int64]] = [:]
        for offset in 0..<end.rawValue {
            if let marker = markers[offset] {
                for data in open.removeValue(forKey: marker.producer) ?? [] {
                    decided[data] = marker.commit
                }
            } else if let entry = entries[offset]?.last, entry.isTransactional {
                open[entry.producer, default: []].append(offset)
            }
        }
        return decided
    }
}
