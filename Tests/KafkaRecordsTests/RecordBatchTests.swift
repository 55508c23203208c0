import KafkaWire
import Testing

@testable import KafkaRecords

/// The records in the batches and messages of `Fixtures`.
private let fixtureRecords = [
    Record(
        offset: Offset(0), timestamp: 1_700_000_000_000, key: Array("k0".utf8),
        value: Array(String(repeating: "v0", count: 20).utf8),
        headers: [
            RecordHeader(key: "h", value: [0x31]), RecordHeader(key: "\u{E9}", value: nil),
        ]),
    Record(offset: Offset(1), timestamp: 1_700_000_000_005, key: nil, value: []),
    Record(
        offset: Offset(2), timestamp: 1_699_999_999_990, key: [], value: nil,
        headers: [RecordHeader(key: "", value: [])]),
]

@Suite("Record batches")
struct RecordBatchTests {
    static let fixtures = [
        Fixtures.batchNone, Fixtures.batchGzip, Fixtures.batchSnappy, Fixtures.batchLz4,
        Fixtures.batchZstd,
    ]

    @Test(arguments: Array(zip(CompressionType.allCases, fixtures)))
    func readsWhatKafkaPythonWrote(type: CompressionType, bytes: [UInt8]) throws {
        #expect(try records(bytes) == fixtureRecords)
        let header = try batchHeader(bytes)
        #expect(header.compression == type && header.recordCount == 3)
        #expect(header.isTransactional == (type == .none))
        #expect(header.lastSequence == (type == .none ? 12 : -1))
        #expect(header.maxTimestamp == 1_700_000_000_005)
    }

    /// Byte for byte, where no compressor has a say.
    @Test func writesWhatKafkaPythonWrites() throws {
        var builder = RecordBatchBuilder(
            .init(
                partitionLeaderEpoch: try batchHeader(Fixtures.batchNone)
                    .partitionLeaderEpoch,
                producerID: ProducerID(7), producerEpoch: 2, baseSequence: 10,
                isTransactional: true))
        for record in fixtureRecords { builder.append(record) }
        let bytes = try builder.finish()
        #expect(bytes == Fixtures.batchNone)
    }

    @Test func logAppendTimeIsThatOfAllRecords() throws {
        var builder = RecordBatchBuilder(.init(logAppendTime: 99))
        for record in fixtureRecords { builder.append(record) }
        let bytes = try builder.finish()
        #expect(try records(bytes).map(\.timestamp) == [99, 99, 99])
    }

    @Test func compactionKeepsOffsetsAndHorizon() throws {
        let source = Fixtures.batchNone
        var header = try batchHeader(source)
        header.baseOffset = Offset(100)
        var options = RecordBatchBuilder.Options(like: header)
        options.deleteHorizonMs = 1_800_000_000_000
        var builder = RecordBatchBuilder(options)
        try BatchReader.withPayload(source.span.bytes, header: header, limit: 4096) {
            payload throws(BatchError) in
            var cursor = try RecordCursor(payload, header: header)
            while let fields = try cursor.next() {
                guard fields.offsetDelta == 1 else { continue }
                builder.append(
                    fields, of: payload, offset: fields.offset(in: header),
                    timestamp: fields.timestamp(in: header))
            }
        }
        let bytes = try builder.finish(lastOffset: header.lastOffset)
        var expected = fixtureRecords[1]
        expected.offset = Offset(101)
        #expect(try records(bytes) == [expected])
        let rewritten = try batchHeader(bytes)
        #expect(rewritten.lastOffset == Offset(102) && rewritten.recordCount == 1)
        #expect(rewritten.deleteHorizonMs == 1_800_000_000_000)
        #expect(rewritten.producerID == ProducerID(7) && rewritten.baseSequence == 10)

        let empty = RecordBatchBuilder.emptyBatch(like: rewritten)
        #expect(empty.count == 61)
        #expect(try records(empty).isEmpty)
        let last = try batchHeader(empty)
        #expect(last.nextOffset == Offset(103) && last.lastSequence == 12)
        #expect(last.deleteHorizonMs == nil && last.isTransactional)
    }

    @Test(arguments: CompressionType.allCases)
    func roundTripOfRandomRecords(type: CompressionType) throws {
        var generator = SplitMix64(seed: 6)
        for _ in 0..<100 {
            let base = Offset(Int64(generator.next() >> 2))
            var builder = RecordBatchBuilder(.init(baseOffset: base, compression: type))
            var expected: [Record] = []
            var offset = base
            for _ in 0..<Int(1 + generator.next() % 20) {
                let record = randomRecord(&generator, offset)
                builder.append(record)
                expected.append(record)
                offset = offset + 1 + Int64(generator.next() % 3)
            }
            let size = builder.uncompressedSize
            let bytes = try builder.finish()
            #expect(type != .none || bytes.count == size)
            #expect(try records(bytes) == expected)
        }
    }

