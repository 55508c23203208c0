import KafkaWire
import Testing

@testable import LogStorage

/// Offsets that a log does not have, and files that are not its own.
@Suite struct LogBoundsTests {
    private func filled(_ files: MemoryFileSystem, records: Int = 12) throws -> PartitionLog {
        let log = try TestLog.open(files)
        for number in 0..<records {
            try log.append(try testBatch([TestRecord("k", String(repeating: "v", count: 99))]))
            #expect(log.logEndOffset == Offset(Int64(number) + 1))
        }
        return log
    }

    @Test(arguments: [-1, 2, 13] as [Int64])
    func readsOutsideOfTheLogAreToldItsBounds(offset: Int64) throws {
        let log = try filled(try TestLog.fileSystem())
        try log.deleteRecords(before: Offset(3))
        let expected = LogError.offsetOutOfRange(
            requested: Offset(offset), start: Offset(3), end: Offset(12))
        #expect(throws: expected) {
            try log.read(
                from: Offset(offset), maxBytes: 100, upTo: log.logEndOffset,
                atLeastOneBatch: true)
        }
        #expect(
            try log.read(
                from: Offset(12), maxBytes: 100, upTo: Offset(12), atLeastOneBatch: true
            ).slice == nil)
    }

    @Test func noMoreIsDeletedThanThereIs() throws {
        let log = try filled(try TestLog.fileSystem())
        let expected = LogError.offsetOutOfRange(
            requested: Offset(13), start: .zero, end: Offset(12))
        #expect(throws: expected) { try log.deleteRecords(before: Offset(13)) }
        #expect(log.logStartOffset == .zero)
        try log.deleteRecords(before: Offset(12))
        #expect(log.logStartOffset == Offset(12))
    }

    @Test func aLogThatIsCutBelowItsFirstSegmentBeginsAnew() throws {
        let log = try filled(try TestLog.fileSystem())
        try log.deleteRecords(before: Offset(8))
        _ = try log.applyRetention(now: 1000, highWatermark: Offset(12))
        try #require(log.firstSegmentOffset > Offset(2))
        try log.truncate(to: Offset(2))
        #expect(log.logStartOffset == Offset(2) && log.logEndOffset == Offset(2))
        #expect(try log.append(try testBatch([TestRecord("k", "v")])).baseOffset == Offset(2))
        #expect(try log.texts() == [2: TestRecord("k", "v")])
    }

    /// Where the cleaner has been, offsets are missing; a log can end in such a gap.
    @Test func aLogThatIsCutBehindAGapHasNothingThere() throws {
        let leader = try filled(try TestLog.fileSystem(), records: 3)
        let follower = try TestLog.open(try TestLog.fileSystem())
        for batch in try leader.batches() where batch.header.baseOffset != Offset(1) {
            // Bytes have no padding.
            _ = try unsafe follower.appendReplicated(batch.bytes.span.bytes)
        }
        try follower.truncate(to: Offset(2))
        #expect(follower.logEndOffset == Offset(2))
        let read = try follower.read(
            from: Offset(1), maxBytes: 100, upTo: Offset(2), atLeastOneBatch: true)
        #expect(read.slice == nil && read.nextOffset == Offset(1))
        #expect(try follower.texts().keys.sorted() == [0])
    }

    /// Recovery trusts what is below the checkpointed recovery point, which is lowered before the
    /// cut: to where the log ends after it.
    @Test func aCutWithinABatchCountsNoneOfItAsOnDisk() throws {
        let log = try filled(try TestLog.fileSystem(), records: 3)
        try log.append(try testBatch(["a", "b", "c"].map { TestRecord("k", $0) }))
        try log.flush()
        #expect(log.flushedOffset == Offset(6))
        #expect(try log.prepareTruncation(to: Offset(4)))
        #expect(log.flushedOffset == Offset(3) && log.logEndOffset == Offset(6))
        try log.truncate(to: Offset(4))
        #expect(log.flushedOffset == Offset(3) && log.logEndOffset == Offset(3))
    }

    /// `segment.jitter.ms`: so that partitions do not roll all at once.
    @Test func segmentsRollSomewhatEarlierThanTheirTime() throws {
        var config = TestLog.config
        config.segmentBytes = 1 << 20
        config.segmentMs = 1000
        config.segmentJitterMs = 600
        let log = try TestLog.open(try TestLog.fileSystem(), config)
        var began = Int64(1000)
        var ages: [Int64] = []
        for timestamp in stride(from: began, to: 10_000, by: 10) {
            let segments = log.segments.count
            try log.append(try testBatch([TestRecord("k", "v", at: timestamp)]))
            guard log.segments.count > max(segments, 1) else { continue }
            ages.append(timestamp - began)
            began = timestamp
        }
        #expect(ages.count >= 9 && ages.allSatisfy { (400...1010).contains($0) })
        #expect(Set(ages).count > 1)
    }

    /// The disk has lost what the log start had been raised to.
    @Test func aLogThatEndsBelowItsStartIsEmpty() throws {
        let files = try TestLog.fileSystem()
        _ = try filled(files)
        try TestLog.write(.logStartOffset, Offset(100), files)
        let log = try TestLog.open(files.afterKill())
        #expect(log.logStartOffset == Offset(100) && log.logEndOffset == Offset(100))
        #expect(log.activeProducers().isEmpty && log.latestEpoch == .none)
        #expect(try log.append(try testBatch([TestRecord("k", "v")])).baseOffset == Offset(100))
        #expect(try log.texts() == [100: TestRecord("k", "v")])
    }

    // MARK: Other files

    private func open(_ files: MemoryFileSystem, topicID: KafkaUUID) throws -> PartitionLog {
        try PartitionLog.open(
            directory: TestLog.directory, topicPartition: TestLog.partition, topicID: topicID,
            config: TestLog.config, fileSystem: files, recoveryPoint: .zero,
            logStartOffset: .zero, cleanShutdown: false, now: 1000)
    }

    @Test func theDirectoryOfAnotherTopicIsRefused() throws {
        let files = try TestLog.fileSystem()
        let (mine, other) = (KafkaUUID(high: 1, low: 200), KafkaUUID(high: 1, low: 201))
        try open(files, topicID: mine).close()
        let error = #expect(throws: LogError.self) { try open(files, topicID: other) }
        #expect(
            error
                == .corrupt(
                    "\(TestLog.directory) belongs to the topic with the id \(mine), not \(other)"))
        #expect(try open(files, topicID: mine).topicID == mine)
    }

    @Test func aMetadataFileOfImpossibleSizeIsNotRead() throws {
        let files = try TestLog.fileSystem()
        let path = TestLog.directory + "/" + PartitionMetadataFile.fileName
        try files.put(path, [UInt8](repeating: 32, count: 4097))
        let error = #expect(throws: LogError.self) { try TestLog.open(files) }
        guard case .io(let cause) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(cause.path == path && cause.description.contains("4097 bytes"))
    }

    /// Nothing but the transactions of this log may be listed in its indexes.
    @Test func whatStandsUnderTheNameOfANewSegmentIsEmptied() throws {
        let files = try TestLog.fileSystem()
        let log = try filled(files)
        let stray = TestLog.path(50, .transactionIndex)
        try files.put(stray, [UInt8](repeating: 0, count: 34))
        try log.truncateFullyAndStart(at: Offset(50))
        try log.append(try testBatch([TestRecord("k", "v")]))
        #expect(try files.status(stray)?.size == 0)
        #expect(try log.abortedTransactions(from: Offset(50), upTo: Offset(51)).isEmpty)
    }

    @Test(arguments: [
        "00000000000000000000.log.bak", "00000000000000000000.log.swap.deleted", "x.log",
        "00000000000000000000", "-1.log", "00000000000000000000.idx", ".log",
    ])
    func otherNamesAreNoneOfASegments(name: String) {
        #expect(SegmentFileName(name) == nil)
    }
}
