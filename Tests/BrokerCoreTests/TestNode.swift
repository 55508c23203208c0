import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage
import Replication
import Synchronization

@testable import BrokerCore

/// A clock that moves when a test says so.
final class VirtualClock: Sendable {
    private let elapsedMs = Mutex<Int64>(0)
    static let startMs: Int64 = 1_700_000_000_000

    var now: ClockReading {
        let elapsed = elapsedMs.withLock { $0 }
        return ClockReading(wallMs: Self.startMs + elapsed, monotonicNs: elapsed * 1_000_000)
    }
    func advance(ms: Int64) { elapsedMs.withLock { $0 += ms } }
}

/// What a node told its operator.
final class Reports: Sendable {
    private let texts = Mutex<[String]>([])
    var all: [String] { texts.withLock { $0 } }
    func add(_ text: String) { texts.withLock { $0.append(text) } }
}

/// Mutual exclusion for a test that has one thread: checks that nobody enters twice.
final class TestLock: PartitionLock {
    private let isHeld = Mutex(false)
    func enter() {
        isHeld.withLock {
            precondition(!$0, "a partition's lock is taken while it is held")
            $0 = true
        }
    }
    func leave() { isHeld.withLock { $0 = false } }
}

/// A whole node on a disk in memory, without sockets, threads or a clock of its own: the shell of
/// `MartletServer` in as few lines as show what it does.
///
/// `TestClient` sends it requests. After each event all effects are carried out at once; only syncs
/// can be held back (`holdsFlushes`), to look at what waits for them.
final class TestNode {
    let fileSystem: MemoryFileSystem
    /// Of what is drawn at random; another one for each process.
    private let seed: UInt64
    let clock: VirtualClock
    let reports: Reports
    let options: NodeOptions
    let controller: NodeController
    let loops: [BrokerLoop]
    /// The newest view, as the event loops have it.
    private(set) var view: BrokerView
    /// While set, acknowledged-once-durable work waits until `flush`.
    var holdsFlushes = false
    private var unflushed: [PartitionCell] = []
    /// While set, what is not in memory is read only by `warm`.
    var holdsWarming = false
    private var unwarmed: [(slices: [FileSlice], ticket: WaitTicket)] = []
    /// While set, work for I/O threads is left to `runJobs`.
    var holdsJobs: Bool
    /// Clients may come.
    private(set) var serves = false
    private(set) var jobs: [DiskJob] = []
    private var inboxes: [ConnectionID: [[UInt8]]] = [:]
    /// Why the node could not go on.
    private(set) var failure: String?
    /// Why connections were closed.
    private(set) var closed: [ConnectionID: String] = [:]
    /// Connections that are not read from.
    private(set) var paused: Set<ConnectionID> = []
    /// Bytes that unanswered requests hold.
    private(set) var held: [ConnectionID: Int] = [:]
    /// Requests to other nodes, by who sent them: the index of a loop, or `nil` for the controller.
    private(set) var peerRequests: [(loop: Int32?, request: PeerRequest)] = []
    private var nextConnection: UInt64 = 1

    init(
        on fileSystem: MemoryFileSystem = MemoryFileSystem(), clock: VirtualClock = VirtualClock(),
        directories: [String] = ["/data"], loops count: Int32 = 1,
        limits: LoopLimits = LoopLimits(), seed: UInt64 = 1, holdsJobs: Bool = false,
        customize: (inout NodeOptions) -> Void = { _ in }
    ) throws {
        let reports = Reports()
        var options = NodeOptions(
            nodeID: BrokerID(1), logDirectories: directories,
            listeners: [.init(name: "PLAINTEXT", host: "localhost", port: 9092)],
            controllerListener: .init(name: "CONTROLLER", host: "localhost", port: 9093))
        customize(&options)
        let staticConfigs = options.staticConfigs
        fileSystem.setTime(clock.now.wallMs)
        let controller = try NodeStart.start(
            options,
            settings: {
                ControllerSettings(
                    nodeID: options.nodeID.rawValue, clusterID: $0, staticConfigs: staticConfigs)
            },
            surroundings: NodeSurroundings(
                fileSystem: fileSystem, makeLock: { TestLock() },
                report: { reports.add($0) }),
            seed: seed, clock: { clock.now })
        let view = controller.currentView
        self.holdsJobs = holdsJobs
        self.fileSystem = fileSystem
        self.seed = seed
        self.clock = clock
        self.reports = reports
        self.options = options
        self.controller = controller
        self.view = view
        loops = (0..<count).map {
            BrokerLoop(
                index: $0, view: view, limits: limits, random: SplitMix64(seed: UInt64($0)))
        }
        carryOut(controller.takeEffects())
        settle()
    }

