import BrokerCore
import Foundation
import KafkaProtocol
import Replication

/// Runs the node's controller: one thread, one thing after another.
final class ControllerThread: @unchecked Sendable {
    // Sendable: `queue` and `stopping` are reached only with `condition` held; `controller` is used
    // on this thread alone.
    private let condition = NSCondition()
    private var queue: [@Sendable (NodeController) -> Void] = []
    private var stopping = false
    private let controller: NodeController
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
        while let round = nextRound() {
            for work in round {
                work(controller)
                carryOut(controller.takeEffects())
            }
        }
    }

    private func nextRound() -> [@Sendable (NodeController) -> Void]? {
        condition.lock()
        defer { condition.unlock() }
        while queue.isEmpty {
            if stopping { return nil }
            condition.wait()
        }
        defer { queue.removeAll(keepingCapacity: true) }
        return queue
    }
}
