import BrokerCore
import KafkaProtocol
import KafkaWire
import Logging
import LogStorage
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Replication

/// Ties a node's core to threads: event loops, one flush thread a log directory, the controller's
/// thread, the I/O pool. Carries effects from one to the other. Decides nothing.
final class NodeShell: @unchecked Sendable {
    // Sendable: all is set before the first connection; `latestView` and
    // `isDetached` are guarded by `lock`.
    private let logger: Logger
    private let surroundings: NodeSurroundings
    private let pool: NIOThreadPool
    private let clock = Clock()
    private let lock = NIOLock()
    private var latestView: BrokerView
    private var isDetached = false
    private(set) var loops: [LoopShell] = []
    private var flushers: [String: FlushThread] = [:]
    private var controllerThread: ControllerThread?
    private var controllerPeers: PeerShell?
    private var limits = LoopLimits()
    let memory: MemoryGate
    /// Clients may come; called at most once.
    private let nodeServes: @Sendable () throws -> Void
    /// The node cannot go on; called at most once.
    private let nodeFailed: @Sendable (String) -> Void

    init(
        view: BrokerView, surroundings: NodeSurroundings, pool: NIOThreadPool, logger: Logger,
        memoryMax: Int, nodeServes: @escaping @Sendable () throws -> Void,
        nodeFailed: @escaping @Sendable (String) -> Void
    ) {
        self.nodeServes = nodeServes
        self.memory = MemoryGate(limit: memoryMax)
        self.nodeFailed = nodeFailed
        self.latestView = view
        self.surroundings = surroundings
        self.pool = pool
        self.logger = logger
    }

    /// The view that was published last.
    var view: BrokerView { lock.withLock { latestView } }

    // MARK: Start and stop

    /// Makes the event loops' cores. Connections may come from then on.
    func prepare(_ eventLoops: [any EventLoop], _ limits: LoopLimits) {
        var peers = PeerSettings()
        peers.frameBytes = limits.frameBytes
        peers.clientID = "broker-\(view.settings.nodeID.rawValue)"
        var limits = limits
        limits.loopCount = Int32(eventLoops.count)
        self.limits = limits
        let connectionLog = ConnectionLog(logger: logger)
        let view = self.view
        var seeds = SystemRandomNumberGenerator()
        loops = eventLoops.enumerated().map { index, eventLoop in
            let core = BrokerLoop(
                index: Int32(index), view: view, limits: limits,
                random: SplitMix64(seed: seeds.next()))
            return LoopShell(
                core: core, eventLoop: eventLoop, node: self, clock: clock, log: connectionLog,
                peers: peers)
        }
        controllerPeers = PeerShell(eventLoop: eventLoops[0], clock: clock, settings: peers)
        controllerPeers?.answered = { [self] id, outcome in
            onController { $0.peerAnswered(id, outcome) }
        }
    }

    /// Starts the threads, and the controller on its own.
    func start(controller: sending NodeController, directories: [String]) {
        for directory in directories {
            flushers[directory] = FlushThread(
                name: "flush", durability: view.settings.durability, pace: limits.flushPace,
                wake: { [self] in wake($0, except: nil) },
                failed: { [self] cell, error in directoryFailed(cell.logDirectory, error) })
        }
        controllerThread = ControllerThread(controller) { [self] in carryOut($0) }
        // What the start left to be done: coordinators to load, clients to let in.
        onController { _ in }
    }

    /// What is due every second: memory that connections keep and do not use.
    func sweep() {
        memory.check()
        for loop in loops { loop.sweep() }
    }

    /// Hands over what this node leads, while it still serves.
    func leave() { controllerThread?.leave() }

    /// Sends nothing to the event loops any more: they are about to end.
    func detachLoops() { lock.withLock { isDetached = true } }

    /// Runs `body`, which hands something to an event loop, unless they are about to end. They do
    /// not end meanwhile.
    func whileLoopsRun(_ body: () -> Void) { lock.withLock { if !isDetached { body() } } }

    /// Ends the threads after what they have in hand; returns when `last`, on the controller's
    /// thread, has.
    func stop(_ last: @escaping @Sendable (NodeController) -> Void) {
        for flusher in flushers.values { flusher.stop() }
        let done = ConditionLock(value: false)
        controllerThread?.submit { controller in
            last(controller)
            done.lock()
            done.unlock(withValue: true)
        }
        controllerThread?.stop()
        done.lock(whenValue: true)
        done.unlock()
    }

    // MARK: Effects of event loops

