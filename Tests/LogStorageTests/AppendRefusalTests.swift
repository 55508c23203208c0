import KafkaProtocol
import KafkaWire
import Testing

@testable import KafkaRecords
@testable import LogStorage

/// A batch with other bytes at `position`, and the checksum that they need.
func patched(_ batch: [UInt8], at position: Int, with replacement: [UInt8]) -> [UInt8] {
    var bytes = batch
    bytes.replaceSubrange(position..<position + replacement.count, with: replacement)
    var span = bytes.mutableSpan
    // Bytes have no padding.
    var raw = unsafe span.mutableBytes
    RecordBatchHeader.renewCRC(in: &raw, at: 0)
    return bytes
}

/// A control batch whose record is none of the markers that end a transaction.
func controlBatch(key: [UInt8], value: [UInt8], at offset: Int64 = 0) throws -> [UInt8] {
    var options = RecordBatchBuilder.Options(TestProducer(id: 7, isTransactional: true))
    options.baseOffset = Offset(offset)
    options.baseSequence = RecordBatchHeader.noSequence
    options.isControl = true
    var builder = RecordBatchBuilder(options)
    builder.append(timestamp: 1000, key: key, value: value)
    return try builder.finish()
}

/// Batches that are not taken: the error that the writer is told, and a log that stays as it was.
@Suite struct AppendRefusalTests {
    private func refusal(of body: () throws -> Void) throws -> KafkaError? {
        do {
            try body()
            return nil
        } catch AppendError.kafka(let error, _) {
            return error
        }
    }

    private func log(_ change: (inout LogConfig) -> Void = { _ in }) throws -> PartitionLog {
        var config = TestLog.config
        change(&config)
        return try TestLog.open(try TestLog.fileSystem(), config)
    }

    private func data(
        _ producer: TestProducer = .none, value: String = "v"
    ) throws -> [UInt8] {
        try testBatch([TestRecord("k", value)], by: producer)
    }

    enum Flaw: CaseIterable {
        case oldFormat, recordCount, baseOffset, control, sequence, checksum

        var error: KafkaError { self == .checksum ? .corruptMessage : .invalidRecord }

