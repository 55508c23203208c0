/// What lies between the hosts: connections that hold up, break and are cut off.
///
/// A host is a node by its id, or `clients`, where all clients are. Each way between two hosts can
/// be blocked by itself: what is sent meanwhile arrives once it is open again, as with TCP.
final class SimulatedNetwork {
    /// The host of all clients.
    static let clients: Int32 = 0

    /// From one host to another.
    struct Way: Hashable, Comparable {
        var from: Int32
        var to: Int32
        static func < (a: Way, b: Way) -> Bool { (a.from, a.to) < (b.from, b.to) }
    }

    private unowned let world: SimulatedWorld
    /// How many faults block a way.
    private var blocks: [Way: Int] = [:]
    /// By how much more a way delays, in ns.
    private var clogs: [Way: Int64] = [:]
    private var connections: [UInt64: SimulatedConnection] = [:]
    private var nextNumber: UInt64 = 1

    init(_ world: SimulatedWorld) { self.world = world }

    // MARK: Connections

    /// A connection that is being made; what is sent on it before it is there waits.
    func connect(_ route: SimulatedConnection.Route, _ client: SimulatedConnection.ClientEnd)
        -> SimulatedConnection
    {
        let connection = SimulatedConnection(world, nextNumber, route, client)
        nextNumber += 1
        connections[connection.number] = connection
        connection.open()
        return connection
    }

    /// Nothing of the connection is under way any more.
    func forget(_ connection: SimulatedConnection) { connections[connection.number] = nil }

    /// Lets go of all connections, of which nobody hears more.
    func letGo() {
        for connection in connections.values { connection.letGo() }
        connections = [:]
    }

    /// Whether bytes pass, and there is a machine to take them.
    func isOpen(_ way: Way) -> Bool {
        blocks[way] == nil && world.node(way.to)?.isOff != true
    }

    /// One time through, in ns: mostly short, now and then many times as long.
    func latency(_ way: Way) -> Int64 { world.latency() + (clogs[way] ?? 0) }

    /// Breaks a connection, drawn by chance, as a middlebox does: in the middle of whatever it
    /// carries, both sides learning of it.
    func breakOne() {
        let open = connections.values.filter(\.isOpen).map(\.number).sorted()
        guard !open.isEmpty else { return }
        let number = open[Int(world.draw(0...Int64(open.count - 1)))]
        guard let connection = connections[number] else { return }
        world.trace.note(world.scheduler.now, "connection \(connection.route) breaks")
        connection.reset()
    }

    // MARK: Faults

    func block(_ ways: [Way]) {
        for way in ways { blocks[way, default: 0] += 1 }
    }

    func unblock(_ ways: [Way]) {
        for way in ways {
            let left = (blocks[way] ?? 0) - 1
            blocks[way] = left > 0 ? left : nil
        }
        release()
    }

    /// Stalls the connections that one host has to another; those that it makes later are not.
    /// Returns what ends that.
    func stall(_ way: Way) -> () -> Void {
        let stalled = connections.values.filter { $0.route.ask == way }
            .sorted { $0.number < $1.number }
        for connection in stalled { connection.stall() }
        return { for connection in stalled { connection.endStall() } }
    }

    func clog(_ way: Way, by delay: Int64) { clogs[way] = delay }
    func unclog(_ way: Way) { clogs[way] = nil }

    /// Ends all of that.
    func heal() {
        blocks = [:]
        clogs = [:]
        for number in connections.keys.sorted() { connections[number]?.endStall() }
    }

    /// Lets pass what was held up, where the way is open again.
    func release() {
        for number in connections.keys.sorted() { connections[number]?.release() }
    }

    /// The process is gone, and its side of each connection with it; the others hear of it, unless
    /// the whole machine is gone.
    func processEnded(on host: Int32, isSilent: Bool) {
        for number in connections.keys.sorted() {
            connections[number]?.processEnded(on: host, isSilent: isSilent)
        }
    }
}
