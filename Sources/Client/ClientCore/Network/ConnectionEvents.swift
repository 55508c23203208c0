public import KafkaSecurity
public import KafkaWire

/// One attempt to reach one broker, connected or not; never used twice.
public struct ConnectionID: Hashable, Comparable, Sendable {
    public var rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static func < (a: ConnectionID, b: ConnectionID) -> Bool { a.rawValue < b.rawValue }
}

/// What the shell tells a client's core.
public enum ConnectionEvent: Sendable {
    /// The connection is there, and encrypted where the settings ask for it.
    case connected(ConnectionID)
    /// The connection could not be made, or ended; said once, and also after `close`.
    case closed(ConnectionID, reason: String)
    /// As `closed`, for what another attempt would hardly mend.
    case distrusted(ConnectionID, SecurityFailure)
    /// What `fetchCredentials` has come to.
    case credentials(ConnectionID, Result<SaslCredentials, ClientError>)
    /// A frame has come, without its length.
    case received(ConnectionID, [UInt8])
}

/// What a client's core has the shell do, in order.
public enum ConnectionEffect: Sendable {
    case connect(ConnectionID, BrokerAddress)
    /// The event `credentials` must follow.
    case fetchCredentials(ConnectionID, SaslSettings)
    case send(ConnectionID, OutgoingFrame)
    case close(ConnectionID)
}

/// A request as it goes out, length and all.
public struct OutgoingFrame: Sendable, Equatable {
    /// All but the payloads.
    public var fields: [UInt8]
    /// Where in `fields` each payload belongs; its `token` is the payload's index.
    public var splices: [Splice]
    /// Record batches, not copied into the fields.
    public var payloads: [[UInt8]]

    public var byteCount: Int { payloads.reduce(fields.count) { $0 + $1.count } }

    /// The frame in one piece.
    public var bytes: [UInt8] {
        var all: [UInt8] = []
        var position = 0
        for splice in splices {
            all += fields[position..<splice.position]
            all += payloads[splice.token]
            position = splice.position
        }
        all += fields[position...]
        return all
    }
}

/// A piece of work that the shell does apart from the machine, once, on the thread that advances
/// the machine.
public protocol ClientWork: AnyObject {
    func run()
}

/// A client's protocol logic as the shell drives it: events and the time go in, effects and
/// outputs come out. The shell calls `advance` after events, and when `nextWake` has come.
public protocol ClientMachine: SendableMetatype {
    /// What the machine tells its user.
    associatedtype Output: Sendable
    /// Takes in what has happened to a connection.
    mutating func handle(_ event: ConnectionEvent, now: ClientInstant)
    /// What takes long and needs nothing of the machine, to be done before the next `advance`: a
    /// shell does it while others may enter the machine. What is not done, `advance` does itself.
    mutating func takeWork(now: ClientInstant) -> [any ClientWork]
    /// Does all that is due: timeouts, requests, answers to the user.
    mutating func advance(now: ClientInstant)
    /// The effects since the last call, to be performed in order.
    mutating func takeEffects() -> [ConnectionEffect]
    /// The outputs since the last call, in order.
    mutating func takeOutputs() -> [Output]
    /// What has been counted since the last call.
    ///
    /// - Parameter timestamp: the time of day, in ms since the epoch.
    mutating func takeMeasures(now: ClientInstant, timestamp: Int64) -> ClientMeasures
    /// What has been measured so far. From the first call on, averages and maxima are kept too.
    mutating func metrics(now: ClientInstant) -> [ClientMetric]
    /// Metrics for the cluster.
    var telemetry: ClientTelemetry { get set }
    /// When `advance` must be called next, if nothing else happens before.
    var nextWake: ClientInstant? { get }
}

extension ClientMachine {
    public mutating func takeWork(now: ClientInstant) -> [any ClientWork] { [] }
}
