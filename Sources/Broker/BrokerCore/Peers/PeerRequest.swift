import KafkaProtocol
import KafkaWire

/// Where another node listens. PLAINTEXT for now.
public struct PeerEndpoint: Hashable, Sendable, CustomStringConvertible {
    public var host: String
    public var port: UInt16
    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
    public var description: String { "\(host):\(port)" }
}

/// Requests that go one behind the other; each lane to a node is a connection of its own, so that a
/// long poll holds up nothing else.
public enum PeerLane: Hashable, Sendable {
    /// Short requests: votes, what brokers ask the controller, Envelope.
    case control
    /// Markers of transactions, whose answers wait for replication.
    case markers
    /// Fetch of the metadata log, a long poll, and FetchSnapshot.
    case quorumFetch
    /// Whether a node is there at all.
    case probe
    /// Fetch by a replica fetcher, by its number.
    case replica(Int32)
}

/// A request to another node. It has exactly one `PeerOutcome`, always.
public struct PeerRequest: Sendable {
    /// Chosen by the sender, unique among its requests.
    public var id: UInt64
    public var to: PeerEndpoint
    /// Who should be there; for logs.
    public var node: BrokerID
    public var lane: PeerLane
    public var message: any KafkaMessage
    public var apiKey: APIKey
    /// What the sender speaks; the highest that the other node speaks too is used.
    public var versions: ClosedRange<Int16>
    /// From the request until its answer, connecting included.
    public var timeoutMs: Int64

    /// - Parameter versions: those of the API unless given.
    public init<Request: KafkaRequest>(
        id: UInt64, to: PeerEndpoint, node: BrokerID, lane: PeerLane, message: Request,
        versions: ClosedRange<Int16>? = nil, timeoutMs: Int64
    ) {
        self.id = id
        self.to = to
        self.node = node
        self.lane = lane
        self.message = message
        self.apiKey = Request.apiKey
        self.versions = versions ?? Request.apiKey.validVersions
        self.timeoutMs = timeoutMs
    }
}

/// Why a request has no answer.
public enum PeerFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The machine is there, and nobody listens on the port.
    case refused(String)
    /// No connection could be made: the request was not sent.
    case unreachable(String)
    /// The connection ended before the answer; whether the request was carried out is unknown.
    case closed(String)
    case timedOut
    /// The other node does not know the API, or no version of it that the sender speaks.
    case unsupportedVersion
    /// The request cannot be encoded in the version to be used.
    case malformed(String)

    public var description: String {
        switch self {
        case .refused(let reason), .unreachable(let reason): "not reachable: \(reason)"
        case .closed(let reason): "connection lost: \(reason)"
        case .timedOut: "no answer in time"
        case .unsupportedVersion: "the other node speaks no version of it"
        case .malformed(let reason): "malformed: \(reason)"
        }
    }
}

/// What became of a request.
public enum PeerOutcome: Sendable {
    /// The answer in the request's version, without its header.
    case answered(version: Int16, body: [UInt8])
    case failed(PeerFailure)

    /// The answer as the message that it is.
    public func decoded<Response: KafkaResponse>(
        _: Response.Type
    ) -> Result<Response, PeerFailure> {
        switch self {
        case .failed(let failure): return .failure(failure)
        case .answered(let version, let body):
            do throws(WireError) {
                return .success(try Response(decoding: body, version: version))
            } catch {
                return .failure(.malformed("\(Response.apiKey.name) answer: \(error)"))
            }
        }
    }
}
