public import KafkaProtocol
public import KafkaWire

/// A record of `__transaction_state`: a transactional id and its state, `nil` once forgotten.
public struct TransactionRecord: CoordinatorRecord, Equatable {
    public var key: TransactionLogKey
    public var value: TransactionLogValue?
    /// The version of the value: 1 (flexible, KIP-890) from transaction version 1 on, else 0.
    public var valueVersion: Int16

    public init(_ key: TransactionLogKey, _ value: TransactionLogValue?, valueVersion: Int16) {
        self.key = key
        self.value = value
        self.valueVersion = valueVersion
    }

    public func encodedKey() throws(WireError) -> [UInt8] { try key.coordinatorKey() }

    public func encodedValue() throws(WireError) -> [UInt8]? {
        guard let value else { return nil }
        return try value.coordinatorValue(version: valueVersion)
    }

    public static func decode(
        key: RawSpan, value: RawSpan?
    ) throws(WireError) -> TransactionRecord? {
        var reader = WireReader(key)
        guard try reader.readInt16() == TransactionLogKey.recordType else { return nil }
        let key = try TransactionLogKey(from: &reader, version: 0)
        guard let value else { return TransactionRecord(key, nil, valueVersion: 0) }
        var valueReader = WireReader(value)
        let version = try valueReader.readInt16()
        return TransactionRecord(
            key, try TransactionLogValue(from: &valueReader, version: version),
            valueVersion: version)
    }
}
