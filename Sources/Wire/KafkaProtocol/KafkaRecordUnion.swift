import KafkaWire

/// A record that says in its value what it is: frame version, record type and version, each an
/// unsigned varint, then the body (KIP-631).
public protocol KafkaRecordUnion: Equatable, Sendable {
    /// What the record holds.
    var body: any KafkaRecordBody { get }
    /// The type of body that goes with a record type; `nil` for an unknown one.
    static func bodyType(_ type: Int16) -> (any KafkaRecordBody.Type)?
    /// Reads the body of a record.
    init(type: Int16, version: Int16, from reader: inout WireReader) throws(WireError)
}

extension KafkaRecordUnion {
    /// The record's type (Kafka calls it an API key).
    public var apiKey: Int16 { Swift.type(of: body).recordType }
    /// Versions in which this record can be written.
    public var validVersions: ClosedRange<Int16> { Swift.type(of: body).validVersions }

    /// Reads a record's value, framing included; bytes may follow.
    public init(from reader: inout WireReader) throws(WireError) {
        let frame = try reader.readUnsignedVarint()
        guard frame == recordFrameVersion else {
            throw .badValue("record frame version \(frame)")
        }
        let type = try reader.readUnsignedVarint()
        let version = try reader.readUnsignedVarint()
        guard let type = Int16(exactly: type), let version = Int16(exactly: version) else {
            throw .badVarint
        }
        try self.init(type: type, version: version, from: &reader)
    }

    /// Reads a record's value; throws `trailingBytes` if anything follows.
    public init(decoding value: RawSpan) throws(WireError) {
        var reader = WireReader(value)
        try self.init(from: &reader)
        try reader.finish()
    }

    /// Reads a record's value; throws `trailingBytes` if anything follows.
    public init(decoding value: [UInt8]) throws(WireError) {
        // Bytes have no padding, so all of the raw span is initialized.
        try unsafe self.init(decoding: value.span.bytes)
    }

    /// Writes a record's value, framing included.
    public func encode(to writer: inout WireWriter, version: Int16) throws(WireError) {
        let body = self.body
        writer.writeUnsignedVarint(recordFrameVersion)
        writer.writeUnsignedVarint(UInt32(UInt16(bitPattern: Swift.type(of: body).recordType)))
        writer.writeUnsignedVarint(UInt32(UInt16(bitPattern: version)))
        try body.encode(to: &writer, version: version)
    }

    /// A record's value, framing included.
    public func encoded(version: Int16) throws(WireError) -> [UInt8] {
        var writer = WireWriter()
        try encode(to: &writer, version: version)
        return writer.toArray()
    }
}

/// The only frame version there is.
private let recordFrameVersion: UInt32 = 1