    private func randomRecord(_ generator: inout SplitMix64, _ offset: Offset) -> Record {
        func bytes(_ generator: inout SplitMix64) -> [UInt8]? {
            let choice = generator.next() % 5
            return choice == 0 ? nil : generator.text(count: Int(generator.next() % (40 * choice)))
        }
        let timestamp = Int64(bitPattern: generator.next()) >> Int64(generator.next() % 40)
        let headers = (0..<generator.next() % 4).map {
            RecordHeader(key: String(repeating: "\u{E9}", count: Int($0)), value: bytes(&generator))
        }
        return Record(
            offset: offset, timestamp: timestamp, key: bytes(&generator),
            value: bytes(&generator), headers: headers)
    }

    /// With the checksum left aside, so that the lengths within are what is tried.
    @Test(arguments: fixtures)
    func damage(bytes: [UInt8]) {
        for count in 0..<bytes.count {
            #expect(throws: BatchError.self) { try recordsUnchecked(Array(bytes[..<count])) }
        }
        for index in bytes.indices {
            for bit in 0..<8 {
                var bad = bytes
                bad[index] ^= 1 << UInt8(bit)
                guard let found = try? recordsUnchecked(bad, limit: 4096) else { continue }
                #expect(found.count <= 4096 / 7)
            }
        }
    }

    @Test func countsAndSizesMustFit() {
        let limit = Fixtures.batchNone.count - 61
        #expect(throws: Never.self) { try recordsUnchecked(Fixtures.batchNone, limit: limit) }
        #expect(throws: BatchError.compression(.tooLarge(limit: limit - 1))) {
            try recordsUnchecked(Fixtures.batchNone, limit: limit - 1)
        }
        for count in [-1, 1, 2, 4, Int32.max] as [Int32] {
            var bytes = Fixtures.batchNone
            for index in 0..<4 {
                bytes[57 + index] = UInt8(truncatingIfNeeded: count >> Int32(24 - 8 * index))
            }
            #expect(throws: BatchError.self, "\(count)") { try recordsUnchecked(bytes) }
        }
    }

    @Test(arguments: [[], [2, 97], [2, 97, 4, 98], [3], [2, 97, 2, 98]] as [[UInt8]])
    func headersThatEndEarlyAreInvalid(_ bytes: [UInt8]) {
        let error = #expect(throws: BatchError.self) {
            try RecordCursor.headers(bytes.span.bytes, count: 2)
        }
        guard case .invalid(let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.hasPrefix("record headers: "))
    }

    @Test func headerCountIsCheckedBeforeMemoryIsTaken() {
        // A record of 12 bytes that declares 2^30 headers.
        let record: [UInt8] = [22, 0, 0, 0, 1, 1, 0x80, 0x80, 0x80, 0x80, 0x08, 0]
        let bytes = rawBatch(RecordBatchHeader(recordCount: 1), payload: record)
        #expect(throws: BatchError.self) { try records(bytes) }
    }

    @Test func varintSizes() {
        for (value, size) in [
            (0, 1), (-1, 1), (63, 1), (-64, 1), (64, 2), (8191, 2), (8192, 3), (.max, 10),
            (.min, 10),
        ] as [(Int64, Int)] {
            #expect(Varint.size(value) == size)
        }
    }
}

extension UInt32 {
    fileprivate var bigEndianBytes: [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: self >> UInt32($0)) }
    }
}

@Suite("Message formats 0 and 1")
struct LegacyMessageTests {
    @Test func readsWhatKafkaPythonWrote() throws {
        let sets: [(Int8, [UInt8], CompressionType)] = [
            (0, Fixtures.messages0None, .none), (0, Fixtures.messages0Gzip, .gzip),
            (0, Fixtures.messages0Snappy, .snappy), (0, Fixtures.messages0Lz4, .lz4),
            (1, Fixtures.messages1None, .none), (1, Fixtures.messages1Gzip, .gzip),
            (1, Fixtures.messages1Snappy, .snappy), (1, Fixtures.messages1Lz4, .lz4),
        ]
        for (magic, bytes, type) in sets {
            let expected = fixtureRecords.map { record in
                var old = record
                old.headers = []
                if magic == 0 { old.timestamp = -1 }
                return old
            }
            let batches = try walk(bytes)
            #expect(batches.count == (type == .none ? 3 : 1))
            #expect(batches.allSatisfy { $0.header.magic == magic })
            #expect(batches.allSatisfy { $0.header.compression == type })
            #expect(batches.flatMap(\.records) == expected, "format \(magic), \(type.name)")
        }
    }

