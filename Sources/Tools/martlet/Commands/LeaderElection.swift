import MartletClient

/// `martlet leader-election`, `kafka-leader-election.sh`.
enum LeaderElectionTool: Tool {
    static let name = "leader-election"
    static let kafkaNames = ["kafka-leader-election"]
    static let summary = "Elect the preferred leader of partitions, or any replica as the last way."
    private static let scopes = ["--topic", "--all-topic-partitions", "--path-to-json-file"]
    static let options: [OptionSpec] =
        [
            .bootstrapServer,
            .value(
                "--command-config", "--admin.config", label: "file",
                help: "Properties file with settings of the client."),
            .value(
                "--election-type", label: "type",
                help: "preferred: the first replica, where another one leads; unclean: a replica "
                    + "that may lack records, where none leads."),
            .value("--topic", label: "topic", help: "The topic, with --partition."),
            .value("--partition", label: "number", help: "The partition."),
            .flag("--all-topic-partitions", help: "All partitions that need it."),
            .value(
                "--path-to-json-file", label: "file",
                help: "Partitions: {\"partitions\": [{\"topic\": \"t\", \"partition\": 1}]}."),
            .json,
        ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        _ = try options.required("--bootstrap-server")
        let text = try options.required("--election-type")
        guard let kind = ElectionKind.allCases.first(where: { $0.name == text.uppercased() })
        else { throw Failure.usage("--election-type is preferred or unclean, not '\(text)'.") }
        let partitions = try partitions(options)
        if invocation.arguments.contains(where: { $0.hasPrefix("--admin.config") }) {
            console.error(
                "Option --admin.config has been deprecated and will be removed in a future "
                    + "version. Use --command-config instead.")
        }
        let cluster = try AdminSession(options, id: "leader-election-tool")
        defer { cluster.close() }
        let results = try cluster.ask { try await $0.electLeaders(kind, partitions) }
        return try show(results, kind, options, console)
    }

    /// The partitions that the options name; `nil` for all.
    private static func partitions(_ options: ParsedOptions) throws -> [TopicPartition]? {
        let scope = try options.exactlyOne(of: scopes, "The command")
        guard options.has("--topic") == options.has("--partition") else {
            throw Failure.usage("--topic and --partition go together.")
        }
        switch scope {
        case "--topic":
            let number: Int32 = try options.integer("--partition", 0...Int32.max) ?? 0
            return [TopicPartition(topic: try options.required("--topic"), partition: number)]
        case "--path-to-json-file":
            return try parse(try TextFile.read(try options.required(scope)))
        default: return nil
        }
    }

    /// The partitions in the JSON text.
    static func parse(_ text: String) throws(Failure) -> [TopicPartition] {
        guard let entries = try JSONParser.parse(text)["partitions"]?.elements else {
            throw Failure("Replica election data is missing \"partitions\" field")
        }
        var partitions: [TopicPartition] = []
        for entry in entries {
            guard let topic = entry["topic"]?.stringValue,
                let number = entry["partition"]?.integerValue.flatMap(Int32.init(exactly:))
            else {
                throw Failure(
                    "'\(entry.text)' is no partition.",
                    remedy: "Write {\"topic\": \"name\", \"partition\": 0}.")
            }
            let partition = TopicPartition(topic: topic, partition: number)
            guard !partitions.contains(partition) else {
                throw Failure(
                    "Replica election data contains duplicate partitions: \(partition)")
            }
            partitions.append(partition)
        }
        return partitions
    }

    private static func show(
        _ results: [TopicPartition: Result<Void, ClientError>], _ kind: ElectionKind,
        _ options: ParsedOptions, _ console: Console
    ) throws -> Int32 {
        var elected: [TopicPartition] = []
        var unchanged: [TopicPartition] = []
        var failed: [(TopicPartition, ClientError)] = []
        for (partition, result) in results.sorted(by: { $0.key < $1.key }) {
            switch result {
            case .success: elected.append(partition)
            case .failure(let error) where error.kafkaError == .electionNotNeeded:
                unchanged.append(partition)
            case .failure(let error): failed.append((partition, error))
            }
        }
        func names(_ partitions: [TopicPartition]) -> String {
            partitions.map(\.description).joined(separator: ", ")
        }
        if options.has("--json") {
            func list(_ partitions: [TopicPartition]) -> JSON {
                .array(partitions.map { .string($0.description) })
            }
            console.print(
                JSON.object([
                    ("elected", list(elected)), ("unchanged", list(unchanged)),
                    ("failed", list(failed.map(\.0))),
                ]).text)
        } else {
            if !elected.isEmpty {
                console.print(
                    "Successfully completed leader election (\(kind.name)) for partitions "
                        + names(elected))
            }
            if !unchanged.isEmpty {
                console.print("Valid replica already elected for partitions \(names(unchanged))")
            }
        }
        for (partition, error) in failed {
            console.error(
                "Error completing leader election (\(kind.name)) for partition: \(partition): "
                    + error.cause)
        }
        guard failed.isEmpty else {
            throw Failure("\(failed.count) replica(s) could not be elected")
        }
        return 0
    }
}

extension ElectionKind {
    fileprivate var name: String { self == .preferred ? "PREFERRED" : "UNCLEAN" }
}
