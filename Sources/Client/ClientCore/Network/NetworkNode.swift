import KafkaProtocol
import KafkaSecurity

/// One broker as a client sees it: the connection to it and what waits for answers.
///
/// States: `idle` (nothing, or waiting for the next attempt) → `connecting` → `negotiating` (the
/// versions were asked for) → `authenticating`, where the settings ask for it → `ready` → `idle`
/// after whatever ends the connection. A session that ends goes back from `ready` to
/// `authenticating`.
struct NetworkNode<Tag> {
    enum State {
        case idle
        case connecting(ConnectionID, deadline: ClientInstant)
        case negotiating(ConnectionID)
        /// With a deadline until the credentials are there.
        case authenticating(ConnectionID, deadline: ClientInstant?)
        case ready(ConnectionID)
    }

    /// A request that waits for its answer; answers come in the order of the requests.
    struct InFlight {
        var correlationID: Int32
        var apiKey: APIKey
        var version: Int16
        var sent: ClientInstant
        var deadline: ClientInstant
        var purpose: Purpose
    }

    enum Purpose {
        case handshake
        case saslHandshake
        case saslToken
        case metadata(asked: Set<String>?)
        case telemetry
        case controllers
        case role(Tag)
    }

    var address: BrokerAddress
    var state = State.idle
    /// Versions that the broker serves, by API key.
    var versions: [Int16: ClosedRange<Int16>] = [:]
    var inFlight: [InFlight] = []
    /// Attempts to connect that failed in a row.
    var failures = 0
    /// Why the last connection could not be made, or ended.
    var trouble: String?
    /// No attempt before this moment.
    var retryAt: ClientInstant?
    /// What goes on while `authenticating`.
    var sasl: SaslClient?
    /// When the connection must be authenticated again (KIP-368).
    var sessionEnd: ClientInstant?
    /// Why the last attempt came to nothing, if that was for want of trust.
    var refusal: ClientError?
    /// The broker asked for silence until then (KIP-219).
    var throttledUntil: ClientInstant?

    var connection: ConnectionID? {
        switch state {
        case .idle: nil
        case .connecting(let id, _), .negotiating(let id), .authenticating(let id, _),
            .ready(let id):
            id
        }
    }
    var isReady: Bool { if case .ready = state { true } else { false } }

    /// When the connection must be given up unless something comes before.
    var deadline: ClientInstant? {
        switch state {
        case .connecting(_, let deadline): deadline
        case .authenticating(_, let deadline): earlier(deadline, inFlight.first?.deadline)
        case .idle, .negotiating, .ready: inFlight.first?.deadline
        }
    }

    /// Forgets the connection and what belonged to it.
    mutating func disconnect() {
        state = .idle
        inFlight = []
        sasl = nil
        sessionEnd = nil
    }

    /// The highest version of a request that both sides know, at most `limit`.
    func version(of key: APIKey, atMost limit: Int16) -> Int16? {
        guard let theirs = versions[key.rawValue] else { return nil }
        let ours = key.validVersions
        let highest = min(ours.upperBound, theirs.upperBound, limit)
        return highest >= max(ours.lowerBound, theirs.lowerBound) ? highest : nil
    }
}