        func batch() throws -> [UInt8] {
            switch self {
            case .oldFormat:
                // Format 1: offset, size, checksum, magic, attributes, time, null key and value.
                let head: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 22, 0, 0, 0, 0, 1, 0]
                return head + [UInt8](repeating: 0, count: 8) + [UInt8](repeating: 255, count: 8)
            case .recordCount:
                return patched(
                    try testBatch([TestRecord("k", "v")]), at: BatchLayout.lastOffsetDelta,
                    with: [0, 0, 0, 5])
            case .baseOffset:
                var builder = RecordBatchBuilder(.init(baseOffset: Offset(3)))
                builder.append(timestamp: 1000, key: nil, value: [1])
                return try builder.finish()
            case .control: return try testMarker(commit: true, of: TestProducer(id: 7))
            case .sequence:
                return try testBatch(
                    [TestRecord("k", "v")], by: TestProducer(id: 7, sequence: -1))
            case .checksum:
                var bytes = try testBatch([TestRecord("k", "v")])
                bytes[bytes.count - 1] ^= 1
                return bytes
            }
        }
    }

    @Test(arguments: Flaw.allCases) func aClientsBatchIsRefused(_ flaw: Flaw) throws {
        let log = try log()
        let batch = try flaw.batch()
        #expect(try refusal { try log.append(batch) } == flaw.error)
        #expect(log.logEndOffset == .zero && log.failure == nil)
        #expect(try log.append(try data()).baseOffset == .zero)
    }

    // MARK: Timestamps

    private func claiming(_ timestamp: Int64, type: TimestampType = .createTime) throws -> [UInt8] {
        var bytes = try data()
        var span = bytes.mutableSpan
        // Bytes have no padding.
        var raw = unsafe span.mutableBytes
        RecordBatchHeader.setMaxTimestamp(timestamp, type: type, in: &raw)
        return bytes
    }

    /// The records are in order, so that there is none to name.
    @Test func aHeaderThatIsAheadOfItsRecordsIsRefusedAsAWhole() throws {
        let log = try log { $0.timestampAfterMaxMs = 100 }
        #expect(try refusal { try log.append(try claiming(1101)) } == .invalidTimestamp)
        #expect(log.logEndOffset == .zero)
        try log.append(try claiming(1100))
    }

    @Test func onlyTheLogGivesLogAppendTime() throws {
        let log = try log { $0.timestampType = .logAppendTime }
        let batch = try claiming(1000, type: .logAppendTime)
        #expect(try refusal { try log.append(batch) } == .invalidTimestamp)
        #expect(log.logEndOffset == .zero)
    }

    @Test func theLargestTimestampIsThatOfTheRecordsWhereTheyAreLookedAt() throws {
        let log = try log { $0.compact = true }
        try log.append(try claiming(5000))
        let stored = try #require(try log.batches().first)
        #expect(stored.header.maxTimestamp == 1000)
        // Bytes have no padding.
        try unsafe RecordBatchHeader.verifyCRC(stored.bytes.span.bytes, header: stored.header)
    }

    // MARK: Producers

    @Test func aRepeatedBatchMustComeAlone() throws {
        let log = try log()
        let first = try data(TestProducer(id: 7))
        let second = try data(TestProducer(id: 7, sequence: 1))
        try log.append(first)
        #expect(try refusal { try log.append(second + first) } == .duplicateSequenceNumber)
        #expect(log.logEndOffset == Offset(1))
        #expect(try log.append(first).isDuplicate)
        #expect(try log.append(second).baseOffset == Offset(1))
    }

    @Test func anOpenTransactionTakesNoOtherRecords() throws {
        let log = try log()
        try log.append(try data(TestProducer(id: 7, isTransactional: true)))
        let outside = try data(TestProducer(id: 7, sequence: 1))
        #expect(try refusal { try log.append(outside) } == .invalidTxnState)
        #expect(log.logEndOffset == Offset(1))
    }

    @Test func aMarkerOfAnEarlierEpochChangesNothing() throws {
        let log = try log()
        try log.append(try data(TestProducer(id: 7, epoch: 3, isTransactional: true)))
        let late = try testMarker(commit: true, of: TestProducer(id: 7, epoch: 2))
        let refused = try refusal { try log.append(late, origin: .coordinator) }
        #expect(refused == .invalidProducerEpoch)
        #expect(log.producer(ProducerID(7))?.currentTxnFirstOffset == .zero)
    }

    @Test func aMarkerThatIsCutOffIsRefused() throws {
        let log = try log()
        try log.append(try data(TestProducer(id: 7, isTransactional: true)))
        let marker = try controlBatch(key: ControlRecordType.commit.key, value: [0, 0])
        let refused = try refusal { try log.append(marker, origin: .coordinator) }
        #expect(refused == .corruptMessage)
        #expect(log.logEndOffset == Offset(1))
    }

    // MARK: Limits

    @Test func whatComesTogetherFitsIntoOneSegment() throws {
        let log = try log()
        let batch = try data(value: String(repeating: "v", count: 100))
        let most = TestLog.config.segmentBytes / batch.count
        let tooMany = Array(repeatElement(batch, count: most + 1).joined())
        #expect(try refusal { try log.append(tooMany) } == .recordListTooLarge)
        #expect(log.logEndOffset == .zero)
        try log.append(Array(repeatElement(batch, count: most).joined()))
        #expect(log.logEndOffset == Offset(Int64(most)))
    }

    private func replicate(_ bytes: [UInt8], to log: PartitionLog) throws {
        // Bytes have no padding.
        _ = try unsafe log.appendReplicated(bytes.span.bytes)
    }

    private func batch(at offset: Int64) throws -> [UInt8] {
        var options = RecordBatchBuilder.Options(baseOffset: Offset(offset))
        options.partitionLeaderEpoch = LeaderEpoch(1)
        var builder = RecordBatchBuilder(options)
        builder.append(timestamp: 1000, key: nil, value: [1])
        return try builder.finish()
    }

    @Test func whatALeaderSendsAtOnceSpansNoMoreOffsetsThanASegment() throws {
        let log = try log()
        let last = LogSegment.maxOffsetSpan
        let tooFar = try batch(at: 0) + batch(at: last + 1)
        #expect(try refusal { try replicate(tooFar, to: log) } == .recordListTooLarge)
        #expect(log.logEndOffset == .zero)
        try replicate(try batch(at: 0) + batch(at: last), to: log)
        #expect(log.logEndOffset == Offset(last + 1))
    }

    @Test func whatALeaderSendsIsCheckedToo() throws {
        let log = try log()
        var damaged = try batch(at: 0)
        damaged[damaged.count - 1] ^= 1
        #expect(try refusal { try replicate(damaged, to: log) } == .corruptMessage)
        #expect(log.logEndOffset == .zero)
    }
}
