import KafkaWire
import Testing

@testable import KafkaRecords

/// A format-2 batch with `payload` for records and a right checksum.
func rawBatch(_ header: RecordBatchHeader, payload: [UInt8] = []) -> [UInt8] {
    var header = header
    header.batchLength = Int32(RecordBatchHeader.byteCount - 12 + payload.count)
    var writer = WireWriter()
    header.encode(to: &writer)
    writer.writeRaw(payload)
    var bytes = writer.toArray()
    var span = bytes.mutableSpan
    var raw = span.mutableBytes
    RecordBatchHeader.renewCRC(in: &raw, at: 0)
    return bytes
}

// `#expect` cannot hold a span.
private func header(_ bytes: [UInt8]) throws -> RecordBatchHeader {
    try RecordBatchHeader(bytes.span.bytes)
}
private func verify(_ bytes: [UInt8]) throws {
    let header = try RecordBatchHeader(bytes.span.bytes)
    try RecordBatchHeader.verifyCRC(bytes.span.bytes, header: header)
}

@Suite("Record batch header")
struct RecordBatchHeaderTests {
    static let sample = RecordBatchHeader(
        baseOffset: Offset(0x0102_0304_0506_0708), partitionLeaderEpoch: LeaderEpoch(77),
        attributes: 0x10, lastOffsetDelta: 4, baseTimestamp: 1_700_000_000_000,
        maxTimestamp: 1_700_000_000_009, producerID: ProducerID(9), producerEpoch: 3,
        baseSequence: Int32.max - 1, recordCount: 5)

    @Test func readsWhatItWrote() throws {
        let bytes = rawBatch(Self.sample, payload: [1, 2, 3])
        let header = try RecordBatchHeader(bytes.span.bytes)
        var expected = Self.sample
        expected.batchLength = 52
        expected.crc = header.crc
        #expect(header == expected)
        #expect(header.sizeInBytes == bytes.count)
        #expect(header.nextOffset - header.baseOffset == 5)
        #expect(header.lastSequence == 2, "Int32.max - 1, Int32.max, 0, 1, 2")
        #expect(header.isTransactional && !header.isControl && header.deleteHorizonMs == nil)
        try RecordBatchHeader.verifyCRC(bytes.span.bytes, header: header)
    }

    @Test func patchesKeepTheChecksumRight() throws {
        var bytes = [9, 9, 9] + rawBatch(Self.sample, payload: [1, 2, 3])
        let before = try RecordBatchHeader(bytes.span.bytes, at: 3)
        do {
            var span = bytes.mutableSpan
            var raw = span.mutableBytes
            RecordBatchHeader.setBaseOffset(Offset(42), in: &raw, at: 3)
            RecordBatchHeader.setPartitionLeaderEpoch(LeaderEpoch(5), in: &raw, at: 3)
        }
        let moved = try RecordBatchHeader(bytes.span.bytes, at: 3)
        #expect(moved.baseOffset == Offset(42) && moved.partitionLeaderEpoch == LeaderEpoch(5))
        #expect(moved.crc == before.crc)
        try RecordBatchHeader.verifyCRC(bytes.span.bytes, at: 3, header: moved)
        do {
            var span = bytes.mutableSpan
            var raw = span.mutableBytes
            RecordBatchHeader.setLogAppendTime(123, in: &raw, at: 3)
        }
        let stamped = try RecordBatchHeader(bytes.span.bytes, at: 3)
        #expect(stamped.timestampType == .logAppendTime && stamped.maxTimestamp == 123)
        #expect(stamped.crc != before.crc && stamped.isTransactional)
        try RecordBatchHeader.verifyCRC(bytes.span.bytes, at: 3, header: stamped)
        do {
            var span = bytes.mutableSpan
            var raw = span.mutableBytes
            RecordBatchHeader.setDeleteHorizon(55, in: &raw, at: 3)
        }
        let marked = try RecordBatchHeader(bytes.span.bytes, at: 3)
        #expect(marked.deleteHorizonMs == 55)
        try RecordBatchHeader.verifyCRC(bytes.span.bytes, at: 3, header: marked)
    }

