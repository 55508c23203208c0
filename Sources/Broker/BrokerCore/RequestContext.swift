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
    public let apiKey: APIKey
    public let apiVersion: Int16
    public let correlationID: Int32
    public let clientID: String?
    /// The request's place in the connection's order of responses.
    let slot: UInt64
    /// Bytes that the request holds until it is answered; 0 for a small one, and for Produce, whose
    /// records are in the log before anything waits, or are counted while they are kept.
    let heldBytes: Int
    public private(set) var now: ClockReading

    /// The same request, taken up again.
    func at(_ now: ClockReading) -> RequestContext {
        var context = self
        context.now = now
        return context
    }
}
