import ClusterController
import Coordinators
import DequeModule
import KafkaProtocol
import KafkaRecords
import KafkaWire
import LogStorage
import MetadataQuorum
import Replication

/// What a node does with the cluster's metadata: it takes part in their quorum, decides over them
/// while it is the active controller, and, as a broker, follows them with its partitions.
///
/// `controller` is what is committed: partitions and views follow it. `active` decides over what
/// is appended as well (ADR 8). What the broker asks of the controller is an ordinary request
/// (`ask`), cut short when the active controller is in this very process. Everything here runs on
/// one thread, the controller's; each call ends once nothing is left to be done (`settle`).
public final class NodeController {
    /// What the shell has to do after a call.
    public struct Effects {
        /// Event loops shall see this from now on.
        public var view: BrokerView?
        /// Delayed requests to wake.
        public var wakes: [WaitTicket] = []
        /// Logs of coordinators to replay on I/O threads.
        public var loads: [CoordinatorLoad] = []
        /// What coordinators have to learn, on whatever event loop.
        public var tasks: [CoordinatorTask] = []
        /// Answers of delayed requests.
        public var completions: [(ticket: WaitTicket, message: any KafkaMessage)] = []
        /// Work for I/O threads; the results come back as `finished`.
        public var jobs: [DiskJob] = []
        /// Requests to other nodes; their outcomes come back as `peerAnswered`.
        public var peers: [PeerRequest] = []
        /// The metadata here have caught up and the partitions are open: clients may come, and
        /// the broker asks to be unfenced. Told once.
        public var serves = false
        /// Why the node cannot go on and must be stopped; told once.
        public var failure: String?
    }

    /// The committed metadata.
    public internal(set) var controller: Controller
    /// One past the last record of the metadata log that `controller` knows. It is ahead of the
    /// view's offset while the last records change nothing that a view shows.
    public internal(set) var committedEnd: Offset
    /// What an empty metadata log begins with.
    let bootstrap: [MetadataRecord]
    let options: NodeOptions
    let surroundings: NodeSurroundings
    let quorum: QuorumReplica
    /// What the quorum did and was not looked at yet.
    var quorumEffects = Deque<QuorumEffect>()
    /// Requests of other nodes that the quorum has not answered.
    var quorumTickets: [QuorumTicket: WaitTicket] = [:]
    var nextQuorumTicket: UInt64 = 0
    /// Who led the quorum last.
    var lastLeader: BrokerID?
    /// A metadata transaction whose end is not committed yet.
    var openTransaction: MetadataRun?
    /// The active controller, while this node is it.
    var active: ActiveController?
    let table: PartitionTable
    let directories: NodeDirectories
    let coordinators: NodeCoordinators
    var lifecycle: BrokerLifecycle
    var duties = BrokerDuties()
    var registration: ControllerLifecycle
    var producerIDs = ProducerIDBlock()
    var isrProposals = IsrProposals()
    var pendingDeletions = PendingDeletions()
    /// What waits to be done to the partitions' files.
    var logWork = LogWork()
    /// The partitions on disk have been opened. Until then none is made anew.
    var hasOpenedPartitions = false
    /// When there was a snapshot last, or the node was started, in monotonic ms.
    var lastSnapshotMs: Int64
    /// No snapshot is written before this instant, in monotonic ms.
    var snapshotRetryMs = Int64.min
    var isWritingSnapshot = false
    /// Up to so many partitions a snapshot is written at once (30 ms); one of more is an I/O
    /// thread's, as elections and heartbeats do not wait for seconds.
    var promptSnapshotPartitions = 10_000
    /// The level of `kraft.version` that event loops were shown last.
    var shownKRaftVersion: Int16 = 0
    /// When event loops are next shown logs that have been made while others wait, in monotonic ms.
    var nextBulkView = Int64.min
    /// Copies of replicas on their way between log directories, until the replicas are open.
    var foundCopies: [PlannedOpen] = []
    /// The directories have been read: partitions come and go with the image.
    var holdsPartitions = false
    /// The configuration of topics that logs are made or opened of; looked up once for each change
    /// of the image and each job.
    var knownConfigs: [String: LogConfig] = [:]
    var random: SplitMix64
    let clock: @Sendable () -> ClockReading
    var effects = Effects()
    var peerCalls = PeerCalls<(PeerOutcome) -> Void>()
    /// Why this node cannot go on, once that is so.
    var failure: String?
    /// Answers of the active controller to this process that have not been looked at.
    var ownAnswers = Deque<() -> Void>()
    var topicChanges: GroupTopicChanges
    /// Brokers that Metadata still names.
    var lingering = LingeringBrokers()
    private var isSettling = false
    /// When duties were looked at last, in monotonic ms.
    var settledAt = Int64.min
    private var isViewOutdated = false
    /// The settings that views have; `nil` once configs or features have changed.
    private var knownSettings: (broker: BrokerSettings, coordination: CoordinationSettings)?

