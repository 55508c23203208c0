import KafkaWire

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
        /// Numbers of faults that were due (`SimulationOptions.faults`).
        public var dueFaults: Int
        public var events: Int
        /// Virtual time in ns.
        public var virtualTime: Int64
        public var options: SimulationOptions
        /// How often rare paths were taken; empty in builds that do not count it.
        package var marks: [Mark: Int] = [:]
    }

    /// Virtual seconds in which all must have ended after healing: a minute, and the session of a
    /// member that nobody knows to be gone.
    private static func settleSeconds(of options: SimulationOptions) -> Int64 {
        60 + options.groupSessionMs * (1000 + options.changes.driftPermille) / 1_000_000
    }
    /// How often it is looked whether they have, in ns of virtual time.
    static let lookNs: Int64 = 20_000_000

    #if DEBUG || PLANTED_BUGS
        /// Runs a world whose node has a bug.
        package static func run(
            _ options: SimulationOptions, planted bug: PlantedBug, print: ((String) -> Void)? = nil
        ) -> Outcome {
            PlantedBug.$active.withValue(bug) { run(options, print: print) }
        }
    #endif

    /// Runs a world.
    ///
    /// - Parameters:
    ///   - dump: a partition (`log-0`) whose replicas are told of at the end.
    ///   - print: gets a line for each event worth telling.
    public static func run(
        _ options: SimulationOptions, dump: String? = nil, print: ((String) -> Void)? = nil
    ) -> Outcome {
        #if DEBUG || PLANTED_BUGS
            let counts = MarkCounts()
            var outcome = Mark.$counts.withValue(counts) {
                runOnce(options, dump: dump, print: print)
            }
            outcome.marks = counts.reached
            return outcome
        #else
            runOnce(options, dump: dump, print: print)
        #endif
    }

    private static func runOnce(
        _ options: SimulationOptions, dump: String?, print: ((String) -> Void)?
    ) -> Outcome {
        let world = SimulatedWorld(options)
        world.trace.print = print
        let scenario = Scenarios(world)
        world.start()
        world.checker.start()
        scenario.start()
        Faults(world).start()
        let healing = options.seconds * 1_000_000_000
        while world.scheduler.runNext(upTo: healing) {}
        world.heal()
        let settleSeconds = settleSeconds(of: options)
        let end = healing + settleSeconds * 1_000_000_000
        while world.scheduler.now < end, !(scenario.isSettled && world.checker.isConverged) {
            let look = min(end, world.scheduler.now + lookNs)
            while world.scheduler.runNext(upTo: look) {}
        }
        if !scenario.isSettled {
            world.violation("not settled \(settleSeconds) s after healing: \(scenario.state)")
        } else if let obstacle = world.checker.obstacle {
            world.violation("the cluster has not recovered \(settleSeconds) s on: \(obstacle)")
        } else {
            world.checker.compareReplicas()
            scenario.readAll()
            let last = end + settleSeconds * 1_000_000_000
            while !scenario.isChecked, world.scheduler.runNext(upTo: last) {}
            if !scenario.isChecked {
                world.violation("the final read does not end: \(scenario.unchecked)")
            }
        }
        if let dump { LogDump.lines(of: dump, in: world).forEach { print?($0) } }
        defer { world.end() }
        return Outcome(
            seed: options.seed, violations: world.violations, traceHash: world.trace.hash,
            operations: world.history.operations, faults: world.faults,
            dueFaults: world.dueFaults,
            events: world.scheduler.count, virtualTime: world.scheduler.now, options: options)
    }
}
