import KafkaProtocol
import KafkaSecurity
import KafkaWire

@testable import ClientCore

/// Brokers that say what a test has them say: one answer for each API, which they serve only while
/// they have one.
final class ScriptedCluster {
    struct Call: Equatable {
        var key: APIKey
        var version: Int16
        /// Who was asked: broker `n` listens on `bn:9092`.
        var node: Int32
    }

    var brokers: [Int32] = [0, 1]
    var topics: [MetadataResponse.MetadataResponseTopic] = []
    /// Versions that are served at most.
    var limits: [APIKey: Int16] = [:]
    /// Whether any version of ApiVersions but the first is refused, as by brokers before 2.4.
    var isOld = false
    /// What is said of the next requests of an API, in order, before all is well.
    var refusals: [APIKey: [KafkaError]] = [:]
    private(set) var calls: [Call] = []
    private typealias Answer = (inout WireReader, Call) throws -> (any KafkaResponse)?
    private var answers: [APIKey: Answer] = [:]

    init() {
        on(ApiVersionsRequest.self) { [unowned self] _, call in
            guard !isOld || call.version == 0 else {
                return ApiVersionsResponse(errorCode: KafkaError.unsupportedVersion.code)
            }
            return versions
        }
        on(MetadataRequest.self) { [unowned self] _, _ in metadata }
        on(FindCoordinatorRequest.self) { [unowned self] request, _ in find(request) }
    }

    static let bootstrap = [0, 1].map { BrokerAddress(host: "b\($0)", port: 9092) }

    // MARK: What is said

    /// Has requests answered; those that `answer` has nothing to say to are not.
    func on<R: KafkaRequest>(_: R.Type, _ answer: @escaping (R, Call) throws -> R.Response?) {
        answers[R.apiKey] = { reader, call in
            try answer(R(from: &reader, version: call.version), call)
        }
    }
    /// The API is served no longer.
    func off(_ key: APIKey) { answers[key] = nil }

    func add(
        _ topic: String, leaders: [Int32], epoch: Int32 = 0,
        id: KafkaUUID = KafkaUUID(high: 1, low: 1)
    ) {
        topics.removeAll { $0.name == topic }
        topics.append(
            .init(
                name: topic, topicID: id,
                partitions: leaders.enumerated().map {
                    .init(partitionIndex: Int32($0), leaderID: $1, leaderEpoch: epoch)
                }))
    }

    /// The next refusal of a request, 0 when there is none.
    func refusal(_ key: APIKey) -> Int16 {
        refusals[key, default: []].isEmpty ? 0 : refusals[key, default: []].removeFirst().code
    }
    /// Whether all refusals have been said.
    var hasRefused: Bool { refusals.values.allSatisfy(\.isEmpty) }

    func count(_ key: APIKey) -> Int { calls.count { $0.key == key } }
    /// Who was asked, in order.
    func nodes(_ key: APIKey) -> [Int32] { calls.filter { $0.key == key }.map(\.node) }

    private var versions: ApiVersionsResponse {
        ApiVersionsResponse(
            apiKeys: answers.keys.sorted { $0.rawValue < $1.rawValue }.map { key in
                .init(
                    apiKey: key.rawValue, minVersion: key.validVersions.lowerBound,
                    maxVersion: min(key.validVersions.upperBound, limits[key] ?? .max))
            })
    }

    var metadata: MetadataResponse {
        MetadataResponse(
            brokers: brokers.map { .init(nodeID: $0, host: "b\($0)", port: 9092) },
            controllerID: brokers.first ?? -1, topics: topics, errorCode: refusal(.metadata))
    }

    private func find(_ request: FindCoordinatorRequest) -> FindCoordinatorResponse {
        let code = refusal(.findCoordinator)
        let node = brokers.first ?? -1
        guard let key = request.coordinatorKeys.first else {
            return .init(errorCode: code, nodeID: node, host: "b\(node)", port: 9092)
        }
        return .init(coordinators: [
            .init(key: key, nodeID: node, host: "b\(node)", port: 9092, errorCode: code)
        ])
    }

    // MARK: Frames

