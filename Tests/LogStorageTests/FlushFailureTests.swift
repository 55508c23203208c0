import KafkaWire
import Testing

@testable import LogStorage

@Suite struct FlushFailureTests {
    /// After a failed `fdatasync` the pages count as clean, though they are not on disk: a second
    /// sync that succeeds must not be trusted.
    @Test(arguments: ["sync", "syncDirectory", "rename"])
    func aFailedFlushFailsTheLogForGood(_ operation: String) throws {
        let files = try TestLog.fileSystem()
        let log = try TestLog.open(files)
        try log.append(try testBatch([TestRecord("k", "v")]))
        let ticket = try #require(log.beginFlush())
        files.fail(.init(operation: operation))
        let result = ticket.run()
        files.fail(nil)

        #expect(throws: FileError.self) { try log.completeFlush(result) }
        #expect(log.failure != nil)
        #expect(log.flushedOffset == .zero)
        #expect(throws: AppendError.self) { try log.append(try testBatch([TestRecord("k", "w")])) }
        #expect(throws: LogError.self) { try log.batches() }
        let again = try #require(log.beginFlush())
        #expect(throws: FileError.self) { try log.completeFlush(again.run()) }
        #expect(log.flushedOffset == .zero)
        // Nor may its directory be taken for one that was closed in order.
        #expect(throws: LogError.self) { try log.close(clean: true) }
    }

    @Test func aFlushOfWhatWasTruncatedSinceDoesNotCountButItsFailureDoes() throws {
        let files = try TestLog.fileSystem()
        let log = try TestLog.open(files)
        for value in ["a", "b"] { try log.append(try testBatch([TestRecord("k", value)])) }
        let ticket = try #require(log.beginFlush())
        try log.truncate(to: Offset(1))
        try log.append(try testBatch([TestRecord("k", "c")]))
        try log.completeFlush(ticket.run())
        #expect(log.flushedOffset == .zero)

        let late = try #require(log.beginFlush())
        files.fail(.init(operation: "sync"))
        let result = late.run()
        files.fail(nil)
        try log.truncate(to: Offset(1))
        #expect(throws: FileError.self) { try log.completeFlush(result) }
        #expect(log.failure != nil)
    }
}
