import BrokerCore
import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage
import MetadataQuorum
import Replication

/// One process of a node: the production cores, with events for threads.
final class NodeProcess {
    private unowned let node: SimulatedNode
    let generation: Int
    let controller: NodeController
    private let surroundings: NodeSurroundings
    private let cleaner: NodeCleaner
    private let mover: ReplicaMover
    private let loops: [BrokerLoop]
    private var loopPeers: [NodePeers] = []
    private var controllerPeers: NodePeers?
    private(set) var view: BrokerView
    private var connections: [ConnectionID: SimulatedConnection] = [:]
    private var nextConnection: UInt64 = 1
    private var timers: [NodeTimer]
    /// By event loop, and of the controller's thread: the instant of the last thing that was posted
    /// to it.
    private var lastPosts: [Int64]
    private var lastControllerPost: Int64 = 0
    private let controllerTimer = NodeTimer()
    /// What waits for the flush thread, and whether it is at work.
    private var schedule = FlushSchedule(pace: FlushPace())
    private var isFlushing = false
    /// What flushes logs by itself and so waits for the round of flushes that is under way.
    private var afterFlush: [() -> Void] = []
    private var isLeaving = false
    /// The broker has caught up and opened its partitions.
    private var serves = false

    private var world: SimulatedWorld { node.world }

    /// Log directories, the first with the metadata log.
    static func directories(_ count: Int) -> [String] {
        (1...count).map { $0 == 1 ? "/data" : "/data\($0)" }
    }
    static let brokerPort: UInt16 = 9092
    static let controllerPort: UInt16 = 9093

    /// The node of an address that nodes give out.
    static func node(of host: String) -> Int32 { Int32(host.dropFirst(5)) ?? -1 }

    init(_ node: SimulatedNode, _ generation: Int) throws {
        self.node = node
        self.generation = generation
        surroundings = node.makeSurroundings()
        let settings = node.world.options
        let options = Self.options(node.id, settings)
        controller = try NodeStart.start(
            options,
            settings: {
                ControllerSettings(
                    nodeID: node.id, clusterID: $0, staticConfigs: options.staticConfigs)
            },
            surroundings: surroundings, seed: node.world.random.next(), clock: node.makeClock())
        let view = controller.currentView
        self.view = view
        cleaner = NodeCleaner(surroundings: surroundings, seed: node.world.random.next())
        mover = ReplicaMover(surroundings: surroundings)
        var limits = LoopLimits()
        limits.loopCount = settings.eventLoops
        loops = (0..<settings.eventLoops).map { index in
            BrokerLoop(
                index: index, view: view, limits: limits,
                random: SplitMix64(seed: node.world.random.next()))
        }
        node.world.quorumChecker.note(controller.quorumPromises, of: node.id)
        timers = loops.map { _ in NodeTimer() }
        lastPosts = loops.map { _ in 0 }
    }

    private static func options(_ id: Int32, _ settings: SimulationOptions) -> NodeOptions {
        let topology = settings.topology
        var options = NodeOptions(
            nodeID: BrokerID(id), logDirectories: directories(settings.changes.directories),
            listeners: [.init(name: "PLAINTEXT", host: "node-\(id)", port: brokerPort)],
            controllerListener: .init(
                name: "CONTROLLER", host: "node-\(id)", port: controllerPort))
        options.durability = settings.isFlushed ? .flushed : .replicated
        options.staticConfigs = settings.configs
        options.snapshotBytes = settings.snapshotBytes
        options.isBroker = topology.brokers.contains(id)
        options.isController = topology.controllers.contains(id)
        if topology.nodes.count > 1 { options.quorum = quorum(id, settings) }
        return options
    }

    private static func quorum(_ id: Int32, _ settings: SimulationOptions) -> QuorumSettings {
        let controllers = settings.topology.controllers
        let isController = controllers.contains(id)
        var quorum = QuorumSettings(
            listeners: isController ? [listener(id)] : [], listenerName: "CONTROLLER",
            mayVote: isController)
        if settings.changes.hasDynamicVoters {
            quorum.bootstrap = controllers.map { listener($0).endpoint }
            quorum.autoJoin = settings.changes.autoJoins
        } else {
            quorum.staticVoters = VoterSet(
                controllers.map {
                    Voter(key: MemberKey(BrokerID($0)), listeners: [listener($0)])
                })
        }
        // The log is cleaned as soon as may be, so that members fetch snapshots.
        quorum.retentionBytes = 0
        return quorum
    }

