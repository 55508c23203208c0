import KafkaWire

/// Which worlds are drawn.
public enum SimulatedShape: Sendable {
    /// One to six nodes.
    case any
    /// A single node.
    case alone
    /// Three to five nodes, ten faults or more, and not more load than shows something: many of
    /// them in a short time.
    case short

    /// What each short world has at least.
    public static let leastOperations = 500
    public static let leastFaults = 10
}

/// What one seed draws: the shape of the world and how bad it is.
public struct SimulationOptions: Sendable {
    public var seed: UInt64
    /// Virtual seconds of faults, before everything heals.
    public var seconds: Int64 = 60
    public var topology = Topology.single
    var eventLoops: Int32 = 1
    /// Whether acknowledged data is on disk: then power cuts are drawn, else only kills.
    var isFlushed = true
    var partitions: Int32 = 1
    var producers = 1
    var recordsPerBatch = 1
    var segmentBytes = 1 << 20
    var indexIntervalBytes = 4096
    /// Mean virtual time between two faults of a kind, in ms; 0 for none.
    var crashMs: Int64 = 0
    var resetMs: Int64 = 0
    var diskFaultMs: Int64 = 0
    /// Of these there are none with one node.
    var partitionMs: Int64 = 0
    var haltMs: Int64 = 0
    var clogMs: Int64 = 0
    var skewMs: Int64 = 0
    /// How often bytes arrive in parts, in percent.
    var splitPercent: Int64 = 0
    /// How often high watermarks are checkpointed.
    var checkpointMs: Int64 = 700
    /// Bytes of metadata log after which a snapshot is written.
    var snapshotBytes = 8 << 10
    /// One-way latency of the network and time of a sync, in microseconds, at most.
    var latencyUs: Int64 = 500
    var syncUs: Int64 = 500
    var deletesRecords = false
    /// Members of a consumer group over the partitions.
    var groupMembers = 0
    /// How long a member is in the group without being heard of, in ms.
    var groupSessionMs: Int64 = 45_000
    /// Groups that commit offsets; producers of transactions.
    var offsetGroups = 0
    var transactionalProducers = 0
    var compacts = false
    /// How many batches, transactions, records of the compacted topic a producer makes.
    var batches: ClosedRange<Int64> = 100...500
    var transactions: ClosedRange<Int64> = 10...60
    var keyedRecords: ClosedRange<Int64> = 100...500
    /// Whether they do so over all the time of faults, not as fast as they can.
    var isPaced = false
    /// Whether topics come and go.
    var churns = true
    /// What it was drawn as, and what of it was then taken away.
    public private(set) var shape = SimulatedShape.any
    var leftOut: [SimulatedPart] = []
    /// The faults that happen, by their number from 1 on, in the order in which they are due; all
    /// when `nil`.
    public var faults: Set<Int>?
    /// Whether operators may be at work, and what they do.
    public private(set) var hasOperators = false
    var changes = ChangePlan()
    /// Whether programs with the production client are at work, and what they do.
    public private(set) var hasSwiftClients = false
    var clients = ClientPlan()
    /// Node settings by Kafka's keys.
    var configs: [String: String] = [:]

    /// Draws a world.
    ///
    /// - Parameters:
    ///   - hasOperators: whether operators may be at work in it; all else is the same.
    ///   - hasSwiftClients: whether programs with the production client do most of the work.
    public init(
        seed: UInt64, shape: SimulatedShape = .any, hasOperators: Bool = false,
        hasSwiftClients: Bool = false
    ) {
        self.seed = seed
        self.shape = shape
        self.hasOperators = hasOperators
        self.hasSwiftClients = hasSwiftClients
        // Another stream than the run's own.
        var random = SplitMix64(seed: seed ^ 0x5EED)
        func pick<T>(_ values: [T]) -> T {
            values[Int.random(in: 0..<values.count, using: &random)]
        }
        eventLoops = pick([1, 2, 3])
        isFlushed = pick([true, true, true, false])
        partitions = pick([1, 2, 4])
        producers = pick([1, 2, 3])
        recordsPerBatch = pick([1, 3, 10])
        segmentBytes = pick([2 << 10, 4 << 10, 32 << 10, 1 << 20])
        indexIntervalBytes = pick([1, 256, 4096])
        crashMs = pick([0, 1500, 4000, 10_000])
        resetMs = pick([0, 100, 400])
        diskFaultMs = pick([0, 0, 6000])
        latencyUs = pick([50, 500, 20_000])
        syncUs = pick([10, 500, 50_000])
        deletesRecords = pick([false, false, true])
        groupMembers = pick([0, 2, 4])
        configs["offsets.topic.num.partitions"] = "\(pick([1, 3]))"
        configs["transaction.state.log.num.partitions"] = "\(pick([1, 3]))"
        configs["group.consumer.assignment.interval.ms"] = "\(pick([0, 1000]))"
        offsetGroups = pick([0, 1, 3])
        transactionalProducers = pick([0, 0, 1, 2, 4])
        compacts = pick([false, true])
        if crashMs + resetMs + diskFaultMs == 0 { crashMs = 2000 }
        splitPercent = pick([0, 2, 20])
        isPaced = pick([false, true, true])
        groupSessionMs = pick([6000, 45_000])
        topology = pick([
            .single, .single, .combined(3), .combined(3), .combined(3), .combined(3),
            .combined(3, voters: 1), .combined(5, voters: 3),
            .apart(controllers: 3, brokers: 3), .apart(controllers: 1, brokers: 3),
        ])
        switch shape {
        case .any: break
        case .alone: topology = .single
        case .short:
            topology = pick([
                .combined(3), .combined(3), .combined(3, voters: 1), .combined(5, voters: 3),
                .apart(controllers: 1, brokers: 3),
            ])
        }
        if topology.nodes.count > 1 { drawCluster(&random) }
        if shape == .short { lighten() }
        configs["group.consumer.session.timeout.ms"] = "\(groupSessionMs)"
        configs["group.consumer.min.session.timeout.ms"] = "\(groupSessionMs)"
        if hasSwiftClients { giveWorkToSwiftClients() }
        guard hasOperators else { return }
        changes = ChangePlan(
            seed: seed, topology: topology,
            minInSync: configs["min.insync.replicas"].flatMap { Int($0) } ?? 1)
    }

