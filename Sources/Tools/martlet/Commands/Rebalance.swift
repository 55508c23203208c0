import KafkaWire

/// `martlet rebalance`: moves replicas and leaders to where they should be.
enum RebalanceTool: Tool {
    static let name = "rebalance"
    static let summary =
        "Even the brokers of a cluster, fill a new one, drain one that leaves (Martlet only)."
    static let options: [OptionSpec] =
        ClientOptions.specs + [
            .value(
                "--plan-file", label: "file",
                help: "The plan, in the JSON of reassign-partitions: written by plan, read by the "
                    + "others.")
        ]
    private static let goals: [OptionSpec] = [
        .value(
            "--drain", label: "id[,id]",
            help: "Brokers that shall hold nothing. Nothing else moves, unless --fill is given."),
        .value(
            "--fill", label: "id[,id]", help: "Brokers that get their share; no others get any."),
        .value(
            "--exclude-brokers", label: "id[,id]",
            help: "Brokers that keep what they have and get nothing."),
        .value(
            "--topics-include", label: "regex", help: "Topics that may move.", default: ".*"),
        .value("--topics-exclude", label: "regex", help: "Topics that stay where they are."),
        .value(
            "--tolerance", label: "percent", help: "How far from the mean is even enough.",
            default: "10"),
    ]
    static let verbs = [
        Verb(
            name: "plan", summary: "Say what should move, and change nothing.",
            options: goals + [.json]),
        Verb(
            name: "execute",
            summary: "Carry out the plan of --plan-file, or one made now, to its end; once more "
                + "after it was stopped, it goes on.",
            options: goals + [
                .flag("--dry-run", help: "The same as plan."), .json,
                .value(
                    "--throttle", label: "bytes/s",
                    help: "What each broker may copy a second; removed in the end."),
                .value(
                    "--concurrency", label: "number",
                    help: "Partitions that change at the same time.", default: "50"),
            ]),
        Verb(
            name: "verify",
            summary: "Say how far the plan of --plan-file is; the exit code is 0 when it is done."),
        Verb(name: "cancel", summary: "Stop what is under way of the plan of --plan-file."),
    ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        let cluster = try AdminSession(options, id: "rebalance-tool")
        defer { cluster.close() }
        switch invocation.verb {
        case "plan": return try show(try makePlan(options, cluster), options, console)
        case "execute": return try execute(options, cluster, console)
        case "verify":
            let plan = try read(try options.required("--plan-file"))
            return try RebalanceExecution(plan, cluster, console).verify() ? 0 : 1
        default:
            let plan = try read(try options.required("--plan-file"))
            try RebalanceExecution(plan, cluster, console).cancel()
            return 0
        }
    }

    private static func read(_ path: String) throws -> ReassignmentPlan {
        try ReassignmentPlan(json: try TextFile.read(path))
    }

    // MARK: Plan

    private static func makePlan(
        _ options: ParsedOptions, _ cluster: AdminSession
    ) throws -> RebalanceReport {
        let goals = try goals(options)
        let included = try TopicPattern(options.value("--topics-include") ?? ".*")
        let excluded = try options.value("--topics-exclude").map { text throws(Failure) in
            try TopicPattern(text)
        }
        guard try ReassignmentQueries(cluster).ongoing().isEmpty else {
            throw Failure(
                "Partitions are being reassigned.",
                remedy: "Wait for that to end, or cancel it: martlet reassign-partitions --list.")
        }
        let layout = try RebalanceQueries(cluster).layout {
            included.matches($0) && excluded?.matches($0) != true
        }
        try check(goals, layout)
        return RebalanceReport(layout: layout, plan: RebalancePlanner.plan(layout, goals))
    }