    /// Wakes delayed requests on their loops.
    func wake(_ tickets: [WaitTicket], except index: Int32?) {
        guard !tickets.isEmpty else { return }
        if loops.count == 1 {
            guard index == nil else { return }
            return loops[0].submit { $0.woken(tickets, now: $1) }
        }
        for (number, loop) in loops.enumerated() where index != Int32(number) {
            let own = tickets.filter { $0.loop == Int32(number) }
            if !own.isEmpty { loop.submit { $0.woken(own, now: $1) } }
        }
    }

    func flush(_ cell: PartitionCell, _ urgency: FlushUrgency) {
        flushers[cell.logDirectory]?.request(cell, urgency)
    }

    func submit(_ job: ControllerJob) { controllerThread?.submit { $0.submit(job) } }

    func submit(_ job: BackgroundJob) {
        pool.submit { [self] state in
            guard case .active = state else { return }
            let result = job.run()
            wake(result.wakes, except: nil)
            for (directory, error) in result.failures { directoryFailed(directory, error) }
            complete(job.ticket, result.message)
        }
    }

    /// Reads on an I/O thread what an event loop must not wait for.
    func warm(_ slices: [FileSlice], _ ticket: WaitTicket) {
        pool.submit { [self] state in
            guard case .active = state else { return }
            do {
                for slice in slices {
                    try slice.file.prefetch(at: slice.position, count: slice.count)
                }
            } catch {
                // The loop finds the same when it reads, and knows whose data it is.
                logger.debug("reading ahead failed: \(error)")
            }
            loops[Int(ticket.loop)].submit { core, _ in core.warmed(ticket) }
        }
    }

    func report(_ text: String) { surroundings.report(text) }

    func directoryFailed(_ path: String, _ error: FileError) {
        controllerThread?.submit { $0.fail(directory: path, reason: error.description) }
    }

    /// Gives a delayed request its answer, on its loop.
    func complete(_ ticket: WaitTicket, _ message: any KafkaMessage) {
        loops[Int(ticket.loop)].submit { core, now in
            core.completed(ticket, message: message, now: now)
        }
    }

    // MARK: Effects of the controller

    /// Runs `work` on the controller's thread.
    func onController(_ work: @escaping @Sendable (NodeController) -> Void) {
        controllerThread?.submit(work)
    }

    /// What a round of maintenance asks for.
    func carryOut(_ outcome: NodeMaintenance.Outcome) {
        wake(outcome.wakes, except: nil)
        for (directory, error) in outcome.failures { directoryFailed(directory, error) }
        for cell in outcome.flushes { flush(cell, .required) }
        let isIdle =
            outcome.deletions.isEmpty && outcome.directories.isEmpty && outcome.moved.isEmpty
            && outcome.proposals.isEmpty
        guard !isIdle else { return }
        onController { controller in
            for cell in outcome.moved { controller.replicaMoved(cell) }
            controller.removeLater(outcome.deletions)
            controller.removeLater(directories: outcome.directories)
            controller.propose(outcome.proposals)
        }
    }

    private func carryOut(_ effects: NodeController.Effects) {
        if let view = effects.view {
            lock.withLock { latestView = view }
            for loop in loops { loop.submit { core, _ in core.published(view) } }
        }
        if effects.serves { letClientsIn() }
        wake(effects.wakes, except: nil)
        // After the view that they tell of.
        for (ticket, message) in effects.completions { complete(ticket, message) }
        for load in effects.loads { submit(load) }
        for job in effects.jobs { submit(job) }
        if let controllerPeers, !effects.peers.isEmpty {
            whileLoopsRun { controllerPeers.send(effects.peers) }
        }
        if let reason = effects.failure { nodeFailed(reason) }
        for task in effects.tasks { submit(task) }
    }

    /// What was begun comes to its end, even while the pool shuts down.
    private func submit(_ job: DiskJob) {
        pool.submit { [self] _ in
            let result = job.run()
            onController { $0.finished(result) }
        }
    }

    private func letClientsIn() {
        do {
            try nodeServes()
        } catch {
            nodeFailed("\(error)")
        }
    }

    /// Replays a coordinator's log on an I/O thread, then puts it to work on a loop.
    private func submit(_ load: CoordinatorLoad) {
        pool.submit { [self] state in
            guard case .active = state, let task = load.load() else { return }
            submit(task)
        }
    }

    private func submit(_ task: CoordinatorTask) {
        loops[0].submit { core, now in core.run(task, now: now) }
    }
}
