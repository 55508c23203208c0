public import ClientCore
public import CoreMetrics
public import KafkaWire
public import Logging
public import NIOCore
import NIOPosix
public import Tracing

/// Sends records to a Kafka cluster.
///
///     let producer = try Producer(bootstrap: "localhost:9092")
///     let place = try await producer.send("hello", to: "greetings")
///     print("written at offset \(place.offset)")
///     try await producer.close()
///
/// Idempotent unless the settings say otherwise: no record is written twice, and the records of a
/// partition keep the order of the calls, whatever is retried. All methods may be called from any
/// task or thread; records go into the producer under a lock, without a task or an actor between.
public final class Producer: Sendable {
    let loop: ClientLoop<ProducerCore>
    let endings: ProducerEndings
    private let log: Logger
    /// Interceptors and spans; `nil` for none.
    private let hooks: ProducerHooks?

    /// A producer with Kafka's defaults, changed by `configure`.
    ///
    /// - Throws: `invalidSetting`. Brokers that cannot be reached are told by the first `send`.
    public convenience init(
        bootstrap: String, logger: Logger = Logger(label: "martlet.producer"),
        configure: (inout ProducerSettings) -> Void = { _ in }
    ) throws(ClientError) {
        var settings = ProducerSettings(
            network: .init(bootstrap: try BrokerAddress.list(bootstrap)))
        configure(&settings)
        try self.init(settings, logger: logger)
    }

    /// - Parameters:
    ///   - metrics: where metrics go; what the process has been given by default.
    ///   - tracer: who makes spans of sends; what the process has been given by default.
    ///   - interceptors: see each record before it is sent, in this order, and its end.
    ///   - group: where the sockets live; the process's own event loops by default.
    /// - Throws: `invalidSetting`.
    public init(
        _ settings: ProducerSettings, logger: Logger = Logger(label: "martlet.producer"),
        metrics: any MetricsFactory = MetricsSystem.factory,
        tracer: any Tracer = InstrumentationSystem.tracer,
        interceptors: [any ProducerInterceptor] = [],
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) throws(ClientError) {
        hooks = ProducerHooks(
            interceptors, ClientTracing(tracer, clientID: settings.network.clientID))
        let endings = ProducerEndings()
        self.endings = endings
        log = logger
        var seeds = SystemRandomNumberGenerator()
        loop = try ClientLoop(
            ProducerCore(settings, seed: seeds.next()), eventLoop: group.next(), log: logger,
            network: settings.network,
            metrics: ClientMetrics(
                .producer, clientID: settings.network.clientID, factory: metrics)
        ) { outputs in
            for output in outputs {
                if case .failed(let error, let id, let count, _) = output {
                    logger.warning(
                        "records failed",
                        metadata: [
                            "partition": "\(id)", "count": "\(count)", "error": "\(error)",
                        ])
                }
                endings.tell(output)
            }
        }
    }

    // MARK: Sending

    /// Sends a record and waits until it is written, as `acks` says.
    ///
    /// - Throws: `timedOut` when `delivery.timeout.ms` or `max.block.ms` is over, `recordTooLarge`,
    ///   `broker` for a refusal, `closed`.
    nonisolated(nonsending)
        public func send(_ record: ProducerRecord) async throws(ClientError) -> RecordMetadata
    {
        guard let hooks else { return try await sendAsItIs(record) }
        var record = record
        let end = hooks.begin(&record)
        do throws(ClientError) {
            let place = try await sendAsItIs(record)
            end(.success(place))
            return place
        } catch {
            end(.failure(error))
            throw error
        }
    }

    nonisolated(nonsending)
        private func sendAsItIs(
            _ record: ProducerRecord
        ) async throws(ClientError) -> RecordMetadata
    {
        while true {
            let attempt: Attempt = await withCheckedContinuation { continuation in
                let outcome = append(
                    record, RecordHandler { continuation.resume(returning: .ended($0)) })
                if case .appended = outcome { return }
                continuation.resume(returning: .blocked(outcome))
            }
            switch attempt {
            case .ended(let result): return try result.get()
            case .blocked(let outcome): try await wait(outcome, record)
            }
        }
    }

    /// Sends text and waits until it is written.
    nonisolated(nonsending)
        public func send(
            _ value: String, key: String? = nil, to topic: String
        ) async throws(ClientError) -> RecordMetadata
    {
        try await send(ProducerRecord(topic: topic, key: key, value: value))
    }

    /// Hands over a record without waiting for its end, but for room when `buffer.memory` is full.
    ///
    /// A failure is thrown by the next `flush` or `close`, and given to `whenDone`.
    /// - Parameter whenDone: called once, on an event loop: it must not block.
    /// - Throws: as `send`, for what goes wrong before the record has been taken.
    nonisolated(nonsending)
        public func enqueue(
            _ record: ProducerRecord,
            whenDone: (@Sendable (Result<RecordMetadata, ClientError>) -> Void)? = nil
        ) async throws(ClientError)
    {
        // Without hooks nothing is copied to be changed.
        guard let hooks else { return try await enqueueAsItIs(record, whenDone) }
        var record = record
        let end = hooks.begin(&record)
        do throws(ClientError) {
            try await enqueueAsItIs(record, note(end, before: whenDone))
        } catch {
            end(.failure(error))
            throw error
        }
    }

