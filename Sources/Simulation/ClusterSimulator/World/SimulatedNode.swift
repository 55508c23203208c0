import BrokerCore
import KafkaWire
import LogStorage

/// Mutual exclusion where there is one thread.
private final class NoLock: PartitionLock {
    func enter() {}
    func leave() {}
}

/// A machine with a node on it: its disk outlives its processes.
///
/// The production node runs in it: event loops, controller, flush and I/O threads become events
/// that take their virtual time. A process that ends takes all of its events with it, and one that
/// is halted has them wait.
final class SimulatedNode {
    unowned let world: SimulatedWorld
    let id: Int32
    /// What is on the machine's disk; replaced when the power is cut.
    private(set) var disk = MemoryFileSystem()
    /// Counts processes: events of an earlier one are dropped.
    private(set) var generation = 0
    private(set) var process: NodeProcess?
    /// The wall clock against the world's, in ms.
    var wallSkewMs: Int64 = 0
    /// Where this machine's monotonic clock stood when the world began, in ns.
    private let monotonicOffset: Int64
    /// By how many thousandths that clock is too fast, or too slow when negative.
    private let driftPermille: Int64
    private var hasPower = true
    /// Some call of the disk fails, or has failed.
    private(set) var hasBadDisk = false
    private var whenStopped: () -> Void = {}
    private var whenSyncing: (() -> Int64)?
    /// Events of a halted process, in order; `nil` while it runs.
    private var halted: [() -> Void]?

    init(_ world: SimulatedWorld, id: Int32, monotonicOffset: Int64) {
        self.world = world
        self.id = id
        self.monotonicOffset = monotonicOffset
        let drift = world.options.changes.driftPermille
        driftPermille = drift > 0 ? world.operators.draw(-drift...drift) : 0
    }

    static let startWallMs: Int64 = 1_700_000_000_000

    var monotonicNow: Int64 {
        let elapsed = world.scheduler.now
        return elapsed + elapsed / 1000 * driftPermille + monotonicOffset
    }

    /// How long it is until the machine's clock shows `instant`, in ns of the world's time.
    func timeUntil(_ instant: Int64) -> Int64 {
        let left = max(0, instant - monotonicNow)
        guard driftPermille != 0 else { return left }
        // Rounded up: a timer that is early comes for nothing.
        return left / (1000 + driftPermille) * 1000 + 2000
    }

    var now: ClockReading {
        ClockReading(
            wallMs: Self.startWallMs + world.scheduler.now / 1_000_000 + wallSkewMs,
            monotonicNs: monotonicNow)
    }

    var isUp: Bool { process != nil }
    var isHalted: Bool { halted != nil }
    /// The machine has no power: nothing answers, not even the network.
    var isOff: Bool { !hasPower }
    var name: String { "node \(id)" }

    // MARK: Life

    /// Starts a process; a violation when the directories do not let it.
    func start() {
        guard process == nil else { return }
        generation += 1
        disk.setTime(now.wallMs)
        disk.fail(nil)
        hasBadDisk = false
        do {
            let process = try NodeProcess(self, generation)
            self.process = process
            process.begin()
            world.trace.note(world.scheduler.now, "\(name) starts, process \(generation)")
        } catch {
            world.violation("\(name) does not start: \(error)")
        }
        hasPower = true
        world.network.release()
    }

    /// The process ends at once; what it had written stays in the page cache.
    func kill() {
        guard process != nil else { return }
        end("kill", leaving: disk.afterKill())
        world.network.processEnded(on: id, isSilent: false)
    }

    /// The machine loses its power: of what was not synced some legal part is left. Others hear of
    /// it at once only when their packets find nobody, which is by chance.
    func cutPower(seed: UInt64) {
        guard process != nil else { return }
        end("power cut", leaving: disk.afterPowerCut(seed: seed))
        let isSilent = world.chance(50)
        hasPower = !isSilent
        world.network.processEnded(on: id, isSilent: isSilent)
    }

    private func end(_ how: String, leaving left: MemoryFileSystem) {
        world.trace.note(world.scheduler.now, "\(name): \(how)")
        if let process { world.checker.ends(process, on: self) }
        process?.letGo()
        process = nil
        generation += 1
        halted = nil
        whenSyncing = nil
        disk = left
    }

    /// The process leaves the cluster and stops in order; `stopped` follows.
    func stop(_ then: @escaping () -> Void) {
        whenStopped = then
        process?.leave()
    }

    /// Calls `action` once the process begins to sync what it wrote; it tells for how many
    /// microseconds the disk stalls.
    func whenSyncing(_ action: @escaping () -> Int64) { whenSyncing = action }

    /// The process begins to sync. For how many microseconds the disk does not answer.
    func syncs() -> Int64 {
        let action = whenSyncing
        whenSyncing = nil
        return action?() ?? 0
    }

    /// The process has stopped in order.
    func stopped() {
        guard process != nil else { return }
        end("orderly stop", leaving: disk.afterKill())
        world.network.processEnded(on: id, isSilent: false)
        whenStopped()
    }

    /// The world has ended.
    func letGo() {
        process?.letGo()
        process = nil
        generation += 1
        halted = nil
        whenStopped = {}
        whenSyncing = nil
    }

    /// The process is halted: its events wait, the rest of the machine goes on.
    func halt() {
        guard process != nil, halted == nil else { return }
        world.trace.note(world.scheduler.now, "\(name) is halted")
        halted = []
    }

    func resume() {
        guard let events = halted else { return }
        world.trace.note(world.scheduler.now, "\(name) goes on")
        halted = nil
        let generation = self.generation
        for event in events { run(generation, event) }
    }

    /// The disk fails from some call on.
    func fail(_ failure: MemoryFileSystem.Failure) {
        disk.fail(failure)
        hasBadDisk = true
    }

    /// Puts another file system in the place of the machine's, which has no process.
    func replaceDisk(with fresh: MemoryFileSystem) {
        precondition(process == nil, "a running process has its disk")
        disk = fresh
    }

    // MARK: Events

    /// Runs `action` unless that process has ended; later when it is halted.
    func run(_ generation: Int, _ action: @escaping () -> Void) {
        guard generation == self.generation else { return }
        if halted != nil { halted?.append(action) } else { action() }
    }

    /// Runs `action` so many ns later, unless the process has ended by then.
    func after(_ delay: Int64, _ generation: Int, _ action: @escaping () -> Void) {
        world.scheduler.after(delay) { [self] in run(generation, action) }
    }

    // MARK: Surroundings

    func makeSurroundings() -> NodeSurroundings {
        let node = UncheckedReference(self)
        return NodeSurroundings(
            fileSystem: disk, makeLock: { NoLock() },
            report: { text in
                let node = node.value
                node.world.trace.note(node.world.scheduler.now, "\(node.name) says: \(text)")
            })
    }

    func makeClock() -> @Sendable () -> ClockReading {
        let node = UncheckedReference(self)
        return { node.value.now }
    }
}

/// Hands a simulated thing to code that asks for `Sendable`.
struct UncheckedReference<Value: AnyObject>: @unchecked Sendable {
    // Sendable: a simulation has one thread.
    unowned let value: Value
    init(_ value: Value) { self.value = value }
}