    var clusterID: String { view.settings.clusterID }

    // MARK: Lifetime

    /// Stops in order, as on SIGTERM.
    func stop() { controller.stop() }

    /// What the next process finds after this one was killed.
    func restartedAfterKill() throws -> TestNode { try again(on: fileSystem.afterKill()) }

    /// What the next process finds after a power cut: of what is not synced nothing, or (`seed`)
    /// any legal part.
    func restartedAfterPowerCut(seed: UInt64? = nil) throws -> TestNode {
        try again(on: fileSystem.afterPowerCut(seed: seed))
    }

    /// The next process, after an orderly stop of this one.
    func restarted() throws -> TestNode {
        stop()
        return try again(on: fileSystem)
    }

    private func again(on fileSystem: MemoryFileSystem) throws -> TestNode {
        let options = self.options
        return try TestNode(
            on: fileSystem, clock: clock, loops: Int32(loops.count), seed: seed + 1
        ) {
            $0 = options
        }
    }

    // MARK: Connections

    func connect(
        listener: String = "PLAINTEXT", serves: APIListeners = .broker, loop: Int = 0
    ) -> TestClient {
        let id = ConnectionID(nextConnection)
        nextConnection += 1
        inboxes[id] = []
        loops[loop].connected(
            id, listener: listener, serves: serves, clientAddress: "127.0.0.1", now: clock.now)
        return TestClient(node: self, id: id, loop: loop)
    }

    func disconnect(_ id: ConnectionID, loop: Int) {
        loops[loop].disconnected(id)
        settle()
    }

    /// Delivers a frame, without its length prefix.
    func deliver(_ frame: [UInt8], on id: ConnectionID, loop: Int) {
        var bytes = frame
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        loops[loop].heard(from: id, now: clock.now)
        loops[loop].received(&raw, on: id, now: clock.now)
        settle()
    }

    /// Requests to other nodes since the last call.
    func takePeerRequests() -> [(loop: Int32?, request: PeerRequest)] {
        defer { peerRequests = [] }
        return peerRequests
    }

    /// Tells the sender of a request to another node what became of it.
    func answerPeer(_ sent: (loop: Int32?, request: PeerRequest), _ outcome: PeerOutcome) {
        if let loop = sent.loop {
            loops[Int(loop)].peerAnswered(sent.request.id, outcome, now: clock.now)
        } else {
            controller.peerAnswered(sent.request.id, outcome)
            carryOut(controller.takeEffects())
        }
        settle()
    }

    /// The next answer on a connection, without its length prefix.
    func takeAnswer(_ id: ConnectionID) -> [UInt8]? {
        guard inboxes[id]?.isEmpty == false else { return nil }
        return inboxes[id]?.removeFirst()
    }

    // MARK: Time

    /// Moves the clock and runs what has become due.
    func advance(ms: Int64) {
        clock.advance(ms: ms)
        runTimers()
    }

    /// Runs what is due by now.
    func runTimers() {
        fileSystem.setTime(clock.now.wallMs)
        for loop in loops { loop.timersDue(now: clock.now) }
        if let due = controller.nextDeadline, due <= clock.now.monotonicMs {
            controller.timersDue()
            carryOut(controller.takeEffects())
        }
        settle()
    }

    /// Asks to be let go, as on SIGTERM.
    func leave() {
        controller.leave()
        carryOut(controller.takeEffects())
        settle()
    }

    /// Syncs what `holdsFlushes` held back.
    func flush() {
        let cells = unflushed
        unflushed = []
        for cell in cells { sync(cell) }
        settle()
    }

    /// Reads what `holdsWarming` held back.
    func warm() {
        readUnwarmed()
        settle()
    }

    private func readUnwarmed() {
        let reads = unwarmed
        unwarmed = []
        for (slices, ticket) in reads {
            // Memory does not fail.
            for slice in slices { try? slice.file.prefetch(at: slice.position, count: slice.count) }
            loops[Int(ticket.loop)].warmed(ticket)
        }
    }

    /// Runs a round of maintenance.
    func maintain(_ round: (NodeMaintenance) -> NodeMaintenance.Outcome) {
        carryOut(round(NodeMaintenance(view: view, surroundings: controller.surroundings)))
    }

    /// Has the files removed whose delay has passed.
    func removeDueFiles() {
        controller.removeDueFiles()
        carryOut(controller.takeEffects())
    }

