public import ClientCore
public import CoreMetrics
public import KafkaProtocol
public import KafkaWire
public import Logging
public import NIOCore
import NIOPosix
import Synchronization

/// Administers a Kafka cluster.
///
///     let admin = try Admin(bootstrap: "localhost:9092")
///     try await admin.createTopic("birds", partitions: 3)
///     for topic in try await admin.listTopics() { print(topic.name) }
///     await admin.close()
///
/// Requests go to the broker, coordinator or controller that is meant to have them, and again
/// while what is wrong may pass, until `default.api.timeout.ms` is over. A call about many things
/// gives a result for each; it throws only what concerns them all. All methods may be called from
/// any task or thread, at the same time.
public final class Admin: Sendable {
    let settings: AdminSettings
    private let loop: ClientLoop<AdminCore>
    private let endings: AdminEndings

    /// An admin client with Kafka's defaults, changed by `configure`.
    ///
    /// - Throws: `invalidSetting`. Brokers that cannot be reached are told by the first call.
    public convenience init(
        bootstrap: String, logger: Logger = Logger(label: "martlet.admin"),
        configure: (inout AdminSettings) -> Void = { _ in }
    ) throws(ClientError) {
        var settings = AdminSettings(
            network: .init(bootstrap: try BrokerAddress.list(bootstrap)))
        configure(&settings)
        try self.init(settings, logger: logger)
    }

    /// - Parameters:
    ///   - metrics: where metrics go; what the process has been given by default.
    ///   - group: where the sockets live; the process's own event loops by default.
    /// - Throws: `invalidSetting`.
    public init(
        _ settings: AdminSettings, logger: Logger = Logger(label: "martlet.admin"),
        metrics: any MetricsFactory = MetricsSystem.factory,
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) throws(ClientError) {
        let endings = AdminEndings()
        self.endings = endings
        self.settings = settings
        var seeds = SystemRandomNumberGenerator()
        loop = try ClientLoop(
            AdminCore(settings, seed: seeds.next()), eventLoop: group.next(), log: logger,
            network: settings.network,
            metrics: ClientMetrics(
                .admin, clientID: settings.network.clientID, factory: metrics)
        ) { outputs in
            for case .ended(let waiter, let result) in outputs { endings.end(waiter, result) }
        }
    }

    /// Ends the connections; calls that have not ended fail as `closed`.
    public func close() async { await loop.stop { core, now in core.shutDown(now: now) } }

    // MARK: Telemetry

    /// What the client has measured so far, under the names of Kafka's clients. From the first call
    /// on, averages and maxima are kept too. Numbers are up to a second old.
    public func metrics() -> [ClientMetric] {
        loop.enter { core, now in (core.metrics(now: now), true) }
    }

    /// The id that the cluster knows this client by in its metrics (KIP-714).
    ///
    /// - Throws: `invalidState` while `enable.metrics.push` is off, `unsupportedRequest` by brokers
    ///   that want no metrics, `timedOut`.
    public func clientInstanceID(timeout: Duration) async throws(ClientError) -> KafkaUUID {
        try await loop.clientInstanceID(timeout: timeout)
    }

    var timeoutMs: Int32 { settings.network.requestTimeout.wholeMilliseconds }

    /// Sends a request as it is, for what has no call of its own: errors that the answer tells are
    /// the caller's to see.
    ///
    /// - Parameters:
    ///   - versions: those to use, of which the highest that the broker serves is taken.
    ///   - wait: what the broker itself may take, beyond `request.timeout.ms`.
    /// - Throws: `unsupportedRequest`, `timedOut`, `disconnected`, `malformedResponse`.
    public func send<R: KafkaRequest>(
        _ request: R, to target: AdminTarget, versions: ClosedRange<Int16> = 0...Int16.max,
        wait: Duration = .zero
    ) async throws(ClientError) -> AdminAnswer<R.Response> {
        try await exchange(target, versions: versions, wait: wait, { _ in request }) { $0 }
    }