    /// The wrapper's offset and time of format 1, patched as a broker of that age did.
    @Test func wrapperGivesOffsetsAndTime() throws {
        var bytes = Fixtures.messages1Gzip
        bytes.replaceSubrange(0..<8, with: [0, 0, 0, 0, 0, 0, 0, 50])
        #expect(try recordsUnchecked(bytes).map(\.offset.rawValue) == [48, 49, 50])
        bytes[7] = 1
        #expect(throws: BatchError.self) { try recordsUnchecked(bytes) }
        bytes[7] = 0
        #expect(try recordsUnchecked(bytes).map(\.offset.rawValue) == [0, 1, 2])
        bytes[17] |= 0x08
        bytes.replaceSubrange(18..<26, with: [0, 0, 0, 0, 0, 0, 0, 9])
        #expect(try recordsUnchecked(bytes).map(\.timestamp) == [9, 9, 9])
    }

    /// A message of format 1 that has `value`, compressed or not.
    private func message(_ value: [UInt8], attributes: UInt8) -> [UInt8] {
        let size = UInt32(value.count).bigEndianBytes
        let time = [UInt8](repeating: 0, count: 8)
        let covered = [1, attributes] + time + [255, 255, 255, 255] + size + value
        let crc = CRC32.checksum(covered.span.bytes)
        return time + UInt32(covered.count + 4).bigEndianBytes + crc.bigEndianBytes + covered
    }

    /// Each level could unpack to many more.
    @Test func compressedMessagesHoldNoCompressedOnes() throws {
        let plain = message([7], attributes: 0)
        let inner = message(try compress(plain, as: .gzip), attributes: 1)
        #expect(try records(inner).map(\.value) == [[7]])
        let outer = message(try compress(inner, as: .gzip), attributes: 1)
        #expect(
            throws: BatchError.invalid("a compressed message within a compressed message")
        ) { try records(outer) }
    }

    @Test func damage() {
        for bytes in [
            Fixtures.messages0Gzip, Fixtures.messages1Gzip, Fixtures.messages1Snappy,
            Fixtures.messages0Lz4, Fixtures.messages1Lz4,
        ] {
            for count in 0..<bytes.count {
                #expect(throws: BatchError.self) { try recordsUnchecked(Array(bytes[..<count])) }
            }
            for index in bytes.indices {
                for bit in 0..<8 {
                    var bad = bytes
                    bad[index] ^= 1 << UInt8(bit)
                    #expect(index < 12 || (try? records(bad)) == nil, "byte \(index)")
                    guard let found = try? recordsUnchecked(bad, limit: 4096) else { continue }
                    #expect(found.count <= 4096 / 26)
                }
            }
        }
    }
}

@Suite("Control records")
struct ControlRecordTests {
    @Test(arguments: [true, false])
    func transactionMarker(isCommit: Bool) throws {
        let marker = TransactionMarker(isCommit: isCommit, coordinatorEpoch: 77)
        let bytes = try marker.batch(
            producerID: ProducerID(5), producerEpoch: 3, timestamp: 1_000, baseOffset: Offset(8))
        let header = try batchHeader(bytes)
        #expect(header.isControl && header.isTransactional && header.baseSequence == -1)
        let found = try records(bytes)
        #expect(found.count == 1 && found[0].key == [0, 0, 0, isCommit ? 1 : 0])
        #expect(found[0].value == [0, 0, 0, 0, 0, 77])
        #expect(try TransactionMarker(found[0]) == marker)
    }

    @Test func types() throws {
        for type in ControlRecordType.allCases {
            #expect(try ControlRecordType.parse(Record(key: type.key, value: nil)) == type)
        }
        #expect(try ControlRecordType.parse(Record(key: [0, 0, 0, 7], value: nil)) == nil)
        #expect(try ControlRecordType.parse(Record(key: [0, 1, 0, 1, 9], value: nil)) == .commit)
        for key in [nil, [], [0, 0, 0], [0xFF, 0xFF, 0, 1]] as [[UInt8]?] {
            #expect(throws: BatchError.self) {
                try ControlRecordType.parse(Record(key: key, value: nil))
            }
        }
        for value in [nil, [0, 0, 0, 0, 0], [0x80, 0, 0, 0, 0, 1]] as [[UInt8]?] {
            #expect(throws: BatchError.self) {
                try TransactionMarker(Record(key: [0, 0, 0, 1], value: value))
            }
        }
        let other = Record(key: ControlRecordType.leaderChange.key, value: nil)
        #expect(try TransactionMarker(other) == nil)
    }
}
