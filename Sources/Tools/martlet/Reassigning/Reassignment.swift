import MartletClient

/// What `reassign-partitions --execute`, `--verify` and `--cancel` do with a plan.
struct Reassignment {
    /// How a plan is executed.
    struct Settings {
        /// Start although other reassignments are under way.
        var isAdditional = false
        /// Bytes a second between brokers; `nil`: no limit.
        var throttle: Int64?
        /// Bytes a second between directories; `nil`: no limit.
        var directoryThrottle: Int64?
        var allowsReplicationFactorChange = true
        /// Time for brokers to get the replicas whose directory the plan names, in milliseconds.
        var moveMilliseconds = 10_000
    }

    private let plan: ReassignmentPlan
    private let queries: ReassignmentQueries
    private let throttles: ReplicationThrottles
    private let console: Console

    init(_ plan: ReassignmentPlan, _ cluster: AdminSession, _ console: Console) {
        self.plan = plan
        self.console = console
        queries = ReassignmentQueries(cluster)
        throttles = ReplicationThrottles(cluster, console)
    }

    // MARK: Execute

    /// Starts the reassignment.
    func execute(_ settings: Settings) throws {
        try plan.checkForExecution()
        let ongoing = try queries.ongoing()
        guard settings.isAdditional || ongoing.isEmpty else {
            throw Failure(
                "Cannot execute because there is an existing partition assignment.",
                remedy: "Use --additional to start this one in addition to it, or to change the "
                    + "throttle by submitting it again.")
        }
        let known = Set(try queries.brokers().map(\.id))
        if let broker = plan.targets.flatMap(\.replicas).sorted().first(where: {
            !known.contains($0)
        }) {
            throw Failure("Unknown broker id \(broker)")
        }
        let current = try currentReplicas()
        try printCurrent(current)
        try limit(settings, ongoing, current)
        let failures = try queries.alter(
            plan.replicas.mapValues { $0 },
            allowsReplicationFactorChange: settings.allowsReplicationFactorChange)
        guard failures.isEmpty else {
            throw Failure("Error reassigning partition(s):\n" + Self.lines(failures))
        }
        console.print(
            "Successfully started partition reassignment\(plan.targets.count == 1 ? "" : "s") for "
                + Self.names(plan.partitions))
        try move(plan.directories, milliseconds: settings.moveMilliseconds)
    }

    private func currentReplicas() throws -> [TopicPartition: [Int32]] {
        let topics = Set(plan.partitions.map(\.topic)).sorted()
        let all = try queries.replicas(ofTopics: topics)
        let missing = plan.partitions.filter { all[$0] == nil }
        guard missing.isEmpty else {
            throw Failure("Unable to find partition: \(Self.names(missing))")
        }
        let wanted = Set(plan.partitions)
        return all.filter { wanted.contains($0.key) }
    }

    private func printCurrent(_ current: [TopicPartition: [Int32]]) throws {
        let places = current.flatMap { partition, brokers in
            brokers.map { ReplicaPlace(broker: $0, partition: partition) }
        }
        let directories = try queries.directories(of: places).compactMapValues(\.current)
        console.print(
            "Current partition replica assignment\n\n"
                + ReassignmentPlan(current, directories: directories).json
                + "\n\nSave this to use as the --reassignment-json-file option during rollback")
    }

    private func limit(
        _ settings: Settings, _ ongoing: [TopicPartition: OngoingReassignment],
        _ current: [TopicPartition: [Int32]]
    ) throws {
        guard settings.throttle != nil || settings.directoryThrottle != nil else { return }
        console.print(
            "Warning: You must run --verify periodically, until the reassignment completes, to "
                + "ensure the throttle is removed.")
        if let rate = settings.throttle {
            let moves = ReplicationThrottles.moves(
                ongoing: ongoing, targets: plan.replicas, current: current)
            try throttles.limit(moves, to: rate)
        }
        if let rate = settings.directoryThrottle {
            try throttles.limitDirectories(
                of: Set(plan.directories.keys.map(\.broker)), to: rate)
        }
    }

    /// Asks again until every broker has the replica that it shall move.
    private func move(_ directories: [ReplicaPlace: String], milliseconds: Int) throws {
        let deadline = Deadline(milliseconds: milliseconds)
        var pending = directories
        while !pending.isEmpty {
            for place in try queries.move(pending) {
                guard let directory = pending.removeValue(forKey: place) else { continue }
                console.print(
                    "Successfully started moving log directory to \(directory) for replica "
                        + "\(place.partition) with broker \(place.broker) ")
            }
            guard !pending.isEmpty else { return }
            guard !deadline.hasPassed else {
                throw Failure(
                    "Timed out before log directory move\(pending.count == 1 ? "" : "s") could be "
                        + "started for: "
                        + pending.keys.sorted().map(\.description).joined(separator: ","))
            }
            Clocks.pause(milliseconds: 100)
        }
    }

