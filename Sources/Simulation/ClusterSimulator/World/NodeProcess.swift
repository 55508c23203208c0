import BrokerCore
import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

/// One process of a node: the production cores, with events for threads.
final class NodeProcess {
    private unowned let node: SimulatedNode
    private let generation: Int
    private let controller: NodeController
    private let surroundings: NodeSurroundings
    private let cleaner: NodeCleaner
    private let loops: [BrokerLoop]
    private var view: BrokerView
    private var connections: [ConnectionID: SimulatedConnection] = [:]
    private var nextConnection: UInt64 = 1
    private var timers: [Int64]
    /// What waits for the flush thread, and whether it is at work.
    private var schedule = FlushSchedule(pace: FlushPace())
    private var isFlushing = false
    /// What flushes logs by itself and so waits for the round of flushes that is under way.
    private var afterFlush: [() -> Void] = []

    private var world: SimulatedWorld { node.world }

    static let directory = "/data"

    init(_ node: SimulatedNode, _ generation: Int) throws {
        self.node = node
        self.generation = generation
        surroundings = node.makeSurroundings()
        let settings = node.world.options
        var options = NodeOptions(
            nodeID: BrokerID(1), logDirectories: [Self.directory],
            listeners: [.init(name: "PLAINTEXT", host: "node-1", port: 9092)],
            controllerListener: .init(name: "CONTROLLER", host: "node-1", port: 9093))
        options.durability = settings.isFlushed ? .flushed : .replicated
        options.staticConfigs = settings.configs
        options.snapshotBytes = 8 << 10
        let configs = settings.configs
        controller = try NodeStart.start(
            options,
            settings: { ControllerSettings(nodeID: 1, clusterID: $0, staticConfigs: configs) },
            surroundings: surroundings, seed: node.world.random.next(), clock: node.makeClock())
        let view = controller.currentView
        self.view = view
        cleaner = NodeCleaner(surroundings: surroundings, seed: node.world.random.next())
        loops = (0..<settings.eventLoops).map { index in
            BrokerLoop(
                index: index, view: view, limits: LoopLimits(),
                random: SplitMix64(seed: node.world.random.next()))
        }
        timers = loops.map { _ in Int64.max }
        carryOut(controller.takeEffects())
        startMaintenance()
    }

    private func after(us: ClosedRange<Int64>, _ action: @escaping () -> Void) {
        node.after(world.draw(us) * 1000, generation, action)
    }

    // MARK: Connections

    func connect(_ connection: SimulatedConnection) {
        let id = ConnectionID(nextConnection)
        nextConnection += 1
        connection.id = id
        connection.loop = Int(id.rawValue) % loops.count
        connections[id] = connection
        loops[connection.loop].connected(
            id, listener: "PLAINTEXT", clientAddress: "client", now: node.now)
        settle(connection.loop)
    }

    func disconnect(_ connection: SimulatedConnection) {
        guard connections.removeValue(forKey: connection.id) != nil else { return }
        loops[connection.loop].disconnected(connection.id)
        settle(connection.loop)
    }

