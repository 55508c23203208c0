public import KafkaWire

/// Where the parts of one format-2 record lie in the records of its batch; nothing is copied.
public struct RecordFields: Equatable, Sendable {
    /// The whole record, with the length before it.
    public var range: Range<Int>
    public var attributes: Int8
    public var timestampDelta: Int64
    public var offsetDelta: Int32
    /// `nil` for a null key.
    public var key: Range<Int>?
    /// `nil` for a null value.
    public var value: Range<Int>?
    public var headerCount: Int
    /// The headers, without their count.
    public var headers: Range<Int>

    /// The record's offset in the batch of `header`.
    public func offset(in header: RecordBatchHeader) -> Offset {
        header.baseOffset + Int64(offsetDelta)
    }
    /// The record's timestamp in the batch of `header`: with log-append time, that of the batch.
    public func timestamp(in header: RecordBatchHeader) -> Int64 {
        header.timestampType == .logAppendTime
            ? header.maxTimestamp : header.baseTimestamp &+ timestampDelta
    }
}

/// Walks the records of a format-2 batch, decompressed, without allocating.
///
/// A record is: length, attributes 1, timestamp delta, offset delta, key, value, header count,
/// headers; all lengths, deltas and counts are zigzag varints, a negative length is null.
public struct RecordCursor: ~Escapable {
    let payload: RawSpan
    private var reader: WireReader
    /// Records not read yet, by the header's count.
    public private(set) var remainingCount: Int

    /// `payload` is all that follows the batch's header, decompressed.
    ///
    /// - Throws: `invalid` for a count that is negative or that so few bytes cannot hold.
    @_lifetime(copy payload)
    public init(_ payload: RawSpan, header: RecordBatchHeader) throws(BatchError) {
        let count = Int(header.recordCount)
        // The smallest record has a byte for each of its seven parts.
        guard count >= 0, count <= payload.byteCount / 7 else {
            throw .invalid("\(count) records in \(payload.byteCount) bytes")
        }
        self.payload = payload
        self.reader = WireReader(payload)
        self.remainingCount = count
    }

    /// The next record, or `nil` after the last of the count.
    ///
    /// - Throws: `invalid` when the record is not what its lengths say, or when bytes are left over
    ///   after the last.
    public mutating func next() throws(BatchError) -> RecordFields? {
        guard remainingCount > 0 else { return nil }
        let fields: RecordFields
        do throws(WireError) {
            fields = try readRecord()
        } catch {
            throw .invalid("record \(remainingCount) from the end: \(error)")
        }
        remainingCount -= 1
        guard remainingCount > 0 || reader.remaining == 0 else {
            throw .invalid("\(reader.remaining) bytes are left over after the last record")
        }
        return fields
    }

    private mutating func readRecord() throws(WireError) -> RecordFields {
        let start = reader.offset
        let length = Int(try reader.readVarint())
        guard length >= 0 else { throw .badLength(length) }
        guard length <= reader.remaining else {
            throw .truncated(needed: length, remaining: reader.remaining)
        }
        let end = reader.offset + length
        let attributes = try reader.readInt8()
        let timestampDelta = try reader.readVarlong()
        let offsetDelta = try reader.readVarint()
        let key = try readField(before: end)
        let value = try readField(before: end)
        let count = Int(try reader.readVarint())
        let headersStart = reader.offset
        // A header has at least a byte for each of its two lengths.
        guard count >= 0, count <= (end - headersStart) / 2 else { throw .badLength(count) }
        for _ in 0..<count {
            guard try readField(before: end) != nil else { throw .badLength(-1) }
            _ = try readField(before: end)
        }
        guard reader.offset == end else { throw .badLength(length) }
        return RecordFields(
            range: start..<end, attributes: attributes, timestampDelta: timestampDelta,
            offsetDelta: offsetDelta, key: key, value: value, headerCount: count,
            headers: headersStart..<end)
    }

    /// A length and as many bytes, none at or after `end`; `nil` for null.
    private mutating func readField(before end: Int) throws(WireError) -> Range<Int>? {
        let length = Int(try reader.readVarint())
        guard length >= 0 else { return nil }
        guard length <= end - reader.offset else {
            throw .truncated(needed: length, remaining: max(0, end - reader.offset))
        }
        let start = try reader.take(length)
        return start..<start + length
    }

    /// A record with its key, value and headers copied.
    ///
    /// Header keys that are not UTF-8 are repaired with U+FFFD, as by Kafka's Java client.
    public func record(
        _ fields: RecordFields, in header: RecordBatchHeader
    ) throws(BatchError) -> Record {
        Record(
            offset: fields.offset(in: header), timestamp: fields.timestamp(in: header),
            key: fields.key.map { payload.extracting($0).toArray() },
            value: fields.value.map { payload.extracting($0).toArray() },
            headers: fields.headerCount == 0 ? [] : try headers(of: fields))
    }

    /// The headers of a record, copied.
    public func headers(of fields: RecordFields) throws(BatchError) -> [RecordHeader] {
        try Self.headers(payload.extracting(fields.headers), count: fields.headerCount)
    }

    /// `count` headers of a record, copied from where they lie.
    ///
    /// - Throws: `invalid` for bytes that `next` has not found to be headers.
    public static func headers(
        _ bytes: RawSpan, count: Int
    ) throws(BatchError) -> [RecordHeader] {
        var headers: [RecordHeader] = []
        var reader = WireReader(bytes)
        do throws(WireError) {
            for _ in 0..<count {
                let key = try reader.readRaw(Int(try reader.readVarint()))
                let length = Int(try reader.readVarint())
                let value = length < 0 ? nil : try reader.readRaw(length)
                headers.append(
                    RecordHeader(key: String(decoding: key, as: UTF8.self), value: value))
            }
        } catch {
            throw .invalid("record headers: \(error)")
        }
        return headers
    }
}