    // MARK: Verify

    /// Prints how far the reassignment is; removes throttles once all is done.
    func verify(preservesThrottles: Bool) throws {
        let ongoing = try queries.ongoing()
        let rest = plan.partitions.filter { ongoing[$0] == nil }
        let current = try queries.replicas(ofTopics: Set(rest.map(\.topic)).sorted())
        console.print("Status of partition reassignment:")
        for (partition, target) in plan.replicas.sorted(by: { $0.key < $1.key }) {
            console.print(
                Self.status(partition, target, current[partition] ?? [], ongoing[partition] != nil))
        }
        let states = try queries.directories(of: plan.directories.keys.sorted())
        let lines = plan.directories.sorted { $0.key < $1.key }.map { place, target in
            Self.status(place, target, states[place] ?? ReplicaDirectories())
        }
        console.print(lines.map(\.text).joined(separator: "\n"))
        guard ongoing.isEmpty, lines.allSatisfy(\.isDone), !preservesThrottles else { return }
        try throttles.clear(plan, brokers: try queries.brokers().map(\.id))
    }

    private static func status(
        _ partition: TopicPartition, _ target: [Int32], _ current: [Int32], _ isOngoing: Bool
    ) -> String {
        if isOngoing { return "Reassignment of partition \(partition) is still in progress." }
        if current == target { return "Reassignment of partition \(partition) is completed." }
        return "There is no active reassignment of partition \(partition), but replica set is "
            + "\(names(current)) rather than \(names(target))."
    }

    private static func status(
        _ place: ReplicaPlace, _ target: String, _ state: ReplicaDirectories
    ) -> (text: String, isDone: Bool) {
        let subject = "Partition \(place.partition) on broker \(place.broker)"
        guard let current = state.current else {
            return (
                "Partition \(place.partition) is not found in any live log dir on broker "
                    + "\(place.broker). There is likely an offline log directory on the broker.",
                false
            )
        }
        if let future = state.future {
            if future == target {
                return ("Reassignment of replica \(place) is still in progress.", false)
            }
            return ("\(subject) is being moved to log dir \(future) instead of \(target).", false)
        }
        if current == target {
            return ("Reassignment of replica \(place) completed successfully.", true)
        }
        return ("\(subject) is not being moved from log dir \(current) to \(target).", true)
    }

    // MARK: Cancel

    /// Cancels what of the plan is under way.
    func cancel(preservesThrottles: Bool, moveMilliseconds: Int) throws {
        guard !queries.asksControllers || plan.directories.isEmpty else {
            throw Failure(
                "Controllers know nothing of directories.",
                remedy: "Use --bootstrap-server for a plan that names some.")
        }
        let ongoing = try queries.ongoing()
        let active = plan.partitions.filter { partition in
            ongoing[partition].map { !$0.adding.isEmpty || !$0.removing.isEmpty } ?? false
        }
        if active.isEmpty {
            console.print("None of the specified partition reassignments are active.")
        } else {
            let none: [TopicPartition: [Int32]?] = Dictionary(
                uniqueKeysWithValues: active.map { ($0, nil) })
            let failures = try queries.alter(none, allowsReplicationFactorChange: true)
            guard failures.isEmpty else {
                throw Failure(
                    "Error cancelling partition reassignment\(failures.count == 1 ? "" : "s") "
                        + "for:\n" + Self.lines(failures))
            }
            console.print(
                "Successfully cancelled partition reassignment\(active.count == 1 ? "" : "s") "
                    + "for: \(Self.names(active))")
        }
        let states = try queries.directories(of: plan.directories.keys.sorted())
        let moving = states.filter { $0.value.future != nil }.compactMapValues(\.current)
        if moving.isEmpty {
            console.print("None of the specified partition moves are active.")
        }
        try move(moving, milliseconds: moveMilliseconds)
        guard !preservesThrottles else { return }
        // Of the brokers, controllers tell only what is in the plan or was under way.
        let brokers =
            queries.asksControllers
            ? active.flatMap { ongoing[$0]?.replicas ?? [] } : try queries.brokers().map(\.id)
        try throttles.clear(plan, brokers: brokers)
    }

    private static func names(_ list: [some CustomStringConvertible]) -> String {
        list.map(\.description).joined(separator: ",")
    }

    private static func lines(
        _ failures: [(partition: TopicPartition, error: ClientError)]
    ) -> String {
        failures.map { "\($0.partition): \($0.error.cause)" }.joined(separator: "\n")
    }
}
