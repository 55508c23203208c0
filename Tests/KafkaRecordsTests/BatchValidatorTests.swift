import KafkaWire
import Testing

@testable import KafkaRecords

@Suite("Batch validator")
struct BatchValidatorTests {
    private let now: Int64 = 1_700_000_000_000

    private func check(
        _ header: RecordBatchHeader, _ validator: BatchValidator
    ) throws(BatchRejection) {
        try validator.validate(header, now: now)
    }
    private func checkRecords(
        _ bytes: [UInt8], _ validator: BatchValidator
    ) throws -> BatchValidator.Summary {
        let header = try batchHeader(bytes)
        return try validator.validateRecords(bytes.span.bytes, header: header, now: now)
    }
    private func batch(_ compression: CompressionType, _ records: [(Int64, [UInt8]?)]) throws
        -> [UInt8]
    {
        var builder = RecordBatchBuilder(.init(compression: compression))
        for (timestamp, key) in records {
            builder.append(timestamp: timestamp, key: key, value: [1])
        }
        return try builder.finish()
    }

    @Test func headers() throws {
        let good = RecordBatchHeader(
            lastOffsetDelta: 1, baseTimestamp: now, maxTimestamp: now + 3_600_000,
            producerID: ProducerID(1), producerEpoch: 0, baseSequence: 0, recordCount: 2)
        let validator = BatchValidator(decompressedLimit: 1 << 20)
        try check(good, validator)
        let changes: [(inout RecordBatchHeader) -> Void] = [
            { $0.recordCount = 0 }, { $0.recordCount = 3 }, { $0.recordCount = -1 },
            { $0.lastOffsetDelta = -1 }, { $0.lastOffsetDelta = Int32.max }, { $0.magic = 1 },
            { $0.attributes |= BatchAttributes.control }, { $0.baseSequence = -1 },
            { $0.attributes |= BatchAttributes.logAppendTime }, { $0.maxTimestamp += 1 },
        ]
        for (index, change) in changes.enumerated() {
            var bad = good
            change(&bad)
            #expect(throws: BatchRejection.self, "change \(index)") { try check(bad, validator) }
        }
        var marker = good
        marker.attributes |= BatchAttributes.control
        try check(marker, BatchValidator(isFromClient: false, decompressedLimit: 0))
        var late = good
        late.maxTimestamp = .max
        try check(late, BatchValidator(timestampType: .logAppendTime, decompressedLimit: 0))
        try check(late, BatchValidator(timestampAfterMaxMs: .max, decompressedLimit: 0))
    }

    @Test(arguments: CompressionType.allCases)
    func summary(type: CompressionType) throws {
        let bytes = try batch(type, [(now, [1]), (now + 9, [2]), (now + 9, nil), (now - 5, [3])])
        let summary = try checkRecords(bytes, BatchValidator(decompressedLimit: 1 << 20))
        #expect(summary.recordCount == 4 && summary.maxTimestamp == now + 9)
        #expect(summary.offsetDeltaOfMaxTimestamp == 1)
        #expect(throws: BatchRejection.self) {
            let limit = summary.uncompressedBytes - 1
            _ = try checkRecords(bytes, BatchValidator(decompressedLimit: limit))
        }
    }

    @Test func keysAndTimestamps() throws {
        let bytes = try batch(.zstd, [(now, nil), (now - 11, [1]), (-1, [2]), (now + 21, nil)])
        let bounds = now - 10...now + 20
        var validator = BatchValidator(
            timestampBeforeMaxMs: 10, timestampAfterMaxMs: 20, requiresKeys: true,
            decompressedLimit: 1 << 20)
        #expect(
            throws: BatchRejection.invalidRecords([
                RecordRejection(index: 0, reason: .missingKey),
                RecordRejection(index: 1, reason: .timestampOutOfRange(now - 11, bounds)),
                RecordRejection(index: 3, reason: .missingKey),
            ])
        ) { try checkRecords(bytes, validator) }
        validator.requiresKeys = false
        validator.timestampBeforeMaxMs = 11
        validator.timestampAfterMaxMs = 21
        _ = try checkRecords(bytes, validator)
        validator.timestampAfterMaxMs = .max
        validator.timestampBeforeMaxMs = .max
        _ = try checkRecords(bytes, validator)
        validator.timestampBeforeMaxMs = 0
        validator.timestampType = .logAppendTime
        _ = try checkRecords(bytes, validator)
    }

    @Test func offsetsMustBeConsecutive() throws {
        var builder = RecordBatchBuilder()
        builder.append(offset: Offset(0), timestamp: now, key: nil, value: nil)
        builder.append(offset: Offset(2), timestamp: now, key: nil, value: nil)
        let bytes = try builder.finish()
        #expect(throws: BatchRejection.self) {
            _ = try checkRecords(bytes, BatchValidator(decompressedLimit: 4096))
        }
        let own = BatchValidator(isFromClient: false, decompressedLimit: 4096)
        #expect(try checkRecords(bytes, own).recordCount == 2)
    }
}
