import KafkaWire
import BrokerCore

/// One simulation: a machine, its clients, the faults, and what was seen.
final class SimulatedWorld {
    let options: SimulationOptions
    let scheduler = Scheduler()
    var random: SplitMix64
    var trace = Trace()
    let history = History()
    private(set) var node: SimulatedNode!
    private(set) var violations: [String] = []
    private(set) var faults = 0
    /// Broken on purpose until everything heals.
    private(set) var isHealed = false

    init(_ options: SimulationOptions) {
        self.options = options
        random = SplitMix64(seed: options.seed)
        node = SimulatedNode(self)
    }

    func draw(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &random) }
    func chance(_ percent: Int64) -> Bool { draw(1...100) <= percent }

    /// One way through the network, in ns: mostly short, now and then many times as long.
    func latency() -> Int64 {
        let base = draw(1...options.latencyUs) * 1000
        return chance(2) ? base * draw(2...50) : base
    }

    /// Notes something that must never be.
    func violation(_ text: String) {
        trace.note(scheduler.now, "VIOLATION: \(text)")
        if violations.count < 10 { violations.append(text) }
    }

    // MARK: Faults

    func startFaults() {
        repeating(options.crashMs) { [self] in crash() }
        repeating(options.diskFaultMs) { [self] in failDisk() }
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

    private func crash() {
        guard node.isUp else { return }
        faults += 1
        switch draw(0...9) {
        case 0...1: node.stop()
        case 2...4: node.kill()
        default:
            if options.isFlushed { node.cutPower(seed: random.next()) } else { node.kill() }
        }
        let downMs = chance(70) ? draw(1...300) : draw(300...5000)
        scheduler.after(downMs * 1_000_000) { [self] in node.start() }
    }

    /// The disk answers with an error; an operator restarts the machine some time later.
    private func failDisk() {
        guard node.isUp else { return }
        faults += 1
        let operations = [nil, "write", "sync", "rename", "create"]
        let operation = operations[Int(draw(0...4))]
        node.disk.fail(
            .init(
                after: Int(draw(0...30)), operation: operation,
                code: chance(50) ? 5 : 28, isPermanent: chance(50)))
        trace.note(scheduler.now, "disk will fail \(operation ?? "any change")")
        let generation = node.generation
        scheduler.after(draw(100...4000) * 1_000_000) { [self] in
            guard node.generation == generation else { return }
            // What a failed sync has left nobody knows.
            if options.isFlushed { node.cutPower(seed: random.next()) } else { node.kill() }
            scheduler.after(draw(1...500) * 1_000_000) { [self] in node.start() }
        }
    }

    /// Ends all faults: from here on everything must come to an end.
    func heal() {
        isHealed = true
        trace.note(scheduler.now, "healed")
        node.disk.fail(nil)
        if !node.isUp { node.start() }
    }
}
