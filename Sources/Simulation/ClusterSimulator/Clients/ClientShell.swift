import ClientCore

/// Runs the production core of a client in the world, as `ClientLoop` does in a program: carries
/// out its effects, tells it what comes of them, and advances it when it asks for that.
final class ClientShell<Machine: ClientMachine> {
    private unowned let world: SimulatedWorld
    private var machine: Machine
    private let tell: (Machine.Output) -> Void
    private var connections: [ConnectionID: SimulatedConnection] = [:]
    private var frames: [ConnectionID: FrameSplitter] = [:]
    /// When it will be advanced next, in ns.
    private var wake = Int64.max
    private(set) var isStopped = false

    /// - Parameter tell: gets what the core has to say, in order; it may `enter` again.
    init(_ world: SimulatedWorld, _ machine: Machine, tell: @escaping (Machine.Output) -> Void) {
        self.world = world
        self.machine = machine
        self.tell = tell
    }

    /// The brokers of the world, for `bootstrap.servers`.
    static func bootstrap(_ world: SimulatedWorld) -> [BrokerAddress] {
        world.options.topology.brokers.map {
            BrokerAddress(host: "node-\($0)", port: NodeProcess.brokerPort)
        }
    }

    private var now: ClientInstant { ClientInstant(nanoseconds: world.scheduler.now) }

    /// Does something with the core, which is advanced soon after.
    @discardableResult
    func enter<Result>(_ body: (inout Machine, ClientInstant) -> Result) -> Result {
        defer { advance(at: world.scheduler.now) }
        return body(&machine, now)
    }

    /// What the core says of itself.
    func look<Result>(_ body: (Machine) -> Result) -> Result { body(machine) }

    /// The program ends as it stands: nothing more is told, and its connections are gone.
    func stop() {
        isStopped = true
        for id in connections.keys.sorted() { connections[id]?.close() }
        connections = [:]
    }

    private func advance(at instant: Int64) {
        guard !isStopped, instant < wake else { return }
        wake = instant
        world.scheduler.at(instant) { [weak self] in
            guard let self, wake == instant else { return }
            pump()
        }
    }

    private func pump() {
        guard !isStopped else { return }
        wake = .max
        for item in machine.takeWork(now: now) { item.run() }
        machine.advance(now: now)
        let (effects, outputs) = (machine.takeEffects(), machine.takeOutputs())
        if let next = machine.nextWake { advance(at: max(next.nanoseconds, world.scheduler.now)) }
        for effect in effects { carryOut(effect) }
        for output in outputs where !isStopped { tell(output) }
    }

    private func take(_ event: ConnectionEvent) {
        guard !isStopped else { return }
        machine.handle(event, now: now)
        pump()
    }

    // MARK: Effects

    private func carryOut(_ effect: ConnectionEffect) {
        switch effect {
        case .connect(let id, let address): connect(id, address)
        case .send(let id, let frame): connections[id]?.send(frame.bytes)
        case .close(let id):
            guard let connection = connections.removeValue(forKey: id) else { return }
            connection.close()
            frames[id] = nil
            world.scheduler.after(0) { [weak self] in self?.take(.closed(id, reason: "asked")) }
        case .fetchCredentials: preconditionFailure("clients of the world have no credentials")
        }
    }

    private func connect(_ id: ConnectionID, _ address: BrokerAddress) {
        let route = SimulatedConnection.Route(
            from: SimulatedNetwork.clients, to: NodeProcess.node(of: address.host),
            port: address.port)
        frames[id] = FrameSplitter()
        connections[id] = world.network.connect(
            route,
            SimulatedConnection.ClientEnd(
                opened: { [weak self] in self?.take(.connected(id)) },
                received: { [weak self] bytes in
                    for frame in self?.frames[id]?.add(bytes) ?? [] {
                        self?.take(.received(id, frame))
                    }
                },
                lost: { [weak self] reason in
                    self?.connections[id] = nil
                    self?.frames[id] = nil
                    self?.take(.closed(id, reason: reason))
                }))
    }
}

extension ClientShell where Machine == ProducerCore {
    convenience init(
        _ world: SimulatedWorld, _ settings: ProducerSettings,
        tell: @escaping (ProducerCore.Output) -> Void
    ) {
        do throws(ClientError) {
            let core = try ProducerCore(settings, seed: world.random.next())
            self.init(world, core, tell: tell)
        } catch {
            preconditionFailure("the settings of a simulated producer: \(error)")
        }
    }
}

extension ClientShell where Machine == ConsumerCore {
    convenience init(
        _ world: SimulatedWorld, _ settings: ConsumerSettings,
        tell: @escaping (ConsumerCore.Output) -> Void
    ) {
        self.init(world, ConsumerCore(settings, seed: world.random.next()), tell: tell)
    }

    /// Makes the consumer, which has that name in reports, a member of its group.
    func subscribe(to topic: String, _ name: String) {
        enter { core, now in
            do throws(ClientError) {
                try core.subscribe(.topics([topic]), now: now)
            } catch {
                world.violation("\(name) cannot subscribe: \(error)")
            }
        }
    }

    /// Takes what the reader is told to be wrong: nothing is, in any world.
    func takeErrors(_ name: String) {
        while let error = enter({ core, _ in core.takeError() }) {
            world.violation("\(name): \(error)")
        }
    }
}
