import KafkaProtocol
import KafkaWire
import Replication

/// The core of one event loop: the connections it serves and the requests that wait on it.
///
/// Events come in through `connected`, `received`, `disconnected`, `woken`, `completed`,
/// `timersDue` and `published`; what the shell must do comes out of `takeEffects()`. The shell
/// calls it from one thread at a time. Answers of one connection leave in the order of its
/// requests.
public final class BrokerLoop {
    public let index: Int32
    let limits: LoopLimits
    var view: BrokerView
    var connections: [ConnectionID: ConnectionCore] = [:]
    var pending: [UInt64: PendingRequest] = [:]
    var sessions: FetchSessionCache
    var random: SplitMix64
    var deadlines = DeadlineQueue()
    /// Coordinator shards and markers that wait here for the high watermark or for an instant.
    var resumptions: [UInt64: any Resumable] = [:]
    /// What this loop does with answers that it asked for itself.
    var continuations: [UInt64: (any KafkaMessage, ClockReading) -> Void] = [:]
    /// Requests to other nodes.
    var peerCalls = PeerCalls<(PeerOutcome, ClockReading) -> Void>()
    /// Markers for other brokers.
    var markerOutbox = MarkerOutbox()
    /// Fetches of followers that wait for an append, by session.
    var sessionPolls: [Int32: UInt64] = [:]
    /// Fetchers of the partitions that this node follows.
    var fetchers: [FetcherID: ReplicaFetcher] = [:]
    /// Transactional produce requests that wait for an earlier one of their connection.
    var produceLines: [ConnectionID: ProduceLine] = [:]
    private var nextRequest: UInt64 = 1
    /// When a connection may have been idle for too long (monotonic, ns); `nil` without any.
    private var nextIdleCheck: Int64?
    private var effects: [LoopEffect] = []

    public init(
        index: Int32, view: BrokerView, limits: LoopLimits, random: SplitMix64
    ) {
        self.index = index
        self.view = view
        self.limits = limits
        self.random = random
        self.sessions = FetchSessionCache(slots: limits.fetchSessions)
        follow()
    }

    // MARK: Events

    /// A client has come, or another node.
    ///
    /// - Parameter serves: which APIs the listener serves.
    public func connected(
        _ id: ConnectionID, listener: String, serves: APIListeners = .broker,
        clientAddress: String, now: ClockReading
    ) {
        connections[id] = ConnectionCore(
            id: id, listener: listener, serves: serves, clientAddress: clientAddress)
        heard(from: id, now: now)
    }

    /// Bytes came in, be they a whole frame or not.
    public func heard(from id: ConnectionID, now: ClockReading) {
        connections[id]?.lastActive = now.monotonicNs
        guard nextIdleCheck == nil, let limit = limits.idleNs else { return }
        nextIdleCheck = now.monotonicNs &+ limit
    }

    /// The client is gone: its delayed requests are dropped.
    public func disconnected(_ id: ConnectionID) {
        if let broker = connections.removeValue(forKey: id)?.broker {
            emit(.brokerDisconnected(broker.id, epoch: broker.epoch))
        }
        produceLines[id] = nil
        let gone = pending.filter { $0.value.context.connection == id }.keys.sorted()
        for request in gone { forget(request) }
    }

    /// Delayed requests may have become ready.
    public func woken(_ tickets: [WaitTicket], now: ClockReading) {
        var seen: Set<UInt64> = []
        for ticket in tickets where ticket.loop == index && seen.insert(ticket.request).inserted {
            retry(ticket.request, now: now, expired: false)
        }
    }

    /// The controller or a background job has the answer of a request.
    public func completed(_ ticket: WaitTicket, message: any KafkaMessage, now: ClockReading) {
        guard ticket.loop == index else { return }
        if let body = continuations.removeValue(forKey: ticket.request) {
            return body(message, now)
        }
        guard let request = pending.removeValue(forKey: ticket.request) else { return }
        if case .part(let gathering, let part) = request.kind {
            if let whole = gathering.take(message, as: part) { answer(whole, to: request.context) }
        } else {
            answer(message, to: request.context)
        }
    }

    /// Runs what is due by `now`.
    public func timersDue(now: ClockReading) {
        while let request = deadlines.popDue(by: now.monotonicNs) {
            retry(request, now: now, expired: true)
        }
        closeIdle(now: now)
    }

    /// The instant (monotonic, ns) of the next timer.
    public var nextDeadline: Int64? {
        guard let nextIdleCheck else { return deadlines.next }
        return min(deadlines.next ?? .max, nextIdleCheck)
    }

    /// Closes the connections of which nothing was heard for too long, unless they wait for an
    /// answer; looks again when the next one may be due.
    private func closeIdle(now: ClockReading) {
        guard let due = nextIdleCheck, due <= now.monotonicNs, let limit = limits.idleNs else {
            return
        }
        var next = Int64.max
        var idle: [ConnectionID] = []
        for id in Array(connections.keys) {
            // To wait for an answer is not to be idle.
            if connections[id]?.outstanding ?? 0 > 0 { heard(from: id, now: now) }
            let end = (connections[id]?.lastActive ?? 0) &+ limit
            if end <= now.monotonicNs { idle.append(id) } else { next = min(next, end) }
        }
        // Of many connections one is always the next: they are looked at a few times each limit.
        let soonest = now.monotonicNs &+ limit / Self.idleChecksPerLimit
        nextIdleCheck = idle.count < connections.count ? max(next, soonest) : nil
        for id in idle.sorted(by: { $0.rawValue < $1.rawValue }) {
            close(id, "idle for longer than connections.max.idle.ms")
        }
    }