    nonisolated(nonsending)
        private func enqueueAsItIs(
            _ record: ProducerRecord, _ whenDone: Ending?
        ) async throws(ClientError)
    {
        let handler: RecordHandler? = if let whenDone { RecordHandler(whenDone) } else { nil }
        while true {
            let outcome = append(record, handler)
            if case .appended = outcome { return }
            try await wait(outcome, record)
        }
    }

    private typealias Ending = @Sendable (Result<RecordMetadata, ClientError>) -> Void

    /// Has interceptors and tracer see a record's end before the one who sent it does.
    private func note(
        _ end: @escaping ProducerHooks.End, before whenDone: Ending?
    ) -> Ending {
        { [endings] result in
            end(result)
            if let whenDone {
                whenDone(result)
            } else if case .failure(let error) = result {
                endings.noteFailure(error)
            }
        }
    }

    /// Hands over a record if that can be done at once, for code that is not asynchronous. `false`
    /// while `buffer.memory` is full and before anything is known of the topic: `enqueue` waits.
    ///
    /// - Throws: as `enqueue`.
    public func tryEnqueue(
        _ record: ProducerRecord,
        whenDone: (@Sendable (Result<RecordMetadata, ClientError>) -> Void)? = nil
    ) throws(ClientError) -> Bool {
        guard let hooks else { return try tryAsItIs(record, whenDone) }
        var record = record
        let end = hooks.begin(&record)
        do throws(ClientError) {
            if try tryAsItIs(record, note(end, before: whenDone)) { return true }
        } catch {
            end(.failure(error))
            throw error
        }
        end(.failure(.timedOut("the record was not taken at once")))
        return false
    }

    private func tryAsItIs(
        _ record: ProducerRecord, _ whenDone: Ending?
    ) throws(ClientError) -> Bool {
        let handler: RecordHandler? = if let whenDone { RecordHandler(whenDone) } else { nil }
        switch append(record, handler) {
        case .appended: return true
        case .refused(let error): throw error
        case .full, .topicUnknown: return false
        }
    }

    private enum Attempt: Sendable {
        case ended(Result<RecordMetadata, ClientError>)
        case blocked(ProducerCore.AppendOutcome)
    }

    private func append(
        _ record: ProducerRecord, _ handler: RecordHandler?
    ) -> ProducerCore.AppendOutcome {
        let timestamp = record.timestamp ?? WallClock.milliseconds
        return loop.enterUntimed { core in
            let outcome = core.append(
                record, handler: handler, timestamp: timestamp, now: ClientLoop<ProducerCore>.now)
            if case .appended(let wakes) = outcome { return (outcome, wakes) }
            return (outcome, false)
        }
    }

    nonisolated(nonsending)
        private func wait(
            _ outcome: ProducerCore.AppendOutcome, _ record: ProducerRecord
        ) async throws(ClientError)
    {
        if case .refused(let error) = outcome { throw error }
        let error: ClientError? = await withCheckedContinuation { continuation in
            let id = endings.add(.resumption(continuation))
            loop.enter { core, now in
                switch outcome {
                case .full: core.waitForRoom(record, waiter: id, now: now)
                default: core.waitForTopic(record.topic, waiter: id, now: now)
                }
                return ((), true)
            }
        }
        if let error { throw error }
    }

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

    // MARK: Ends

    /// Waits until all records handed over so far have ended, without lingering.
    ///
    /// - Throws: the first error of an `enqueue`d record since the last `flush`.
    public func flush() async throws(ClientError) {
        await withCheckedContinuation { continuation in
            let id = endings.add(.flush(continuation))
            loop.enter { core, _ in
                core.flush(waiter: id)
                return ((), true)
            }
        }
        if let error = endings.takeFailure() { throw error }
    }

    /// Sends what waits, then closes the connections. A transaction that is open is aborted. The
    /// producer is of no more use.
    ///
    /// - Throws: as `flush`.
    public func close() async throws(ClientError) {
        do throws(ClientError) {
            if isInTransaction { try await abortTransaction() }
            try await flush()
        } catch {
            await abandon()
            throw error
        }
        await abandon()
    }

    /// Closes the connections at once: what has not ended fails as `closed`, and may have been
    /// written or not.
    public func abandon() async { await loop.stop { core, now in core.shutDown(now: now) } }

    /// The topic's number of partitions; waits up to `max.block.ms` for a topic that is not known.
    public func partitionCount(of topic: String) async throws(ClientError) -> Int {
        while true {
            let known = loop.enter { core, _ in (core.partitionCount(of: topic), false) }
            if let known { return known }
            try await wait(.topicUnknown, ProducerRecord(topic: topic, value: nil))
        }
    }
}
