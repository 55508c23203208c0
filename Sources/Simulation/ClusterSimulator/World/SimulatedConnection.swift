import BrokerCore

/// A connection from a client to the node: frames keep their order in each direction, take their
/// time, and are gone when it breaks.
final class SimulatedConnection {
    private unowned let world: SimulatedWorld
    /// Given by the process that accepts it.
    var id = ConnectionID(0)
    var loop = 0
    /// The process takes no more frames for now.
    var isPaused = false
    var backlog: [[UInt8]] = []
    private(set) var isOpen = true
    private var process: NodeProcess?
    private var lastArrival: Int64 = 0
    private var lastAnswer: Int64 = 0
    private let onFrame: ([UInt8]) -> Void
    private let onLoss: () -> Void

    init(
        _ world: SimulatedWorld, to process: NodeProcess, onFrame: @escaping ([UInt8]) -> Void,
        onLoss: @escaping () -> Void
    ) {
        self.world = world
        self.process = process
        self.onFrame = onFrame
        self.onLoss = onLoss
        process.connect(self)
    }

    /// Sends a frame, without its length prefix.
    func send(_ frame: [UInt8]) {
        guard isOpen else { return }
        lastArrival = max(lastArrival, world.scheduler.now + world.latency())
        world.scheduler.at(lastArrival) { [self] in
            guard isOpen else { return }
            world.trace.mix(frame)
            process?.received(frame, on: self)
        }
    }

    /// The process answers; `nil` when it cannot and gives the connection up.
    func answered(_ frame: [UInt8]?) {
        guard isOpen, let frame else { return close() }
        lastAnswer = max(lastAnswer, world.scheduler.now + world.latency())
        world.scheduler.at(lastAnswer) { [self] in
            guard isOpen else { return }
            world.trace.mix(frame)
            onFrame(frame)
        }
    }

    /// Breaks it, seen by both sides.
    func close() {
        guard isOpen else { return }
        let process = self.process
        lost()
        process?.disconnect(self)
    }

    /// The other side is gone.
    func lost() {
        guard isOpen else { return }
        isOpen = false
        process = nil
        world.scheduler.after(world.latency()) { [onLoss] in onLoss() }
    }
}