    /// How late a connection may be found idle, as a part of the time that it may be.
    private static let idleChecksPerLimit: Int64 = 64

    /// The cluster has changed: later requests see `view`.
    public func published(_ view: BrokerView) {
        self.view = view
        follow()
    }

    // MARK: Effects

    /// Everything the shell has to do since the last call, in order.
    public func takeEffects() -> [LoopEffect] {
        defer { effects.removeAll(keepingCapacity: true) }
        return effects
    }

    func emit(_ effect: LoopEffect) { effects.append(effect) }

    // MARK: Answers

    /// Encodes `message` and sends it once its turn has come.
    func answer(_ message: any KafkaMessage, to context: RequestContext) {
        do {
            if let envelope = context.envelope {
                finish(context, with: try OutgoingResponse(message, to: context, in: envelope))
            } else {
                finish(context, with: try OutgoingResponse(message, to: context))
            }
        } catch {
            close(context.connection, "cannot encode \(context.apiKey.name) answer: \(error)")
        }
    }

    /// Notes the answer of a request (`nil`: none is expected) and sends what may leave.
    func finish(_ context: RequestContext, with response: OutgoingResponse?) {
        guard connections[context.connection] != nil else { return }
        let wasLoaded = isLoaded(context.connection)
        if context.heldBytes > 0 { hold(-context.heldBytes, of: context.connection) }
        let leaving = connections[context.connection]?.complete(context.slot, with: response) ?? []
        for answer in leaving { emit(.send(context.connection, answer)) }
        if wasLoaded && !isLoaded(context.connection) { emit(.resumeReading(context.connection)) }
    }

    /// Whether the connection has as many or as large unanswered requests as it may have.
    func isLoaded(_ connection: ConnectionID) -> Bool {
        guard let state = connections[connection] else { return false }
        return state.outstanding >= limits.outstandingPerConnection
            || state.heldBytes >= limits.heldBytesPerConnection
    }

    /// Notes that unanswered requests of the connection hold so many bytes more.
    func hold(_ bytes: Int, of connection: ConnectionID) {
        guard let held = connections[connection]?.heldBytes else { return }
        connections[connection]?.heldBytes = held + bytes
        emit(.holding(connection, bytes: held + bytes))
    }

    func close(_ connection: ConnectionID, _ reason: String) {
        emit(.close(connection, reason: reason))
        disconnected(connection)
    }

    // MARK: Delayed requests

    /// Keeps `request` until it is answered, woken or due.
    func delay(_ request: PendingRequest, ticket: WaitTicket, deadline: Int64?) {
        pending[ticket.request] = request
        if let deadline { deadlines.add(ticket.request, at: deadline) }
    }

    func newTicket() -> WaitTicket {
        defer { nextRequest += 1 }
        return WaitTicket(loop: index, request: nextRequest)
    }

    private func retry(_ number: UInt64, now: ClockReading, expired: Bool) {
        if let shard = resumptions.removeValue(forKey: number) {
            return shard.resume(on: self, now: now)
        }
        guard let request = pending[number] else { return }
        let ticket = WaitTicket(loop: index, request: number)
        switch request.kind {
        case .produce(let produce):
            retryProduce(produce, request.context, ticket: ticket, expired: expired)
        case .fetch(let fetch):
            retryFetch(fetch, request.context, ticket: ticket, expired: expired)
        case .offsets(let offsets):
            retryOffsets(offsets, request.context, ticket: ticket, expired: expired)
        case .elsewhere, .part: break
        }
    }

    private func forget(_ number: UInt64) {
        guard let request = pending.removeValue(forKey: number) else { return }
        let ticket = WaitTicket(loop: index, request: number)
        switch request.kind {
        case .produce(let produce): produce.cancel(ticket)
        case .fetch(let fetch):
            fetch.cancel(ticket)
            if sessionPolls[fetch.session.id] == number { sessionPolls[fetch.session.id] = nil }
        case .offsets(let offsets): offsets.cancel(ticket)
        case .elsewhere, .part: break
        }
    }
}

/// Bounds of one event loop.
public struct LoopLimits: Sendable {
    /// How many event loops the node has.
    public var loopCount: Int32 = 1
    /// Largest frame in bytes (`socket.request.max.bytes`).
    public var frameBytes: Int = 104_857_600
    /// Most unanswered requests of one connection; beyond it, reading stops until answers leave.
    public var outstandingPerConnection: Int = 128
    /// Bytes of unanswered requests, Produce aside, from which on reading stops until they leave.
    public var heldBytesPerConnection: Int = 1_048_576
    /// Requests of at most so many bytes are not counted in `heldBytes`.
    public var smallBytes: Int = MemoryBudget.smallBytes
    /// Fetch sessions of this loop (`max.incremental.fetch.session.cache.slots` over the loops).
    public var fetchSessions: Int = 1000
    /// How far syncs may lag behind.
    public var flushPace = FlushPace()
    /// How long a connection may be idle, in ns (`connections.max.idle.ms`); `nil` for ever.
    public var idleNs: Int64? = 600_000_000_000
    public init() {}
}

/// A request that waits for a partition, a timer, the controller or background work.
struct PendingRequest {
    enum Kind {
        case produce(PendingProduce)
        case fetch(PendingFetch)
        case offsets(PendingOffsets)
        /// The answer comes through `completed`.
        case elsewhere
        /// A part of the answer comes through `completed`.
        case part(Gathering, Int)
    }
    let context: RequestContext
    let kind: Kind
}
