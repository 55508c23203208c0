import MartletClient

/// Carries a plan out, some partitions at a time, and shows how far it is.
///
/// What is done and what is not is read from the cluster alone, so that another run with the same
/// plan goes on where one was stopped, whatever stopped it.
struct RebalanceExecution {
    struct Settings {
        /// Bytes a second that each broker may copy; `nil`: no limit.
        var throttle: Int64?
        /// Partitions that change at the same time.
        var concurrency = 50
        /// Pause between two looks, in milliseconds.
        var pollMilliseconds = 500
        /// Time for the cluster to answer again after it did not, in milliseconds.
        var patienceMilliseconds = 120_000
    }

    /// How far a plan is.
    struct Progress: Equatable {
        /// Partitions that are as they should be, with those that are gone.
        var done: Set<TopicPartition> = []
        /// Partitions that are on their way to where they should be.
        var underWay: [TopicPartition: OngoingReassignment] = [:]
        /// The others.
        var waiting: [TopicPartition] = []
        /// Partitions that do not exist any more.
        var gone: [TopicPartition] = []
        /// Partitions that are on their way elsewhere.
        var diverted: [TopicPartition] = []

        init(
            _ plan: ReassignmentPlan, _ current: [TopicPartition: [Int32]],
            _ ongoing: [TopicPartition: OngoingReassignment]
        ) {
            for (partition, target) in plan.replicas.sorted(by: { $0.key < $1.key }) {
                guard let replicas = current[partition] else {
                    gone.append(partition)
                    done.insert(partition)
                    continue
                }
                if let one = ongoing[partition] {
                    let goal = Set(one.replicas).subtracting(one.removing)
                    if goal == Set(target) {
                        underWay[partition] = one
                    } else {
                        diverted.append(partition)
                    }
                } else if replicas == target {
                    done.insert(partition)
                } else {
                    waiting.append(partition)
                }
            }
        }
    }

    private let plan: ReassignmentPlan
    private let console: Console
    private let queries: ReassignmentQueries
    private let rebalancing: RebalanceQueries
    private let throttles: ReplicationThrottles

    init(_ plan: ReassignmentPlan, _ cluster: AdminSession, _ console: Console) {
        self.plan = plan
        self.console = console
        queries = ReassignmentQueries(cluster)
        rebalancing = RebalanceQueries(cluster)
        throttles = ReplicationThrottles(cluster, console)
    }

    /// How far the plan is now.
    func progress() throws -> Progress {
        // First what is under way: what ends in between is then seen as done.
        let ongoing = try queries.ongoing()
        let current = try queries.replicas(ofTopics: Set(plan.partitions.map(\.topic)).sorted())
        let progress = Progress(plan, current, ongoing)
        guard progress.diverted.isEmpty else {
            throw Failure(
                "\(progress.diverted.map(\.description).joined(separator: ", ")) are being "
                    + "reassigned to other brokers than the plan's.",
                remedy: "Wait for that to end, or cancel it: martlet reassign-partitions --list.")
        }
        return progress
    }

    // MARK: Execute

    /// Carries the plan out; false when it was interrupted before the end.
    func run(_ settings: Settings) throws -> Bool {
        try plan.checkForExecution()
        var progress = try progress()
        for partition in progress.gone {
            console.print("\(partition) does not exist any more and is left out.")
        }
        try limit(progress, settings)
        var display = RebalanceDisplay(plan, console)
        Interruption.watch()
        while progress.done.count < plan.targets.count {
            guard !Interruption.isRequested else { return false }
            try patiently(settings) { try start(progress, settings) }
            Clocks.pause(milliseconds: settings.pollMilliseconds)
            progress = try patiently(settings) { try self.progress() }
            try patiently(settings) {
                let sizes = try queries.sizes(of: display.places(progress))
                display.show(progress, sizes)
            }
        }
        display.end(progress)
        try finish(settings)
        return true
    }

