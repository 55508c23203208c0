import BrokerCore
import Foundation
import KafkaWire
import LogStorage
import NIOConcurrencyHelpers
import Replication

/// Syncs the partitions of one log directory: group commit, one `fdatasync` for all that wait.
///
/// While one round syncs, requests gather for the next; so the busier the node, the more requests
/// one sync answers.
final class FlushThread: @unchecked Sendable {
    // Sendable: `schedule`, `wakesAt` and `stopping` are reached only with `condition` held.
    private let condition = TimedCondition()
    private var schedule: FlushSchedule
    /// The instant at which the thread looks again by itself; `nil` while it is at work.
    private var wakesAt: Int64?
    private var stopping = false
    private let ended = ConditionLock(value: false)
    private let clock = Clock()
    private let durability: Durability
    private let wake: @Sendable ([WaitTicket]) -> Void
    private let failed: @Sendable (PartitionCell, FileError) -> Void

    init(
        name: String, durability: Durability, pace: FlushPace,
        wake: @escaping @Sendable ([WaitTicket]) -> Void,
        failed: @escaping @Sendable (PartitionCell, FileError) -> Void
    ) {
        self.schedule = FlushSchedule(pace: pace)
        self.durability = durability
        self.wake = wake
        self.failed = failed
        let thread = Thread { [self] in run() }
        thread.name = name
        thread.start()
    }

    /// Asks for a sync of all that is in the partition's log now.
    func request(_ cell: PartitionCell, _ urgency: FlushUrgency) {
        condition.lock()
        schedule.want(cell, urgency, now: clock.now.monotonicNs)
        let isLate = wakesAt.map { (schedule.nextDue ?? .max) < $0 } ?? false
        // One signal is enough: the thread is on its way from here on.
        if isLate { wakesAt = nil }
        condition.unlock()
        // With the lock free, the thread that wakes does not run into it.
        if isLate { condition.signal() }
    }

    /// Ends the thread; returns once a round that runs has ended.
    func stop() {
        condition.lock()
        stopping = true
        condition.signal()
        condition.unlock()
        ended.lock(whenValue: true)
        ended.unlock()
    }

    private func run() {
        while let round = nextRound() {
            let began = clock.now.monotonicNs
            flush(round)
            condition.lock()
            schedule.finished(began: began, now: clock.now.monotonicNs)
            condition.unlock()
        }
        ended.lock()
        ended.unlock(withValue: true)
    }

    private func nextRound() -> [PartitionCell]? {
        condition.lock()
        defer {
            wakesAt = nil
            condition.unlock()
        }
        while !stopping {
            let round = schedule.takeDue(now: clock.now.monotonicNs)
            if !round.isEmpty { return round }
            let due = schedule.nextDue
            wakesAt = due ?? .max
            condition.wait(until: due)
        }
        return nil
    }

    private func flush(_ cells: [PartitionCell]) {
        // With the writes of all files under way, each sync waits for less, and the first one
        // commits what the file system's journal holds of the others.
        if cells.count > 1 { for cell in cells { cell.locked { $0.beginFlush() }?.startWriting() } }
        for cell in cells { flush(cell) }
    }

    private func flush(_ cell: PartitionCell) {
        do {
            let wakes = try cell.flush(durability)
            if !wakes.isEmpty { wake(wakes) }
        } catch {
            failed(cell, error)
        }
    }
}
