import BrokerCore
import KafkaWire

/// One simulation: machines, what lies between them, their clients, the faults, and what was seen.
final class SimulatedWorld {
    let options: SimulationOptions
    let scheduler = Scheduler()
    var random: SplitMix64
    /// What operators do is drawn from it.
    let operators: Draws
    var trace = Trace()
    let history = History()
    let checker: ClusterChecker
    private(set) var quorumChecker: QuorumChecker!
    private(set) var network: SimulatedNetwork!
    private(set) var nodes: [SimulatedNode] = []
    private var clients: [SimulatedClient] = []
    private(set) var violations: [String] = []
    private(set) var faults = 0
    /// Faults whose time has come, made or left out.
    private(set) var dueFaults = 0
    /// Broken on purpose until everything heals.
    private(set) var isHealed = false
    private var hasLostDisk = false
    /// An operator has asked for a change of voters, and has not heard what became of it.
    var isChangingVoters = false

    init(_ options: SimulationOptions) {
        self.options = options
        random = SplitMix64(seed: options.seed)
        operators = Draws(seed: options.seed ^ 0x0FE4_A704)
        checker = ClusterChecker()
        checker.world = self
        quorumChecker = QuorumChecker(self)
        network = SimulatedNetwork(self)
        nodes = options.topology.nodes.map { id in
            SimulatedNode(self, id: id, monotonicOffset: draw(1...1_000_000_000_000))
        }
    }

    /// The node of that id; `nil` where there is none.
    func node(_ id: Int32) -> SimulatedNode? {
        id >= 1 && Int(id) <= nodes.count ? nodes[Int(id) - 1] : nil
    }