    private static func listener(_ id: Int32) -> QuorumListener {
        QuorumListener(
            name: "CONTROLLER",
            endpoint: QuorumEndpoint(host: "node-\(id)", port: controllerPort))
    }

    /// Sets everything going.
    func begin() {
        loopPeers = loops.indices.map { index in
            NodePeers(node, generation) { [unowned self] id, outcome in
                loops[index].peerAnswered(id, outcome, now: node.now)
                settle(index)
            }
        }
        controllerPeers = NodePeers(node, generation) { [unowned self] id, outcome in
            onController { $0.peerAnswered(id, outcome) }
        }
        carryOut(controller.takeEffects())
        for index in loops.indices { settle(index) }
        startMaintenance()
    }

    private func after(us: ClosedRange<Int64>, _ action: @escaping () -> Void) {
        node.after(world.draw(us) * 1000, generation, action)
    }

    // MARK: Connections

    /// Whether somebody listens there: for clients once the broker serves.
    func accepts(_ port: UInt16) -> Bool {
        switch port {
        case Self.controllerPort: world.options.topology.controllers.contains(node.id)
        case Self.brokerPort: serves
        default: false
        }
    }

    func connect(_ connection: SimulatedConnection) {
        let id = ConnectionID(nextConnection)
        nextConnection += 1
        connection.id = id
        connection.loop = Int(id.rawValue) % loops.count
        connections[id] = connection
        let isController = connection.route.port == Self.controllerPort
        loops[connection.loop].connected(
            id, listener: isController ? "CONTROLLER" : "PLAINTEXT",
            serves: isController ? .controller : .broker, clientAddress: "client", now: node.now)
        settle(connection.loop)
    }

    func disconnect(_ connection: SimulatedConnection) {
        guard connections.removeValue(forKey: connection.id) != nil else { return }
        loops[connection.loop].disconnected(connection.id)
        settle(connection.loop)
    }

    /// Bytes have come.
    func received(_ bytes: [UInt8], on connection: SimulatedConnection) {
        guard connections[connection.id] != nil else { return }
        loops[connection.loop].heard(from: connection.id, now: node.now)
        for frame in connection.frames.add(bytes) { take(frame, on: connection) }
    }

    private func take(_ frame: [UInt8], on connection: SimulatedConnection) {
        guard connections[connection.id] != nil else { return }
        if connection.isPaused { return connection.backlog.append(frame) }
        var bytes = frame
        var span = bytes.mutableSpan
        // Bytes have no padding.
        var raw = unsafe span.mutableBytes
        loops[connection.loop].received(&raw, on: connection.id, now: node.now)
        settle(connection.loop)
    }

    // MARK: Effects

    /// Carries out what a loop asks for, and sets its timer.
    private func settle(_ index: Int) {
        let loop = loops[index]
        while true {
            let effects = loop.takeEffects()
            if effects.isEmpty { break }
            for effect in effects { carryOut(effect, of: index) }
        }
        timers[index].set(loop.nextDeadline, on: node, generation) { [self] in
            loop.timersDue(now: node.now)
            settle(index)
        }
    }

    private func carryOut(_ effect: LoopEffect, of index: Int) {
        switch effect {
        case .send(let id, let response):
            connections[id]?.answered(ResponseBytes.all(of: response))
        case .close(let id, let reason):
            world.trace.note(world.scheduler.now, "connection \(id.rawValue) closed: \(reason)")
            connections.removeValue(forKey: id)?.closeByServer()
        case .flush(let cell, let urgency):
            schedule.want(cell, urgency, now: world.scheduler.now)
            flushDue()
        case .wake(let tickets):
            loops[index].woken(tickets, now: node.now)
            wake(tickets, except: index)
        case .controller(let job):
            onController { $0.submit(job) }
        case .background(let job):
            after(us: 1...5000) { [self] in
                let result = job.run()
                wake(result.wakes, except: nil)
                for (directory, error) in result.failures {
                    onController { $0.fail(directory: directory, reason: error.description) }
                }
                complete(job.ticket, result.message)
            }
        case .warm(let slices, let ticket):
            after(us: 50...20_000) { [self] in
                // What cannot be read shows when the loop tries again.
                for slice in slices {
                    try? slice.file.prefetch(at: slice.position, count: slice.count)
                }
                loops[index].warmed(ticket)
                settle(index)
            }
        case .peer(let request): loopPeers[index].submit([request])
        case .brokerDisconnected(let id, let epoch):
            onController { $0.brokerDisconnected(id, epoch: epoch) }
        case .isr(let proposal): onController { $0.propose([proposal]) }
        case .complete(let ticket, let message): complete(ticket, message)
        case .reloadCoordinator(let cell): onController { $0.reloadCoordinator(cell) }
        case .directoryFailed(let path, let error):
            onController { $0.fail(directory: path, reason: error.description) }
        case .report(let text): surroundings.report(text)
        case .pauseReading(let id): connections[id]?.isPaused = true
        case .resumeReading(let id): resume(id)
        case .holding: break
        }
    }

