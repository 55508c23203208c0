import KafkaWire
import Testing

@testable import LogStorage

/// What a disk that fails while cleaned segments take the place of others leaves.
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

    private func work(on log: PartitionLog) throws -> CleanerWork {
        var random = SplitMix64(seed: 1)
        let range = try log.cleanableRange(
            checkpoint: nil, highWatermark: log.logEndOffset, now: 1000)
        return CleanerWork(
            try log.cleanerInput(range, highWatermark: log.logEndOffset),
            settings: CleanerSettings(), now: 1000, using: &random)
    }

    private func run(_ work: CleanerWork, on log: PartitionLog) throws {
        var isDone = false
        while !isDone {
            let step = try work.step()
            if step == .needsLock { _ = try log.swap(work, now: 1000) }
            if case .done = step { isDone = true }
        }
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
        var found: [String: String] = [:]
        for (_, record) in try reopened.texts().sorted(by: { $0.key < $1.key }) {
            if let key = record.key { found[key] = record.value }
        }
        #expect(found == last)
    }
}
