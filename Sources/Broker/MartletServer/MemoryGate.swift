import BrokerCore
import NIOConcurrencyHelpers
import Synchronization

/// The memory budget of the process: connections of all event loops tell it what they hold, and it
/// tells their loops whom to read from.
final class MemoryGate: @unchecked Sendable {
    // Sendable: everything is reached only with `lock` held.
    private let lock = NIOLock()
    private var budget: MemoryBudget
    private var owners: [ConnectionID: LoopShell] = [:]
    private let clock = Clock()
    private let short = Atomic(false)

    /// Whether the limit is reached, as of a moment ago.
    var isShort: Bool { short.load(ordering: .relaxed) }

    init(limit: Int) { budget = MemoryBudget(limit: limit) }

    /// The connection, of `loop`, holds so many bytes now.
    func holds(_ connection: ConnectionID, _ bytes: Int, on loop: LoopShell) {
        let orders = lock.withLock {
            owners[connection] = bytes > 0 ? loop : nil
            let orders = budget.holds(connection, bytes, now: clock.now.monotonicNs)
            short.store(budget.isShort, ordering: .relaxed)
            return addressed(orders)
        }
        deliver(orders)
    }

    /// Closes who holds memory that is short and does nothing; to be called every now and then.
    func check() {
        deliver(lock.withLock { addressed(budget.check(now: clock.now.monotonicNs)) })
    }

    private typealias Addressed = [(loop: LoopShell, order: MemoryBudget.Order)]

    private func addressed(_ orders: [MemoryBudget.Order]) -> Addressed {
        orders.compactMap { order in
            switch order {
            case .pause(let id), .resume(let id), .close(let id):
                owners[id].map { ($0, order) }
            }
        }
    }

    private func deliver(_ orders: Addressed) {
        for (loop, order) in orders { loop.obey(order) }
    }
}