    func dropConnections() {
        for id in connections.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
            connections[id]?.lost()
        }
        connections = [:]
    }

    /// A frame has arrived, without its length prefix.
    func received(_ frame: [UInt8], on connection: SimulatedConnection) {
        guard connections[connection.id] != nil else { return }
        if connection.isPaused { return connection.backlog.append(frame) }
        var bytes = frame
        var span = bytes.mutableSpan
        // Bytes have no padding.
        var raw = unsafe span.mutableBytes
        loops[connection.loop].heard(from: connection.id, now: node.now)
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
        guard let next = loop.nextDeadline, next < timers[index] else { return }
        timers[index] = next
        node.after(max(0, next - world.scheduler.now), generation) { [self] in
            timers[index] = .max
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
            connections.removeValue(forKey: id)?.lost()
        case .flush(let cell, let urgency):
            schedule.want(cell, urgency, now: world.scheduler.now)
            flushDue()
        case .wake(let tickets):
            loops[index].woken(tickets, now: node.now)
            wake(tickets, except: index)
        case .controller(let job):
            after(us: 1...200) { [self] in
                controller.submit(job)
                carryOut(controller.takeEffects())
            }
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
        case .peer(let request):
            // There is no other node in this world.
            after(us: 100...1000) { [self] in
                loops[index].peerAnswered(
                    request.id, .failed(.unreachable("no such node")), now: node.now)
                settle(index)
            }
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
            after(us: 0...0) { [self] in received(frame, on: connection) }
        }
    }

    private func onController(_ work: @escaping (NodeController) -> Void) {
        after(us: 1...200) { [self] in
            work(controller)
            carryOut(controller.takeEffects())
        }
    }

    private func carryOut(_ effects: NodeController.Effects) {
        if let view = effects.view {
            self.view = view
            for index in loops.indices {
                after(us: 0...100) { [self] in
                    loops[index].published(view)
                    settle(index)
                }
            }
        }
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
                let result = job.run()
                onController { $0.finished(result) }
            }
        }
        for request in effects.peers {
            onController { $0.peerAnswered(request.id, .failed(.unreachable("no such node"))) }
        }
    }

    private func carryOut(_ task: CoordinatorTask) {
        after(us: 0...100) { [self] in
            loops[0].run(task, now: node.now)
            settle(0)
        }
    }

    private func wake(_ tickets: [WaitTicket], except own: Int?) {
        for index in loops.indices where index != own {
            let theirs = tickets.filter { Int($0.loop) == index }
            guard !theirs.isEmpty else { continue }
            after(us: 0...100) { [self] in
                loops[index].woken(theirs, now: node.now)
                settle(index)
            }
        }
    }

    private func complete(_ ticket: WaitTicket, _ message: any KafkaMessage) {
        // After the view that was published before it.
        after(us: 100...200) { [self] in
            let index = Int(ticket.loop)
            loops[index].completed(ticket, message: message, now: node.now)
            settle(index)
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
        let began = world.scheduler.now
        after(us: 1...world.options.syncUs) { [self] in
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
        every(ms: 700) { $0.checkpoint(.highWatermark) }
        every(ms: 1900) { $0.checkpoint(.recoveryPoint) }
        every(ms: 2300) { $0.checkpoint(.logStartOffset) }
        let node = self.node
        every(ms: 3100) { $0.applyRetention(now: node.now.wallMs) }
        every(ms: 1000) { $0.checkFollowers(now: node.now) }
        every(ms: 2700) { [self] _ in
            guard isFlushing else { return cleaner.round(view, now: node.now.wallMs) }
            afterFlush.append { [self] in
                carryOut(cleaner.round(view, now: node.now.wallMs))
            }
            return .init()
        }
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
        onController { controller in
            for (directory, error) in outcome.failures {
                controller.fail(directory: directory, reason: error.description)
            }
            controller.removeLater(outcome.deletions)
            controller.propose(outcome.proposals)
            controller.removeDueFiles()
        }
    }

    /// Stops in order; no event of this process runs any more.
    func stop() { controller.stop() }
}

/// The bytes of an answer, with the file slices in their places, without the length prefix.
enum ResponseBytes {
    /// `nil` when a slice cannot be read, which a real node tells by closing the connection.
    static func all(of response: OutgoingResponse) -> [UInt8]? {
        var bytes: [UInt8] = []
        var isReadable = true
        // The bytes are copied within the call; the splices lie among them, in order.
        unsafe response.withUnsafeBytes { fields in
            var position = 0
            for (index, splice) in response.splices.enumerated() {
                unsafe bytes.append(contentsOf: fields[position..<splice.position])
                position = splice.position
                do throws(FileError) {
                    bytes += try response.slices[index].bytes()
                } catch {
                    isReadable = false
                }
            }
            unsafe bytes.append(contentsOf: fields[position...])
        }
        return isReadable ? Array(bytes.dropFirst(4)) : nil
    }
}