    private func resume(_ id: ConnectionID) {
        guard let connection = connections[id] else { return }
        connection.isPaused = false
        let backlog = connection.backlog
        connection.backlog = []
        for frame in backlog {
            after(us: 0...0) { [self] in take(frame, on: connection) }
        }
    }

    /// Runs `action` in some time on a thread that does things in the order in which it is asked.
    private func post(
        us: ClosedRange<Int64>, after last: inout Int64, _ action: @escaping () -> Void
    ) {
        let now = world.scheduler.now
        last = max(last, now + world.draw(us) * 1000)
        node.after(last - now, generation, action)
    }

    /// Runs `action` on an event loop.
    private func onLoop(_ index: Int, _ action: @escaping (BrokerLoop) -> Void) {
        post(us: 0...100, after: &lastPosts[index]) { [self] in
            action(loops[index])
            settle(index)
        }
    }

    private func onController(_ work: @escaping (NodeController) -> Void) {
        post(us: 1...200, after: &lastControllerPost) { [self] in
            work(controller)
            carryOut(controller.takeEffects())
        }
    }

    private func carryOut(_ effects: NodeController.Effects) {
        world.quorumChecker.note(controller.quorumPromises, of: node.id)
        if let view = effects.view {
            self.view = view
            world.checker.published(view, by: node.id)
            for index in loops.indices {
                onLoop(index) { $0.published(view) }
            }
        }
        if effects.serves { serves = true }
        wake(effects.wakes, except: nil)
        for (ticket, message) in effects.completions { complete(ticket, message) }
        for load in effects.loads {
            after(us: 10...20_000) { [self] in
                if let task = load.load() { carryOut(task) }
            }
        }
        for task in effects.tasks { carryOut(task) }
        for job in effects.jobs {
            after(us: 10...20_000) { [self] in
                let run = { [self] in
                    let result = job.run()
                    onController { $0.finished(result) }
                }
                if isFlushing { afterFlush.append(run) } else { run() }
            }
        }
        if !effects.peers.isEmpty { controllerPeers?.submit(effects.peers) }
        if let reason = effects.failure { return fail(reason) }
        setControllerTimer()
    }

    private func setControllerTimer() {
        let next = controller.nextDeadline.map { $0 * 1_000_000 }
        controllerTimer.set(next, on: node, generation) { [self] in
            controller.timersDue()
            carryOut(controller.takeEffects())
        }
    }

    /// The node cannot go on: the process ends with a reason, and somebody starts it anew.
    private func fail(_ reason: String) {
        world.nodeFailed(node, reason)
    }

    private func carryOut(_ task: CoordinatorTask) {
        onLoop(0) { [self] in $0.run(task, now: node.now) }
    }

    private func wake(_ tickets: [WaitTicket], except own: Int?) {
        for index in loops.indices where index != own {
            let theirs = tickets.filter { Int($0.loop) == index }
            guard !theirs.isEmpty else { continue }
            onLoop(index) { [self] in $0.woken(theirs, now: node.now) }
        }
    }

    private func complete(_ ticket: WaitTicket, _ message: any KafkaMessage) {
        onLoop(Int(ticket.loop)) { [self] in
            $0.completed(ticket, message: message, now: node.now)
        }
    }

    // MARK: The flush thread

    private func flushDue() {
        guard !isFlushing else { return }
        let round = schedule.takeDue(now: world.scheduler.now)
        guard !round.isEmpty else {
            guard let due = schedule.nextDue else { return }
            return node.after(max(0, due - world.scheduler.now), generation) { [self] in
                flushDue()
            }
        }
        isFlushing = true
        let stallUs = node.syncs()
        let began = world.scheduler.now
        after(us: stallUs + 1...stallUs + world.options.syncUs) { [self] in
            let begun = round.compactMap { cell in
                cell.locked { $0.beginFlush() }.map { (cell, $0) }
            }
            finish(begun[...], began: began)
        }
    }

