public import KafkaWire

/// What a record of a control batch stands for: the second half of its key.
public enum ControlRecordType: Int16, CaseIterable, Sendable {
    /// End of an aborted transaction (KIP-98).
    case abort = 0
    /// End of a committed transaction (KIP-98).
    case commit = 1
    /// A new leader of the metadata quorum (KIP-595).
    case leaderChange = 2
    /// First record of a snapshot (KIP-630).
    case snapshotHeader = 3
    /// Last record of a snapshot (KIP-630).
    case snapshotFooter = 4
    /// The version of the quorum's protocol (KIP-853).
    case kraftVersion = 5
    /// The voters of the quorum (KIP-853).
    case kraftVoters = 6

    /// The key of such a record: version 2 (0), type 2.
    public var key: [UInt8] { [0, 0, 0, UInt8(truncatingIfNeeded: rawValue)] }

    /// The type that `key` names; `nil` for one that is not known, which readers pass over.
    ///
    /// - Throws: `invalid` for a key of fewer than 4 bytes or of a negative version. Later versions
    ///   are read as version 0.
    public static func parse(key: RawSpan) throws(BatchError) -> ControlRecordType? {
        guard key.byteCount >= 4 else {
            throw .invalid("a control record's key has \(key.byteCount) bytes")
        }
        let version = key.load(Int16.self, at: 0)
        guard version >= 0 else { throw .invalid("a control record's key has version \(version)") }
        return ControlRecordType(rawValue: key.load(Int16.self, at: 2))
    }

    /// The type of a decoded control record.
    public static func parse(_ record: Record) throws(BatchError) -> ControlRecordType? {
        guard let key = record.key else { throw .invalid("a control record's key is null") }
        // Bytes have no padding.
        return try unsafe parse(key: key.span.bytes)
    }
}

/// The marker that ends a transaction in each of its partitions (KIP-98).
public struct TransactionMarker: Equatable, Sendable {
    public var isCommit: Bool
    /// The epoch of the coordinator that wrote it, by which late markers are refused.
    public var coordinatorEpoch: Int32

    public init(isCommit: Bool, coordinatorEpoch: Int32) {
        self.isCommit = isCommit
        self.coordinatorEpoch = coordinatorEpoch
    }

    public var type: ControlRecordType { isCommit ? .commit : .abort }

    /// The record's value: version 2 (0), coordinator epoch 4.
    public var value: [UInt8] {
        var writer = WireWriter(capacity: 16)
        writer.write(Int16(0))
        writer.write(coordinatorEpoch)
        return writer.toArray()
    }

    /// The marker that a record of a control batch is; `nil` when it is of another type.
    ///
    /// - Throws: `invalid` for a key or a value that is cut off or of a negative version.
    public init?(_ record: Record) throws(BatchError) {
        guard let type = try ControlRecordType.parse(record) else { return nil }
        guard type == .commit || type == .abort else { return nil }
        guard let value = record.value, value.count >= 6 else {
            throw .invalid("a transaction marker's value has \(record.value?.count ?? -1) bytes")
        }
        // Bytes have no padding.
        let bytes = unsafe value.span.bytes
        let version = bytes.load(Int16.self, at: 0)
        guard version >= 0 else { throw .invalid("a transaction marker has version \(version)") }
        self.init(
            isCommit: type == .commit, coordinatorEpoch: bytes.load(Int32.self, at: 2))
    }

    /// A batch of this marker alone.
    public func batch(
        producerID: ProducerID, producerEpoch: Int16, timestamp: Int64,
        baseOffset: Offset = .zero, partitionLeaderEpoch: LeaderEpoch = .none
    ) throws(CompressionError) -> [UInt8] {
        var builder = RecordBatchBuilder(
            .init(
                baseOffset: baseOffset, partitionLeaderEpoch: partitionLeaderEpoch,
                producerID: producerID, producerEpoch: producerEpoch, isTransactional: true,
                isControl: true))
        builder.append(timestamp: timestamp, key: type.key, value: value)
        return try builder.finish()
    }
}
