public import KafkaRecords
public import KafkaWire

/// A record to be sent.
public struct ProducerRecord: Sendable, Equatable {
    public var topic: String
    /// `nil` leaves the choice to the producer.
    public var partition: Int32?
    /// Records with equal keys go to the same partition.
    public var key: [UInt8]?
    /// `nil` is a tombstone in a compacted topic.
    public var value: [UInt8]?
    public var headers: [RecordHeader]
    /// Milliseconds since the epoch; `nil` for now.
    public var timestamp: Int64?

    public init(
        topic: String, partition: Int32? = nil, key: [UInt8]? = nil, value: [UInt8]?,
        headers: [RecordHeader] = [], timestamp: Int64? = nil
    ) {
        self.topic = topic
        self.partition = partition
        self.key = key
        self.value = value
        self.headers = headers
        self.timestamp = timestamp
    }

    /// A record of text.
    public init(topic: String, key: String? = nil, value: String) {
        self.init(topic: topic, key: key.map { Array($0.utf8) }, value: Array(value.utf8))
    }

    /// About the bytes that the record takes in a batch: no more than a dozen too few.
    var estimatedSize: Int {
        var size = 12 + (key?.count ?? 0) + (value?.count ?? 0)
        for header in headers { size += 4 + header.key.utf8.count + (header.value?.count ?? 0) }
        return size
    }
}

/// Where a record was written.
public struct RecordMetadata: Sendable, Hashable {
    public var topic: String
    public var partition: Int32
    /// `nil` when the broker did not say: with `acks` none, or for a record that an earlier attempt
    /// had written long before.
    public var offset: Offset?
    /// The record's timestamp in milliseconds since the epoch, the broker's where the topic is set
    /// to log-append time.
    public var timestamp: Int64
}
