import BrokerCore

/// A TCP connection between two hosts: bytes keep their order in each direction, take their time,
/// are split anywhere, and are gone when it breaks.
///
/// Each direction is a lane of items, one behind the other; connecting and closing are items, too.
/// What comes to a blocked way, or to a machine without power, is held until that is over; what
/// then finds no process that knows the connection is answered with its end.
final class SimulatedConnection {
    /// Between which hosts, and to which port.
    struct Route: CustomStringConvertible {
        var from: Int32
        var to: Int32
        var port: UInt16
        var description: String { "\(from)->\(to):\(port)" }
        var ask: SimulatedNetwork.Way { .init(from: from, to: to) }
        var answer: SimulatedNetwork.Way { .init(from: to, to: from) }
    }

    /// What the side that connects is told.
    struct ClientEnd {
        /// The process of a node, which pauses and ends; `nil` for a client.
        var process: (node: SimulatedNode, generation: Int)?
        var opened: () -> Void = {}
        var received: ([UInt8]) -> Void
        var lost: (_ reason: String) -> Void

        func run(_ action: @escaping () -> Void) {
            if let process {
                process.node.run(process.generation, action)
            } else {
                action()
            }
        }
    }

    private enum Item {
        case open
        case bytes([UInt8])
        case close(String)
    }

    private final class Lane {
        let way: SimulatedNetwork.Way
        let goesToServer: Bool
        var lastArrival: Int64 = 0
        var held: [Item] = []
        /// Items that are on their way, held ones aside.
        var underWay = 0

        init(way: SimulatedNetwork.Way, goesToServer: Bool) {
            self.way = way
            self.goesToServer = goesToServer
        }
    }

    let number: UInt64
    let route: Route
    private unowned let world: SimulatedWorld
    private var client: ClientEnd
    private var hasClient = true
    /// The process that has accepted it, as long as it knows the connection.
    private var server: (process: NodeProcess, generation: Int)?
    private var isReset = false
    /// Nothing gets through to the side that accepts, though the way is open.
    private var isStalled = false
    private let ask: Lane
    private let answer: Lane

    /// Of the side that has accepted it.
    var id = ConnectionID(0)
    var loop = 0
    /// The process takes no more frames for now.
    var isPaused = false
    var backlog: [[UInt8]] = []
    var frames = FrameSplitter()

    init(_ world: SimulatedWorld, _ number: UInt64, _ route: Route, _ client: ClientEnd) {
        self.world = world
        self.number = number
        self.route = route
        self.client = client
        ask = Lane(way: route.ask, goesToServer: true)
        answer = Lane(way: route.answer, goesToServer: false)
    }

    /// The client's side has not heard of an end.
    var isOpen: Bool { hasClient && !isReset }

    // MARK: The side that connects

    func open() { put(.open, ask) }

    func send(_ bytes: [UInt8]) {
        guard isOpen else { return }
        for part in world.split(bytes) { put(.bytes(part), ask) }
    }

    /// The client is done with it and hears nothing more.
    func close() {
        guard hasClient else { return }
        hasClient = false
        put(.close("the other side closed it"), ask)
    }

    // MARK: The side that accepts

    /// `nil` when the answer cannot be read, and the process gives the connection up.
    func answered(_ bytes: [UInt8]?) {
        guard server != nil, !isReset else { return }
        guard let bytes else { return closeByServer() }
        for part in world.split(bytes) { put(.bytes(part), answer) }
    }

    func closeByServer() {
        guard server != nil else { return }
        server = nil
        put(.close("the other side closed it"), answer)
    }

    // MARK: Stalling and breaking

    /// Holds up what goes to the side that accepts, as TCP does that backs off after losses: also
    /// what was sent before the other side gave it up.
    func stall() { isStalled = true }

    func endStall() {
        isStalled = false
        release()
    }