    /// Sends a request until it is answered; see `AdminCore.call`.
    func exchange<R: KafkaRequest, Value: Sendable>(
        _ target: AdminTarget, versions: ClosedRange<Int16> = 0...Int16.max,
        wait: Duration = .zero, _ build: @escaping @Sendable (Int16) -> R,
        read: @escaping @Sendable (AdminAnswer<R.Response>) throws(ClientError) -> Value
    ) async throws(ClientError) -> Value {
        let result: Result<any Sendable, ClientError> = await withCheckedContinuation {
            continuation in
            let waiter = endings.add(continuation)
            loop.enter { core, now in
                core.call(
                    target, versions: versions, wait: wait, waiter: waiter, now: now,
                    build: build, read: read)
                return ((), true)
            }
        }
        guard let value = try result.get() as? Value else {
            preconditionFailure("a call's result is what its `read` gave")
        }
        return value
    }

    /// The same, for an answer that needs no more than its version.
    func call<R: KafkaRequest, Value: Sendable>(
        _ target: AdminTarget, atLeast least: Int16 = 0, atMost limit: Int16 = .max,
        _ build: @escaping @Sendable (Int16) -> R,
        read: @escaping @Sendable (R.Response, Int16) throws(ClientError) -> Value
    ) async throws(ClientError) -> Value {
        try await exchange(target, versions: least...limit, build) { answer throws(ClientError) in
            try read(answer.response, answer.version)
        }
    }

    /// The same, for an answer that says all there is to say.
    func call<R: KafkaRequest, Value: Sendable>(
        _ target: AdminTarget, _ request: R,
        read: @escaping @Sendable (R.Response) throws(ClientError) -> Value
    ) async throws(ClientError) -> Value {
        try await call(target, { _ in request }) { answer, _ throws(ClientError) in
            try read(answer)
        }
    }

    /// Calls about each of `keys` at the same time.
    func each<Key: Hashable & Sendable, Value: Sendable>(
        _ keys: [Key], _ call: @escaping @Sendable (Key) async throws(ClientError) -> Value
    ) async -> [Key: Result<Value, ClientError>] {
        await withTaskGroup(of: (Key, Result<Value, ClientError>).self) { group in
            for key in Set(keys) {
                group.addTask {
                    do throws(ClientError) { return (key, .success(try await call(key))) } catch {
                        return (key, .failure(error))
                    }
                }
            }
            var results: [Key: Result<Value, ClientError>] = [:]
            for await (key, result) in group { results[key] = result }
            return results
        }
    }
}

/// Who waits for which call.
private final class AdminEndings: Sendable {
    typealias Waiter = CheckedContinuation<Result<any Sendable, ClientError>, Never>
    private let state = Mutex<(waiters: [UInt64: Waiter], next: UInt64)>(([:], 1))

    func add(_ waiter: Waiter) -> UInt64 {
        state.withLock { state in
            defer { state.next += 1 }
            state.waiters[state.next] = waiter
            return state.next
        }
    }

    func end(_ id: UInt64, _ result: Result<any Sendable, ClientError>) {
        state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: result)
    }
}

/// The result for one of many.
func outcome<Value>(
    _ code: Int16, _ message: String?, _ value: @autoclosure () -> Value
) -> Result<Value, ClientError> {
    code == 0 ? .success(value()) : .failure(.broker(KafkaError(code: code), message: message))
}

extension ClientError {
    static func check(code: Int16, _ message: String? = nil) throws(ClientError) {
        if code != 0 { throw .broker(KafkaError(code: code), message: message) }
    }
}

extension Dictionary {
    /// The result for one key: of a call about it alone.
    func one<Success>(_ key: Key) throws(ClientError) -> Success
    where Value == Result<Success, ClientError> {
        guard let result = self[key] else {
            throw .malformedResponse("the answer says nothing of \(key)")
        }
        return try result.get()
    }
}
