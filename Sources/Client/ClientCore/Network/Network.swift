import KafkaProtocol
import KafkaWire

/// The connections of one client, without the sockets: who is connected, which versions they
/// speak, what is in flight, and the metadata that tells whom to ask.
///
/// A role (producer, consumer) sends requests with a tag of its own and finds their ends in
/// `completions`. Every request ends exactly once: with the answer's frame, or with
/// `disconnected` when its connection ends or it times out, which ends its connection too.
struct Network<Tag> {
    let settings: NetworkSettings
    var random: SplitMix64
    var metadata = ClusterMetadata()
    var refresh = MetadataRefresh()
    var telemetry: ClientTelemetry
    /// Levels of the cluster's features, as of the latest that a broker has told (KIP-584).
    private(set) var features = ClusterFeatures()
    var nodes: [NodeKey: NetworkNode<Tag>] = [:]
    private var owners: [ConnectionID: NodeKey] = [:]
    private var nextConnection: UInt64 = 1
    private var nextCorrelation: Int32 = 1
    var effects: [ConnectionEffect] = []
    /// What is counted for `takeMeasures`.
    var measures = ClientMeasures()
    /// How often a connection could not be made, or ended before all had been agreed on.
    private(set) var failedConnections = 0
    /// How often a broker or its connection was refused for want of trust.
    var refusals = 0
    /// Ends of requests that the role has not looked at.
    private(set) var completions: [Completion<Tag>] = []

    init(_ kind: ClientKind, _ settings: NetworkSettings, seed: UInt64) {
        self.settings = settings
        telemetry = ClientTelemetry(kind, isEnabled: settings.pushesMetrics)
        random = SplitMix64(seed: seed)
        addBootstrapNodes()
    }

    mutating func takeEffects() -> [ConnectionEffect] {
        defer { effects = [] }
        return effects
    }
    mutating func takeCompletions() -> [Completion<Tag>] {
        defer { completions = [] }
        return completions
    }

    // MARK: Nodes

    mutating func addBootstrapNodes() {
        for (index, address) in settings.bootstrap.enumerated()
        where nodes[.bootstrap(index)] == nil {
            nodes[.bootstrap(index)] = NetworkNode(address: address)
        }
    }

    /// Makes the nodes those of the metadata. Bootstrap connections end once nothing waits for
    /// them; brokers that moved or are gone are let go.
    mutating func adoptBrokers(now: ClientInstant) {
        guard !metadata.brokers.isEmpty else { return }
        for key in nodes.keys.sorted() {
            guard let node = nodes[key] else { continue }
            switch key {
            case .bootstrap: if node.inFlight.isEmpty { remove(key, "not needed", now) }
            case .coordinator: break
            case .broker(let id):
                if metadata.brokers[id]?.address != node.address {
                    remove(key, "not in the metadata", now)
                }
            }
        }
        for (id, broker) in metadata.brokers where nodes[.broker(id)] == nil {
            nodes[.broker(id)] = NetworkNode(address: broker.address)
        }
    }

    private mutating func remove(_ key: NodeKey, _ reason: String, _ now: ClientInstant) {
        end(key, reason: reason, now: now)
        nodes[key] = nil
    }

    /// Whether a request to `key` could go out now. Begins to connect if there is no connection.
    mutating func isReady(_ key: NodeKey, now: ClientInstant) -> Bool {
        guard let node = nodes[key] else { return false }
        switch node.state {
        case .ready:
            if let until = node.throttledUntil, until > now { return false }
            return node.inFlight.count < settings.maxInFlight
        case .idle:
            if node.retryAt.map({ $0 <= now }) ?? true { connect(key, now) }
            return false
        case .connecting, .negotiating, .authenticating: return false
        }
    }

    /// Requests to `key` that wait for their answers.
    func inFlightCount(_ key: NodeKey) -> Int { nodes[key]?.inFlight.count ?? 0 }

    /// The highest version of a request that `key`, which must be ready, serves too.
    func version(of api: APIKey, _ key: NodeKey, atMost limit: Int16 = .max) -> Int16? {
        nodes[key]?.version(of: api, atMost: limit)
    }

