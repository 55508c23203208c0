import KafkaWire
import Testing

@testable import LogStorage

/// Whole cleanings: with little memory, over damage, and on a disk that fails while cleaned
/// segments take the place of others.
@Suite struct CleanerSwapTests {
    private static var config: LogConfig {
        var config = TestLog.config
        config.compact = true
        return config
    }

    /// A log of several segments, each key written several times.
    private func filledLog(_ files: MemoryFileSystem) throws -> (PartitionLog, [String: String]) {
        let log = try TestLog.open(files, Self.config)
        var last: [String: String] = [:]
        for number in 0..<60 {
            let key = "key-\(number % 7)"
            last[key] = "value-\(number)"
            try log.append(testBatch([TestRecord(key, last[key])]))
        }
        try log.flush()
        // As before each cleaning: below it gaps are legal.
        try TestLog.write(.recoveryPoint, log.flushedOffset, files)
        return (log, last)
    }

    private func work(
        on log: PartitionLog, from checkpoint: Offset? = nil,
        _ settings: CleanerSettings = CleanerSettings()
    ) throws -> CleanerWork {
        var random = SplitMix64(seed: 1)
        let range = try log.cleanableRange(
            checkpoint: checkpoint, highWatermark: log.logEndOffset, now: 1000)
        return CleanerWork(
            try log.cleanerInput(range, highWatermark: log.logEndOffset),
            settings: settings, now: 1000, using: &random)
    }

    @discardableResult
    private func run(_ work: CleanerWork, on log: PartitionLog) throws -> CleaningResult {
        while true {
            let step = try work.step()
            if step == .needsLock { _ = try log.swap(work, now: 1000) }
            if case .done(let result) = step { return result }
        }
    }

    private func lastValues(_ log: PartitionLog) throws -> [String: String] {
        var found: [String: String] = [:]
        for (_, record) in try log.texts().sorted(by: { $0.key < $1.key }) {
            if let key = record.key { found[key] = record.value }
        }
        return found
    }

    /// Memory for fewer keys than there are, and buffers that hold one batch or a part of one.
    @Test(arguments: [(1 << 20, 1), (1 << 20, 100), (5 * OffsetMap.bytesPerEntry, 1 << 20)])
    func littleMemoryMakesMoreStepsOfIt(map: Int, buffer: Int) throws {
        let (log, last) = try filledLog(try TestLog.fileSystem())
        var settings = CleanerSettings()
        settings.dedupeBufferBytes = map
        settings.ioBufferBytes = buffer
        let end = try work(on: log).input.range.firstUncleanableOffset
        var checkpoint = Offset.zero
        var runs = 0
        while checkpoint < end {
            let result = try run(try work(on: log, from: checkpoint, settings), on: log)
            try #require(result.endOffset > checkpoint, "every cleaning gets on")
            checkpoint = result.endOffset
            runs += 1
        }
        #expect(map == 1 << 20 ? runs == 1 : runs > 1)
        #expect(try lastValues(log) == last)
        #expect(try log.texts().keys.filter { $0 < end.rawValue }.count <= last.count)
    }

    enum Damage: CaseIterable {
        case record, length, structure

        func apply(to batch: [UInt8]) -> [UInt8] {
            var bytes = batch
            switch self {
            case .record: bytes[bytes.count - 2] ^= 1
            case .length: bytes.replaceSubrange(8..<12, with: [0x7F, 0xFF, 0xFF, 0xFF])
            // The first record claims to be longer than its batch.
            case .structure: return patched(bytes, at: 61, with: [254, 127])
            }
            return bytes
        }
    }

    /// The log is left as it is, for somebody to look at.
    @Test(arguments: Damage.allCases) func damageIsNamedWithItsFile(_ damage: Damage) throws {
        let files = try TestLog.fileSystem()
        let (log, _) = try filledLog(files)
        let work = try work(on: log)
        let first = try #require(try log.batches().first)
        let path = TestLog.path(0, .log)
        let damaged = damage.apply(to: first.bytes)
        // Bytes have no padding.
        try unsafe files.open(path, .readWrite).write(damaged.span.bytes, at: 0)
        let names = try files.list(TestLog.directory)
        let error = #expect(throws: CleanerError.self) { try run(work, on: log) }
        guard case .corrupt(path, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        try work.cancel()
        #expect(try files.list(TestLog.directory) == names)
    }

    /// Whichever rename fails, no key is without its last value after the next start.
    @Test(arguments: 0..<12) func aSwapThatFailsHalfWayLosesNothing(renames: Int) throws {
        let files = try TestLog.fileSystem()
        let (log, last) = try filledLog(files)
        files.fail(.init(after: renames, operation: "rename"))
        let work = try work(on: log)
        #expect(throws: CleanerError.self) { try run(work, on: log) }
        try work.cancel()
        let left = files.afterKill()
        let reopened = try TestLog.open(left, Self.config)
        #expect(reopened.logStartOffset == .zero)
        #expect(try lastValues(reopened) == last)
    }
}
