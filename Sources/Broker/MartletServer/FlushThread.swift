import BrokerCore
import Foundation
import KafkaWire
import LogStorage
import Replication

/// Syncs the partitions of one log directory: group commit, one `fdatasync` for all that wait.
///
/// While one round syncs, requests gather for the next; so the busier the node, the more requests
/// one sync answers.
final class FlushThread: @unchecked Sendable {
    // Sendable: `queue`, `queued` and `stopping` are reached only with `condition` held.
    private let condition = NSCondition()
    private var queue: [PartitionCell] = []
    private var queued: Set<ObjectIdentifier> = []
    private var stopping = false
    private let durability: Durability
    private let wake: @Sendable ([WaitTicket]) -> Void
    private let failed: @Sendable (PartitionCell, FileError) -> Void

    init(
        name: String, durability: Durability,
        wake: @escaping @Sendable ([WaitTicket]) -> Void,
        failed: @escaping @Sendable (PartitionCell, FileError) -> Void
    ) {
        self.durability = durability
        self.wake = wake
        self.failed = failed
        let thread = Thread { [self] in run() }
        thread.name = name
        thread.start()
    }

    /// Asks for a sync of all that is in the partition's log now.
    func request(_ cell: PartitionCell) {
        condition.lock()
        if queued.insert(ObjectIdentifier(cell)).inserted {
            queue.append(cell)
            if queue.count == 1 { condition.signal() }
        }
        condition.unlock()
    }

    /// Ends the thread once the queue is empty.
    func stop() {
        condition.lock()
        stopping = true
        condition.signal()
        condition.unlock()
    }

    private func run() {
        while let round = nextRound() { flush(round) }
    }

    private func nextRound() -> [PartitionCell]? {
        condition.lock()
        defer { condition.unlock() }
        while queue.isEmpty {
            if stopping { return nil }
            condition.wait()
        }
        defer {
            queue.removeAll(keepingCapacity: true)
            queued.removeAll(keepingCapacity: true)
        }
        return queue
    }

    private func flush(_ cells: [PartitionCell]) {
        for cell in cells {
            guard let ticket = cell.locked({ $0.log.beginFlush() }) else { continue }
            do {
                try ticket.run()
            } catch {
                failed(cell, error)
                continue
            }
            let wakes = cell.locked { replica in
                replica.log.completeFlush(ticket)
                return replica.advanceHighWatermark(durability: durability)
            }
            if !wakes.isEmpty { wake(wakes) }
        }
    }
}
