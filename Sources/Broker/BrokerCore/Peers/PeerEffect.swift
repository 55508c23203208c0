/// One attempt to connect to another node; never used twice.
public struct PeerConnectionID: Hashable, Sendable {
    /// The endpoint and lane.
    let slot: UInt64
    let attempt: UInt64
}

/// What connections to other nodes ask of their shell, in order.
public enum PeerEffect: Sendable {
    /// Connect; `connected` or `closed` follows.
    case connect(PeerConnectionID, PeerEndpoint)
    /// Send these bytes.
    case send(PeerConnectionID, [UInt8])
    /// Give the connection up; nothing of it counts any more.
    case close(PeerConnectionID)
    /// A request has its outcome.
    case outcome(UInt64, PeerOutcome)
}

/// How connections to other nodes are kept.
public struct PeerSettings: Sendable {
    /// Largest answer in bytes (`socket.request.max.bytes`).
    public var frameBytes = 104_857_600
    /// What this node calls itself to others.
    public var clientID = "martlet"
    /// From connecting to the answer to ApiVersions.
    public var setupTimeoutMs: Int64 = 10_000
    /// The rest after a failure; doubles with each in a row.
    public var backoffMs: Int64 = 50
    public var backoffMaxMs: Int64 = 1000
    /// Most requests of a connection that are sent and not answered.
    public var maxInFlight = 64
    /// Most requests that wait to be sent; further ones fail at once.
    public var maxWaiting = 4096
    public init() {}
}
