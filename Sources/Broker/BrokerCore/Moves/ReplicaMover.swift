import ClusterController
import KafkaWire
import LogStorage
import Replication

/// Carries on the moves of replicas between log directories, a slice of work at a time.
///
/// A round runs on an I/O thread; rounds do not overlap. What is copied in a second is bound by
/// `replica.alter.log.dirs.io.max.bytes.per.second`, all moves together.
public final class ReplicaMover: @unchecked Sendable {
    // Sendable: the owner starts a round only once the one before has returned.
    private let surroundings: NodeSurroundings
    private var throttle = MoveThrottle()

    /// Most bytes that a round copies, all moves together.
    static let bytesPerRound = 64 << 20
    /// Most steps of one move before the next one has its turn.
    static let stepsAtOnce = 16
    /// Bytes after which the copy is made durable, so that a restart need not begin anew.
    static let bytesPerFlush = 64 << 20

    public init(surroundings: NodeSurroundings) { self.surroundings = surroundings }

    /// Whether a round would do anything.
    public func hasWork(_ view: BrokerView) -> Bool { view.directories.moves.hasWork }

    /// Gets on with every move, until all wait or enough is done for once.
    public func round(_ view: BrokerView, now: ClockReading) -> NodeMaintenance.Outcome {
        var outcome = NodeMaintenance.Outcome()
        let moves = view.directories.moves
        throttle.begin(
            rate: view.controller.brokerNumber("replica.alter.log.dirs.io.max.bytes.per.second"),
            now: now.monotonicNs)
        var copied = 0
        var waiting = moves.all
        while !waiting.isEmpty, copied < Self.bytesPerRound {
            waiting = waiting.filter { move in
                let step = MoveStep(
                    move: move, view: view, surroundings: surroundings, now: now.wallMs)
                for _ in 0..<Self.stepsAtOnce {
                    guard throttle.isOpen else { return false }
                    let bytes = step.run(&outcome)
                    guard let bytes else { return false }
                    copied += bytes
                    throttle.spend(bytes)
                }
                return true
            }
        }
        outcome.directories += moves.takeDiscarded()
        return outcome
    }
}

/// What may be copied now at so many bytes a second.
struct MoveThrottle {
    private var rate: Int64 = .max
    private var balance: Int64 = 0
    private var last: Int64?

    /// Whether another step may be made.
    var isOpen: Bool { rate == .max || balance > 0 }

    /// Takes note of the rate in force, `nil` for none, and of the time. What was not used within a
    /// second is forgotten.
    mutating func begin(rate: Int64?, now: Int64) {
        self.rate = rate ?? .max
        guard self.rate < .max else { return last = nil }
        guard let last else {
            self.last = now
            balance = self.rate
            return
        }
        let elapsed = Double(max(0, now - last)) / 1e9
        let earned = (elapsed * Double(self.rate)).rounded(.down)
        self.last = now
        balance = Int64(min(Double(balance) + earned, Double(self.rate)))
    }

    mutating func spend(_ bytes: Int) {
        guard rate < .max else { return }
        balance -= Int64(bytes)
    }
}
