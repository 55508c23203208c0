import ClientCore
import KafkaWire
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Runs a client's core: one event loop holds its sockets and its timer, one lock guards the core.
///
/// The user's threads enter the core under the lock to add what they want done, and leave; the
/// loop performs the effects. The lock is never held over a wait, nor while outputs are told.
final class ClientLoop<Machine: ClientMachine>: @unchecked Sendable {
    // Sendable: `machine` and `isPumpDue` are touched under `lock` only, which makes each access
    // the only one; all that is marked so on the event loop only.
    private let lock = Mutex(())
    @exclusivity(unchecked) private var machine: Machine
    @exclusivity(unchecked) private var isPumpDue = false

    private let eventLoop: any EventLoop
    private let log: Logger
    private let maxFrameBytes: Int
    private let tls: TLSConnector?
    private let tell: @Sendable ([Machine.Output]) -> Void
    // On the event loop only.
    private var channels: [ConnectionID: any Channel] = [:]
    private var timer: Scheduled<Void>?
    private var timerAt: ClientInstant?
    private var isStopped = false
    private let metrics: ClientMetrics
    /// Who waits for the id that the cluster gives this client.
    private var instanceWaits:
        [UInt64: CheckedContinuation<Result<KafkaUUID, ClientError>, Never>] = [:]
    private var nextInstanceWait: UInt64 = 1
    /// Kept by `stop` while the last push of metrics is under way.
    private var farewell: EventLoopPromise<Void>?
    /// When measures are due.
    private var reportAt = ClientInstant(nanoseconds: 0)

    /// - Parameter tell: gets the outputs, on the event loop, in order.
    /// - Throws: `invalidSetting` for keys and certificates that cannot be read.
    init(
        _ machine: sending Machine, eventLoop: any EventLoop, log: Logger,
        network: NetworkSettings, metrics: ClientMetrics,
        tell: @escaping @Sendable ([Machine.Output]) -> Void
    ) throws(ClientError) {
        tls = if let settings = network.tls { try TLSConnector(settings) } else { nil }
        self.machine = machine
        self.eventLoop = eventLoop
        self.log = log
        maxFrameBytes = network.maxResponseBytes
        self.metrics = metrics
        self.tell = tell
    }

    static var now: ClientInstant {
        ClientInstant(nanoseconds: Int64(NIODeadline.now().uptimeNanoseconds))
    }

    /// Changes the core; `body` says whether the core must be advanced soon.
    @inline(__always)
    func enter<Result>(
        _ body: (inout Machine, ClientInstant) -> (result: Result, wakes: Bool)
    ) -> Result {
        let now = Self.now
        return enterUntimed { machine in body(&machine, now) }
    }

    /// The same, for what seldom needs the time.
    @inline(__always)
    func enterUntimed<Result>(
        _ body: (inout Machine) -> (result: Result, wakes: Bool)
    ) -> Result {
        var mustPump = false
        let result = lock.withLock { _ in
            let (result, wakes) = body(&machine)
            if wakes, !isPumpDue {
                isPumpDue = true
                mustPump = true
            }
            return UncheckedBox(result)
        }
        if mustPump { eventLoop.execute { self.pump() } }
        return result.value
    }

    // MARK: On the event loop

    /// Advances the core and performs what comes out.
    private func pump(_ events: [ConnectionEvent] = []) {
        guard !isStopped else { return tellLast() }
        let now = Self.now
        let work = lock.withLock { _ in
            isPumpDue = false
            for event in events { machine.handle(event, now: now) }
            return UncheckedBox(machine.takeWork(now: now))
        }.value
        for item in work { item.run() }
        let reports = reportAt <= now
        let done = lock.withLock { _ in
            machine.advance(now: now)
            return UncheckedBox(
                Advance(
                    effects: machine.takeEffects(), outputs: machine.takeOutputs(),
                    instanceIDs: machine.telemetry.takeAnswers(),
                    measures: reports ? takeMeasures(now) : nil, wake: machine.nextWake,
                    isFinishing: machine.telemetry.isFinishing))
        }.value
        for effect in done.effects { perform(effect) }
        schedule(report(done.measures, now, or: done.wake), now)
        if !done.outputs.isEmpty { tell(done.outputs) }
        endInstanceWaits(done.instanceIDs)
        if !done.isFinishing { farewell.take()?.succeed() }
    }

