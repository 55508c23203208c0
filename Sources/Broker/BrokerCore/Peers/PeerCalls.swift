import KafkaProtocol
import KafkaWire

/// Requests to other nodes that one owner has sent, and what it does with their outcomes.
struct PeerCalls<Continuation> {
    private var nextID: UInt64 = 1
    private var waiting: [UInt64: Continuation] = [:]

    /// A number for a request of which `then` gets the outcome.
    mutating func add(_ then: Continuation) -> UInt64 {
        defer { nextID += 1 }
        waiting[nextID] = then
        return nextID
    }

    /// What waits for the request's outcome.
    mutating func take(_ id: UInt64) -> Continuation? { waiting.removeValue(forKey: id) }
}

extension BrokerLoop {
    /// Sends a request to another node; `then` gets its outcome, on this loop.
    func ask<Request: KafkaRequest>(
        _ node: BrokerID, at endpoint: PeerEndpoint, lane: PeerLane = .control,
        _ message: Request, versions: ClosedRange<Int16>? = nil, timeoutMs: Int64,
        then: @escaping (PeerOutcome, ClockReading) -> Void
    ) {
        let id = peerCalls.add(then)
        emit(
            .peer(
                PeerRequest(
                    id: id, to: endpoint, node: node, lane: lane, message: message,
                    versions: versions, timeoutMs: timeoutMs)))
    }

    /// A request to another node has its outcome.
    public func peerAnswered(_ id: UInt64, _ outcome: PeerOutcome, now: ClockReading) {
        peerCalls.take(id)?(outcome, now)
    }
}

extension NodeController {
    /// Sends a request to another node; `then` gets its outcome, on the controller's thread.
    func ask<Request: KafkaRequest>(
        _ node: BrokerID, at endpoint: PeerEndpoint, lane: PeerLane = .control,
        _ message: Request, versions: ClosedRange<Int16>? = nil, timeoutMs: Int64,
        then: @escaping (PeerOutcome) -> Void
    ) {
        let id = peerCalls.add(then)
        effects.peers.append(
            PeerRequest(
                id: id, to: endpoint, node: node, lane: lane, message: message,
                versions: versions, timeoutMs: timeoutMs))
    }

    /// A request to another node has its outcome.
    public func peerAnswered(_ id: UInt64, _ outcome: PeerOutcome) {
        peerCalls.take(id)?(outcome)
        settle()
    }
}
