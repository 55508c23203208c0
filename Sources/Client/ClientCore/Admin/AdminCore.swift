public import KafkaProtocol
public import KafkaWire

/// Whom a request of an admin client is for.
public enum AdminTarget: Sendable, Hashable {
    /// Any broker; of controllers, the active one where there is one.
    case any
    /// The broker that Metadata names as the controller, or the active controller itself.
    case controller
    case broker(BrokerID)
    /// The coordinator of a group.
    case group(String)
    /// The coordinator of a transactional id.
    case transaction(String)
}

/// How an admin client works; names and defaults are Kafka's.
public struct AdminSettings: Sendable {
    public var network: NetworkSettings
    /// `default.api.timeout.ms`: for one call with all its retries.
    public var apiTimeout = Duration.seconds(60)
    /// Whether a call ends as `disconnected` once the broker that it is for, or none that is known,
    /// can be connected to, and does not wait for one to come: for tools, before which somebody
    /// waits.
    public var endsUnreachable = false

    public init(network: NetworkSettings) { self.network = network }

    /// Takes what it knows from client properties under Kafka's names.
    ///
    /// - Throws: `invalidSetting`.
    public mutating func apply(_ properties: [String: String]) throws(ClientError) {
        try network.apply(properties)
        let given = ClientProperties(values: properties)
        if let text = properties["bootstrap.controllers"] {
            guard properties["bootstrap.servers"] == nil else {
                throw given.refuse(
                    "bootstrap.controllers", "give either this or bootstrap.servers")
            }
            network.bootstrap = try BrokerAddress.list(text, of: "bootstrap.controllers")
            network.asksControllers = true
        }
        try given.take("default.api.timeout.ms", into: &apiTimeout)
    }
}

/// An answer, and whose it is.
public struct AdminAnswer<Response: Sendable>: Sendable {
    public var response: Response
    /// The version of request and answer.
    public var version: Int16
    /// Who answered; `nil` where that is a bootstrap server of which the number is not known.
    public var broker: BrokerID?
    /// The bytes of which the response names ranges as records.
    public var frame: [UInt8]
}

/// An admin client without its sockets, threads and clock: calls go in, requests to the right
/// brokers come out, again where that may help, and the end of each call, which comes once.
public struct AdminCore: ClientMachine {
    public enum Output: Sendable {
        /// What the call's `read` gave, or why there is nothing.
        case ended(UInt64, Result<any Sendable, ClientError>)
    }

    enum Tag {
        case call(UInt64)
        case coordinator(UInt64)
    }

    /// A call that has not ended.
    struct Pending {
        let target: AdminTarget
        let key: APIKey
        let versions: ClosedRange<Int16>
        let send: @Sendable (inout Network<Tag>, NodeKey, Int16, Tag, ClientInstant) -> Void
        let read:
            @Sendable (inout Network<Tag>, Completion<Tag>, ClientInstant) throws(ClientError)
                -> any Sendable
        let deadline: ClientInstant
        /// Refusals and attempts to connect that failed, of those that the client had seen before.
        let refusals: Int
        let failedConnections: Int
        var coordinator: CoordinatorLookup?
        var notBefore: ClientInstant?
        var failures = 0
        var isInFlight = false
        var lastError: ClientError?
        /// The version of the metadata that did not have the broker.
        var missedIn: Int?
    }

    public let settings: AdminSettings
    var network: Network<Tag>
    /// By waiter.
    private var pending: [UInt64: Pending] = [:]
    private var outputs: [Output] = []
    private var isClosed = false
    public private(set) var nextWake: ClientInstant?

    public init(_ settings: AdminSettings, seed: UInt64) {
        self.settings = settings
        network = Network(.admin, settings.network, seed: seed)
    }

    public var telemetry: ClientTelemetry {
        get { network.telemetry }
        _modify { yield &network.telemetry }
    }
    public mutating func takeEffects() -> [ConnectionEffect] { network.takeEffects() }
    public mutating func takeOutputs() -> [Output] {
        defer { outputs = [] }
        return outputs
    }
    public mutating func handle(_ event: ConnectionEvent, now: ClientInstant) {
        network.handle(event, now: now)
    }