    /// What comes out of the core when it has been advanced.
    private struct Advance {
        var effects: [ConnectionEffect]
        var outputs: [Machine.Output]
        var instanceIDs: [(id: UInt64, result: Result<KafkaUUID, ClientError>)]
        var measures: ClientMeasures?
        var wake: ClientInstant?
        var isFinishing: Bool
    }

    private func takeMeasures(_ now: ClientInstant) -> ClientMeasures {
        machine.takeMeasures(now: now, timestamp: WallClock.milliseconds)
    }

    /// Reports measures, at intervals; the next moment at which there is anything to do.
    private func report(
        _ measures: ClientMeasures?, _ now: ClientInstant, or wake: ClientInstant?
    ) -> ClientInstant? {
        guard let measures else {
            // What has happened since the last report must not wait for something else to happen.
            return wake.map { min($0, reportAt) } ?? reportAt
        }
        metrics.report(measures)
        reportAt = now + ClientMetrics.interval
        return wake
    }

    /// After the end a core still has answers, for those who come too late.
    private func tellLast() {
        let outputs = lock.withLock { _ in
            isPumpDue = false
            return UncheckedBox(machine.takeOutputs())
        }.value
        if !outputs.isEmpty { tell(outputs) }
    }

    private func perform(_ effect: ConnectionEffect) {
        switch effect {
        case .connect(let id, let address): connect(id, address)
        case .fetchCredentials(let id, let sasl):
            sasl.fetchCredentials { credentials in
                self.eventLoop.execute { self.pump([.credentials(id, credentials)]) }
            }
        case .send(let id, let frame): channels[id]?.send(frame)
        case .close(let id): channels.removeValue(forKey: id)?.close(promise: nil)
        }
    }