    /// The epoch of this broker's registration, -1 before it.
    public var brokerEpoch: Int64 { lifecycle.epoch }

    init(
        controller: Controller, bootstrap: [MetadataRecord], options: NodeOptions,
        surroundings: NodeSurroundings,
        quorum: QuorumReplica, directories: NodeDirectories, plans: [LogDirectoryPlan],
        random: SplitMix64, clock: @escaping @Sendable () -> ClockReading
    ) {
        self.controller = controller
        self.committedEnd = .zero
        self.bootstrap = bootstrap
        self.options = options
        self.surroundings = surroundings
        self.quorum = quorum
        self.directories = directories
        var random = random
        self.coordinators = NodeCoordinators(
            surroundings: surroundings, seed: random.next(),
            groupCompression: controller.effectiveBrokerConfig("offsets.topic.compression.codec")
                .flatMap { Int8($0) }.flatMap(CompressionType.init) ?? .none)
        registration = ControllerLifecycle(incarnationID: KafkaUUID.random(using: &random))
        lifecycle = BrokerLifecycle(
            incarnationID: KafkaUUID.random(using: &random), plans: plans,
            configuredDirectories: options.logDirectories.count, controller,
            now: clock().monotonicMs)
        self.random = random
        self.clock = clock
        lastSnapshotMs = clock().monotonicMs
        topicChanges = GroupTopicChanges(since: -1)
        self.table = PartitionTable(
            nodeID: options.nodeID, durability: options.durability,
            fetchersPerLeader: controller.effectiveBrokerConfig("num.replica.fetchers")
                .flatMap { Int32($0) } ?? 1,
            surroundings: surroundings)
    }

    /// The topics' configuration as the image has it now.
    var topicConfigs: TopicLogConfigs { TopicLogConfigs(controller: controller) }
    /// This broker as the image has it.
    var ownRegistration: BrokerRegistration? {
        controller.image.brokers[options.nodeID.rawValue]
    }

    // MARK: Events

    /// Takes up what an event loop asks for; the answer is among the effects of this or of a later
    /// call.
    public func submit(_ job: ControllerJob) {
        let ticket = job.ticket
        switch job.work {
        case .decide(let request, let context, let isForwarded):
            serve(request, context, for: isForwarded ? .forwarded(ticket) : .request(ticket))
        case .producerID(let message):
            producerIDs.waiters.append { [unowned self] in complete(ticket, message($0)) }
        case .createTopics(let request, let message):
            ask(request) { [unowned self] result in
                let created: CreateTopicsResponse
                switch result {
                case .success(let response): created = response
                case .failure(let error): created = request.refusal(error)
                }
                complete(ticket, message(created, controller))
            }
        case .quorum(let message, let version):
            receive(message, version: version, for: ticket)
        }
        settle()
    }

    /// Does what is due by the clock.
    public func timersDue() {
        let now = clock().monotonicMs
        if let due = quorum.nextDeadline, due <= now { quorum.tick(now: quorumTime) }
        if let active, active.nextDeadline <= now {
            // A process that was halted has not heard of itself, and is there all the same.
            if lifecycle.stage == .serving {
                active.heard(
                    from: options.nodeID.rawValue, epoch: lifecycle.epoch,
                    metadataOffset: committedEnd.rawValue - 1)
            }
            active.timersDue()
        }
        if lingering.expire(now: now) { publish() }
        settle()
    }

