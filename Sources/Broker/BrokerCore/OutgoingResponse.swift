import KafkaProtocol
import KafkaWire
import LogStorage

/// An encoded response: the bytes of header and fields, and the file slices that belong between
/// them.
public final class OutgoingResponse {
    private let writer: WireWriter
    /// Record bytes that the shell sends straight from their files, by the token of their splice.
    public let slices: [FileSlice]

    /// Encodes `message` behind the header that its API and version take.
    ///
    /// - Throws: `WireError` when a field cannot be expressed in this version: a defect of the
    /// handler.
    init(
        _ message: some KafkaMessage, to context: RequestContext, slices: [FileSlice] = [],
        capacity: Int = 256
    ) throws(WireError) {
        self.slices = slices
        var writer = WireWriter(capacity: capacity)
        writer.write(Int32(0))
        let headerVersion = context.apiKey.responseHeaderVersion(for: context.apiVersion)
        try ResponseHeader(correlationID: context.correlationID)
            .encode(to: &writer, version: headerVersion)
        try message.encode(to: &writer, version: context.apiVersion)
        writer.patch(Int32(writer.count - 4 + writer.splicedByteCount), at: 0)
        self.writer = writer
    }

    /// A response that another node has encoded, header included.
    init(encoded bytes: [UInt8]) {
        slices = []
        var writer = WireWriter(capacity: bytes.count + 4)
        writer.write(Int32(bytes.count))
        writer.writeRaw(bytes)
        self.writer = writer
    }

    /// The bytes in memory, length prefix included.
    public func withUnsafeBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        unsafe writer.withUnsafeBytes(body)
    }
    /// Where the slices go between them.
    public var splices: [Splice] { writer.splices }
}