    private func connect(_ id: ConnectionID, _ address: BrokerAddress) {
        log.debug("connecting", metadata: ["broker": "\(address)"])
        let (maxFrameBytes, tls) = (maxFrameBytes, tls)
        let bootstrap = ClientBootstrap(group: eventLoop)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: 4096, initial: 65_536, maximum: 1 << 20)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            tls.handler(for: address.host))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        FrameHandler(limit: maxFrameBytes) { event in
                            self.received(event, on: id)
                        })
                }
            }
        bootstrap.connect(host: address.host, port: Int(address.port)).whenComplete { result in
            switch result {
            case .success(let channel): self.connected(id, channel)
            case .failure(let error):
                self.pump([.closed(id, reason: address.whyUnreachable(error))])
            }
        }
    }

    private func connected(_ id: ConnectionID, _ channel: any Channel) {
        guard !isStopped else { return channel.close(promise: nil) }
        channels[id] = channel
        if tls == nil { pump([.connected(id)]) }
    }

    private func received(_ event: FrameHandler.Event, on id: ConnectionID) {
        switch event {
        case .frames(let frames): pump(frames.map { .received(id, $0) })
        case .encrypted: pump([.connected(id)])
        case .closed(let reason):
            channels[id] = nil
            log.debug("connection closed", metadata: ["reason": "\(reason)"])
            pump([.closed(id, reason: reason)])
        case .distrusted(let failure):
            channels[id] = nil
            log.warning("connection refused", metadata: ["reason": "\(failure)"])
            pump([.distrusted(id, failure)])
        }
    }

    /// Has the core advanced at `wake`, or before: a timer that goes off too early costs less than
    /// one made anew for each request.
    private func schedule(_ wake: ClientInstant?, _ now: ClientInstant) {
        guard let wake else { return }
        if let timerAt, timerAt <= wake { return }
        timer?.cancel()
        timerAt = wake
        timer = eventLoop.scheduleTask(
            in: .nanoseconds(max(0, (wake - now).wholeNanoseconds))
        ) {
            self.timerAt = nil
            self.pump()
        }
    }

    /// Calls `body` on the event loop at `moment`, or soon after.
    func at(_ moment: ClientInstant, _ body: @escaping @Sendable () -> Void) {
        let delay = max(0, (moment - Self.now).wholeNanoseconds)
        eventLoop.scheduleTask(in: .nanoseconds(delay), body)
    }

    // MARK: Telemetry

    /// The id that the cluster knows this client by (KIP-714).
    func clientInstanceID(timeout: Duration) async throws(ClientError) -> KafkaUUID {
        let result: Result<KafkaUUID, ClientError> = await withCheckedContinuation {
            continuation in
            eventLoop.execute {
                guard !self.isStopped else {
                    return continuation.resume(returning: .failure(.closed))
                }
                let id = self.nextInstanceWait
                self.nextInstanceWait += 1
                self.instanceWaits[id] = continuation
                let deadline = Self.now + timeout
                self.lock.withLock { _ in
                    self.machine.telemetry.waitForInstanceID(id, until: deadline)
                }
                self.pump()
            }
        }
        return try result.get()
    }

    private func endInstanceWaits(
        _ ends: [(id: UInt64, result: Result<KafkaUUID, ClientError>)]
    ) {
        for (id, result) in ends {
            instanceWaits.removeValue(forKey: id)?.resume(returning: result)
        }
    }

    // MARK: The end

    /// Ends it: pushes metrics a last time if the cluster wants them, changes the core a last time,
    /// performs what comes out, closes all connections.
    func stop(_ last: @escaping @Sendable (inout Machine, ClientInstant) -> Void) async {
        do {
            try await eventLoop.flatSubmit { self.pushLast() }.get()
            try await eventLoop.submit { self.end(last) }.get()
        } catch {
            log.debug("the event loop is gone", metadata: ["error": "\(error)"])
        }
    }

    private func pushLast() -> EventLoopFuture<Void> {
        guard !isStopped else { return eventLoop.makeSucceededVoidFuture() }
        let (measures, mustWait) = lock.withLock { _ in
            UncheckedBox((takeMeasures(Self.now), machine.telemetry.finish(now: Self.now)))
        }.value
        metrics.report(measures)
        guard mustWait else { return eventLoop.makeSucceededVoidFuture() }
        let promise = farewell ?? eventLoop.makePromise()
        farewell = promise
        // Nobody waits long for it.
        eventLoop.scheduleTask(in: .seconds(1)) { self.farewell.take()?.succeed() }
        pump()
        return promise.futureResult
    }

    private func end(_ last: (inout Machine, ClientInstant) -> Void) {
        guard !isStopped else { return }
        lock.withLock { _ in last(&machine, Self.now) }
        pump()
        isStopped = true
        metrics.report(lock.withLock { _ in UncheckedBox(takeMeasures(Self.now)) }.value)
        timer?.cancel()
        for channel in channels.values { channel.close(promise: nil) }
        channels = [:]
        endInstanceWaits(instanceWaits.keys.map { ($0, .failure(.closed)) })
    }
}

/// Carries a value out of the lock that nothing inside refers to any more.
struct UncheckedBox<Value>: @unchecked Sendable {
    // Sendable: made under the lock, read once by the thread that held it.
    let value: Value
    init(_ value: Value) { self.value = value }
}

extension Channel {
    /// Writes a request: its fields, with each payload in its place.
    fileprivate func send(_ frame: OutgoingFrame) {
        var buffer = allocator.buffer(capacity: frame.byteCount)
        var position = 0
        for splice in frame.splices {
            buffer.writeBytes(frame.fields[position..<splice.position])
            buffer.writeBytes(frame.payloads[splice.token])
            position = splice.position
        }
        buffer.writeBytes(frame.fields[position...])
        writeAndFlush(buffer, promise: nil)
    }
}
