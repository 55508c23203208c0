import KafkaWire

/// A structure of the protocol or of a log that has versions of its own.
public protocol KafkaMessage: WireStruct {
    /// Versions that can be read and written; the newest may not be final (see `APIKey`).
    static var validVersions: ClosedRange<Int16> { get }
    /// All fields at their defaults.
    init()
}

/// What a client sends.
public protocol KafkaRequest: KafkaMessage {
    associatedtype Response: KafkaResponse
    static var apiKey: APIKey { get }
}

/// What a server answers.
public protocol KafkaResponse: KafkaMessage {
    static var apiKey: APIKey { get }
}

/// The key of a record in a coordinator's log (`__consumer_offsets`, `__transaction_state`,
/// `__share_group_state`): the record type as an int16, then the body in version 0.
public protocol CoordinatorRecordKey: KafkaMessage {
    /// The number that tells the type of both key and value; each log counts for itself.
    static var recordType: Int16 { get }
}

/// The value of a record in a coordinator's log: the version as an int16, then the body.
public protocol CoordinatorRecordValue: KafkaMessage {
    /// The type of the key that goes with it.
    static var recordType: Int16 { get }
}

/// The body of a record that names its type and version in its value (see `KafkaRecordUnion`).
public protocol KafkaRecordBody: KafkaMessage {
    static var recordType: Int16 { get }
}

extension KafkaMessage {
    /// Reads a message that takes up all of `bytes`; throws `trailingBytes` if anything follows.
    public init(decoding bytes: RawSpan, version: Int16) throws(WireError) {
        var reader = WireReader(bytes)
        try self.init(from: &reader, version: version)
        try reader.finish()
    }

    /// Reads a message that takes up all of `bytes`; throws `trailingBytes` if anything follows.
    public init(decoding bytes: [UInt8], version: Int16) throws(WireError) {
        // Bytes have no padding, so all of the raw span is initialized.
        try unsafe self.init(decoding: bytes.span.bytes, version: version)
    }

    /// The message's bytes in `version`.
    public func encoded(version: Int16) throws(WireError) -> [UInt8] {
        var writer = WireWriter()
        try encode(to: &writer, version: version)
        return writer.toArray()
    }

    /// Throws `unsupportedVersion` for a version that the schema does not have.
    @inline(__always) static func check(_ version: Int16) throws(WireError) {
        guard validVersions.contains(version) else { throw .unsupportedVersion(version) }
    }
}

/// The error for a field that has a value but no place in `version`.
@inline(never) func unsupportedField(_ field: StaticString, _ version: Int16) -> WireError {
    .badValue("\(field) cannot be sent in version \(version)")
}

/// The error for a null that `version` does not allow.
@inline(never) func nullField(_ field: StaticString, _ version: Int16) -> WireError {
    .badValue("\(field) must not be null in version \(version)")
}

extension RecordsField {
    /// No records as an empty field, for versions that have no null.
    var orEmpty: RecordsField { self == .null ? .bytes([]) : self }
}
