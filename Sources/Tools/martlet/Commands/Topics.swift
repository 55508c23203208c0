import MartletClient

/// `martlet topics`, `kafka-topics.sh`.
enum TopicsTool: Tool {
    static let name = "topics"
    static let kafkaNames = ["kafka-topics"]
    static let summary = "Create, delete, describe or change topics."
    private static let actions = ["--list", "--describe", "--create", "--alter", "--delete"]
    private static let reports = [
        "--under-replicated-partitions", "--unavailable-partitions", "--under-min-isr-partitions",
        "--at-min-isr-partitions",
    ]
    static let options: [OptionSpec] =
        ClientOptions.specs + [
            .flag("--create", help: "Create a topic."),
            .flag("--list", help: "List the topics."),
            .flag("--describe", help: "Show the topics and their partitions."),
            .flag("--alter", help: "Change the number of partitions. (For configs: configs.)"),
            .flag("--delete", help: "Delete topics."),
            .value(
                "--topic", label: "topic",
                help: "The topic; a regular expression, except with --create."),
            .value("--topic-id", label: "id", help: "The id of the topic to describe."),
            .value(
                "--config", label: "name=value",
                help: "A config of the topic being created; may be repeated.", isRepeatable: true),
            .value(
                "--delete-config", label: "name", help: "No longer supported since Kafka 4.0.",
                isRepeatable: true, isHidden: true),
            .value(
                "--partitions", label: "count",
                help: "Partitions of the topic (default with --create: the cluster's). "
                    + "A higher number changes which partition a key goes to."),
            .value(
                "--replication-factor", label: "count",
                help: "Replicas of each partition (default: the cluster's)."),
            .value(
                "--replica-assignment", label: "b1:b2,b3:b4",
                help: "Brokers of each partition, the preferred leader first; partitions are "
                    + "separated by commas, brokers by colons."),
            .flag("--under-replicated-partitions", help: "Describe only those lacking replicas."),
            .flag("--unavailable-partitions", help: "Describe only those without a leader."),
            .flag(
                "--under-min-isr-partitions",
                help: "Describe only those with fewer in-sync replicas than configured."),
            .flag(
                "--at-min-isr-partitions",
                help: "Describe only those with just the configured minimum in sync."),
            .flag("--topics-with-overrides", help: "Describe only topics with configs."),
            .flag("--if-exists", help: "No error when there is no such topic."),
            .flag("--if-not-exists", help: "No error when the topic to create exists."),
            .flag("--exclude-internal", help: "Leave Kafka's own topics out."),
            .value(
                "--partition-size-limit-per-response", label: "count",
                help: "Most partitions in one DescribeTopicPartitions answer.", default: "2000"),
            .json,
        ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        let action = try options.exactlyOne(of: actions, "Command")
        try check(options, action)
        if options.has("--delete-config") {
            console.error("--delete-config is no longer supported; use the configs tool.")
        }
        let cluster = try AdminSession(options, id: "topics-tool")
        defer { cluster.close() }
        do {
            switch action {
            case "--create": try TopicCreation.run(options, cluster, console)
            case "--list": try list(options, cluster, console)
            case "--describe": try TopicDescriptions.run(options, cluster, console)
            case "--alter": try alter(options, cluster)
            default: try delete(options, cluster)
            }
        } catch {
            throw Failure("Error while executing topic command : \(error.cause)")
        }
        return 0
    }

    private static func check(_ options: ParsedOptions, _ action: String) throws(Failure) {
        _ = try options.required("--bootstrap-server")
        if action == "--describe", options.has("--if-exists") {
            guard options.has("--topic") || options.has("--topic-id") else {
                throw .usage("--topic or --topic-id is required to describe a topic.")
            }
        }
        if action != "--list" && action != "--describe" { _ = try options.required("--topic") }
        if action == "--alter" {
            guard !options.has("--config") else {
                throw Failure(
                    "--alter does not change configs.", remedy: "Use the configs tool for that.")
            }
            _ = try options.required("--partitions")
        }
        let allowed: [(String, [String])] = [
            ("--config", ["--create", "--alter"]), ("--partitions", ["--create", "--alter"]),
            ("--replication-factor", ["--create"]),
            ("--replica-assignment", ["--create", "--alter"]),
            ("--if-exists", ["--alter", "--delete", "--describe"]),
            ("--if-not-exists", ["--create"]), ("--exclude-internal", ["--list", "--describe"]),
        ]
        let describing = (reports + ["--topics-with-overrides"]).map { ($0, ["--describe"]) }
        for (option, actions) in allowed + describing where options.has(option) {
            guard actions.contains(action) else {
                throw .usage("Option \(option) can't be used with option \(action).")
            }
        }
        try options.forbid("--topics-with-overrides", with: reports)
        for report in reports {
            try options.forbid(report, with: reports.filter { $0 != report })
        }
        if action == "--create" {
            try options.forbid(
                "--replica-assignment", with: ["--partitions", "--replication-factor"])
        }
    }

    /// Names of all topics that `--topic` matches, sorted; empty when none does and none must.
    static func names(
        _ options: ParsedOptions, _ cluster: AdminSession, mustExist: Bool
    ) throws -> [String] {
        let names = try cluster.ask { try await $0.listTopics(includingInternal: true) }
            .map(\.name)
        let pattern = try options.value("--topic").map { text throws(Failure) in
            try TopicPattern(text)
        }
        let excludesInternal = options.has("--exclude-internal")
        let found = names.filter { name in
            !(excludesInternal && InternalTopics.names.contains(name))
                && pattern?.matches(name) != false
        }
        if mustExist, found.isEmpty, let topic = options.value("--topic"), !topic.isEmpty {
            throw Failure("Topic '\(topic)' does not exist as expected")
        }
        return found
    }

    private static func list(
        _ options: ParsedOptions, _ cluster: AdminSession, _ console: Console
    ) throws {
        let names = try names(options, cluster, mustExist: false)
        if options.has("--json") {
            console.print(JSON.array(names.map(JSON.string)).text)
        } else {
            console.print(names.joined(separator: "\n"))
        }
    }

    private static func alter(_ options: ParsedOptions, _ cluster: AdminSession) throws {
        let names = try names(options, cluster, mustExist: !options.has("--if-exists"))
        let count: Int32 = try options.integer("--partitions", 1...Int32.max) ?? 1
        let assignment = try TopicCreation.assignment(options)
        guard !names.isEmpty else { return }
        let counts = Dictionary(names.map { ($0, count) }, uniquingKeysWith: { $1 })
        var added: [String: [[BrokerID]]] = [:]
        if let assignment {
            let present = try cluster.ask { try await $0.describeTopics(names) }.whole { $0 }
            for (name, topic) in present {
                added[name] = Array(assignment.dropFirst(topic.partitions.count))
            }
        }
        let assignments = added
        _ = try cluster.ask { try await $0.createPartitions(counts, assignments: assignments) }
            .whole { $0 }
    }

    private static func delete(_ options: ParsedOptions, _ cluster: AdminSession) throws {
        let names = try names(options, cluster, mustExist: !options.has("--if-exists"))
        guard !names.isEmpty else { return }
        _ = try cluster.ask { try await $0.deleteTopics(names) }.whole { $0 }
    }
}
