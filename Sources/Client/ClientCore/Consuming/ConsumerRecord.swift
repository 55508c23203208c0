public import KafkaRecords
public import KafkaWire

/// A record as a consumer gets it.
///
/// Its bytes stay where they were fetched until they are asked for: `key`, `value` and `headers`
/// make a copy each time, `withValue` and `withKey` none. A record keeps the whole answer that it
/// came with in memory; whoever keeps records for long keeps a copy of what matters.
public struct ConsumerRecord: Sendable {
    @usableFromInline let source: RecordSource
    @usableFromInline let place: RecordPlace

    @inlinable init(_ source: RecordSource, _ place: RecordPlace) {
        self.source = source
        self.place = place
    }

    @inlinable public var topic: String { source.partition.topic }
    @inlinable public var partition: Int32 { source.partition.partition }
    @inlinable public var offset: Offset { place.offset }
    /// The epoch of the leader that took it; `nil` in logs of before Kafka 0.11.
    @inlinable public var leaderEpoch: Int32? { source.leaderEpoch }
    /// Milliseconds since the epoch, -1 for none.
    @inlinable public var timestamp: Int64 { place.timestamp }
    @inlinable public var timestampType: TimestampType { source.timestampType }

    /// A copy of the key.
    public var key: [UInt8]? { withKey { $0.copy() } }
    /// A copy of the value; `nil` is a tombstone in a compacted topic.
    public var value: [UInt8]? { withValue { $0.copy() } }
    /// A copy of the headers.
    public var headers: [RecordHeader] {
        guard place.headerCount > 0 else { return [] }
        do throws(BatchError) {
            let range = Int(place.headersStart)..<Int(place.headersEnd)
            return try source.with(range) { span throws(BatchError) in
                // Bytes have no padding.
                try RecordCursor.headers(unsafe span.bytes, count: Int(place.headerCount))
            }
        } catch { preconditionFailure("headers that were read before cannot be read: \(error)") }
    }

    /// Bytes of the key; `nil` without one.
    @inlinable public var keySize: Int? { place.keySize < 0 ? nil : Int(place.keySize) }
    /// Bytes of the value; `nil` without one.
    @inlinable public var valueSize: Int? { place.valueSize < 0 ? nil : Int(place.valueSize) }

    /// Lends the key to `body`; `nil` without one.
    public func withKey<Result, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        guard let size = keySize else { return nil }
        return try source.with(Int(place.keyStart)..<Int(place.keyStart) + size, body)
    }

    /// Lends the value to `body`; `nil` without one.
    public func withValue<Result, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        guard let size = valueSize else { return nil }
        return try source.with(Int(place.valueStart)..<Int(place.valueStart) + size, body)
    }
}

extension ConsumerRecord: Hashable {
    public static func == (a: ConsumerRecord, b: ConsumerRecord) -> Bool {
        a.source.partition == b.source.partition && a.offset == b.offset
            && a.leaderEpoch == b.leaderEpoch && a.timestamp == b.timestamp
            && a.timestampType == b.timestampType && a.key == b.key && a.value == b.value
            && a.headers == b.headers
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(source.partition)
        hasher.combine(offset)
    }
}

/// What the records of a batch have in common, and the bytes that they lie in.
@usableFromInline final class RecordSource: Sendable {
    @usableFromInline let partition: TopicPartition
    @usableFromInline let leaderEpoch: Int32?
    @usableFromInline let timestampType: TimestampType
    let bytes: [UInt8]

    init(
        _ partition: TopicPartition, leaderEpoch: Int32?, timestampType: TimestampType,
        bytes: [UInt8]
    ) {
        self.partition = partition
        self.leaderEpoch = leaderEpoch
        self.timestampType = timestampType
        self.bytes = bytes
    }

    func with<Result, Failure: Error>(
        _ range: Range<Int>, _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let bytes = bytes
        return try body(bytes.span.extracting(range))
    }
}

/// Where the parts of a record lie in its source. A batch has fewer than 2 GiB.
@usableFromInline struct RecordPlace: Sendable {
    @usableFromInline var offset: Offset
    @usableFromInline var timestamp: Int64
    var keyStart: Int32 = 0
    /// -1 for null.
    @usableFromInline var keySize: Int32 = -1
    var valueStart: Int32 = 0
    /// -1 for null.
    @usableFromInline var valueSize: Int32 = -1
    var headersStart: Int32 = 0
    var headersEnd: Int32 = 0
    var headerCount: Int32 = 0

    init(offset: Offset, timestamp: Int64) {
        self.offset = offset
        self.timestamp = timestamp
    }

    /// - Parameter base: where the records of the batch begin in the source.
    init(_ fields: RecordFields, _ header: RecordBatchHeader, at base: Int) {
        self.init(offset: fields.offset(in: header), timestamp: fields.timestamp(in: header))
        if let key = fields.key {
            keyStart = Int32(base + key.lowerBound)
            keySize = Int32(key.count)
        }
        if let value = fields.value {
            valueStart = Int32(base + value.lowerBound)
            valueSize = Int32(value.count)
        }
        guard fields.headerCount > 0 else { return }
        headersStart = Int32(base + fields.headers.lowerBound)
        headersEnd = Int32(base + fields.headers.upperBound)
        headerCount = Int32(fields.headerCount)
    }
}

extension Span<UInt8> {
    fileprivate func copy() -> [UInt8] { unsafe withUnsafeBufferPointer { unsafe [UInt8]($0) } }
}
