/// One connection of a client, and the requests that wait on it, in order.
final class ClientSession {
    private let world: SimulatedWorld
    private let name: String
    private var connection: SimulatedConnection?
    private var frames = FrameSplitter()
    private var waiting: [(correlation: Int32, complete: ([UInt8]?) -> Void)] = []

    init(_ world: SimulatedWorld, _ name: String, _ node: Int32) {
        self.world = world
        self.name = name
        let route = SimulatedConnection.Route(
            from: SimulatedNetwork.clients, to: node, port: NodeProcess.brokerPort)
        connection = world.network.connect(
            route,
            SimulatedConnection.ClientEnd(
                received: { [self] in received($0) },
                lost: { [self] _ in fail() }))
    }

    var isOpen: Bool { connection?.isOpen == true }
    func isWaiting(for correlation: Int32) -> Bool {
        waiting.contains { $0.correlation == correlation }
    }

    /// `done` gets the answer's frame, or `nil` when there will be none.
    func send(_ frame: [UInt8], _ correlation: Int32, _ done: @escaping ([UInt8]?) -> Void) {
        waiting.append((correlation, done))
        connection?.send(FrameSplitter.framed(frame))
    }

    /// Gives the connection up, and all that waits on it.
    func close() {
        connection?.close()
        fail()
    }

    /// The world has ended: none of the requests is answered.
    func letGo() {
        connection = nil
        waiting = []
    }

    private func fail() {
        // Held by each other until here.
        connection = nil
        let gone = waiting
        waiting = []
        for request in gone { request.complete(nil) }
    }

    private func received(_ bytes: [UInt8]) {
        for frame in frames.add(bytes) {
            guard !waiting.isEmpty else {
                return world.violation("\(name): an answer to nothing")
            }
            let request = waiting.removeFirst()
            let correlation = frame.prefix(4).reduce(Int32(0)) { $0 << 8 | Int32($1) }
            if correlation != request.correlation {
                world.violation("\(name): answers out of order, \(correlation)")
            }
            request.complete(frame)
        }
    }
}
