public import KafkaWire

/// A header of a record (KIP-82).
public struct RecordHeader: Hashable, Sendable {
    public var key: String
    public var value: [UInt8]?
    public init(key: String, value: [UInt8]?) {
        self.key = key
        self.value = value
    }
}

/// One record, decoded.
public struct Record: Hashable, Sendable {
    public var offset: Offset
    /// Milliseconds since the epoch, -1 for none.
    public var timestamp: Int64
    public var key: [UInt8]?
    /// `nil` is a tombstone in a compacted topic.
    public var value: [UInt8]?
    /// Always empty in the formats 0 and 1.
    public var headers: [RecordHeader]

    public init(
        offset: Offset = .zero, timestamp: Int64 = RecordBatchHeader.noTimestamp, key: [UInt8]?,
        value: [UInt8]?, headers: [RecordHeader] = []
    ) {
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers
    }
}
