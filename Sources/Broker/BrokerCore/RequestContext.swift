import KafkaProtocol
import KafkaWire

/// Names a client's connection on its event loop; never used twice.
public struct ConnectionID: Hashable, Sendable {
    public var rawValue: UInt64
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// What a handler knows of a request besides its body.
public struct RequestContext: Sendable {
    public let connection: ConnectionID
    /// The listener through which the client came (`PLAINTEXT`): it decides what is advertised.
    public let listener: String
    /// Which APIs the listener serves.
    public let serves: APIListeners
    public let clientAddress: String
    public private(set) var apiKey: APIKey
    public private(set) var apiVersion: Int16
    public private(set) var correlationID: Int32
    public private(set) var clientID: String?
    /// The request's place in the connection's order of responses.
    let slot: UInt64
    /// Bytes that the request holds until it is answered; 0 for a small one, and for Produce, whose
    /// records are in the log before anything waits, or are counted while they are kept.
    let heldBytes: Int
    public private(set) var now: ClockReading
    /// The envelope that the request came in.
    private(set) var envelope: EnvelopeHeader?

    /// The same request, taken up again.
    func at(_ now: ClockReading) -> RequestContext {
        var context = self
        context.now = now
        return context
    }

    // MARK: Envelopes

    /// The request within this one, which is an envelope.
    func unwrapped(_ key: APIKey, _ version: Int16, _ header: RequestHeader) -> RequestContext {
        var context = self
        context.envelope = EnvelopeHeader(version: apiVersion, correlationID: correlationID)
        context.apiKey = key
        context.apiVersion = version
        context.correlationID = header.correlationID
        context.clientID = header.clientID
        return context
    }

    /// The envelope that this request came in.
    func wrapped(_ header: EnvelopeHeader) -> RequestContext {
        var context = withoutEnvelope
        context.apiKey = .envelope
        context.apiVersion = header.version
        context.correlationID = header.correlationID
        return context
    }

    var withoutEnvelope: RequestContext {
        var context = self
        context.envelope = nil
        return context
    }
}

/// What the answer of an envelope is addressed by.
struct EnvelopeHeader: Sendable {
    let version: Int16
    let correlationID: Int32
}