    /// When `timersDue` is to be called, in monotonic ms; `nil` when nothing is due by itself.
    public var nextDeadline: Int64? {
        guard failure == nil else { return nil }
        // What was due when all was settled waits for something else than time.
        func own(_ instant: Int64) -> Int64 { instant > settledAt ? instant : .max }
        let next = min(
            quorum.nextDeadline ?? .max, active?.nextDeadline ?? .max, lingering.nextExpiry,
            own(lifecycle.nextAction), own(duties.nextAction), own(isrProposals.nextAction),
            own(registration.nextAction))
        return next == .max ? nil : next
    }

    /// The connection broke over which a broker had sent its heartbeats to this node.
    public func brokerDisconnected(_ broker: Int32, epoch: Int64) {
        active?.brokerDisconnected(broker, epoch: epoch)
        settle()
    }

    // MARK: Settling

    /// Does all that follows from what has happened, until nothing is left: commits, answers, what
    /// this broker owes the controller.
    func settle() {
        guard !isSettling else { return }
        isSettling = true
        defer { isSettling = false }
        while failure == nil {
            if let fault = active?.fault { metadataFailed("\(fault)") }
            if followQuorum() { continue }
            if !ownAnswers.isEmpty {
                ownAnswers.removeFirst()()
                continue
            }
            guard meetDuties() else { break }
        }
    }

    func complete(_ ticket: WaitTicket, _ message: any KafkaMessage) {
        effects.completions.append((ticket, message))
    }

    func deliver(_ message: any KafkaMessage, to sink: AnswerSink) {
        switch sink {
        case .request(let ticket), .forwarded(let ticket): complete(ticket, message)
        case .own(let then): ownAnswers.append { then(message) }
        }
    }

    // MARK: Effects

    func publish() {
        directories.publish(table.topics)
        isViewOutdated = true
    }

    /// Configs or features are others now.
    func settingsChanged() { knownSettings = nil }

    private func viewSettings() -> (broker: BrokerSettings, coordination: CoordinationSettings) {
        var settings = knownSettings ?? (makeSettings(), CoordinationSettings(controller))
        settings.broker.replication.brokerEpoch = brokerEpoch
        settings.broker.kraftVersion = quorum.committedKRaftVersion
        knownSettings = settings
        return settings
    }

    func makeView() -> BrokerView {
        let settings = viewSettings()
        return BrokerView(
            controller: controller, activeController: controllerLocation,
            imageOffset: committedEnd + -1, settings: settings.broker,
            directories: directories, topics: table.topics, idsByName: table.idsByName,
            lingeringBrokers: lingering.ids,
            hasOfflineDirectories: directories.all.contains { !$0.isOnline },
            fetchers: table.fetchers, quotas: table.quotas,
            coordinators: coordinators.cells, topicChanges: topicChanges,
            coordination: settings.coordination)
    }

    private func makeSettings() -> BrokerSettings {
        func number(_ key: String) -> Int32? {
            controller.effectiveBrokerConfig(key).flatMap { Int32($0) }
        }
        return BrokerSettings(
            nodeID: options.nodeID, clusterID: controller.settings.clusterID,
            durability: options.durability,
            fetchMaxBytes: number("fetch.max.bytes") ?? 57_671_680,
            autoCreateTopics: controller.effectiveBrokerConfig("auto.create.topics.enable")
                != "false",
            partitionsPerAnswer: number("max.request.partition.size.limit") ?? 2000,
            replication: ReplicationSettings(controller, brokerEpoch: brokerEpoch),
            supportedFeatures: supportedFeatures.map {
                .init(name: $0.name, minimum: $0.min, maximum: $0.max)
            })
    }

    var supportedFeatures: [(name: String, min: Int16, max: Int16)] {
        controller.settings.supportedFeatures.sorted { $0.key < $1.key }.map {
            ($0.key, $0.value.min, $0.value.max)
        }
    }

    /// What the shell has to do since the last call.
    public func takeEffects() -> Effects {
        defer { effects = Effects() }
        if isViewOutdated { effects.view = makeView() }
        isViewOutdated = false
        let coordination = coordinators.takeEffects()
        effects.loads += coordination.loads
        effects.tasks += coordination.tasks
        effects.completions += coordination.completions
        return effects
    }

    /// Loads a coordinator anew whose log did not take a write, if this node still leads it.
    public func reloadCoordinator(_ cell: PartitionCell) { coordinators.update(cell) }

    /// The view as it stands.
    public var currentView: BrokerView { makeView() }
}
