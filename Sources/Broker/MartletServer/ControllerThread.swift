import BrokerCore
import Dispatch
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
    /// Who waits for the node to have left the cluster, and since when (monotonic ms).
    private var departure: (done: DispatchSemaphore, begun: Int64)?
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

    /// Hands over what the node leads; returns once it has, or has given up hope: after half a
    /// minute, or a few seconds without a controller.
    func leave() {
        let done = DispatchSemaphore(value: 0)
        submit { [self] controller in
            departure = (done, clock.monotonicMs)
            controller.leave()
        }
        done.wait()
    }

    /// Ends the thread after what was submitted before.
    func stop() {
        condition.lock()
        stopping = true
        condition.signal()
        condition.unlock()
    }

    private static let departureMs: Int64 = 30_000
    private static let lonelyMs: Int64 = 3000

    /// Tells who waits that the node has left, or that it will not come to that.
    private func checkDeparture() {
        guard let departure else { return }
        let now = clock.monotonicMs
        let isHopeless =
            now >= departure.begun + Self.departureMs
            || now >= max(departure.begun, controller.lastHeardMs) + Self.lonelyMs
        guard controller.hasLeft || isHopeless else { return }
        self.departure = nil
        departure.done.signal()
    }

    private func run() {
        while let round = nextRound(until: nextDeadline) {
            defer { checkDeparture() }
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

    private var nextDeadline: Int64? {
        // Whoever waits for the end of a departure is not kept for long after it.
        let look = departure == nil ? Int64.max : clock.monotonicMs + 100
        let next = min(controller.nextDeadline ?? .max, look)
        return next == .max ? nil : next
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
