import MartletClient

/// `martlet log-dirs`, `kafka-log-dirs.sh`.
enum LogDirsTool: Tool {
    static let name = "log-dirs"
    static let kafkaNames = ["kafka-log-dirs"]
    static let summary = "Print what the log directories of brokers hold, as JSON."
    static let options: [OptionSpec] =
        ClientOptions.specs + [
            .flag("--describe", help: "Print the directories."),
            .value(
                "--topic-list", label: "topic1,topic2", help: "Only these topics.", default: ""),
            .value("--broker-list", label: "0,1", help: "Only these brokers.", default: ""),
            .flag("--json", help: "Print nothing but the JSON (Martlet only)."),
        ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        _ = try options.required("--bootstrap-server")
        guard options.has("--describe") else {
            throw .usage("Missing required argument \"--describe\".") as Failure
        }
        let topics = Set(
            (options.value("--topic-list") ?? "").split(separator: ",").map(String.init))
        let cluster = try AdminSession(options, id: name)
        defer { cluster.close() }
        let known = try cluster.ask { try await $0.describeCluster().nodes.map(\.id) }
        let brokers = try brokers(options, known)
        let list = brokers.map(\.description).joined(separator: ",")
        let isQuiet = options.has("--json")
        if !isQuiet { console.print("Querying brokers for log directories information") }
        let found = try cluster.ask { try await $0.describeLogDirs(of: brokers) }
        let documents = try brokers.map { broker in
            JSON.object([
                ("broker", .integer(Int64(broker.rawValue))),
                ("logDirs", .array(directories(try found[broker]?.get() ?? [:], topics))),
            ])
        }
        if !isQuiet { console.print("Received log directory information from brokers \(list)") }
        console.print(
            JSON.object([("brokers", .array(documents)), ("version", .integer(1))]).text)
        return 0
    }

    private static func brokers(
        _ options: ParsedOptions, _ known: [BrokerID]
    ) throws -> [BrokerID] {
        let wanted = (options.value("--broker-list") ?? "").split(separator: ",").map(String.init)
        let missing = wanted.filter { name in
            !known.contains { $0.description == name.trimmed }
        }
        guard missing.isEmpty else {
            throw Failure(
                "ERROR: The given brokers do not exist from --broker-list: "
                    + "\(missing.joined(separator: ",")). Current existent brokers: "
                    + known.map(\.description).joined(separator: ","))
        }
        return wanted.isEmpty ? known : wanted.compactMap { Int32($0.trimmed).map { BrokerID($0) } }
    }

    private static func directories(
        _ directories: [String: LogDirDescription], _ topics: Set<String>
    ) -> [JSON] {
        directories.sorted { $0.key < $1.key }.map { path, directory in
            let replicas = directory.replicas.sorted { $0.key < $1.key }.filter {
                topics.isEmpty || topics.contains($0.key.topic)
            }
            return .object([
                (
                    "partitions",
                    .array(
                        replicas.map { id, replica in
                            .object([
                                ("partition", .string(id.description)),
                                ("size", .integer(replica.size)),
                                ("offsetLag", .integer(replica.offsetLag)),
                                ("isFuture", .bool(replica.isFuture)),
                            ])
                        })
                ),
                ("error", directory.error.map { .string($0.name) } ?? .null),
                ("logDir", .string(path)),
            ])
        }
    }
}
