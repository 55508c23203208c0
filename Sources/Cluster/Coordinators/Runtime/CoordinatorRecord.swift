public import KafkaProtocol
public import KafkaWire

/// A record of a coordinator's log: what a key of its topic and the value under it stand for.
public protocol CoordinatorRecord: Sendable {
    /// The key: the record type as an int16, then the key's fields in version 0.
    func encodedKey() throws(WireError) -> [UInt8]
    /// The value: its version as an int16, then its fields; `nil` for a tombstone.
    func encodedValue() throws(WireError) -> [UInt8]?
    /// Reads a record; `nil` for a type that this build does not know, which is passed over.
    static func decode(key: RawSpan, value: RawSpan?) throws(WireError) -> Self?
}

extension CoordinatorRecordKey {
    /// The key as it stands in the log.
    public func coordinatorKey() throws(WireError) -> [UInt8] {
        var writer = WireWriter()
        writer.write(Self.recordType)
        try encode(to: &writer, version: 0)
        return writer.toArray()
    }
}

extension CoordinatorRecordValue {
    /// The value as it stands in the log, in `version`.
    public func coordinatorValue(version: Int16) throws(WireError) -> [UInt8] {
        var writer = WireWriter()
        writer.write(version)
        try encode(to: &writer, version: version)
        return writer.toArray()
    }

    /// Reads a value as it stands in the log; `nil` stays `nil`.
    public static func read(_ bytes: RawSpan?) throws(WireError) -> Self? {
        guard let bytes else { return nil }
        var reader = WireReader(bytes)
        let version = try reader.readInt16()
        return try Self(from: &reader, version: version)
    }
}
