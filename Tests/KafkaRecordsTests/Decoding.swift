import KafkaRecords

// `#expect` cannot hold a span: these take arrays.

func decompress(
    _ bytes: [UInt8], from type: CompressionType, limit: Int = 1 << 20
) throws(CompressionError) -> [UInt8] {
    try Compression.decompress(bytes.span.bytes, from: type, limit: limit)
}

func compress(
    _ bytes: [UInt8], as type: CompressionType, level: Int? = nil
) throws(CompressionError) -> [UInt8] {
    try Compression.compress(bytes.span.bytes, as: type, level: level)
}

/// The records of a batch whose checksum is right.
func records(_ bytes: [UInt8], limit: Int = 1 << 20) throws(BatchError) -> [Record] {
    let header = try RecordBatchHeader(bytes.span.bytes)
    try RecordBatchHeader.verifyCRC(bytes.span.bytes, header: header)
    return try recordsUnchecked(bytes, limit: limit)
}

/// The records of a batch, whatever its checksum.
func recordsUnchecked(_ bytes: [UInt8], limit: Int = 1 << 20) throws(BatchError) -> [Record] {
    try BatchReader.records(bytes.span.bytes, limit: limit)
}

/// All records of all batches in `bytes`, and the headers of these.
func walk(_ bytes: [UInt8]) throws(BatchError) -> [(header: RecordBatchHeader, records: [Record])] {
    var found: [(RecordBatchHeader, [Record])] = []
    var batches = BatchIterator(bytes.span.bytes)
    while let batch = try batches.next() {
        found.append((batch.header, try records(Array(bytes[batch.range]))))
    }
    guard batches.trailingBytes == 0 else { throw .truncated(needed: 0, remaining: 0) }
    return found
}

/// The header of a batch.
func batchHeader(_ bytes: [UInt8]) throws(BatchError) -> RecordBatchHeader {
    try RecordBatchHeader(bytes.span.bytes)
}
