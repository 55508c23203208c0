public import KafkaWire

/// What a record's timestamp tells (KIP-32).
public enum TimestampType: Int8, CaseIterable, Sendable {
    /// Set by the producer.
    case createTime = 0
    /// Set by the broker on append.
    case logAppendTime = 1

    /// Kafka's name of it, as in `message.timestamp.type`.
    public var name: String { self == .createTime ? "CreateTime" : "LogAppendTime" }
}

/// The header of a record batch of format 2 (KIP-98), or what stands for it in the message formats
/// 0 and 1.
///
/// Format 2, all big endian: base offset 8, length 4 (of what follows it), partition leader epoch
/// 4, magic 1, CRC-32C 4 (from the attributes to the end), attributes 2, last offset delta 4, base
/// timestamp 8, max timestamp 8, producer id 8, producer epoch 2, base sequence 4, record count 4.
///
/// A message of format 0 or 1 gives a header with `baseOffset` the message's offset, a
/// `lastOffsetDelta` of 0 and a `recordCount` of 1. When it is compressed, its offset is that of
/// the last record in it, and only `BatchReader` can tell the first and the count.
public struct RecordBatchHeader: Equatable, Sendable {
    public var baseOffset: Offset
    /// Bytes after this field.
    public var batchLength: Int32
    public var partitionLeaderEpoch: LeaderEpoch
    /// The format: 0, 1 or 2.
    public var magic: Int8
    /// CRC-32C in format 2, CRC-32 in the others.
    public var crc: UInt32
    public var attributes: Int16
    /// The last record's offset less `baseOffset`; stays when compaction removes the last record.
    public var lastOffsetDelta: Int32
    /// Milliseconds since the epoch. The delete horizon when the attributes say so (KIP-534).
    public var baseTimestamp: Int64
    /// Milliseconds since the epoch, -1 for none. With log-append time, that of all records.
    public var maxTimestamp: Int64
    public var producerID: ProducerID
    public var producerEpoch: Int16
    public var baseSequence: Int32
    public var recordCount: Int32

    /// Bytes of a format-2 header.
    public static let byteCount = 61
    /// Bytes before those that `batchLength` counts.
    public static let logOverhead = 12
    /// A timestamp that is not there.
    public static let noTimestamp: Int64 = -1
    /// A sequence number or a producer epoch that is not there.
    public static let noSequence: Int32 = -1
    public static let noProducerEpoch: Int16 = -1

    public init(
        baseOffset: Offset = .zero, batchLength: Int32 = 49,
        partitionLeaderEpoch: LeaderEpoch = .none, magic: Int8 = 2, crc: UInt32 = 0,
        attributes: Int16 = 0, lastOffsetDelta: Int32 = 0, baseTimestamp: Int64 = noTimestamp,
        maxTimestamp: Int64 = noTimestamp, producerID: ProducerID = .none,
        producerEpoch: Int16 = noProducerEpoch, baseSequence: Int32 = noSequence,
        recordCount: Int32 = 0
    ) {
        self.baseOffset = baseOffset
        self.batchLength = batchLength
        self.partitionLeaderEpoch = partitionLeaderEpoch
        self.magic = magic
        self.crc = crc
        self.attributes = attributes
        self.lastOffsetDelta = lastOffsetDelta
        self.baseTimestamp = baseTimestamp
        self.maxTimestamp = maxTimestamp
        self.producerID = producerID
        self.producerEpoch = producerEpoch
        self.baseSequence = baseSequence
        self.recordCount = recordCount
    }
}

/// Where the fields lie in a batch.
enum BatchLayout {
    static let length = 8
    static let partitionLeaderEpoch = 12
    static let magic = 16
    static let crc = 17
    static let attributes = 21
    static let lastOffsetDelta = 23
    static let baseTimestamp = 27
    static let maxTimestamp = 35
    static let producerID = 43
    static let producerEpoch = 51
    static let baseSequence = 53
    static let recordCount = 57
    /// Bytes up to and with `magic`: as many as are needed to tell the format.
    static let byteCountToMagic = 17
}

/// The bits of `RecordBatchHeader.attributes`.
enum BatchAttributes {
    static let compressionMask: Int16 = 0x07
    static let logAppendTime: Int16 = 0x08
    static let transactional: Int16 = 0x10
    static let control: Int16 = 0x20
    static let deleteHorizon: Int16 = 0x40
}

extension RecordBatchHeader {
    /// Bytes of the whole batch, header and all.
    @inlinable public var sizeInBytes: Int { Int(batchLength) + Self.logOverhead }
    /// The offset of the last record (also after compaction has removed it).
    @inlinable public var lastOffset: Offset { baseOffset + Int64(lastOffsetDelta) }
    /// The offset of the batch that follows.
    @inlinable public var nextOffset: Offset { lastOffset + 1 }

    /// How the records are compressed. Traps for a header that was not read from bytes and whose
    /// attributes name no compression.
    public var compression: CompressionType {
        let id = Int8(attributes & BatchAttributes.compressionMask)
        guard let type = CompressionType(rawValue: id) else {
            preconditionFailure("attributes name the unknown compression \(id)")
        }
        return type
    }
    public var timestampType: TimestampType {
        attributes & BatchAttributes.logAppendTime == 0 ? .createTime : .logAppendTime
    }
    public var isTransactional: Bool { attributes & BatchAttributes.transactional != 0 }
    /// Whether the batch at `position`, whose header must be all there, says that it is
    /// transactional. Nothing else of it is looked at.
    public static func isTransactional(_ bytes: RawSpan, at position: Int) -> Bool {
        bytes.load(Int16.self, at: position + 21) & BatchAttributes.transactional != 0
    }
    /// Whether the records are markers of Kafka's own and not for consumers.
    public var isControl: Bool { attributes & BatchAttributes.control != 0 }
    /// When the cleaner may drop the tombstones and markers in the batch, in milliseconds since the
    /// epoch; `nil` until it has been set (KIP-534).
    public var deleteHorizonMs: Int64? {
        attributes & BatchAttributes.deleteHorizon == 0 ? nil : baseTimestamp
    }
    /// Whether an idempotent producer wrote the batch.
    public var hasProducerID: Bool { producerID > .none }
    /// The sequence of the last record, which wraps after `Int32.max` to 0; -1 when there is none.
    public var lastSequence: Int32 {
        baseSequence == Self.noSequence
            ? Self.noSequence : Self.sequence(baseSequence, plus: lastOffsetDelta)
    }

    /// `sequence` advanced by `count` (both 0 or more): after `Int32.max` comes 0.
    public static func sequence(_ sequence: Int32, plus count: Int32) -> Int32 {
        Int32(truncatingIfNeeded: (Int64(sequence) + Int64(count)) & 0x7FFF_FFFF)
    }
}
