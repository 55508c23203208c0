import ClusterController
import MartletClient

/// `martlet reassign-partitions`, `kafka-reassign-partitions.sh`.
enum ReassignPartitionsTool: Tool {
    static let name = "reassign-partitions"
    static let kafkaNames = ["kafka-reassign-partitions"]
    static let summary = "Move partitions between brokers, and replicas between directories."
    private static let actions = ["--generate", "--execute", "--verify", "--cancel", "--list"]
    static let options: [OptionSpec] =
        ClientOptions.specs + [
            .flag("--generate", help: "Propose where the partitions of topics could go."),
            .flag("--execute", help: "Start the reassignment in --reassignment-json-file."),
            .flag(
                "--verify", help: "Show how far it is; remove its throttles once it is done."),
            .flag("--cancel", help: "Cancel what of it is under way."),
            .flag("--list", help: "Show all reassignments that are under way."),
            .value(
                "--reassignment-json-file", label: "file",
                help: "{\"version\": 1, \"partitions\": [{\"topic\": \"t\", \"partition\": 0, "
                    + "\"replicas\": [1, 2], \"log_dirs\": [\"any\", \"/dir\"]}]}; log_dirs may be "
                    + "left out."),
            .value(
                "--topics-to-move-json-file", label: "file",
                help: "With --generate: {\"version\": 1, \"topics\": [{\"topic\": \"t\"}]}."),
            .value("--broker-list", label: "0,1,2", help: "With --generate: where to."),
            .flag("--disable-rack-aware", help: "With --generate: do not look at racks."),
            .value(
                "--throttle", label: "bytes/s",
                help: "With --execute: a limit on what is copied between brokers.", default: "-1"),
            .value(
                "--replica-alter-log-dirs-throttle", label: "bytes/s",
                help: "With --execute: a limit on what is copied between directories.",
                default: "-1"),
            .value(
                "--timeout", label: "ms",
                help: "Time for brokers to get replicas whose directory is named.",
                default: "10000"),
            .flag(
                "--additional",
                help: "With --execute: although others are under way, or to change the throttle."),
            .flag("--preserve-throttles", help: "With --verify and --cancel: keep throttles."),
            .flag(
                "--disallow-replication-factor-change",
                help: "With --execute: refuse partitions that would have more or fewer replicas."),
            .bootstrapController,
        ]
    private static let required = [
        "--verify": ["--reassignment-json-file"],
        "--generate": ["--topics-to-move-json-file", "--broker-list"],
        "--execute": ["--reassignment-json-file"], "--cancel": ["--reassignment-json-file"],
    ]
    private static let permitted = [
        "--verify": ["--preserve-throttles"], "--generate": ["--disable-rack-aware"],
        "--execute": [
            "--additional", "--throttle", "--replica-alter-log-dirs-throttle", "--timeout",
            "--disallow-replication-factor-change",
        ],
        "--cancel": ["--preserve-throttles", "--timeout", "--bootstrap-controller"],
        "--list": ["--bootstrap-controller"],
    ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        let action = try options.exactlyOne(of: actions, "Command")
        try check(options, action)
        let file = try options.value("--reassignment-json-file").map { try TextFile.read($0) }
        let plan = try file.map { text throws(Failure) in try ReassignmentPlan(json: text) }
        let settings = try settings(options)
        let cluster = try AdminSession(options, id: "reassign-partitions-tool")
        defer { cluster.close() }
        do {
            switch (action, plan) {
            case ("--execute", let plan?):
                try Reassignment(plan, cluster, console).execute(settings)
            case ("--verify", let plan?):
                try Reassignment(plan, cluster, console).verify(
                    preservesThrottles: options.has("--preserve-throttles"))
            case ("--cancel", let plan?):
                try Reassignment(plan, cluster, console).cancel(
                    preservesThrottles: options.has("--preserve-throttles"),
                    moveMilliseconds: settings.moveMilliseconds)
            case ("--generate", _): try generate(options, cluster, console)
            default: try list(cluster, console)
            }
        } catch let failure as Failure { throw failure } catch {
            throw Failure("Error: \(error.cause)")
        }
        return 0
    }

    private static func check(_ options: ParsedOptions, _ action: String) throws(Failure) {
        if !options.has("--bootstrap-controller") {
            _ = try options.required("--bootstrap-server")
        }
        let wanted = required[action] ?? []
        for option in wanted { _ = try options.required(option) }
        let common = ["--bootstrap-server", "--command-config", action]
        let allowed = Set(common + wanted + (permitted[action] ?? []))
        for option in options.occurrences.map(\.name) where !allowed.contains(option) {
            throw .usage("Option \(option) can't be used with action \(action).")
        }
    }

