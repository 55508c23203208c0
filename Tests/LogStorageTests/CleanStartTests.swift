import KafkaWire
import Testing

@testable import LogStorage

/// A log that was closed cleanly, whose files are not as they were left.
@Suite struct CleanStartTests {
    /// Were bytes that are no batch to stay at the end, what is written after them would be lost
    /// at the next start.
    @Test(arguments: [false, true]) func whatFollowsTheLastBatchIsCutOff(isClean: Bool) throws {
        let files = try TestLog.fileSystem()
        let log = try TestLog.open(files)
        try log.append(try testBatch([TestRecord("a", "x")]))
        try log.close()
        let file = try files.open(TestLog.path(0, .log), .readWrite)
        let size = try file.size
        let garbage: [UInt8] = Array(repeating: 0x61, count: 100)
        try unsafe file.write(garbage.span.bytes, at: size)

        let again = try TestLog.open(files, clean: isClean)
        #expect(again.logEndOffset == Offset(1))
        #expect(try file.size == size)
        try again.append(try testBatch([TestRecord("b", "y")]))
        try again.close()
        let third = try TestLog.open(files, clean: true)
        #expect(try third.committedRecords().map(\.offset) == [Offset(0), Offset(1)])
    }
}
