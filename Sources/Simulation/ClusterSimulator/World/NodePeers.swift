import BrokerCore
import KafkaWire

/// The connections of one owner in a process (an event loop, the controller) to other nodes: what
/// `PeerShell` is in production.
final class NodePeers {
    private unowned let node: SimulatedNode
    private let generation: Int
    private var core: PeerConnections
    private var connections: [PeerConnectionID: SimulatedConnection] = [:]
    private let timer = NodeTimer()
    private var isDraining = false
    private let answered: (UInt64, PeerOutcome) -> Void

    init(
        _ node: SimulatedNode, _ generation: Int, answered: @escaping (UInt64, PeerOutcome) -> Void
    ) {
        self.node = node
        self.generation = generation
        self.answered = answered
        var settings = PeerSettings()
        settings.clientID = "broker-\(node.id)"
        core = PeerConnections(
            settings: settings, random: SplitMix64(seed: node.world.random.next()))
    }

    func submit(_ requests: [PeerRequest]) {
        for request in requests { core.submit(request, now: node.now) }
        drain()
    }

    private func drain() {
        guard !isDraining else { return }
        isDraining = true
        while true {
            let effects = core.takeEffects()
            if effects.isEmpty { break }
            for effect in effects { carryOut(effect) }
        }
        isDraining = false
        setTimer()
    }

    private func carryOut(_ effect: PeerEffect) {
        switch effect {
        case .connect(let id, let endpoint): connect(id, endpoint)
        case .send(let id, let bytes): connections[id]?.send(bytes)
        case .close(let id): connections.removeValue(forKey: id)?.close()
        case .outcome(let id, let outcome): answered(id, outcome)
        }
    }

    private func connect(_ id: PeerConnectionID, _ endpoint: PeerEndpoint) {
        let route = SimulatedConnection.Route(
            from: node.id, to: NodeProcess.node(of: endpoint.host), port: endpoint.port)
        connections[id] = node.world.network.connect(
            route,
            SimulatedConnection.ClientEnd(
                process: (node, generation),
                opened: { [weak self] in
                    self?.core.connected(id)
                    self?.drain()
                },
                received: { [weak self] in self?.received($0, on: id) },
                lost: { [weak self] in self?.lost(id, $0) }))
    }

    private func received(_ bytes: [UInt8], on id: PeerConnectionID) {
        // Bytes have no padding.
        core.received(unsafe bytes.span.bytes, on: id, now: node.now)
        drain()
    }

    private func lost(_ id: PeerConnectionID, _ reason: String) {
        connections[id] = nil
        core.closed(id, reason: reason, now: node.now)
        drain()
    }

    private func setTimer() {
        timer.set(core.nextDeadline, on: node, generation) { [self] in
            core.timersDue(now: node.now)
            drain()
        }
    }
}