    /// The answer to a frame (with its length) that came to `node`; `nil` for none.
    func answer(_ frame: [UInt8], at node: Int32) throws -> [UInt8]? {
        var reader = WireReader(frame.span.bytes)
        _ = try reader.readInt32()
        guard let key = APIKey(rawValue: try reader.readInt16()) else {
            throw WireError.badValue("api key")
        }
        let version = try reader.readInt16()
        reader = WireReader(frame.span.bytes)
        _ = try reader.readInt32()
        let header = try RequestHeader(
            from: &reader, version: key.requestHeaderVersion(for: version))
        let call = Call(key: key, version: version, node: node)
        calls.append(call)
        guard let message = try answers[key]?(&reader, call) else { return nil }
        // What an old broker refuses, it refuses in the version that all know.
        let told = key == .apiVersions && isOld ? 0 : version
        var writer = WireWriter()
        try ResponseHeader(correlationID: header.correlationID).encode(
            to: &writer, version: key.responseHeaderVersion(for: told))
        try message.encode(to: &writer, version: told)
        return writer.toArray()
    }
}

/// Runs a client's core against a scripted cluster, with virtual time.
final class ScriptedDriver<Core: ClientMachine> {
    var core: Core
    let cluster: ScriptedCluster
    var now = ClientInstant(nanoseconds: 1)
    private(set) var outputs: [Core.Output] = []
    /// What the user does on hearing of something.
    var react: (inout Core, Core.Output, ClientInstant) -> Void = { _, _, _ in }
    /// Brokers that cannot be connected to.
    var unreachable: Set<Int32> = []
    /// Why connections are not made, if that is for want of trust.
    var distrust: SecurityFailure?
    /// What the shell gives for a session.
    var credentials: (SaslSettings) -> Result<SaslCredentials, ClientError> = { _ in
        .failure(.security(.noCredentials("none")))
    }
    private var nodes: [ConnectionID: Int32] = [:]
    private var requests: [(id: ConnectionID, frame: [UInt8])] = []
    private let roundTrip = Duration.milliseconds(5)

    init(_ cluster: ScriptedCluster, _ core: Core) {
        self.cluster = cluster
        self.core = core
    }

    /// Has done all that is due.
    private func step() {
        var isNews = true
        while isNews {
            core.advance(now: now)
            for output in core.takeOutputs() {
                outputs.append(output)
                react(&core, output, now)
            }
            isNews = false
            for effect in core.takeEffects() { isNews = perform(effect) || isNews }
        }
    }

    /// Whether the core hears of it at once.
    private func perform(_ effect: ConnectionEffect) -> Bool {
        switch effect {
        case .connect(let id, let address):
            let node = Int32(address.host.dropFirst()) ?? -1
            guard !unreachable.contains(node) else {
                core.handle(.closed(id, reason: "refused"), now: now)
                return true
            }
            if let distrust {
                core.handle(.distrusted(id, distrust), now: now)
                return true
            }
            nodes[id] = node
            core.handle(.connected(id), now: now)
            return true
        case .send(let id, let frame): requests.append((id, frame.bytes))
        case .fetchCredentials(let id, let sasl):
            core.handle(.credentials(id, credentials(sasl)), now: now)
            return true
        case .close(let id): nodes[id] = nil
        }
        return false
    }

    /// All connections to the broker end.
    func drop(_ node: Int32) {
        for id in nodes.keys.sorted() where nodes[id] == node {
            nodes[id] = nil
            core.handle(.closed(id, reason: "dropped"), now: now)
        }
    }

    /// What was sent arrives and is answered; else time passes until something is due.
    private func round() throws {
        step()
        let sent = requests
        requests = []
        guard !sent.isEmpty else {
            let wake = core.nextWake ?? now + .milliseconds(100)
            now = max(now + .milliseconds(1), min(wake, now + .seconds(1)))
            return step()
        }
        now = now + roundTrip
        for (id, frame) in sent {
            guard let node = nodes[id], let answer = try cluster.answer(frame, at: node) else {
                continue
            }
            core.handle(.received(id, answer), now: now)
        }
        step()
    }

    /// Lets time and messages flow until `isDone`, or for so long.
    func run(for limit: Duration = .seconds(20), until isDone: () throws -> Bool) throws {
        let end = now + limit
        while try !isDone(), now <= end { try round() }
    }
}
