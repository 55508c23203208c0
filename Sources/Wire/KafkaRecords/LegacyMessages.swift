import KafkaWire

/// One message of format 0 or 1, where it lies.
///
/// Offset 8, size 4, CRC-32 4, magic 1, attributes 1, timestamp 8 (format 1 only), then key and
/// value, each with a length of 4 bytes, -1 for null.
struct LegacyMessage {
    var header: RecordBatchHeader
    var key: Range<Int>?
    var value: Range<Int>?

    /// Reads the message at `position`, all of which must be there. The checksum is not checked.
    init(_ bytes: RawSpan, at position: Int) throws(BatchError) {
        header = try RecordBatchHeader(bytes, at: position)
        guard header.magic < 2 else { throw .unsupportedMagic(header.magic) }
        let end = position + header.sizeInBytes
        guard end <= bytes.byteCount else {
            throw .truncated(needed: header.sizeInBytes, remaining: bytes.byteCount - position)
        }
        var next = position + (header.magic == 1 ? 26 : 18)
        key = try Self.field(bytes, at: &next, end: end)
        value = try Self.field(bytes, at: &next, end: end)
    }

    private static func field(
        _ bytes: RawSpan, at next: inout Int, end: Int
    ) throws(BatchError) -> Range<Int>? {
        guard end - next >= 4 else { throw .truncated(needed: 4, remaining: end - next) }
        let length = Int(bytes.load(Int32.self, at: next))
        next += 4
        guard length >= 0 else { return nil }
        guard length <= end - next else { throw .truncated(needed: length, remaining: end - next) }
        let start = next
        next += length
        return start..<next
    }

    func record(in bytes: RawSpan, offset: Offset, timestamp: Int64) -> Record {
        Record(
            offset: offset, timestamp: timestamp,
            key: key.map { bytes.extracting($0).toArray() },
            value: value.map { bytes.extracting($0).toArray() })
    }
}

/// The records of a message of format 0 or 1, which may be a wrapper: a message whose value is,
/// compressed, a set of messages (KIP-31, KIP-32).
enum LegacyMessageSet {
    static func records(
        _ bytes: RawSpan, at position: Int, limit: Int
    ) throws(BatchError) -> [Record] {
        let wrapper = try LegacyMessage(bytes, at: position)
        let header = wrapper.header
        guard header.compression != .none else {
            return [
                wrapper.record(
                    in: bytes, offset: header.baseOffset, timestamp: header.maxTimestamp)
            ]
        }
        guard header.compression != .zstd else { throw .invalid("zstd in format \(header.magic)") }
        guard let value = wrapper.value else { throw .invalid("compressed messages are null") }
        var inner = CodecBuffer()
        do throws(CompressionError) {
            try decompress(bytes.extracting(value), header, limit: limit, into: &inner)
        } catch {
            throw .compression(error)
        }
        return try unwrap(inner.bytes, header)
    }

    private static func decompress(
        _ bytes: RawSpan, _ header: RecordBatchHeader, limit: Int, into output: inout CodecBuffer
    ) throws(CompressionError) {
        if header.magic == 0, header.compression == .lz4,
            let repaired = Lz4FrameHeader.withRightChecksum(bytes)
        {
            // Bytes have no padding.
            try unsafe Compression.decompress(
                repaired.span.bytes, from: .lz4, limit: limit, into: &output)
        } else {
            try Compression.decompress(
                bytes, from: header.compression, limit: limit, into: &output)
        }
    }

    private static func unwrap(
        _ bytes: RawSpan, _ wrapper: RecordBatchHeader
    ) throws(BatchError) -> [Record] {
        var records: [Record] = []
        var position = 0
        // A message that is cut off at the end is left out, as Kafka does.
        while bytes.byteCount - position >= BatchLayout.byteCountToMagic {
            let size = Int(bytes.load(Int32.self, at: position + BatchLayout.length)) + 12
            guard size >= RecordBatchHeader.byteCountV0 else { throw .badLength(Int32(size - 12)) }
            guard size <= bytes.byteCount - position else { break }
            let message = try LegacyMessage(bytes, at: position)
            try RecordBatchHeader.verifyCRC(bytes, at: position, header: message.header)
            guard message.header.compression == .none else {
                throw .invalid("a compressed message within a compressed message")
            }
            let isStamped = message.header.magic == 1 && wrapper.timestampType == .logAppendTime
            records.append(
                message.record(
                    in: bytes, offset: message.header.baseOffset,
                    timestamp: isStamped ? wrapper.maxTimestamp : message.header.maxTimestamp))
            position += size
        }
        guard let last = records.last else { throw .invalid("compressed messages hold none") }
        if wrapper.magic == 1 { try makeAbsolute(&records, last: last.offset, wrapper) }
        return records
    }

    /// In format 1 inner offsets count from the first, and the wrapper has the last one's. Some
    /// versions of librdkafka left the wrapper's at 0.
    private static func makeAbsolute(
        _ records: inout [Record], last: Offset, _ wrapper: RecordBatchHeader
    ) throws(BatchError) {
        guard wrapper.baseOffset != .zero else { return }
        let base = wrapper.baseOffset.rawValue.subtractingReportingOverflow(last.rawValue)
        guard last <= wrapper.baseOffset, !base.overflow else {
            throw .invalid("the inner offset \(last) is past its wrapper's")
        }
        for index in records.indices {
            let sum = records[index].offset.rawValue.addingReportingOverflow(base.partialValue)
            guard !sum.overflow else { throw .invalid("an inner offset is out of range") }
            records[index].offset = Offset(sum.partialValue)
        }
    }
}
