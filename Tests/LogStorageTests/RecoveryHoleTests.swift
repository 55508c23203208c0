import KafkaRecords
import KafkaWire
import Testing

@testable import LogStorage

/// A power cut may keep a later segment and lose the unsynced end of an earlier one.
@Suite struct RecoveryHoleTests {
    private let producer = TestProducer(id: 7)

    /// A log of one-record batches, three to a segment, and the base offsets of its segments.
    private func makeLog(
        _ files: MemoryFileSystem, records: Int = 12
    ) throws -> (log: PartitionLog, bases: [Int64]) {
        let log = try TestLog.open(files)
        var writer = producer
        for index in 0..<records {
            let value = String(repeating: "v", count: 80)
            try log.append(try testBatch([TestRecord("k\(index)", value)], by: writer))
            writer.sequence += 1
        }
        return (log, log.segments.map(\.baseOffset.rawValue))
    }

    /// Cuts the last batch off a segment's file, as if the pages had never been written.
    private func loseEnd(of base: Int64, to offset: Int64, _ log: PartitionLog) throws {
        let segment = try #require(log.segments.first { $0.baseOffset == Offset(base) })
        let batch = try #require(try segment.batch(holding: Offset(offset)))
        try segment.file().truncate(to: batch.position)
        try segment.file().sync()
    }

    @Test func theLogIsCutAtAHoleAboveTheRecoveryPoint() throws {
        let files = try TestLog.fileSystem()
        let (log, bases) = try makeLog(files)
        try #require(bases.count >= 4)
        try log.flush()
        try loseEnd(of: bases[1], to: bases[2] - 1, log)

        let found = try TestLog.open(files.afterKill())
        #expect(found.logEndOffset == Offset(bases[2] - 1))
        #expect(found.segmentCount == 2)
        #expect(try found.allRecords().count == Int(bases[2] - 1))
        // The producer goes on where the log ends.
        var writer = producer
        writer.sequence = Int32(bases[2] - 1)
        let info = try found.append(try testBatch([TestRecord("k", "v")], by: writer))
        #expect(info.baseOffset == Offset(bases[2] - 1))
    }

    @Test func theSegmentsBehindAHoleAreGoneDurably() throws {
        let files = try TestLog.fileSystem()
        let (log, bases) = try makeLog(files)
        try log.flush()
        try loseEnd(of: bases[1], to: bases[2] - 1, log)
        let first = files.afterKill()
        let end = try TestLog.open(first).logEndOffset
        let second = first.afterPowerCut()
        let found = try TestLog.open(second)
        #expect(found.logEndOffset == end)
        #expect(try !second.list(TestLog.directory).contains { $0.hasPrefix("\(bases[3])") })
        #expect(second.list(TestLog.directory, suffix: ".log").count == 2)
    }

    @Test func anEmptyFileInTheMiddleIsAHole() throws {
        let files = try TestLog.fileSystem()
        let (log, bases) = try makeLog(files)
        try log.flush()
        try loseEnd(of: bases[1], to: bases[1], log)
        let found = try TestLog.open(files.afterKill())
        #expect(found.logEndOffset == Offset(bases[1]))
    }

    @Test func aMissingSegmentIsAHole() throws {
        let files = try TestLog.fileSystem()
        let (log, bases) = try makeLog(files)
        try log.flush()
        try files.remove(TestLog.path(bases[1], .log))
        let found = try TestLog.open(files.afterKill())
        #expect(found.logEndOffset == Offset(bases[1]))
    }

    @Test func aSegmentThatReachesIntoTheNextOneWins() throws {
        let files = try TestLog.fileSystem()
        let (log, bases) = try makeLog(files)
        try log.flush()
        let other = try TestLog.fileSystem()
        let long = try makeLog(other, records: Int(bases[2]) + 1)
        try long.log.flush()
        // The second segment's file, with one batch more than belongs there.
        let segment = log.segments[1]
        let spill = try long.log.segments[2].file().readBytes(at: 0, count: 1 << 20)
        // Bytes have no padding.
        try unsafe segment.file().write(spill.span.bytes, at: segment.size)
        let found = try TestLog.open(files.afterKill())
        #expect(found.logEndOffset == Offset(bases[2] + 1))
        #expect(try found.allRecords().map(\.offset.rawValue) == Array(0...bases[2]))
    }

    @Test func aGapIsLegalWhereTheLogWasCompacted() throws {
        for checkpoint in [OffsetCheckpoint.Kind.cleaner, .logStartOffset] {
            let files = try TestLog.fileSystem()
            let (log, bases) = try makeLog(files)
            try log.flush()
            try loseEnd(of: bases[1], to: bases[2] - 1, log)
            try TestLog.write(checkpoint, Offset(bases[2]), files)
            let found = try TestLog.open(files.afterKill())
            #expect(found.logEndOffset == Offset(12), "\(checkpoint)")
        }
    }

    @Test func aGapIsLegalBehindASegmentThatHasGapsItself() throws {
        let files = try TestLog.fileSystem()
        let leader = try makeLog(files)
        let copy = try TestLog.fileSystem()
        let follower = try TestLog.open(copy)
        // The leader's log is compacted: every third record is missing.
        for batch in try leader.log.batches() where batch.header.baseOffset.rawValue % 3 != 1 {
            // Bytes have no padding.
            _ = try unsafe follower.appendReplicated(batch.bytes.span.bytes)
        }
        try follower.flush()
        let end = follower.logEndOffset
        let count = try follower.allRecords().count
        let found = try TestLog.open(copy.afterKill())
        #expect(found.logEndOffset == end)
        #expect(try found.allRecords().count == count)
    }

    @Test func belowTheRecoveryPointNothingIsCut() throws {
        let files = try TestLog.fileSystem()
        let (log, bases) = try makeLog(files)
        try log.flush()
        try loseEnd(of: bases[1], to: bases[2] - 1, log)
        try TestLog.write(.recoveryPoint, Offset(bases[2]), files)
        let found = try TestLog.open(files.afterKill())
        #expect(found.logEndOffset == Offset(12))
    }
}

extension MemoryFileSystem {
    /// The names in a directory that end in `suffix`.
    func list(_ directory: String, suffix: String) -> [String] {
        ((try? list(directory)) ?? []).filter { $0.hasSuffix(suffix) }
    }

    /// The gap of a compacted log may lie just where the follower begins a segment.
    @Test(arguments: [1, LogSegment.maxOffsetSpan - 1, LogSegment.maxOffsetSpan + 1])
    func aGapThatTheLeaderSentIsNoHole(_ gap: Int64) throws {
        let files = try TestLog.fileSystem()
        let log = try TestLog.open(files)
        var end = Offset.zero
        for index in 0..<8 {
            let base = end + (index == 4 ? gap : 0)
            var batch = try testBatch([TestRecord("k", String(repeating: "v", count: 400))])
            var span = batch.mutableSpan
            // Bytes have no padding.
            var bytes = unsafe span.mutableBytes
            RecordBatchHeader.setBaseOffset(base, in: &bytes)
            _ = try unsafe log.appendReplicated(batch.span.bytes)
            end = base + 1
        }
        try log.flush()
        let found = try TestLog.open(files.afterKill())
        #expect(found.logEndOffset == end)
        #expect(try found.allRecords().count == 8)
    }
}
