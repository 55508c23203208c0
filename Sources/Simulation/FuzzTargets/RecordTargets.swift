import KafkaRecords
import KafkaWire

/// Record batches, the control records in them, and what a leader checks.
let recordTargets = [
    FuzzTarget("batches", fuzzBatches), FuzzTarget("batch-builder", fuzzBuilder),
]

/// Most bytes that a batch may unpack to here.
private let unpackedLimit = 1 << 20
private let now: Int64 = 1_700_000_000_000

/// A row of batches of any format, as in a log or in the answer to a fetch.
private func fuzzBatches(_ bytes: RawSpan) {
    var batches = BatchIterator(bytes)
    do throws(BatchError) {
        while let batch = try batches.next() {
            let position = batch.range.lowerBound
            require(batch.range.count == batch.header.sizeInBytes, "a batch has another size")
            require(batch.header.nextOffset > batch.header.lastOffset, "offsets do not grow")
            let isIntact = (try? verify(bytes, position, batch.header)) != nil
            validate(bytes, position, batch.header)
            guard
                let records = try? BatchReader.records(bytes, at: position, limit: unpackedLimit)
            else { continue }
            check(records, of: batch.header)
            if batch.header.magic == 2 {
                patch(bytes.extracting(batch.range), isIntact: isIntact)
            }
        }
    } catch {
        return
    }
}

private func verify(
    _ bytes: RawSpan, _ position: Int, _ header: RecordBatchHeader
) throws(BatchError) {
    try RecordBatchHeader.verifyCRC(bytes, at: position, header: header)
}

private func validate(_ bytes: RawSpan, _ position: Int, _ header: RecordBatchHeader) {
    for isFromClient in [true, false] {
        let validator = BatchValidator(
            timestampBeforeMaxMs: 1000, requiresKeys: isFromClient, isFromClient: isFromClient,
            decompressedLimit: unpackedLimit)
        guard (try? validator.validate(header, now: now)) != nil,
            let summary = try? validator.validateRecords(
                bytes, at: position, header: header, now: now)
        else { continue }
        require(
            summary.recordCount == Int(header.recordCount), "records that were not counted passed")
        require(summary.uncompressedBytes <= unpackedLimit, "a batch unpacked past its limit")
    }
}

/// Records that were read, written again and read again are the same.
private func check(_ records: [Record], of header: RecordBatchHeader) {
    if header.isControl {
        for record in records {
            _ = try? ControlRecordType.parse(record)
            _ = try? TransactionMarker(record)
        }
    }
    guard header.magic == 2, header.timestampType == .createTime, header.deleteHorizonMs == nil,
        records.allSatisfy({ $0.offset >= header.baseOffset && $0.offset <= header.lastOffset }),
        zip(records, records.dropFirst()).allSatisfy({ $0.offset < $1.offset })
    else { return }
    var options = RecordBatchBuilder.Options(like: header)
    options.compression = .none
    var builder = RecordBatchBuilder(options)
    for record in records { builder.append(record) }
    guard let written = try? builder.finish() else { return }
    written.withSpan { span in
        let again = try? BatchReader.records(span, limit: unpackedLimit)
        require(again == records, "records changed when they were written: \(records)")
    }
}

/// Changes in place leave a batch whose checksum is right, or as wrong as it was.
private func patch(_ batch: RawSpan, isIntact: Bool) {
    var copy = batch.toArray()
    var span = copy.mutableSpan
    // Bytes have no padding.
    var bytes = unsafe span.mutableBytes
    RecordBatchHeader.setBaseOffset(Offset(77), in: &bytes)
    RecordBatchHeader.setPartitionLeaderEpoch(LeaderEpoch(5), in: &bytes)
    guard let header = try? RecordBatchHeader(bytes.bytes) else { return }
    let isStillIntact = (try? verify(bytes.bytes, 0, header)) != nil
    require(isStillIntact == isIntact, "a batch's offset counts for its checksum")
    RecordBatchHeader.setMaxTimestamp(now, type: .logAppendTime, in: &bytes)
    guard let patched = try? RecordBatchHeader(bytes.bytes) else { return }
    require(
        !isIntact || (try? verify(bytes.bytes, 0, patched)) != nil,
        "a patched batch has a wrong checksum")
    require(patched.baseOffset == Offset(77), "the base offset was not set")
}

/// Records made from the input, in any compression, read back.
private func fuzzBuilder(_ bytes: RawSpan) {
    var input = FuzzInput(bytes)
    let compression = input.pick(CompressionType.allCases)
    var offset = Offset(input.number() & 0xFFFF_FFFF)
    var builder = RecordBatchBuilder(
        .init(baseOffset: offset, compression: compression, producerID: ProducerID(input.number())))
    var records: [Record] = []
    while !input.isAtEnd, records.count < 64 {
        let shape = input.byte()
        var record = Record(
            offset: offset, timestamp: input.number() & 0xFFFF_FFFF_FFFF,
            key: shape & 1 == 0 ? nil : input.piece(), value: shape & 2 == 0 ? nil : input.piece())
        for _ in 0..<(shape >> 2) & 3 {
            record.headers.append(
                RecordHeader(
                    key: String(decoding: input.piece(), as: UTF8.self),
                    value: shape & 0x10 == 0 ? nil : input.piece()))
        }
        records.append(record)
        builder.append(record)
        offset = offset + Int64(1 + shape >> 5)
    }
    guard !records.isEmpty, let written = try? builder.finish() else { return }
    written.withSpan { span in
        guard let header = try? RecordBatchHeader(span) else {
            return require(false, "a batch that was written has no header")
        }
        require((try? verify(span, 0, header)) != nil, "a batch that was written is damaged")
        let again = try? BatchReader.records(span, limit: unpackedLimit)
        require(again == records, "a batch has other records than were written")
    }
}