    /// The least busy node that is ready; begins to connect to one when there is none.
    ///
    /// When every known broker fails, the bootstrap servers are known again (KIP-899).
    mutating func anyReady(now: ClientInstant) -> NodeKey? {
        let keys = generalNodes
        var best: NodeKey?
        for key in keys where nodes[key]?.isReady == true {
            guard isReady(key, now: now) else { continue }
            if best.map({ inFlightCount(key) < inFlightCount($0) }) ?? true { best = key }
        }
        if let best { return best }
        guard !keys.contains(where: { nodes[$0]?.connection != nil }) else { return nil }
        if settings.rebootstraps, keys.allSatisfy({ (nodes[$0]?.failures ?? 0) > 0 }) {
            addBootstrapNodes()
        }
        let due = generalNodes.filter { nodes[$0]?.retryAt.map { $0 <= now } ?? true }
        if let key = due.randomElement(using: &random) { connect(key, now) }
        return nil
    }

    /// Nodes that take whatever requests.
    var generalNodes: [NodeKey] {
        nodes.keys.filter { if case .coordinator = $0 { false } else { true } }.sorted()
    }

    /// Whether the last attempt to reach the node failed.
    func isFailing(_ key: NodeKey) -> Bool {
        guard let node = nodes[key] else { return true }
        return node.failures > 0 && node.connection == nil
    }

    /// Why there is no broker to ask, as far as that is known.
    var trouble: String? {
        let keys = generalNodes
        guard !keys.contains(where: { nodes[$0]?.isReady == true }) else { return nil }
        for key in keys {
            if let trouble = nodes[key]?.trouble { return "\(key): \(trouble)" }
        }
        return nil
    }

    /// Why none of the brokers can be connected to, if the last attempt failed after the first
    /// `count` that did, and so did those to all others.
    func unreachable(after count: Int) -> String? {
        guard failedConnections > count, generalNodes.allSatisfy({ isFailing($0) }) else {
            return nil
        }
        return trouble
    }

    /// The same for one of them.
    func unreachable(_ key: NodeKey, after count: Int) -> String? {
        guard failedConnections > count, isFailing(key) else { return nil }
        return nodes[key]?.trouble
    }

    /// That `what` did not end in time.
    func timedOut(_ what: String) -> ClientError {
        .timedOut(trouble.map { "\(what); \($0)" } ?? what)
    }

    /// Takes note of where a coordinator listens.
    mutating func learnCoordinator(_ id: BrokerID, at address: BrokerAddress, now: ClientInstant) {
        let key = NodeKey.coordinator(id)
        if let node = nodes[key] {
            if node.address == address {
                nodes[key]?.failures = 0
                return
            }
            remove(key, "moved", now)
        }
        nodes[key] = NetworkNode(address: address)
    }

    private mutating func connect(_ key: NodeKey, _ now: ClientInstant) {
        guard let address = nodes[key]?.address else { return }
        let id = ConnectionID(rawValue: nextConnection)
        nextConnection += 1
        owners[id] = key
        nodes[key]?.state = .connecting(id, deadline: now + settings.connectTimeout)
        effects.append(.connect(id, address))
    }

    /// Keeps silent towards `key` for as long as its answer asks (KIP-219).
    mutating func honourThrottle<R: KafkaResponse>(
        _ answer: R, of key: NodeKey, _ now: ClientInstant
    ) {
        guard let told = answer as? any ThrottledResponse else { return }
        let pause = Duration.milliseconds(Int64(told.throttleTimeMs))
        measures.note(ClientMeasures.Throttle(api: R.apiKey, duration: max(.zero, pause)))
        guard pause > .zero else { return }
        nodes[key]?.throttledUntil = now + pause
    }

    /// The answer to a role's request; what it says of quotas is honoured.
    mutating func answer<R: KafkaRequest>(
        _ completion: Completion<Tag>, _: R.Type, _ now: ClientInstant
    ) throws(ClientError) -> R.Response {
        let answer = try completion.decode(R.self)
        honourThrottle(answer, of: completion.node, now)
        return answer
    }

    /// Ends all connections; what was in flight ends with `reason`.
    mutating func close(now: ClientInstant) {
        for key in nodes.keys.sorted() { end(key, reason: "the client is closed", now: now) }
    }

    // MARK: Requests