    /// Breaks it for both sides; what is under way is lost.
    func reset() {
        guard !isReset else { return }
        isReset = true
        ask.held = []
        answer.held = []
        world.scheduler.after(world.latency()) { [self] in loseClient("connection reset") }
        world.scheduler.after(world.latency()) { [self] in
            loseServer()
            world.network.forget(self)
        }
    }

    /// Lets go of both sides, which hold the connection.
    func letGo() {
        isReset = true
        hasClient = false
        server = nil
        client = ClientEnd(received: { _ in }, lost: { _ in })
    }

    /// The process on that host is gone.
    func processEnded(on host: Int32, isSilent: Bool) {
        if route.to == host, server != nil {
            if isSilent { server = nil } else { closeByServer() }
        }
        if route.from == host, hasClient, client.process != nil {
            if isSilent { hasClient = false } else { close() }
        }
    }

    private func loseClient(_ reason: String) {
        guard hasClient else { return }
        hasClient = false
        client.run { [client] in client.lost(reason) }
    }

    private func loseServer() {
        guard let server else { return }
        self.server = nil
        let (process, connection) = (server.process, self)
        world.node(route.to)?.run(server.generation) { process.disconnect(connection) }
    }

    // MARK: Lanes

    private func put(_ item: Item, _ lane: Lane) {
        let arrival = max(
            lane.lastArrival, world.scheduler.now + world.network.latency(lane.way))
        lane.lastArrival = arrival
        lane.underWay += 1
        world.scheduler.at(arrival) { [self] in
            lane.underWay -= 1
            arrive(item, lane)
        }
    }

    private func arrive(
        _ item: Item, _ lane: Lane
    ) {
        guard !isReset else { return }
        guard lane.held.isEmpty, isOpen(lane) else { return lane.held.append(item) }
        deliver(item, lane)
        forgetIfDone()
    }

    /// Sends on what was held up, if it may pass now; what comes behind it waits its turn.
    func release() {
        for lane in [ask, answer] where !lane.held.isEmpty {
            guard isOpen(lane) else { continue }
            world.scheduler.after(world.network.latency(lane.way)) { [self] in drain(lane) }
        }
    }

    private func drain(_ lane: Lane) {
        while !isReset, !lane.held.isEmpty, isOpen(lane) {
            deliver(lane.held.removeFirst(), lane)
        }
        forgetIfDone()
    }

    private func isOpen(_ lane: Lane) -> Bool {
        world.network.isOpen(lane.way) && !(isStalled && lane.goesToServer)
    }

    private func deliver(
        _ item: Item, _ lane: Lane
    ) {
        if lane.goesToServer { serve(item) } else { take(item) }
    }

    private func forgetIfDone() {
        let isQuiet =
            ask.held.isEmpty && answer.held.isEmpty && ask.underWay == 0 && answer.underWay == 0
        if !hasClient, server == nil, isQuiet { world.network.forget(self) }
    }

    private func serve(_ item: Item) {
        let node = world.node(route.to)
        switch item {
        case .open:
            guard let process = node?.process, process.accepts(route.port) else {
                return put(.close("connection refused"), answer)
            }
            server = (process, process.generation)
            node?.run(process.generation) { [self] in process.connect(self) }
            put(.open, answer)
        case .bytes(let bytes):
            guard let server else { return put(.close("connection reset"), answer) }
            world.trace.mix(bytes)
            node?.run(server.generation) { [self] in server.process.received(bytes, on: self) }
        case .close: loseServer()
        }
    }

    private func take(_ item: Item) {
        guard hasClient else {
            // Nobody is there any more, and so the other side hears.
            if case .bytes = item { put(.close("connection reset"), ask) }
            return
        }
        switch item {
        case .open: client.run { [client] in client.opened() }
        case .bytes(let bytes):
            world.trace.mix(bytes)
            client.run { [client] in client.received(bytes) }
        case .close(let reason): loseClient(reason)
        }
    }
}
