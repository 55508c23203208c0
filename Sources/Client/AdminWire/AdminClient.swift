import KafkaProtocol
import KafkaWire

/// What a client needs to know to reach a cluster.
public struct AdminSettings: Sendable {
    /// Addresses to begin with, tried in order.
    public var bootstrap: [HostPort]
    /// Whether `bootstrap` are controllers (`--bootstrap-controller`, KIP-919): only they are
    /// asked then, and node ids are those of controllers.
    public var asksControllers = false
    /// Name that the brokers log and count quotas by.
    public var clientID: String
    /// Time for a request, in milliseconds; at least 1.
    public var requestMilliseconds = AdminLimits.requestMilliseconds
    /// Time for an operation with all its retries, in milliseconds (`default.api.timeout.ms`).
    public var operationMilliseconds = 60_000

    public init(bootstrap: [HostPort], clientID: String) {
        self.bootstrap = bootstrap
        self.clientID = clientID
    }

    /// Takes what it knows from client properties (`request.timeout.ms`, `client.id`, ...).
    ///
    /// Throws `unsupportedSetting` for a security protocol other than PLAINTEXT; keys that mean
    /// nothing here are passed over, as Kafka's clients do.
    public mutating func apply(_ properties: [String: String]) throws(AdminError) {
        if let id = properties["client.id"], !id.isEmpty { clientID = id }
        if let text = properties["security.protocol"], text.uppercased() != "PLAINTEXT" {
            throw .unsupportedSetting(
                key: "security.protocol", value: text,
                remedy: "Use a PLAINTEXT listener of the cluster for now.")
        }
        requestMilliseconds = try Self.milliseconds(
            "request.timeout.ms", in: properties, default: requestMilliseconds)
        operationMilliseconds = try Self.milliseconds(
            "default.api.timeout.ms", in: properties, default: operationMilliseconds)
    }

    private static func milliseconds(
        _ key: String, in properties: [String: String], default value: Int
    ) throws(AdminError) -> Int {
        guard let text = properties[key] else { return value }
        guard let number = Int(text), (1...Int(Int32.max)).contains(number) else {
            throw .unsupportedSetting(
                key: key, value: text, remedy: "Give milliseconds from 1 to \(Int32.max).")
        }
        return number
    }
}

/// A small client for tools: finds brokers, partition leaders and the controller, and calls them.
///
/// Everything blocks the calling thread. Not for two threads at once.
public final class AdminClient {
    /// How to reach the cluster and how long to wait.
    public let settings: AdminSettings
    /// Nodes as the last Metadata or DescribeCluster answer named them.
    public private(set) var addresses: [BrokerID: HostPort] = [:]
    /// The node to which controller requests go, -1 while unknown.
    public private(set) var controllerID = BrokerID.none
    private var bootstrapConnection: Connection?
    private var connections: [BrokerID: Connection] = [:]

    public init(_ settings: AdminSettings) { self.settings = settings }

    /// Closes all connections.
    public func close() {
        bootstrapConnection?.close()
        bootstrapConnection = nil
        for connection in connections.values { connection.close() }
        connections = [:]
    }

    /// A connection to one of the bootstrap servers, the first that answers.
    public func anyConnection() throws(AdminError) -> Connection {
        if let bootstrapConnection { return bootstrapConnection }
        var failure = "no server given"
        for address in settings.bootstrap {
            do {
                let connection = try Connection.open(address, clientID: settings.clientID)
                bootstrapConnection = connection
                return connection
            } catch { failure = error.description }
        }
        throw .noServer(settings.bootstrap, failure)
    }

    /// A connection to the node with this id, as the cluster knows it.
    public func connection(to broker: BrokerID) throws(AdminError) -> Connection {
        if let connection = connections[broker] { return connection }
        if addresses[broker] == nil { try findNodes() }
        guard let address = addresses[broker] else {
            let kind = settings.asksControllers ? "controller" : "broker"
            throw .broker(
                .brokerNotAvailable,
                message: "\(kind) \(broker) is not in the cluster's metadata; \(kind)s are "
                    + "\(addresses.keys.sorted().map(\.description).joined(separator: ","))",
                context: nil)
        }
        let connection = try Connection.open(address, clientID: settings.clientID)
        connections[broker] = connection
        return connection
    }

    /// Closes and forgets the connection to `broker`, so that the next use makes a new one.
    public func forget(_ broker: BrokerID) {
        connections.removeValue(forKey: broker)?.close()
    }

    /// Closes and forgets the connection to the bootstrap server, as `forget`.
    func forgetBootstrap() {
        bootstrapConnection?.close()
        bootstrapConnection = nil
    }

    /// Calls any broker.
    public func call<R: KafkaRequest>(_ request: R) throws(AdminError) -> R.Response {
        try anyConnection().call(request, milliseconds: settings.requestMilliseconds)
    }

    /// Calls the broker with this id, in the highest common version, at most `limit`.
    public func call<R: KafkaRequest>(
        _ request: R, broker: BrokerID, atMost limit: Int16 = .max
    ) throws(AdminError) -> R.Response {
        let connection = try connection(to: broker)
        let version = try connection.version(of: R.self, atMost: limit)
        return try connection.call(
            request, version: version, milliseconds: settings.requestMilliseconds)
    }

    /// Calls the node that decides for the cluster: the active controller, or a broker that
    /// forwards to it.
    public func callController<R: KafkaRequest>(_ request: R) throws(AdminError) -> R.Response {
        if controllerID == .none { try findNodes() }
        guard controllerID != .none else { return try call(request) }
        return try call(request, broker: controllerID)
    }

    /// As above, and again while no controller is active, within the operation's time: `code` is
    /// the answer's error code.
    public func callController<R: KafkaRequest>(
        _ request: R, retrying code: (R.Response) -> Int16
    ) throws(AdminError) -> R.Response {
        let deadline = Deadline(milliseconds: settings.operationMilliseconds)
        while true {
            let response = try callController(request)
            let isElsewhere =
                switch KafkaError(rawValue: code(response)) {
                case .notController, .notLeaderOrFollower: true
                default: false
                }
            guard isElsewhere, deadline.remaining > 0 else { return response }
            Self.pause(milliseconds: Self.backoffMilliseconds)
            controllerID = .none
        }
    }

    /// Asks which nodes there are and which one decides.
    private func findNodes() throws(AdminError) {
        guard settings.asksControllers else {
            _ = try metadata(topics: [])
            return
        }
        let response = try call(DescribeClusterRequest(endpointType: 2))
        try AdminError.check(response.errorCode, response.errorMessage)
        remember(
            response.brokers.map { ($0.brokerID, $0.host, $0.port) },
            controllerID: response.controllerID)
    }

    /// Asks for topics by name; `nil` is all of them, an empty list only the brokers.
    public func metadata(
        topics: [String]?, createMissing: Bool = false
    ) throws(AdminError) -> MetadataResponse {
        let response = try call(
            MetadataRequest(
                topics: topics.map { $0.map { MetadataRequest.MetadataRequestTopic(name: $0) } },
                allowAutoTopicCreation: createMissing))
        remember(
            response.brokers.map { ($0.nodeID, $0.host, $0.port) },
            controllerID: response.controllerID)
        return response
    }

    private func remember(
        _ nodes: [(id: Int32, host: String, port: Int32)], controllerID: Int32
    ) {
        addresses = [:]
        for node in nodes {
            guard let port = UInt16(exactly: node.port) else { continue }
            addresses[BrokerID(node.id)] = HostPort(host: node.host, port: port)
        }
        self.controllerID = BrokerID(controllerID)
    }
}
