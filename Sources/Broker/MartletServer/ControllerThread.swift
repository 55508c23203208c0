import BrokerCore
import Foundation
import KafkaProtocol
import Replication

/// Runs the node's controller: one thread, one thing after another, and its timers.
final class ControllerThread: @unchecked Sendable {
    // Sendable: `queue` and `stopping` are reached only with `condition` held; `controller` is used
    // on this thread alone.
    private let condition = NSCondition()
    private var queue: [@Sendable (NodeController) -> Void] = []
    private var stopping = false
    private let controller: NodeController
    private let clock = Clock()
    private let carryOut: @Sendable (NodeController.Effects) -> Void

    init(
        _ controller: sending NodeController,
        carryOut: @escaping @Sendable (NodeController.Effects) -> Void
    ) {
        self.controller = controller
        self.carryOut = carryOut
        let thread = Thread { [self] in run() }
        thread.name = "controller"
        thread.start()
    }

    /// Runs `work` after what was submitted before.
    func submit(_ work: @escaping @Sendable (NodeController) -> Void) {
        condition.lock()
        queue.append(work)
        condition.signal()
        condition.unlock()
    }

    /// Ends the thread after what was submitted before.
    func stop() {
        condition.lock()
        stopping = true
        condition.signal()
        condition.unlock()
    }

    private func run() {
        while let round = nextRound(until: controller.nextDeadline) {
            for work in round {
                work(controller)
                carryOut(controller.takeEffects())
            }
            // What was heard meanwhile counts before what was not heard in time.
            guard let due = controller.nextDeadline, due <= clock.monotonicMs else { continue }
            controller.timersDue()
            carryOut(controller.takeEffects())
        }
    }

    /// What was submitted; nothing once it is `deadline` (monotonic ms), `nil` at the end.
    private func nextRound(until deadline: Int64?) -> [@Sendable (NodeController) -> Void]? {
        condition.lock()
        defer { condition.unlock() }
        while queue.isEmpty {
            if stopping { return nil }
            guard let deadline else {
                condition.wait()
                continue
            }
            let left = deadline - clock.monotonicMs
            guard left > 0 else { return [] }
            _ = condition.wait(until: Date(timeIntervalSinceNow: Double(min(left, 1000)) / 1000))
        }
        defer { queue.removeAll(keepingCapacity: true) }
        return queue
    }
}
