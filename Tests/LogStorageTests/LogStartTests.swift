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
}