    /// Begins a call.
    ///
    /// - Parameters:
    ///   - versions: those to use.
    ///   - wait: what the broker itself may take, beyond the time for a request.
    ///   - waiter: by which `ended` tells its end; each once.
    ///   - build: makes the request for the version that was agreed on.
    ///   - read: makes the result of the answer; an error that it throws ends the call, or, if it
    ///     may pass, sends the request again after a pause, until `default.api.timeout.ms` is over.
    public mutating func call<R: KafkaRequest, Value: Sendable>(
        _ target: AdminTarget, versions: ClosedRange<Int16>, wait: Duration = .zero,
        waiter: UInt64, now: ClientInstant, build: @escaping @Sendable (Int16) -> R,
        read: @escaping @Sendable (AdminAnswer<R.Response>) throws(ClientError) -> Value
    ) {
        guard !isClosed else { return outputs.append(.ended(waiter, .failure(.closed))) }
        let coordinator: CoordinatorLookup? =
            switch target {
            case .group(let id): CoordinatorLookup(id, .group)
            case .transaction(let id): CoordinatorLookup(id, .transaction)
            case .any, .controller, .broker: nil
            }
        pending[waiter] = Pending(
            target: target, key: R.apiKey, versions: versions,
            send: { network, node, version, tag, now in
                network.send(
                    build(version), version: version, to: node, tag, timeout: wait, now: now)
            },
            read: { network, completion, now throws(ClientError) in
                try read(
                    AdminAnswer(
                        response: try network.answer(completion, R.self, now),
                        version: completion.version, broker: completion.node.broker,
                        frame: try completion.result.get()))
            },
            deadline: now + settings.apiTimeout + wait, refusals: network.refusals,
            failedConnections: network.failedConnections, coordinator: coordinator)
    }

    public mutating func advance(now: ClientInstant) {
        guard !isClosed else { return }
        repeat {
            network.advance(now: now)
            for completion in network.takeCompletions() { take(completion, now) }
            for id in pending.keys.sorted() { advance(id, now) }
        } while !network.completions.isEmpty
        scheduleWake(now)
    }

    private mutating func advance(_ id: UInt64, _ now: ClientInstant) {
        guard let call = pending[id] else { return }
        guard call.deadline > now else {
            let late = network.timedOut("\(call.key.name) of \(call.target)")
            return end(id, .failure(call.lastError ?? late))
        }
        guard !call.isInFlight, call.notBefore.map({ $0 <= now }) ?? true else { return }
        guard let node = node(id, now) else {
            if let refusal = refusal(of: call) {
                end(id, .failure(refusal))
            } else if settings.endsUnreachable,
                let trouble = trouble(of: call)
            {
                end(id, .failure(.disconnected(trouble)))
            }
            return
        }
        guard
            let version = network.version(of: call.key, node, atMost: call.versions.upperBound),
            version >= call.versions.lowerBound
        else {
            return end(id, .failure(.unsupportedRequest(call.key, broker: "\(node)")))
        }
        pending[id]?.isInFlight = true
        call.send(&network, node, version, .call(id), now)
    }

    /// The node to send to, once it is ready.
    private mutating func node(_ id: UInt64, _ now: ClientInstant) -> NodeKey? {
        switch pending[id]?.target {
        case nil: return nil
        // Of controllers, all but one refuse most requests.
        case .any where settings.network.asksControllers: return controller(now)
        case .any: return network.anyReady(now: now)
        case .controller: return controller(now)
        case .broker(let broker): return self.broker(broker, for: id, now)
        case .group, .transaction:
            return pending[id]?.coordinator?.ready(&network, .coordinator(id), now: now)
        }
    }

    private mutating func controller(_ now: ClientInstant) -> NodeKey? {
        let controller = NodeKey.broker(network.metadata.controller)
        guard network.metadata.brokers[network.metadata.controller] != nil else {
            let node = network.anyReady(now: now)
            let mustWait = settings.network.asksControllers && network.metadata.version == 0
            return mustWait ? nil : node
        }
        return network.isReady(controller, now: now) ? controller : nil
    }

