import BrokerCore
import KafkaProtocol
import KafkaWire
import LogStorage
import NIOCore
import Replication

/// The shell of one event loop: carries out what its `BrokerLoop` asks for. Decides nothing.
///
/// Everything here runs on the event loop's thread.
final class LoopShell: @unchecked Sendable {
    // Sendable: `submit` alone may be called from other threads; it hops to the event loop.
    let eventLoop: any EventLoop
    let log: ConnectionLog
    private let core: BrokerLoop
    private unowned let node: NodeShell
    private let clock: Clock
    private var handlers: [ConnectionID: ConnectionHandler] = [:]
    private var unflushed: [ConnectionHandler] = []
    private var timer: Scheduled<Void>?
    private var timerInstant = Int64.max
    private var isDraining = false
    private let peers: PeerShell

    init(
        core: BrokerLoop, eventLoop: any EventLoop, node: NodeShell, clock: Clock,
        log: ConnectionLog, peers: PeerSettings
    ) {
        self.core = core
        self.eventLoop = eventLoop
        self.node = node
        self.clock = clock
        self.log = log
        self.peers = PeerShell(eventLoop: eventLoop, clock: clock, settings: peers)
        self.peers.answered = { [unowned self] id, outcome in
            core.peerAnswered(id, outcome, now: clock.now)
            drain()
        }
    }

    // MARK: Events of connections

    func opened(
        _ handler: ConnectionHandler, listener: String, serves: APIListeners, clientAddress: String
    ) {
        handlers[handler.id] = handler
        core.connected(
            handler.id, listener: listener, serves: serves, clientAddress: clientAddress,
            now: clock.now)
        scheduleTimer()
    }

    func closed(_ handler: ConnectionHandler) {
        guard handlers.removeValue(forKey: handler.id) != nil else { return }
        core.disconnected(handler.id)
        drain()
    }

    /// Bytes came in.
    func heard(from handler: ConnectionHandler) {
        core.heard(from: handler.id, now: clock.now)
    }

    func received(_ frame: inout MutableRawSpan, on handler: ConnectionHandler) {
        core.received(&frame, on: handler.id, now: clock.now)
        carryOut()
    }

    // MARK: Events of others

    /// Runs `event` on the loop's thread, unless the loop is about to end; from any thread.
    func submit(_ event: @escaping @Sendable (BrokerLoop, ClockReading) -> Void) {
        execute { [self] in
            event(core, clock.now)
            drain()
        }
    }

    // MARK: Memory

    var isMemoryShort: Bool { node.memory.isShort }

    /// The connection holds so many bytes now.
    func holds(_ connection: ConnectionID, _ bytes: Int) {
        node.memory.holds(connection, bytes, on: self)
    }

    /// Does what the memory budget says; from any thread.
    func obey(_ order: MemoryBudget.Order) {
        execute { [self] in
            switch order {
            case .pause(let id): handlers[id]?.pause(.memory)
            case .resume(let id): handlers[id]?.resume(.memory)
            case .close(let id):
                log.connectionClosed(id, "it held memory that is short and made no progress")
                handlers[id]?.close()
            }
        }
    }

    /// Gives back what connections keep that are not used; from any thread.
    func sweep() {
        execute { [self] in
            for handler in handlers.values { handler.sweep() }
        }
    }

    private func execute(_ work: @escaping @Sendable () -> Void) {
        node.whileLoopsRun { eventLoop.execute(work) }
    }

    // MARK: Effects

    /// Carries out all effects, sends what was queued, sets the timer.
    func drain() {
        carryOut()
        guard !isDraining else { return }
        for handler in unflushed { handler.flush() }
        unflushed.removeAll(keepingCapacity: true)
        scheduleTimer()
    }

    private func carryOut() {
        guard !isDraining else { return }
        isDraining = true
        defer { isDraining = false }
        while true {
            let effects = core.takeEffects()
            if effects.isEmpty { return }
            for effect in effects { carryOut(effect) }
        }
    }

    private func carryOut(_ effect: LoopEffect) {
        switch effect {
        case .send(let id, let response):
            guard let handler = handlers[id] else { return }
            handler.send(response)
            unflushed.append(handler)
        case .close(let id, let reason):
            log.connectionClosed(id, reason)
            guard let handler = handlers.removeValue(forKey: id) else { return }
            handler.flush()
            handler.close()
        case .wake(let tickets):
            core.woken(tickets, now: clock.now)
            node.wake(tickets, except: core.index)
        case .flush(let cell, let urgency): node.flush(cell, urgency)
        case .controller(let job): node.submit(job)
        case .background(let job): node.submit(job)
        case .warm(let slices, let ticket): node.warm(slices, ticket)
        case .peer(let request): peers.submit(request)
        case .brokerDisconnected(let id, let epoch):
            node.onController { $0.brokerDisconnected(id, epoch: epoch) }
        case .isr(let proposal): node.onController { $0.propose([proposal]) }
        case .complete(let ticket, let message): node.complete(ticket, message)
        case .reloadCoordinator(let cell): node.onController { $0.reloadCoordinator(cell) }
        case .directoryFailed(let path, let error): node.directoryFailed(path, error)
        case .report(let text): node.report(text)
        case .pauseReading(let id): handlers[id]?.pause(.outstanding)
        case .resumeReading(let id): handlers[id]?.resume(.outstanding)
        case .holding(let id, let bytes): handlers[id]?.requestsHold(bytes)
        }
    }

    private func scheduleTimer() {
        guard let next = core.nextDeadline, next < timerInstant else { return }
        timer?.cancel()
        timerInstant = next
        let delay = max(0, next - clock.now.monotonicNs)
        timer = eventLoop.scheduleTask(in: .nanoseconds(delay)) { [self] in
            timer = nil
            timerInstant = .max
            core.timersDue(now: clock.now)
            drain()
        }
    }
}