    /// Syncs one partition after the other, each in its time.
    private func finish(_ begun: ArraySlice<(PartitionCell, FlushTicket)>, began: Int64) {
        after(us: 1...world.options.syncUs) { [self] in
            if let (cell, ticket) = begun.first {
                sync(cell, ticket)
                finish(begun.dropFirst(), began: began)
            } else {
                isFlushing = false
                let waiting = afterFlush
                afterFlush = []
                for work in waiting { work() }
                schedule.finished(began: began, now: world.scheduler.now)
                flushDue()
            }
        }
    }

    private func sync(_ cell: PartitionCell, _ ticket: FlushTicket) {
        // What gives up a log's directory waits for a flush that has begun; here it cannot.
        if cell.locked({ $0.log.isRetired }) { return }
        do throws(FileError) {
            wake(
                try cell.completeFlush(ticket.run(), durability: view.settings.durability),
                except: nil)
        } catch {
            onController { $0.fail(directory: cell.logDirectory, reason: error.description) }
        }
    }

    // MARK: Maintenance

    private func startMaintenance() {
        every(ms: world.options.checkpointMs) { $0.checkpoint(.highWatermark) }
        every(ms: 1900) { $0.checkpoint(.recoveryPoint) }
        every(ms: 2300) { $0.checkpoint(.logStartOffset) }
        let node = self.node
        every(ms: 1000) { [self] round in betweenFlushes { round.flushClosedSegments() } }
        every(ms: 3100) { $0.applyRetention(now: node.now.wallMs) }
        every(ms: 1000) { $0.checkFollowers(now: node.now) }
        every(ms: 2700) { [self] _ in
            betweenFlushes { [self] in cleaner.round(view, now: node.now.wallMs) }
        }
        guard world.options.changes.directories > 1 else { return }
        every(ms: 300) { [self] _ in
            guard isMoving else { return .init() }
            return betweenFlushes { [self] in mover.round(view, now: node.now) }
        }
    }

    /// Whether replicas are on their way to another log directory.
    var isMoving: Bool { mover.hasWork(view) }

    /// Does what flushes logs by itself, after the round of flushes that is under way.
    private func betweenFlushes(
        _ work: @escaping () -> NodeMaintenance.Outcome
    ) -> NodeMaintenance.Outcome {
        guard isFlushing else { return work() }
        afterFlush.append { [self] in carryOut(work()) }
        return .init()
    }

    private func every(
        ms: Int64, _ round: @escaping (NodeMaintenance) -> NodeMaintenance.Outcome
    ) {
        after(us: ms * 500...ms * 1500) { [self] in
            carryOut(round(NodeMaintenance(view: view, surroundings: surroundings)))
            every(ms: ms, round)
        }
    }

    private func carryOut(_ outcome: NodeMaintenance.Outcome) {
        wake(outcome.wakes, except: nil)
        for cell in outcome.flushes {
            schedule.want(cell, .required, now: world.scheduler.now)
            flushDue()
        }
        onController { controller in
            for (directory, error) in outcome.failures {
                controller.fail(directory: directory, reason: error.description)
            }
            for cell in outcome.moved { controller.replicaMoved(cell) }
            controller.removeLater(outcome.deletions)
            controller.removeLater(directories: outcome.directories)
            controller.propose(outcome.proposals)
            controller.removeDueFiles()
        }
    }

    // MARK: The end

    /// The process has ended: lets go of what holds it.
    func letGo() {
        connections = [:]
        afterFlush = []
    }

    /// How long a process waits for others to take over, at most, in ms.
    private static let departureMs: Int64 = 5000

    /// Hands over what this node leads, then stops in order.
    func leave() {
        guard !isLeaving else { return }
        isLeaving = true
        world.trace.note(world.scheduler.now, "\(node.name) leaves")
        onController { $0.leave() }
        awaitDeparture(until: world.scheduler.now + Self.departureMs * 1_000_000)
    }

    private func awaitDeparture(until deadline: Int64) {
        after(us: 5000...20_000) { [self] in
            guard controller.hasLeft || world.scheduler.now >= deadline else {
                return awaitDeparture(until: deadline)
            }
            controller.stop()
            node.stopped()
        }
    }
}