    @Test func everyFlippedBitUnderTheChecksumIsFound() throws {
        let good = rawBatch(Self.sample, payload: [1, 2, 3, 4])
        for index in 21..<good.count {
            for bit in 0..<8 {
                var bad = good
                bad[index] ^= 1 << UInt8(bit)
                #expect(throws: BatchError.self) {
                    try verify(bad)
                }
            }
        }
    }

    @Test func aChecksumNeedsTheWholeBatch() throws {
        let good = rawBatch(Self.sample, payload: [1, 2, 3, 4])
        let header = try header(good)
        let cut = Array(good.dropLast())
        #expect(throws: BatchError.truncated(needed: good.count, remaining: good.count - 1)) {
            try RecordBatchHeader.verifyCRC(cut.span.bytes, header: header)
        }
    }

    /// Whoever sets nothing new must not make a damaged batch valid.
    @Test func aTimestampThatIsThereAlreadyLeavesTheChecksum() throws {
        var bytes = rawBatch(Self.sample, payload: [1, 2, 3])
        bytes[bytes.count - 1] ^= 1
        let before = bytes
        do {
            var span = bytes.mutableSpan
            var raw = span.mutableBytes
            RecordBatchHeader.setMaxTimestamp(
                Self.sample.maxTimestamp, type: .createTime, in: &raw)
        }
        #expect(bytes == before)
        #expect(throws: BatchError.self) { try verify(bytes) }
    }

    @Test func timestampTypesHaveKafkasNames() {
        #expect(TimestampType.createTime.name == "CreateTime")
        #expect(TimestampType.logAppendTime.name == "LogAppendTime")
    }

    @Test func refusesWhatIsNoHeader() {
        let good = rawBatch(Self.sample)
        for count in 0..<good.count {
            #expect(throws: BatchError.self) {
                _ = try header(Array(good[..<count]))
            }
        }
        var bytes = good
        bytes[16] = 3
        #expect(throws: BatchError.unsupportedMagic(3)) {
            _ = try header(bytes)
        }
        bytes = good
        bytes.replaceSubrange(8..<12, with: [0, 0, 0, 48])
        #expect(throws: BatchError.badLength(48)) { _ = try header(bytes) }
        bytes.replaceSubrange(8..<12, with: [0x80, 0, 0, 0])
        #expect(throws: BatchError.badLength(.min)) { _ = try header(bytes) }
        bytes = good
        bytes[22] |= 5
        #expect(throws: BatchError.unknownCompression(5)) {
            _ = try header(bytes)
        }
        bytes = good
        bytes.replaceSubrange(0..<8, with: [0x7F] + [UInt8](repeating: 0xFF, count: 7))
        #expect(throws: BatchError.self) { _ = try header(bytes) }
    }
}

@Suite("Batch iterator")
struct BatchIteratorTests {
    @Test func walksBatchesAndLeavesTheCutOne() throws {
        let one = rawBatch(RecordBatchHeaderTests.sample)
        let two = rawBatch(RecordBatchHeaderTests.sample, payload: [7, 7])
        let all = one + two
        for count in 0...all.count {
            let bytes = Array(all[..<count])
            var iterator = BatchIterator(bytes.span.bytes)
            var ranges: [Range<Int>] = []
            while let batch = try iterator.next() { ranges.append(batch.range) }
            let whole = count < 61 ? 0 : count < all.count ? 1 : 2
            #expect(ranges == Array([0..<61, 61..<124][..<whole]))
            let rest = iterator.trailingBytes
            #expect(rest == count - (ranges.last?.upperBound ?? 0))
        }
    }

    @Test func stopsAtNonsense() throws {
        let one = rawBatch(RecordBatchHeaderTests.sample)
        for nonsense in [[UInt8](repeating: 0, count: 17), [UInt8](repeating: 0xFF, count: 80)] {
            let bytes = one + nonsense
            var iterator = BatchIterator(bytes.span.bytes)
            let first = try iterator.next()
            #expect(first != nil)
            var thrown: BatchError?
            do throws(BatchError) { _ = try iterator.next() } catch { thrown = error }
            let position = iterator.position
            #expect(thrown != nil && position == one.count)
        }
    }
}