    /// Has programs with the production client do what other workloads do else.
    private mutating func giveWorkToSwiftClients() {
        clients = ClientPlan(seed: seed)
        producers = 1
        batches = 50...100
        groupMembers = 0
        offsetGroups = 0
        transactionalProducers = 0
        compacts = false
    }

    /// Takes from the load what shows little more, and sees to it that there are faults.
    private mutating func lighten() {
        recordsPerBatch = max(recordsPerBatch, 3)
        groupMembers = min(groupMembers, 2)
        // What a member that died has must not be waited for so long.
        groupSessionMs = 6000
        offsetGroups = min(offsetGroups, 1)
        transactionalProducers = min(transactionalProducers, 2)
        batches = 380 / Int64(producers)...460 / Int64(producers)
        transactions = 8...25
        keyedRecords = 60...140
        isPaced = true
        // Each kind comes about once in its time.
        if crashMs == 0 { crashMs = 10_000 }
        resetMs = resetMs == 0 ? 4000 : max(resetMs, 1000)
    }

    /// Draws what only clusters have.
    private mutating func drawCluster(_ random: inout SplitMix64) {
        func pick<T>(_ values: [T]) -> T {
            values[Int.random(in: 0..<values.count, using: &random)]
        }
        partitionMs = pick([0, 3000, 8000])
        haltMs = pick([0, 0, 6000])
        clogMs = pick([0, 0, 4000])
        skewMs = pick([0, 0, 5000])
        crashMs = pick([0, 4000, 10_000])
        diskFaultMs = pick([0, 0, 10_000])
        resetMs = pick([0, 400, 2000])
        latencyUs = pick([50, 500, 5000])
        syncUs = pick([10, 500, 5000])
        checkpointMs = pick([700, 700, 5000, 1_000_000])
        snapshotBytes = pick([4 << 10, 64 << 10, 1 << 20])
        eventLoops = pick([1, 2])
        let factor = "\(topology.replicationFactor)"
        configs["offsets.topic.replication.factor"] = factor
        configs["transaction.state.log.replication.factor"] = factor
        configs["transaction.state.log.min.isr"] = "2"
        configs["min.insync.replicas"] = "\(pick([2, 2, 2, 1]))"
        configs["broker.session.timeout.ms"] = "\(pick([3000, 9000]))"
        configs["broker.heartbeat.interval.ms"] = "\(pick([500, 2000]))"
        configs["replica.lag.time.max.ms"] = "\(pick([1000, 5000, 30_000]))"
        configs["metadata.max.idle.interval.ms"] = "\(pick([500, 5000]))"
        configs["leader.imbalance.check.interval.seconds"] = "\(pick([3, 300]))"
        if partitionMs + crashMs + haltMs + resetMs == 0 { crashMs = 5000 }
    }

    /// One line that says what was drawn.
    public var summary: String {
        "\(topology); loops \(eventLoops), \(isFlushed ? "flushed" : "replicated"), "
            + "partitions \(partitions), producers \(producers) x \(recordsPerBatch), "
            + "segment \(segmentBytes), "
            + "index \(indexIntervalBytes), crash \(crashMs) ms, reset \(resetMs) ms, "
            + "disk fault \(diskFaultMs) ms, latency \(latencyUs) us, sync \(syncUs) us"
            + faultSummary + (groupMembers > 0 ? ", group of \(groupMembers)" : "")
            + ", groups \(offsetGroups), transactional \(transactionalProducers)"
            + (compacts ? ", compacts" : "") + (isPaced ? ", paced" : "")
            + (deletesRecords ? ", deletes records" : "") + changes.summary + clients.summary
    }

    private var faultSummary: String {
        guard topology.nodes.count > 1 else { return "" }
        return ", partition \(partitionMs) ms, halt \(haltMs) ms, clog \(clogMs) ms, "
            + "skew \(skewMs) ms, min.insync.replicas \(configs["min.insync.replicas"] ?? "1")"
    }
}
