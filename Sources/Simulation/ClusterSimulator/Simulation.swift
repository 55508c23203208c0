/// Runs one seed: faults, healing, fresh readers, checks.
public struct Simulation {
    /// What came of a seed.
    public struct Outcome: Sendable {
        public var seed: UInt64
        public var violations: [String]
        public var traceHash: UInt64
        /// Client operations that had an outcome, faults, events.
        public var operations: Int
        public var faults: Int
        public var events: Int
        /// Virtual time in ns.
        public var virtualTime: Int64
        public var options: SimulationOptions
    }

    /// Virtual time in which all must have ended after healing.
    static let settleSeconds: Int64 = 60

    /// Runs a world.
    ///
    /// - Parameter print: gets a line for each event worth telling.
    public static func run(
        _ options: SimulationOptions, print: ((String) -> Void)? = nil
    ) -> Outcome {
        let world = SimulatedWorld(options)
        world.trace.print = print
        let scenario = LogScenario(world)
        world.node.start()
        scenario.start()
        world.startFaults()
        let healing = options.seconds * 1_000_000_000
        while world.scheduler.runNext(upTo: healing) {}
        world.heal()
        let end = healing + settleSeconds * 1_000_000_000
        while !scenario.isSettled, world.scheduler.runNext(upTo: end) {}
        if !scenario.isSettled {
            world.violation("not settled \(settleSeconds) s after healing: \(scenario.state)")
        } else {
            scenario.readAll()
            let last = end + settleSeconds * 1_000_000_000
            while !scenario.isChecked, world.scheduler.runNext(upTo: last) {}
            if !scenario.isChecked { world.violation("the final read does not end") }
        }
        return Outcome(
            seed: options.seed, violations: world.violations, traceHash: world.trace.hash,
            operations: world.history.operations, faults: world.faults,
            events: world.scheduler.count, virtualTime: world.scheduler.now, options: options)
    }
}

/// Idempotent producers, readers and a consumer group on the partitions of one topic, with topics
/// that come and go.
final class LogScenario {
    private let world: SimulatedWorld
    private let admin: AdminWorkload
    private let group: GroupWorkload
    private var producers: [ProduceWorkload] = []
    private var readers: [PartitionKey: ReadWorkload] = [:]
    private var unchecked: Set<PartitionKey> = []
    private let keys: [PartitionKey]
    private(set) var isChecked = false

    init(_ world: SimulatedWorld) {
        self.world = world
        admin = AdminWorkload(world)
        group = GroupWorkload(world, topic: "log", partitions: world.options.partitions)
        keys = (0..<world.options.partitions).map { PartitionKey(topic: "log", partition: $0) }
    }

    func start() {
        let configs = [
            ("internal.segment.bytes", "\(world.options.segmentBytes)"),
            ("index.interval.bytes", "\(world.options.indexIntervalBytes)"),
            ("file.delete.delay.ms", "500"),
        ]
        admin.create("log", partitions: world.options.partitions, configs: configs) { [self] in
            begin()
        }
    }

    private func begin() {
        for number in 1...world.options.producers {
            let producer = ProduceWorkload(
                world, number: UInt16(number), topic: "log",
                records: Int(world.draw(200...1500)))
            producers.append(producer)
            producer.start()
        }
        for key in keys {
            let reader = ReadWorkload(world, "reader-\(key)", key)
            readers[key] = reader
            reader.poll()
        }
        admin.churn()
        group.start()
        if world.options.deletesRecords {
            admin.deleteRecords(keys) { [self] in readers[$0]?.position ?? 0 }
        }
    }

    var isSettled: Bool {
        !producers.isEmpty && producers.allSatisfy(\.isDone) && group.isSettled
    }
    var state: String {
        (producers.filter { !$0.isDone }.map(\.state) + [group.state]).joined(separator: "; ")
    }

    /// Reads every partition once more with fresh readers, and compares.
    func readAll() {
        unchecked = Set(keys)
        for key in keys {
            readers[key]?.stop()
            ReadWorkload(world, "final-\(key)", key) { [self] reader in
                let faults = world.history.check(reader.found, from: reader.start, of: key)
                for fault in faults.prefix(3) { world.violation(fault) }
                unchecked.remove(key)
                isChecked = unchecked.isEmpty
            }.poll()
        }
    }
}