    private func limit(_ progress: Progress, _ settings: Settings) throws {
        guard let rate = settings.throttle, progress.done.count < plan.targets.count else { return }
        let current = try queries.replicas(ofTopics: Set(plan.partitions.map(\.topic)).sorted())
        let rest = plan.replicas.filter { !progress.done.contains($0.key) }
        // A broker that is away sends nothing, and cannot be told either.
        let alive = Set(try queries.brokers().map(\.id))
        let moves = ReplicationThrottles.moves(
            ongoing: progress.underWay, targets: rest, current: current
        ).filter { !$0.value.destinations.isEmpty }.mapValues { move in
            ReplicationThrottles.Move(
                sources: move.sources.intersection(alive), destinations: move.destinations)
        }
        try throttles.limit(moves, to: rate)
    }

    /// Starts as many of those that wait as may be under way together.
    private func start(_ progress: Progress, _ settings: Settings) throws {
        let room = settings.concurrency - progress.underWay.count
        guard room > 0, !progress.waiting.isEmpty else { return }
        let targets = plan.replicas
        var next: [TopicPartition: [Int32]?] = [:]
        for partition in progress.waiting.prefix(room) { next[partition] = targets[partition] }
        let failures = try queries.alter(next, allowsReplicationFactorChange: true).filter {
            $0.error.kafkaError != .unknownTopicOrPartition
        }
        guard failures.isEmpty else {
            throw Failure(
                "Some partitions cannot be moved:\n"
                    + failures.map { "\($0.partition): \($0.error.cause)" }.joined(separator: "\n"),
                remedy: "Make a new plan.")
        }
    }

    /// Lets brokers be away for a while.
    private func patiently<Value>(
        _ settings: Settings, _ body: () throws -> Value
    ) throws -> Value {
        let deadline = Deadline(milliseconds: settings.patienceMilliseconds)
        while true {
            do { return try body() } catch let error as ClientError {
                guard error.isPassing, !deadline.hasPassed, !Interruption.isRequested else {
                    throw error
                }
                Clocks.pause(milliseconds: settings.pollMilliseconds)
            }
        }
    }

    private func finish(_ settings: Settings) throws {
        let notes = try patiently(settings) { try rebalancing.electPreferred(plan.partitions) }
        for note in notes { console.error(note) }
        try patiently(settings) {
            try throttles.clear(plan, brokers: try queries.brokers().map(\.id))
        }
    }

    // MARK: Verify, cancel

    /// Prints how far the plan is; whether it is done. Removes throttles once it is.
    func verify() throws -> Bool {
        let progress = try progress()
        for (partition, target) in plan.replicas.sorted(by: { $0.key < $1.key }) {
            let names = target.map(String.init).joined(separator: ",")
            let state =
                if progress.gone.contains(partition) {
                    "does not exist any more"
                } else if progress.done.contains(partition) {
                    "is on \(names)"
                } else if let one = progress.underWay[partition] {
                    "is being copied to \(one.adding.map(String.init).joined(separator: ","))"
                } else {
                    "waits to be moved to \(names)"
                }
            console.print("\(partition) \(state).")
        }
        let isDone = progress.done.count == plan.targets.count
        console.print(
            "\(progress.done.count) of \(RebalanceReport.count(plan.targets.count, "partition")) "
                + "done, \(progress.underWay.count) under way.")
        if isDone { try throttles.clear(plan, brokers: try queries.brokers().map(\.id)) }
        return isDone
    }

    /// Stops what is under way: those partitions stay where they were.
    func cancel() throws {
        let active = try progress().underWay.keys.sorted()
        let none: [TopicPartition: [Int32]?] = Dictionary(
            uniqueKeysWithValues: active.map { ($0, nil) })
        let failures = try queries.alter(none, allowsReplicationFactorChange: true).filter {
            $0.error.kafkaError != .noReassignmentInProgress
        }
        guard failures.isEmpty else {
            throw Failure(
                "Some partitions cannot be stopped:\n"
                    + failures.map { "\($0.partition): \($0.error.cause)" }.joined(separator: "\n"))
        }
        console.print("Stopped \(RebalanceReport.count(active.count, "partition")).")
        try throttles.clear(plan, brokers: try queries.brokers().map(\.id))
    }
}