    func carryOut(_ outcome: NodeMaintenance.Outcome) {
        wake(outcome.wakes)
        for (directory, error) in outcome.failures {
            controller.fail(directory: directory, reason: error.description)
        }
        for cell in outcome.flushes { sync(cell) }
        for cell in outcome.moved { controller.replicaMoved(cell) }
        controller.removeLater(outcome.deletions)
        controller.removeLater(directories: outcome.directories)
        controller.propose(outcome.proposals)
        carryOut(controller.takeEffects())
        settle()
    }

    // MARK: Effects

    private func settle() {
        var isQuiet = false
        while !isQuiet {
            isQuiet = true
            for loop in loops {
                for effect in loop.takeEffects() {
                    isQuiet = false
                    carryOut(effect, of: loop)
                }
            }
        }
    }

    private func carryOut(_ effect: LoopEffect, of loop: BrokerLoop) {
        switch effect {
        case .send(let id, let response): inboxes[id]?.append(Self.bytes(of: response))
        case .close(let id, let reason): closed[id] = reason
        case .flush(let cell, _):
            if holdsFlushes { unflushed.append(cell) } else { sync(cell) }
        case .wake(let tickets): wake(tickets)
        case .controller(let job):
            controller.submit(job)
            carryOut(controller.takeEffects())
        case .background(let job):
            let result = job.run()
            wake(result.wakes)
            for (directory, error) in result.failures {
                controller.fail(directory: directory, reason: error.description)
            }
            carryOut(controller.takeEffects())
            loop.completed(job.ticket, message: result.message, now: clock.now)
        case .warm(let slices, let ticket):
            unwarmed.append((slices, ticket))
            if !holdsWarming { readUnwarmed() }
        case .directoryFailed(let path, let error):
            controller.fail(directory: path, reason: error.description)
            carryOut(controller.takeEffects())
        case .peer(let request): peerRequests.append((loop.index, request))
        case .brokerDisconnected(let id, let epoch):
            controller.brokerDisconnected(id, epoch: epoch)
            carryOut(controller.takeEffects())
        case .isr(let proposal):
            controller.propose([proposal])
            carryOut(controller.takeEffects())
        case .complete(let ticket, let message): complete(ticket, message)
        case .reloadCoordinator(let cell):
            controller.reloadCoordinator(cell)
            carryOut(controller.takeEffects())
        case .report(let text): reports.add(text)
        case .pauseReading(let id): paused.insert(id)
        case .resumeReading(let id): paused.remove(id)
        case .holding(let id, let bytes): held[id] = bytes
        }
    }

    private func carryOut(_ effects: NodeController.Effects) {
        if let view = effects.view {
            self.view = view
            for loop in loops { loop.published(view) }
        }
        wake(effects.wakes)
        for (ticket, message) in effects.completions { complete(ticket, message) }
        for load in effects.loads {
            if let task = load.load() { loops[0].run(task, now: clock.now) }
        }
        if let reason = effects.failure { failure = reason }
        serves = serves || effects.serves
        jobs += effects.jobs
        if !holdsJobs { runJobs() }
        peerRequests += effects.peers.map { (nil, $0) }
        for task in effects.tasks { loops[0].run(task, now: clock.now) }
    }

    /// Does what the node has I/O threads do.
    func runJobs() {
        while !jobs.isEmpty {
            controller.finished(jobs.removeFirst().run())
            carryOut(controller.takeEffects())
        }
    }

    private func complete(_ ticket: WaitTicket, _ message: any KafkaMessage) {
        loops[Int(ticket.loop)].completed(ticket, message: message, now: clock.now)
    }

    private func wake(_ tickets: [WaitTicket]) {
        for loop in loops { loop.woken(tickets, now: clock.now) }
    }

    private func sync(_ cell: PartitionCell) {
        guard let ticket = cell.locked({ $0.beginFlush() }) else { return }
        do throws(FileError) {
            wake(try cell.completeFlush(ticket.run(), durability: options.durability))
        } catch {
            controller.fail(directory: cell.logDirectory, reason: error.description)
            carryOut(controller.takeEffects())
        }
    }

    /// The answer's bytes with the file slices in their places, without the length prefix.
    static func bytes(of response: OutgoingResponse) -> [UInt8] {
        var bytes: [UInt8] = []
        response.withUnsafeBytes { fields in
            var position = 0
            for (index, splice) in response.splices.enumerated() {
                bytes += fields[position..<splice.position]
                position = splice.position
                do throws(FileError) {
                    bytes += try response.slices[index].bytes()
                } catch {
                    preconditionFailure("a slice of an answer cannot be read: \(error)")
                }
            }
            bytes += fields[position...]
        }
        return Array(bytes.dropFirst(4))
    }
}
