import KafkaWire
import Testing

@testable import LogStorage

/// A log whose start lies within a batch.
@Suite struct LogStartTests {
    /// The batch's producer and its transaction are not forgotten: what is left of an aborted batch
    /// must not look committed after a crash.
    @Test func anAbortedBatchThatTheStartLiesInStaysAborted() throws {
        let files = try TestLog.fileSystem()
        let log = try TestLog.open(files)
        let writer = TestProducer(id: 7, isTransactional: true)
        let records = ["a", "b", "c"].map { TestRecord($0, "x") }
        try log.append(try testBatch(records, by: writer))
        try log.append(try testMarker(commit: false, of: writer), origin: .coordinator)
        try log.append(try testBatch([TestRecord("d", "y")]))
        try log.deleteRecords(before: Offset(1))
        try log.flush()
        try TestLog.write(.logStartOffset, Offset(1), files)
        #expect(try log.committedRecords().map(\.offset) == [Offset(4)])
        for name in try files.list(TestLog.directory) where name.hasSuffix(".txnindex") {
            try files.remove("\(TestLog.directory)/\(name)")
        }
        let again = try TestLog.open(files.afterKill())
        #expect(try again.committedRecords().map(\.offset) == [Offset(4)])
        #expect(again.producer(ProducerID(7))?.lastSequence == 2)
    }

    /// A batch that comes again is known, though it has been deleted and the log was recovered.
    @Test(arguments: [false, true])
    func aProducerWhoseRecordsAreDeletedIsNotForgotten(isClean: Bool) throws {
        let files = try TestLog.fileSystem()
        let log = try TestLog.open(files)
        let first = try testBatch([TestRecord("a", "x")], by: TestProducer(id: 7))
        try log.append(first)
        while log.segments.count == 1 {
            try log.append(try testBatch([TestRecord("b", String(repeating: "y", count: 100))]))
        }
        let start = log.segments[1].baseOffset
        try log.deleteRecords(before: start)
        _ = try log.applyRetention(now: 1000, highWatermark: log.logEndOffset)
        #expect(log.segments[0].baseOffset == start)
        try log.flush()
        try TestLog.write(.logStartOffset, start, files)
        if isClean { try TestLog.write(.recoveryPoint, log.logEndOffset, files) }
        let again = try TestLog.open(files.afterPowerCut(), clean: isClean)
        #expect(again.logStartOffset == start)
        let info = try again.append(first)
        #expect(info.isDuplicate && info.baseOffset == .zero)
        #expect(again.logEndOffset == log.logEndOffset)
    }

    /// Nor when the records are still in a segment that the log's start lies in: behind the last
    /// snapshot, or without one.
    @Test(arguments: [false, true])
    func aProducerWhoseRecordsLieBelowTheStartIsNotForgotten(hasSnapshot: Bool) throws {
        let files = try TestLog.fileSystem()
        let log = try TestLog.open(files)
        while log.segments.count == 1 {
            try log.append(try testBatch([TestRecord("b", String(repeating: "y", count: 100))]))
        }
        let batch = try testBatch([TestRecord("a", "x")], by: TestProducer(id: 7))
        let written = try log.append(batch).baseOffset
        try log.append(try testBatch([TestRecord("b", "z")]))
        try log.deleteRecords(before: written + 1)
        _ = try log.applyRetention(now: 1000, highWatermark: log.logEndOffset)
        #expect(log.segments[0].baseOffset < log.logStartOffset)
        try log.flush()
        try TestLog.write(.logStartOffset, log.logStartOffset, files)
        let snapshots = try files.list(TestLog.directory).filter { $0.hasSuffix(".snapshot") }
        #expect(!snapshots.isEmpty)
        if !hasSnapshot {
            for name in snapshots { try files.remove("\(TestLog.directory)/\(name)") }
        }
        let again = try TestLog.open(files.afterKill())
        #expect(again.logStartOffset == written + 1)
        let info = try again.append(batch)
        #expect(info.isDuplicate && info.baseOffset == written)
    }
}
