import BrokerCore
import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

/// Mutual exclusion where there is one thread.
private final class NoLock: PartitionLock {
    func enter() {}
    func leave() {}
}

/// A machine with a node on it: its disk outlives its processes.
///
/// The production node runs in it: event loops, controller, flush and I/O threads become events
/// that take their virtual time. A process that ends takes all of its events with it.
final class SimulatedNode {
    unowned let world: SimulatedWorld
    /// What is on the machine's disk; replaced when the power is cut.
    private(set) var disk = MemoryFileSystem()
    /// Counts processes: events of an earlier one are dropped.
    private(set) var generation = 0
    private(set) var process: NodeProcess?
    /// The wall clock of the next process, which the wall's jumps move.
    var wallSkewMs: Int64 = 0

    init(_ world: SimulatedWorld) { self.world = world }

    static let startWallMs: Int64 = 1_700_000_000_000

    var now: ClockReading {
        ClockReading(
            wallMs: Self.startWallMs + world.scheduler.now / 1_000_000 + wallSkewMs,
            monotonicNs: world.scheduler.now)
    }

    var isUp: Bool { process != nil }

    /// Starts a process; a violation when the directories do not let it.
    func start() {
        guard process == nil else { return }
        generation += 1
        disk.setTime(now.wallMs)
        disk.fail(nil)
        do {
            process = try NodeProcess(self, generation)
            world.trace.note(world.scheduler.now, "node starts, process \(generation)")
        } catch {
            world.violation("the node does not start: \(error)")
        }
    }

    /// The process ends at once; what it had written stays in the page cache.
    func kill() { end("kill", leaving: disk.afterKill()) }

    /// The machine loses its power: of what was not synced some legal part is left.
    func cutPower(seed: UInt64) { end("power cut", leaving: disk.afterPowerCut(seed: seed)) }

    private func end(_ how: String, leaving left: MemoryFileSystem) {
        guard let process else { return }
        world.trace.note(world.scheduler.now, how)
        self.process = nil
        generation += 1
        process.dropConnections()
        disk = left
    }

    /// The process stops in order.
    func stop() {
        guard let process else { return }
        self.process = nil
        generation += 1
        process.dropConnections()
        process.stop()
        world.trace.note(world.scheduler.now, "orderly stop")
    }

    /// Runs `action` later, unless the process has ended by then.
    func after(_ delay: Int64, _ generation: Int, _ action: @escaping () -> Void) {
        world.scheduler.after(delay) { [self] in
            if generation == self.generation { action() }
        }
    }

    func makeSurroundings() -> NodeSurroundings {
        let world = UncheckedReference(self.world)
        return NodeSurroundings(
            fileSystem: disk, makeLock: { NoLock() },
            report: { text in
                let world = world.value
                world.trace.note(world.scheduler.now, "node says: \(text)")
            })
    }

    func makeClock() -> @Sendable () -> ClockReading {
        let node = UncheckedReference(self)
        return { node.value.now }
    }
}

/// Hands a simulated thing to code that asks for `Sendable`.
private struct UncheckedReference<Value: AnyObject>: @unchecked Sendable {
    // Sendable: a simulation has one thread.
    unowned let value: Value
    init(_ value: Value) { self.value = value }
}