    static func goals(_ options: ParsedOptions) throws(Failure) -> RebalanceGoals {
        func brokers(_ option: String) throws(Failure) -> Set<Int32> {
            var ids: Set<Int32> = []
            for text in (options.value(option) ?? "").split(separator: ",") {
                guard let id = Int32(String(text).trimmed), id >= 0 else {
                    throw .usage("'\(text)' in \(option) is no broker id.")
                }
                ids.insert(id)
            }
            return ids
        }
        var goals = RebalanceGoals()
        goals.drained = try brokers("--drain")
        goals.filled = try brokers("--fill")
        goals.excluded = try brokers("--exclude-brokers")
        if let broker = goals.filled.intersection(goals.drained.union(goals.excluded)).min() {
            throw .usage("Broker \(broker) cannot be filled and drained or excluded.")
        }
        let percent: Int = try options.integer("--tolerance", 0...100) ?? 10
        goals.tolerance = Double(percent) / 100
        return goals
    }

    private static func check(_ goals: RebalanceGoals, _ layout: ClusterLayout) throws(Failure) {
        let known = Set(layout.brokers.map(\.id))
        let holders = Set(layout.partitions.flatMap(\.replicas))
        let named = goals.drained.union(goals.filled).union(goals.excluded)
        if let broker = named.subtracting(known).subtracting(holders).min() {
            let list = known.sorted().map(String.init).joined(separator: ",")
            throw Failure("Broker \(broker) is not registered; the brokers are \(list).")
        }
        if let broker = layout.brokers.first(where: {
            goals.filled.contains($0.id) && !$0.takesReplicas
        }) {
            throw Failure(
                "Broker \(broker.id) takes no replicas: it is away, or its directories are cordoned."
            )
        }
    }

    private static func show(
        _ report: RebalanceReport, _ options: ParsedOptions, _ console: Console
    ) throws -> Int32 {
        if options.has("--json") {
            console.print(report.json.text)
        } else {
            console.write(report.text)
        }
        for problem in report.plan.problems { console.error(problem) }
        if let path = options.value("--plan-file") {
            try TextFile.write(path, reassignment(report.plan).json + "\n")
            if !options.has("--json") { console.print("The plan is in \(path).") }
        }
        return report.plan.problems.isEmpty ? 0 : 1
    }

    private static func reassignment(_ plan: RebalancePlan) -> ReassignmentPlan {
        ReassignmentPlan(
            Dictionary(uniqueKeysWithValues: plan.changes.map { ($0.partition, $0.to) }))
    }

    // MARK: Execute

    private static func execute(
        _ options: ParsedOptions, _ cluster: AdminSession, _ console: Console
    ) throws -> Int32 {
        var settings = RebalanceExecution.Settings()
        settings.throttle = try options.integer("--throttle", 1...Int64.max)
        settings.concurrency = try options.integer("--concurrency", 1...Int.max) ?? 50
        let file = options.value("--plan-file")
        var problems: [String] = []
        let plan: ReassignmentPlan
        if let file, TextFile.exists(file), !options.has("--dry-run") {
            try refuseGoals(options)
            plan = try read(file)
        } else {
            let report = try makePlan(options, cluster)
            let code = try show(report, options, console)
            if options.has("--dry-run") { return code }
            guard !report.plan.changes.isEmpty else { return code }
            problems = report.plan.problems
            plan = reassignment(report.plan)
        }
        guard try RebalanceExecution(plan, cluster, console).run(settings) else {
            let again = file.map { "the same with --plan-file \($0)" } ?? "execute once more"
            throw Failure(
                "Stopped before the end; what is under way goes on.",
                remedy: "To go on, run \(again).")
        }
        return problems.isEmpty ? 0 : 1
    }

    /// What is in a plan file was decided when it was made.
    private static func refuseGoals(_ options: ParsedOptions) throws(Failure) {
        if let option = options.occurrences.first(where: { one in
            goals.contains { $0.name == one.name }
        }) {
            throw .usage(
                "\(option.name) is for a new plan, and the file of --plan-file is there already: "
                    + "leave one of them out.")
        }
    }
}