    private static func settings(
        _ options: ParsedOptions
    ) throws(Failure) -> Reassignment.Settings {
        func rate(_ option: String) throws(Failure) -> Int64? {
            let rate: Int64? = try options.integer(option)
            return rate.flatMap { $0 < 0 ? nil : $0 }
        }
        return Reassignment.Settings(
            isAdditional: options.has("--additional"), throttle: try rate("--throttle"),
            directoryThrottle: try rate("--replica-alter-log-dirs-throttle"),
            allowsReplicationFactorChange: !options.has("--disallow-replication-factor-change"),
            moveMilliseconds: try options.integer("--timeout", 0...Int(Int32.max)) ?? 10_000)
    }

    private static func list(_ cluster: AdminSession, _ console: Console) throws {
        let ongoing = try ReassignmentQueries(cluster).ongoing().sorted { $0.key < $1.key }
        guard !ongoing.isEmpty else {
            return console.print("No partition reassignments found.")
        }
        func part(_ title: String, _ brokers: [Int32]) -> String {
            let names = brokers.map(String.init).joined(separator: ",")
            return brokers.isEmpty ? "" : " \(title): \(names)."
        }
        console.print("Current partition reassignments:")
        for (partition, reassignment) in ongoing {
            console.print(
                "\(partition):" + part("replicas", reassignment.replicas)
                    + part("adding", reassignment.adding) + part("removing", reassignment.removing))
        }
    }

    private static func generate(
        _ options: ParsedOptions, _ cluster: AdminSession, _ console: Console
    ) throws {
        let file = try options.required("--topics-to-move-json-file")
        let topics = try ReassignmentPlan.topics(json: try TextFile.read(file))
        let wanted = try brokers(options)
        let queries = ReassignmentQueries(cluster)
        let current = try queries.replicas(ofTopics: topics)
        if let missing = topics.first(where: { topic in
            !current.keys.contains { $0.topic == topic }
        }) {
            throw Failure("Topic \(missing) not found.")
        }
        let places = current.flatMap { partition, brokers in
            brokers.map { ReplicaPlace(broker: $0, partition: partition) }
        }
        let directories = try queries.directories(of: places).compactMapValues(\.current)
        let usesRacks = !options.has("--disable-rack-aware")
        let brokers = try queries.brokers().filter { wanted.contains($0.id) }.map {
            UsableBroker(id: $0.id, rack: usesRacks ? $0.rack : nil, isFenced: false)
        }
        guard brokers.allSatisfy({ $0.rack == nil }) || brokers.allSatisfy({ $0.rack != nil })
        else {
            throw Failure(
                "Not all brokers have rack information.",
                remedy: "Add --disable-rack-aware to place replicas without it.")
        }
        let proposed = try place(current, brokers)
        console.print(
            "Current partition replica assignment\n"
                + ReassignmentPlan(current, directories: directories).json + "\n\n"
                + "Proposed partition reassignment configuration\n"
                + ReassignmentPlan(proposed).json)
    }

    private static func brokers(_ options: ParsedOptions) throws(Failure) -> Set<Int32> {
        var brokers: Set<Int32> = []
        for text in try options.required("--broker-list").split(separator: ",") {
            guard let id = Int32(String(text).trimmed) else {
                throw Failure("'\(text)' in --broker-list is no broker id.")
            }
            guard brokers.insert(id).inserted else {
                throw Failure("Broker list contains duplicate entries: \(id)")
            }
        }
        return brokers
    }

    /// New places for all partitions, topic by topic, each with as many replicas as partition 0.
    private static func place(
        _ current: [TopicPartition: [Int32]], _ brokers: [UsableBroker]
    ) throws -> [TopicPartition: [Int32]] {
        var generator = SystemRandomNumberGenerator()
        var proposed: [TopicPartition: [Int32]] = [:]
        for (topic, numbers) in Array(current.keys).grouped {
            let partitions = numbers.map { TopicPartition(topic: topic, partition: $0) }
            guard let first = partitions.first else { continue }
            var placer = ReplicaPlacer(brokers, using: &generator)
            do {
                let places = try placer.place(
                    partitions: partitions.count, replicas: current[first]?.count ?? 0,
                    using: &generator)
                for (partition, replicas) in zip(partitions, places) {
                    proposed[partition] = replicas
                }
            } catch { throw Failure(error.message ?? error.error.message) }
        }
        return proposed
    }
}