    func draw(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &random) }
    func chance(_ percent: Int64) -> Bool { percent > 0 && draw(1...100) <= percent }
    func pick<Element>(_ all: [Element]) -> Element? {
        all.isEmpty ? nil : all[Int(draw(0...Int64(all.count - 1)))]
    }

    /// One way through the network, in ns: mostly short, now and then many times as long.
    func latency() -> Int64 {
        let base = draw(1...options.latencyUs) * 1000
        return chance(2) ? base * draw(2...50) : base
    }

    /// The parts in which bytes arrive.
    func split(_ bytes: [UInt8]) -> [[UInt8]] {
        guard bytes.count > 1, chance(options.splitPercent) else { return [bytes] }
        let cut = Int(draw(1...Int64(bytes.count - 1)))
        return [Array(bytes[..<cut]), Array(bytes[cut...])]
    }

    /// What clients take for the time, in ms since 1970.
    var wallMs: Int64 { SimulatedNode.startWallMs + scheduler.now / 1_000_000 }

    /// How long a workload of so many steps waits between two of them, in ns: for some worlds so
    /// long that they fill the time of faults.
    func pause(of steps: Int) -> Int64 {
        guard options.isPaced, !isHealed else { return 0 }
        let mean = options.seconds * 800_000_000 / Int64(max(1, steps))
        return draw(0...2 * mean)
    }

    /// Notes something that must never be.
    func violation(_ text: String) {
        trace.note(scheduler.now, "VIOLATION: \(text)")
        if violations.count < 10 { violations.append(text) }
    }

    // MARK: Life

    /// Makes a cluster of the machines, and starts them.
    func start() {
        if nodes.count > 1 {
            for node in nodes { node.format(clusterID: Self.clusterID) }
            if options.changes.hasDynamicVoters { formatQuorum() }
        }
        for node in nodes { node.start() }
    }

    /// The id of a cluster of several nodes.
    static let clusterID = "simulated-cluster-000w"

    /// Names the first voters in their metadata logs, and to the others that there are some.
    private func formatQuorum() {
        let first = options.topology.controllers.prefix(options.changes.firstVoters)
        let voters = nodes.filter { first.contains($0.id) }.map(\.asFirstVoter)
        for node in nodes { node.formatQuorum(first.contains(node.id) ? voters : []) }
    }

    /// The process of a node ends, for it cannot go on; somebody starts it anew.
    func nodeFailed(_ node: SimulatedNode, _ reason: String) {
        trace.note(scheduler.now, "\(node.name) fails: \(reason)")
        node.kill()
        scheduler.after(draw(100...2000) * 1_000_000) { node.start() }
    }

    /// Ends a process as badly as what is acknowledged allows.
    func crash(_ node: SimulatedNode) {
        if options.isFlushed {
            node.cutPower(seed: random.next())
        } else {
            node.kill()
        }
    }

    /// Cuts a machine's power once its node syncs: of what it wrote some is on disk, and some is
    /// not. Then calls `action`, unless something else has ended the process before.
    func cutInSync(_ node: SimulatedNode, then action: @escaping () -> Void) {
        node.whenSyncing { [self] in cutSoon(node, then: action) }
    }

    /// Cuts it while the sync that begins now is under way, or the next one. For how many
    /// microseconds the disk stalls before.
    func cutSoon(_ node: SimulatedNode, then action: @escaping () -> Void) -> Int64 {
        let generation = node.generation
        // While it does, more is written that is not on disk.
        let stallUs = operators.chance(50) ? operators.draw(0...20_000) : 0
        let delayUs = stallUs > 0 ? stallUs : operators.draw(0...2 * options.syncUs)
        scheduler.after(delayUs * 1000) { [self] in
            guard node.generation == generation, !isHealed, !isDiskMissing else { return }
            crash(node)
            action()
        }
        return stallUs
    }

    /// Calls `action` at random intervals around `meanMs` until everything heals.
    func repeating(_ meanMs: Int64, _ action: @escaping () -> Void) {
        guard meanMs > 0 else { return }
        scheduler.after(draw(meanMs / 4...meanMs * 2) * 1_000_000) { [self] in
            guard !isHealed else { return }
            action()
            repeating(meanMs, action)
        }
    }

    /// Calls `action`, which makes a fault, in the same way; each time has a number, by which it
    /// can be left out.
    func repeatingFault(_ meanMs: Int64, _ action: @escaping () -> Void) {
        repeating(meanMs) { [self] in
            dueFaults += 1
            guard options.faults?.contains(dueFaults) ?? true else { return }
            trace.tell(scheduler.now, "fault \(dueFaults):")
            action()
        }
    }

    /// Calls `action` in a time that is drawn for operators.
    func inOperatorsTime(ms: ClosedRange<Int64>, _ action: @escaping () -> Void) {
        scheduler.after(operators.draw(ms) * 1_000_000, action)
    }

    /// Calls `action` at intervals around `meanMs` that are drawn for operators, until everything
    /// heals.
    func operating(_ meanMs: Int64, _ action: @escaping () -> Void) {
        guard meanMs > 0 else { return }
        inOperatorsTime(ms: meanMs / 4...meanMs * 2) { [self] in
            guard !isHealed else { return }
            action()
            operating(meanMs, action)
        }
    }

    /// A disk is lost, and what was on it is to be copied from others.
    func noteLostDisk() { hasLostDisk = true }

    /// Whether something of a lost disk is not copied yet.
    var isDiskMissing: Bool {
        if hasLostDisk, checker.obstacle == nil { hasLostDisk = false }
        return hasLostDisk
    }

    /// Notes a fault.
    func fault(_ text: @autoclosure () -> String) {
        faults += 1
        trace.note(scheduler.now, text())
    }

    /// Has `client` let go of what it waits for when the world ends.
    func add(_ client: SimulatedClient) { clients.append(client) }

    /// Lets go of everything: machines, clients and what is to happen hold each other.
    func end() {
        for client in clients { client.end() }
        clients = []
        for node in nodes { node.letGo() }
        network.letGo()
        scheduler.clear()
    }

    /// Ends all faults: from here on everything must come to an end.
    func heal() {
        isHealed = true
        trace.note(scheduler.now, "healed")
        network.heal()
        for node in nodes {
            node.resume()
            if node.hasBadDisk { crash(node) }
            if !node.isUp { node.start() }
        }
    }
}
