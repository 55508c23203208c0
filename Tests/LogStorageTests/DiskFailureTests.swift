import KafkaRecords
import KafkaWire
import Testing

@testable import LogStorage

/// What a disk that does not give back what was written, or takes only a part, does to a log and to
/// the files beside it.
@Suite struct DiskFailureTests {
    private func filled(_ files: MemoryFileSystem, records: Int = 30) throws -> PartitionLog {
        let log = try TestLog.open(files)
        for number in 0..<records {
            try log.append(try testBatch([TestRecord("k", "\(number)")]))
        }
        return log
    }

    @Test(arguments: [".log", ".index"])
    func aReadThatFailsLeavesTheLogAsItIs(suffix: String) throws {
        let files = try TestLog.fileSystem()
        let log = try filled(files)
        #expect(log.segmentCount > 3)
        files.fail(.init(operation: "read", suffix: suffix, isPermanent: true))
        for offset in [0, 7] as [Int64] {
            let error = #expect(throws: LogError.self) {
                try log.read(
                    from: Offset(offset), maxBytes: 1000, upTo: log.logEndOffset,
                    atLeastOneBatch: true)
            }
            guard case .io(let cause) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(cause.path.hasSuffix(suffix))
        }
        files.fail(nil)
        #expect(log.failure == nil)
        #expect(try log.texts().count == 30)
    }

    @Test func bytesThatCannotBeReadAreAnErrorOfTheSlice() throws {
        let files = try TestLog.fileSystem()
        let log = try filled(files)
        let read = try log.read(
            from: .zero, maxBytes: 1000, upTo: log.logEndOffset, atLeastOneBatch: true)
        let slice = try #require(read.slice)
        files.fail(.init(operation: "read"))
        #expect(throws: FileError.self) { try slice.bytes() }
        #expect(try slice.bytes().count == slice.count)
    }

    @Test func anIndexThatHasBecomeShorterIsAnError() throws {
        let files = try TestLog.fileSystem()
        let log = try filled(files)
        try files.open(TestLog.path(0, .offsetIndex), .readWrite).truncate(to: 0)
        let error = #expect(throws: LogError.self) {
            try log.read(
                from: Offset(3), maxBytes: 1000, upTo: log.logEndOffset, atLeastOneBatch: true)
        }
        guard case .io(let cause) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(cause.description.contains("the index is shorter than it was"))
        // The next start builds it anew.
        #expect(try TestLog.open(files.afterKill()).texts().count == 30)
    }

    /// The batches are on disk, but nothing could find them: the log is not to be trusted.
    @Test func anIndexThatCannotGrowFailsTheLog() throws {
        let files = try TestLog.fileSystem()
        var config = TestLog.config
        config.segmentBytes = 1 << 20
        let log = try TestLog.open(files, config)
        let batch = try testBatch([TestRecord("k", "v")])
        files.fail(.init(operation: "write", suffix: ".index"))
        let many = Array(repeatElement(batch, count: 600).joined())
        #expect(throws: AppendError.self) { try log.append(many) }
        #expect(log.failure?.path == TestLog.path(0, .offsetIndex))
        #expect(throws: AppendError.self) { try log.append(batch) }
        let again = try TestLog.open(files.afterKill(), config)
        #expect(try again.texts().count == 600)
    }

    @Test(arguments: [PartitionMetadataFile.fileName, ".log", LeaderEpochCache.fileName])
    func aLogWhoseFilesCannotBeReadDoesNotOpen(name: String) throws {
        let files = try TestLog.fileSystem()
        let log = try filled(files)
        try log.flush()
        try files.put(
            TestLog.directory + "/" + PartitionMetadataFile.fileName,
            PartitionMetadataFile.encode(KafkaUUID(high: 1, low: 200)))
        // Whichever of its reads it is.
        var reads = 0
        while true {
            let copy = files.afterKill()
            copy.fail(.init(after: reads, operation: "read", suffix: name))
            do {
                #expect(try TestLog.open(copy).logEndOffset == Offset(30))
                break
            } catch LogError.io(let cause) {
                #expect(cause.operation == "read" && cause.path.hasSuffix(name))
                copy.fail(nil)
                #expect(try TestLog.open(copy).texts().count == 30)
            }
            reads += 1
        }
        #expect(reads > 0)
    }

    @Test func aFlushThatDoesNotFindItsFilesFailsTheLog() throws {
        let files = try TestLog.fileSystem()
        let log = try PartitionLog.open(
            directory: TestLog.directory, topicPartition: TestLog.partition,
            topicID: KafkaUUID(high: 1, low: 200), config: TestLog.config, fileSystem: files,
            recoveryPoint: .zero, logStartOffset: .zero, cleanShutdown: false, now: 1000)
        try log.append(try testBatch([TestRecord("k", "v")]))
        try files.remove(TestLog.directory + "/" + PartitionMetadataFile.fileName)
        let ticket = try #require(log.beginFlush())
        #expect(log.failure != nil)
        #expect(throws: FileError.self) { try log.completeFlush(ticket.run()) }
        #expect(log.flushedOffset == .zero)
    }

    @Test func toldToBeginWritingTheSystemPromisesNothing() throws {
        let files = try TestLog.fileSystem()
        let log = try TestLog.open(files)
        try log.append(try testBatch([TestRecord("k", "v")]))
        let ticket = try #require(log.beginFlush())
        ticket.startWriting()
        #expect(try TestLog.open(files.afterPowerCut()).logEndOffset == .zero)
        try log.completeFlush(ticket.run())
        #expect(try TestLog.open(files.afterPowerCut()).logEndOffset == Offset(1))
    }

    // MARK: Recovery

    @Test func aBatchLargerThanWhatIsReadAtOnceIsRecovered() throws {
        let files = try TestLog.fileSystem()
        var config = TestLog.config
        config.segmentBytes = 8 << 20
        config.maxMessageBytes = 4 << 20
        let log = try TestLog.open(files, config)
        for size in [10, 1_500_000, 10] {
            try log.append(
                try testBatch([TestRecord("k", String(repeating: "v", count: size))]))
        }
        let again = try TestLog.open(files.afterKill(), config)
        #expect(again.logEndOffset == Offset(3))
        #expect(try again.batches().map { $0.bytes.count > 1_500_000 } == [false, true, false])
    }

    @Test(arguments: [[1, 2, 3], []] as [[UInt8]])
    func damagedProducerSnapshotsAreRemovedAndTheLogIsRead(_ content: [UInt8]) throws {
        let files = try TestLog.fileSystem()
        let log = try TestLog.open(files)
        for number in 0..<12 as Range<Int32> {
            let record = TestRecord("k", String(repeating: "v", count: 99))
            try log.append(
                try testBatch([record], by: TestProducer(id: 7, sequence: number)))
        }
        try log.close()
        let names = try files.list(TestLog.directory).filter { $0.hasSuffix(".snapshot") }
        #expect(names.count > 2)
        for name in names { try files.put("\(TestLog.directory)/\(name)", content) }
        let again = try TestLog.open(files, clean: true)
        #expect(again.producer(ProducerID(7))?.lastSequence == 11)
        #expect(try files.list(TestLog.directory).allSatisfy { !$0.hasSuffix(".snapshot") })
    }

    /// Another broker has written it: what it was to end stays open.
    @Test func aMarkerOnDiskThatCannotBeReadEndsNothing() throws {
        let files = try TestLog.fileSystem()
        let log = try TestLog.open(files)
        try log.append(
            try testBatch([TestRecord("k", "v")], by: .init(id: 7, isTransactional: true)))
        try log.flush()
        let file = try files.open(TestLog.path(0, .log), .readWrite)
        let marker = try controlBatch(
            key: ControlRecordType.commit.key, value: [0, 0], at: 1)
        // Bytes have no padding.
        try unsafe file.write(marker.span.bytes, at: try file.size)
        let again = try TestLog.open(files.afterKill())
        #expect(again.logEndOffset == Offset(2))
        #expect(again.lastStableOffset(highWatermark: Offset(2)) == .zero)
    }

    /// A record that cannot be unpacked is found by its batch.
    @Test func aDamagedBatchIsFoundByItsLargestTimestamp() throws {
        let log = try TestLog.open(try TestLog.fileSystem())
        try log.append(try testBatch([TestRecord("k", "a", at: 1000)]))
        let batch = try testBatch([TestRecord("k", "b", at: 1500), TestRecord("k", "c", at: 2000)])
        try log.append(patched(batch, at: RecordBatchHeader.byteCount, with: [254, 127]))
        let found = try log.offset(forTimestamp: 1200, upTo: log.logEndOffset)
        #expect(found?.timestamp == 2000 && found?.offset == Offset(1))
        #expect(found?.leaderEpoch == LeaderEpoch(1))
    }
}
