import ClusterController
import KafkaProtocol
import KafkaWire

/// What the active controller does by the clock besides ending sessions. Soft state: a new
/// controller starts anew.
struct ControllerTimers {
    /// `leader.imbalance.check.interval.seconds` in ms; `nil` without
    /// `auto.leader.rebalance.enable`.
    private let rebalanceMs: Int64?
    /// `unclean.leader.election.interval.ms`
    private let uncleanMs: Int64
    /// `metadata.max.idle.interval.ms`: how long the log may stand still; `nil` for ever.
    private let idleMs: Int64?
    /// `martlet.fast.failover.ms`; 0 turns it off.
    let fastFailoverMs: Int64
    private var nextRebalance: Int64
    private var nextUnclean: Int64
    private var nextNoOp: Int64
    /// Brokers whose connection broke.
    private var suspects: [Int32: Suspect] = [:]

    private struct Suspect {
        let epoch: Int64
        /// When it will be fenced if nothing is heard of it, in monotonic ms.
        let due: Int64
        /// When to look whether its process is there.
        var nextProbe: Int64
    }

    init(_ controller: Controller, now: Int64) {
        func number(_ key: String, _ byDefault: Int64) -> Int64 {
            controller.effectiveBrokerConfig(key).flatMap { Int64($0) } ?? byDefault
        }
        let rebalances = controller.effectiveBrokerConfig("auto.leader.rebalance.enable") != "false"
        let interval = min(number("leader.imbalance.check.interval.seconds", 300), 1 << 40) * 1000
        rebalanceMs = rebalances ? interval : nil
        uncleanMs = number("unclean.leader.election.interval.ms", 300_000)
        fastFailoverMs = number("martlet.fast.failover.ms", 500)
        nextRebalance = now + interval
        nextUnclean = now + uncleanMs
        let idle = number("metadata.max.idle.interval.ms", 500)
        idleMs = idle > 0 ? idle : nil
        nextNoOp = now + idle
    }

    /// When something is due, in monotonic ms.
    var next: Int64 {
        let brokers = suspects.values.map { min($0.due, $0.nextProbe) }.min() ?? .max
        return min(
            brokers, nextUnclean, rebalanceMs == nil ? .max : nextRebalance,
            idleMs == nil ? .max : nextNoOp)
    }

    /// Records were written.
    mutating func noteWritten(_ now: Int64) { nextNoOp = now + (idleMs ?? 0) }

    /// Whether nothing was written for so long that members cannot tell an idle log from one that
    /// does not get on.
    func isIdle(_ now: Int64) -> Bool { idleMs != nil && now >= nextNoOp }

    mutating func takesRebalance(_ now: Int64) -> Bool {
        guard let rebalanceMs, now >= nextRebalance else { return false }
        nextRebalance = now + rebalanceMs
        return true
    }

    mutating func takesUnclean(_ now: Int64) -> Bool {
        guard now >= nextUnclean else { return false }
        nextUnclean = now + uncleanMs
        return true
    }

    /// The connection over which a broker reported has broken: its process may have died.
    mutating func noteBroken(_ broker: Int32, epoch: Int64, now: Int64) {
        guard fastFailoverMs > 0, suspects[broker]?.epoch != epoch else { return }
        suspects[broker] = Suspect(epoch: epoch, due: now + fastFailoverMs, nextProbe: now)
    }

    /// Brokers to look after now, in order of their ids; each once, until `probeAgain`.
    mutating func takeProbes(_ now: Int64) -> [(broker: Int32, epoch: Int64)] {
        let due = suspects.filter { $0.value.nextProbe <= now }.sorted { $0.key < $1.key }
        for (broker, _) in due { suspects[broker]?.nextProbe = .max }
        return due.map { ($0.key, $0.value.epoch) }
    }

    /// A look told nothing: look again at `instant`.
    mutating func probeAgain(_ broker: Int32, epoch: Int64, at instant: Int64) {
        if isSuspect(broker, epoch: epoch) { suspects[broker]?.nextProbe = instant }
    }

    /// Whether nothing was heard of the broker since its connection broke.
    func isSuspect(_ broker: Int32, epoch: Int64) -> Bool { suspects[broker]?.epoch == epoch }

    /// A broker was heard of.
    mutating func noteHeard(_ broker: Int32) { suspects[broker] = nil }

    /// Brokers that were not heard of since their connection broke, in order of their ids.
    mutating func takeBroken(_ now: Int64) -> [(broker: Int32, epoch: Int64)] {
        let due = suspects.filter { now >= $0.value.due }.sorted { $0.key < $1.key }
        for (broker, _) in due { suspects[broker] = nil }
        return due.map { ($0.key, $0.value.epoch) }
    }
}

extension ActiveController {
    /// When `timersDue` is to be called, in monotonic ms.
    var nextDeadline: Int64 { min(timers.next, sessions.nextExpiry ?? .max) }

    /// Fences who was not heard of, gives leadership back to preferred leaders, and elects leaders
    /// where that is allowed at the cost of records.
    func timersDue() {
        let now = clock().monotonicMs
        for (broker, epoch) in timers.takeBroken(now)
        where image.brokers[broker]?.epoch == epoch {
            fence(broker, "its connection broke and it did not come back")
        }
        for broker in sessions.expired(now: now) {
            fence(broker, "nothing was heard of it for \(sessions.timeoutMs) ms")
        }
        if timers.takesRebalance(now) { write(decider.balanceLeaders()) }
        if timers.takesUnclean(now) { write(decider.electUncleanLeaders()) }
        if timers.isIdle(now) {
            // Also when the log does not take it: not again before its time.
            timers.noteWritten(now)
            _ = write([.noOpRecord(NoOpRecord())])
        }
    }

    private func fence(_ broker: Int32, _ reason: String) {
        sessions.end(broker)
        timers.noteHeard(broker)
        let decision = decider.fenceBroker(broker)
        guard !decision.records.isEmpty else { return }
        report("broker \(broker) is fenced: \(reason)")
        write(decision)
    }

    private func write(_ decision: Decision<Void>) {
        // What could not be written is found again at the next occasion, or has ended the node.
        _ = write(decision.records, isAtomic: decision.isAtomic)
    }

    /// The node that led before may have died, and its broker with it.
    func suspect(_ broker: Int32) {
        guard let known = image.brokers[broker], !known.isFenced else { return }
        timers.noteBroken(broker, epoch: known.epoch, now: clock().monotonicMs)
    }

    /// Connections to a broker are refused whose own one broke.
    func brokerDied(_ broker: Int32, epoch: Int64) {
        guard timers.isSuspect(broker, epoch: epoch), image.brokers[broker]?.epoch == epoch else {
            return
        }
        fence(broker, "its connection broke and its process is gone")
    }

    /// The connection over which a broker sent its heartbeats has broken.
    func brokerDisconnected(_ broker: Int32, epoch: Int64) {
        guard let known = image.brokers[broker], known.epoch == epoch, timers.fastFailoverMs > 0
        else { return }
        // Nothing hangs on a fenced one: its next process need not wait for the session to end.
        if known.isFenced { return sessions.end(broker) }
        timers.noteBroken(broker, epoch: epoch, now: clock().monotonicMs)
    }
}