    /// Sends a request to a node that is ready.
    ///
    /// - Parameters:
    ///   - payloads: record bytes that the request names as `external` by their index.
    ///   - isAnswered: `false` for a request that has no answer (acks=0): it ends at once, with an
    ///     empty frame.
    ///   - timeout: beyond that of the settings, for what the broker itself waits.
    mutating func send<R: KafkaRequest>(
        _ request: R, version: Int16, to key: NodeKey, _ tag: Tag, payloads: [[UInt8]] = [],
        isAnswered: Bool = true, timeout: Duration = .zero, now: ClientInstant
    ) {
        let deadline = now + settings.requestTimeout + timeout
        do throws(WireError) {
            try write(
                request, version: version, to: key, payloads: payloads,
                purpose: isAnswered ? .role(tag) : nil, deadline: deadline, now: now)
        } catch {
            let failure = ClientError.invalidRecord("\(R.apiKey.name) v\(version): \(error)")
            finish(tag, key, R.apiKey, version, .failure(failure))
            return
        }
        if !isAnswered { finish(tag, key, R.apiKey, version, .success([])) }
    }

    private mutating func finish(
        _ tag: Tag, _ key: NodeKey, _ api: APIKey, _ version: Int16,
        _ result: Result<[UInt8], ClientError>
    ) {
        completions.append(
            Completion(tag: tag, node: key, apiKey: api, version: version, result: result))
    }

    mutating func write<R: KafkaRequest>(
        _ request: R, version: Int16, to key: NodeKey, payloads: [[UInt8]] = [],
        purpose: NetworkNode<Tag>.Purpose?, deadline: ClientInstant, now: ClientInstant
    ) throws(WireError) {
        guard let connection = nodes[key]?.connection else {
            preconditionFailure("\(key) has no connection")
        }
        let correlation = nextCorrelation
        let header = RequestHeader(
            requestAPIKey: R.apiKey.rawValue, requestAPIVersion: version,
            correlationID: correlation, clientID: settings.clientID)
        var writer = WireWriter(capacity: 256)
        writer.write(Int32(0))
        try header.encode(to: &writer, version: R.apiKey.requestHeaderVersion(for: version))
        try request.encode(to: &writer, version: version)
        let size = writer.count - 4 + writer.splicedByteCount
        guard let size = Int32(exactly: size) else { throw .badLength(size) }
        writer.patch(size, at: 0)
        nextCorrelation = nextCorrelation == .max ? 1 : nextCorrelation + 1
        measures.requests += 1
        measures.sentBytes += 4 + Int(size)
        if let purpose {
            nodes[key]?.inFlight.append(
                .init(
                    correlationID: correlation, apiKey: R.apiKey, version: version, sent: now,
                    deadline: deadline, purpose: purpose))
        }
        effects.append(
            .send(
                connection,
                OutgoingFrame(
                    fields: writer.toArray(), splices: writer.splices, payloads: payloads)))
    }

    // MARK: Events

    mutating func handle(_ event: ConnectionEvent, now: ClientInstant) {
        switch event {
        case .connected(let id): connected(id, now)
        case .closed(let id, let reason):
            guard let key = owners[id] else { return }
            drop(key, reason: reason, now: now)
        case .received(let id, let frame):
            guard let key = owners[id] else { return }
            received(frame, from: key, now)
        case .distrusted(let id, let failure):
            guard let key = owners[id] else { return }
            refuse(key, .security(failure), now: now)
        case .credentials(let id, let credentials):
            guard let key = owners[id] else { return }
            take(credentials, for: key, now)
        }
    }

    private mutating func connected(_ id: ConnectionID, _ now: ClientInstant) {
        guard let key = owners[id], case .connecting = nodes[key]?.state else { return }
        nodes[key]?.state = .negotiating(id)
        measures.connectionsMade += 1
        askVersions(of: key, version: 3, now)
    }

    private mutating func received(_ frame: [UInt8], from key: NodeKey, _ now: ClientInstant) {
        guard let node = nodes[key], let first = node.inFlight.first, frame.count >= 4,
            frame[0..<4].reduce(Int32(0), { $0 << 8 | Int32($1) }) == first.correlationID
        else { return fail(key, reason: "\(key) answered what was not asked", now: now) }
        nodes[key]?.inFlight.removeFirst()
        measures.receivedBytes += 4 + frame.count
        measures.note(
            ClientMeasures.Latency(
                api: first.apiKey, duration: now - first.sent, node: key.broker))
        switch first.purpose {
        case .handshake: takeVersions(frame, from: key, version: first.version, now)
        case .saslHandshake: takeHandshake(frame, from: key, version: first.version, now)
        case .saslToken: takeToken(frame, from: key, version: first.version, now)
        case .metadata(let asked):
            takeMetadata(frame, from: key, version: first.version, asked: asked, now)
        case .telemetry: takeTelemetry(frame, from: key, first.apiKey, version: first.version, now)
        case .controllers: takeControllers(frame, from: key, version: first.version, now)
        case .role(let tag): finish(tag, key, first.apiKey, first.version, .success(frame))
        }
    }

