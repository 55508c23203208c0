import Coordinators
import KafkaProtocol
import KafkaRecords
import KafkaWire
import LogStorage
import Replication

/// A machine that this node hosts: what it learns of the node, how its commands are carried out.
protocol HostedMachine: CoordinatorMachine {
    /// Takes over what it needs of the cluster and of the settings; called before each operation.
    func adopt(_ view: BrokerView)

    /// Carries out a command of the machine in `cell`, on whatever loop has just run it.
    static func perform(
        _ command: Command, of cell: ShardCell<Self>, on loop: BrokerLoop, now: ClockReading)
}

/// What waits on an event loop for the high watermark of partitions or for an instant.
protocol Resumable: AnyObject {
    /// Does what has become possible or due, and waits anew for the rest.
    func resume(on loop: BrokerLoop, now: ClockReading)
}

/// One coordinator shard of this node, behind a lock that the shell chose.
///
/// Whatever event loop has a request for the shard takes the lock, runs the machine, appends to the
/// partition and leaves; answers to callers of other loops go there as effects. The shard's lock is
/// taken before the partition's, never the other way round.
final class ShardCell<Machine: HostedMachine>: Resumable, @unchecked Sendable {
    // Sendable: all state is reached only with `lock` held.
    let partition: PartitionCell
    private let lock: any PartitionLock
    private let shard = CoordinatorShard<Machine>()
    /// The offset for which some loop waits, and the timer that some loop has set (monotonic ms).
    private var awaited: Offset?
    private var armed: Int64?

    /// - Parameter compression: of the batches that the coordinator writes.
    init(
        _ partition: PartitionCell, lock: any PartitionLock, compression: CompressionType = .none
    ) {
        self.partition = partition
        self.lock = lock
        shard.compression = compression
    }

    /// What one entry asks of the event loop.
    private struct Outcome {
        var output = CoordinatorShard<Machine>.Output()
        var log: CellLog
        var required: Offset?
        var arm: Int64?
    }

    // MARK: Operations

    /// Runs `operation`; the error of a shard that is not active, `nil` when it ran.
    ///
    /// - Parameter check: what records of a transaction have to show to the log.
    func run(
        on loop: BrokerLoop, now: ClockReading, check: TransactionCheck = .none,
        _ operation: (Machine, Moment) -> Void
    ) -> KafkaError? {
        var refusal: KafkaError?
        let outcome = locked(loop, now) { outcome in
            refusal = shard.refusal
            guard refusal == nil else { return }
            outcome.log.check = check
            outcome.output = shard.run(&outcome.log, now: now.moment) {
                $0.adopt(loop.view)
                operation($0, now.moment)
            }
        }
        deliver(outcome, on: loop, now)
        return refusal
    }

    func resume(on loop: BrokerLoop, now: ClockReading) {
        let outcome = locked(loop, now) { outcome in
            // Whoever waited has come back; what still waits is asked for again.
            awaited = nil
            if let due = armed, due <= now.moment.monotonicMs { armed = nil }
            guard shard.isActive else { return }
            let due = shard.nextDeadline.map { $0 <= now.moment.monotonicMs } ?? false
            if due {
                outcome.output = shard.run(&outcome.log, now: now.moment) {
                    $0.adopt(loop.view)
                    $0.timersDue(now.moment)
                }
            } else {
                outcome.output = shard.committed(upTo: outcome.log.highWatermark)
            }
        }
        deliver(outcome, on: loop, now)
    }

    private func locked(
        _ loop: BrokerLoop, _ now: ClockReading, _ body: (inout Outcome) -> Void
    ) -> Outcome {
        let log = CellLog(
            partition, durability: loop.view.settings.durability, now: now.wallMs)
        var outcome = Outcome(log: log)
        lock.enter()
        defer { lock.leave() }
        body(&outcome)
        if let required = shard.waitsFor, awaited == nil {
            awaited = required
            outcome.required = required
        }
        if let deadline = shard.nextDeadline, armed.map({ deadline < $0 }) ?? true {
            armed = deadline
            outcome.arm = deadline
        }
        return outcome
    }

    private func deliver(_ outcome: Outcome, on loop: BrokerLoop, _ now: ClockReading) {
        loop.follow(outcome.log)
        for (caller, message) in outcome.output.replies {
            loop.deliver(message, to: caller.ticket, now: now)
        }
        if let required = outcome.required { loop.resume(self, whenCommitted: required) }
        if let deadline = outcome.arm { loop.resume(self, atMs: deadline) }
        for command in outcome.output.commands {
            Machine.perform(command, of: self, on: loop, now: now)
        }
        if outcome.output.failure != nil { loop.emit(.reloadCoordinator(partition)) }
    }

    /// Whether this shard serves in `epoch` already, or is about to.
    func serves(_ epoch: LeaderEpoch) -> Bool {
        lock.enter()
        defer { lock.leave() }
        return shard.state == .active(epoch) || shard.state == .loading(epoch)
    }

    // MARK: Leadership, on the controller's thread

    /// Begins to load; whom that leaves without an answer.
    func beginLoading(_ epoch: LeaderEpoch) -> [(caller: Caller, message: any KafkaMessage)] {
        lock.enter()
        defer { lock.leave() }
        awaited = nil
        armed = nil
        return shard.beginLoading(epoch).replies
    }

    /// Gives the partition up; whom that leaves without an answer.
    func deactivate() -> [(caller: Caller, message: any KafkaMessage)] {
        lock.enter()
        defer { lock.leave() }
        awaited = nil
        armed = nil
        return shard.deactivate(.notCoordinator).replies
    }

    /// The log has been replayed into `machine`: serves from now on.
    func finishLoading(
        _ epoch: LeaderEpoch, _ machine: Machine, on loop: BrokerLoop, now: ClockReading
    ) {
        machine.adopt(loop.view)
        let outcome = locked(loop, now) { outcome in
            outcome.output = shard.finishLoading(
                epoch, machine, &outcome.log, now: now.moment)
        }
        deliver(outcome, on: loop, now)
    }
}

extension Caller {
    init(_ ticket: WaitTicket) { self.init(loop: ticket.loop, request: ticket.request) }
    var ticket: WaitTicket { WaitTicket(loop: loop, request: request) }
}

extension ClockReading {
    var moment: Moment { Moment(wallMs: wallMs, monotonicMs: monotonicNs / 1_000_000) }
}