    /// Why nobody who could take the call can be used.
    private func refusal(of call: Pending) -> ClientError? {
        if case .broker(let id) = call.target, network.metadata.brokers[id] != nil {
            return network.refusal(of: .broker(id), after: call.refusals)
        }
        return network.refusal(after: call.refusals)
    }

    /// Why nobody who could take the call can be connected to.
    private func trouble(of call: Pending) -> String? {
        if case .broker(let id) = call.target, network.metadata.brokers[id] != nil {
            return network.unreachable(.broker(id), after: call.failedConnections)
        }
        return network.unreachable(after: call.failedConnections)
    }

    private mutating func broker(
        _ broker: BrokerID, for id: UInt64, _ now: ClientInstant
    ) -> NodeKey? {
        let version = network.metadata.version
        if network.metadata.brokers[broker] != nil {
            return network.isReady(.broker(broker), now: now) ? .broker(broker) : nil
        }
        if version > 0, let missed = pending[id]?.missedIn, missed < version {
            let known = network.metadata.brokers.keys.sorted().map(\.description)
            let kind = settings.network.asksControllers ? "controller" : "broker"
            let message =
                "\(kind) \(broker) is not in the cluster's metadata; \(kind)s are "
                + known.joined(separator: ",")
            end(id, .failure(.broker(.brokerNotAvailable, message: message)))
        } else if pending[id]?.missedIn == nil {
            pending[id]?.missedIn = version
            network.refresh.request()
        }
        // Something must be connected for the metadata to come.
        _ = network.anyReady(now: now)
        return nil
    }

    private mutating func take(_ completion: Completion<Tag>, _ now: ClientInstant) {
        switch completion.tag {
        case .coordinator(let id):
            guard var lookup = pending[id]?.coordinator else { return }
            do throws(ClientError) {
                try lookup.take(completion, &network, now: now)
                pending[id]?.coordinator = lookup
            } catch { end(id, .failure(error)) }
        case .call(let id):
            guard let call = pending[id] else { return }
            pending[id]?.isInFlight = false
            do throws(ClientError) {
                end(id, .success(try call.read(&network, completion, now)))
            } catch {
                retry(id, error, now)
            }
        }
    }

    private mutating func retry(_ id: UInt64, _ error: ClientError, _ now: ClientInstant) {
        guard var call = pending[id] else { return }
        guard error.isRetriable || error.losesCoordinator, call.deadline > now else {
            return end(id, .failure(error))
        }
        if error.losesCoordinator { call.coordinator?.forget() }
        switch error.kafkaError {
        // Of controllers, the one that is not active says that it does not lead the quorum.
        case .notController, .notLeaderOrFollower: network.refresh.request()
        default: break
        }
        call.failures += 1
        call.lastError = error
        call.notBefore = now + network.retryPause(call.failures)
        pending[id] = call
    }

    private mutating func end(_ id: UInt64, _ result: Result<any Sendable, ClientError>) {
        guard pending.removeValue(forKey: id) != nil else { return }
        outputs.append(.ended(id, result))
    }

    private mutating func scheduleWake(_ now: ClientInstant) {
        var wake = network.nextWake(now: now)
        for call in pending.values {
            wake = earlier(wake, call.deadline)
            for moment in [call.notBefore, call.coordinator?.notBefore] {
                if let moment, moment > now { wake = earlier(wake, moment) }
            }
        }
        nextWake = wake
    }

    /// Ends all calls as `closed`, and the connections.
    public mutating func shutDown(now: ClientInstant) {
        for id in pending.keys.sorted() { end(id, .failure(.closed)) }
        isClosed = true
        network.close(now: now)
        _ = network.takeCompletions()
        nextWake = nil
    }
}

extension [TopicPartition] {
    /// The partitions of each topic, in order.
    public var grouped: [(topic: String, partitions: [Int32])] {
        byTopic.map { (topic: $0, partitions: $1) }
    }
}