    /// Ends the connection for a fault of the other side.
    mutating func fail(_ key: NodeKey, reason: String, now: ClientInstant) {
        if let id = nodes[key]?.connection { effects.append(.close(id)) }
        drop(key, reason: reason, now: now)
    }

    /// The connection is gone: what was in flight ends, and the next attempt waits a little.
    private mutating func drop(_ key: NodeKey, reason: String, now: ClientInstant) {
        if let id = nodes[key]?.connection { owners[id] = nil }
        if nodes[key]?.isReady != true { failedConnections += 1 }
        if case .connecting = nodes[key]?.state {} else { measures.connectionsLost += 1 }
        let waiting = nodes[key]?.inFlight ?? []
        let failures = (nodes[key]?.failures ?? 0) + 1
        let pause = NetworkSettings.backoff(
            settings.reconnectBackoff, settings.reconnectBackoffMax, failures: failures,
            using: &random)
        nodes[key]?.disconnect()
        nodes[key]?.refusal = nil
        nodes[key]?.trouble = reason
        nodes[key]?.failures = failures
        nodes[key]?.retryAt = now + pause
        refresh.request()
        for request in waiting { finish(request, key, reason, now) }
    }

    /// Ends a connection that nobody needs.
    private mutating func end(_ key: NodeKey, reason: String, now: ClientInstant) {
        guard let node = nodes[key], let id = node.connection else { return }
        owners[id] = nil
        nodes[key]?.disconnect()
        effects.append(.close(id))
        for request in node.inFlight { finish(request, key, reason, now) }
    }

    private mutating func finish(
        _ request: NetworkNode<Tag>.InFlight, _ key: NodeKey, _ reason: String,
        _ now: ClientInstant
    ) {
        switch request.purpose {
        case .handshake, .saslHandshake, .saslToken: break
        case .metadata, .controllers: refresh.failed(settings, now: now, using: &random)
        case .telemetry: telemetry.failed(now: now)
        case .role(let tag):
            finish(
                tag, key, request.apiKey, request.version,
                .failure(.disconnected("\(key): \(reason)")))
        }
    }

    /// Ends connections whose time is up, and asks for metadata when that is due.
    mutating func advance(now: ClientInstant) {
        var late: [NodeKey] = []
        for (key, node) in nodes {
            if let deadline = node.deadline, deadline <= now { late.append(key) }
        }
        for key in late.sorted() {
            let what = nodes[key]?.inFlight.first.map { "\($0.apiKey.name) timed out" }
            fail(key, reason: what ?? "connecting timed out", now: now)
        }
        renewSessions(now)
        askMetadata(now)
        advanceTelemetry(now)
    }

    /// When `advance` has something to do, or a node may be tried again.
    func nextWake(now: ClientInstant) -> ClientInstant? {
        // What is due and was not done waits for a node; that has moments of its own.
        var wake = refresh.nextWake.flatMap { $0 > now ? $0 : nil }
        wake = earlier(wake, telemetry.nextWake(after: now))
        for node in nodes.values {
            wake = earlier(earlier(wake, node.deadline), node.sessionEnd)
            if let retry = node.retryAt, retry > now { wake = earlier(wake, retry) }
            if let until = node.throttledUntil, until > now { wake = earlier(wake, until) }
        }
        return wake
    }

    /// Takes what a broker says of the cluster's features, unless something newer is known.
    mutating func learn(_ told: ClusterFeatures) {
        if told.epoch >= features.epoch { features = told }
    }

    /// All has been agreed on: requests may go.
    mutating func becomeReady(_ key: NodeKey) {
        guard let id = nodes[key]?.connection else { return }
        nodes[key]?.state = .ready(id)
        nodes[key]?.refusal = nil
        nodes[key]?.failures = 0
        nodes[key]?.trouble = nil
        nodes[key]?.retryAt = nil
    }

    /// Forgets all brokers and begins again with the bootstrap servers (KIP-1102).
    mutating func bootstrapAgain(now: ClientInstant) {
        for key in nodes.keys.sorted() { remove(key, "begins anew", now) }
        addBootstrapNodes()
    }
}
