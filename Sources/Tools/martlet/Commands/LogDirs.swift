import AdminWire
import KafkaProtocol
import KafkaWire

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
        let client = try ClientOptions.client(options, id: "log-dirs-tool")
        defer { client.close() }
        let known = try client.call(DescribeClusterRequest()).brokers.map(\.brokerID).sorted()
        let brokers = try brokers(options, known)
        let list = brokers.map(String.init).joined(separator: ",")
        let isQuiet = options.has("--json")
        if !isQuiet { console.print("Querying brokers for log directories information") }
        var documents: [JSON] = []
        for broker in brokers {
            let response = try client.call(
                DescribeLogDirsRequest(topics: nil), broker: BrokerID(broker))
            try AdminError.check(response.errorCode, context: "Broker \(broker)")
            documents.append(
                .object([
                    ("broker", .integer(Int64(broker))),
                    ("logDirs", .array(response.results.map { directory($0, topics) })),
                ]))
        }
        if !isQuiet { console.print("Received log directory information from brokers \(list)") }
        console.print(
            JSON.object([("brokers", .array(documents)), ("version", .integer(1))]).text)
        return 0
    }

    private static func brokers(_ options: ParsedOptions, _ known: [Int32]) throws -> [Int32] {
        let wanted = (options.value("--broker-list") ?? "").split(separator: ",").map(String.init)
        let missing = wanted.filter { name in !known.contains { String($0) == name.trimmed } }
        guard missing.isEmpty else {
            throw Failure(
                "ERROR: The given brokers do not exist from --broker-list: "
                    + "\(missing.joined(separator: ",")). Current existent brokers: "
                    + known.map(String.init).joined(separator: ","))
        }
        return wanted.isEmpty ? known : wanted.compactMap { Int32($0.trimmed) }
    }

    private static func directory(
        _ result: DescribeLogDirsResponse.DescribeLogDirsResult, _ topics: Set<String>
    ) -> JSON {
        var partitions: [JSON] = []
        for topic in result.topics where topics.isEmpty || topics.contains(topic.name) {
            for partition in topic.partitions {
                let id = TopicPartition(topic: topic.name, partition: partition.partitionIndex)
                partitions.append(
                    .object([
                        ("partition", .string(id.description)),
                        ("size", .integer(partition.partitionSize)),
                        ("offsetLag", .integer(partition.offsetLag)),
                        ("isFuture", .bool(partition.isFutureKey)),
                    ]))
            }
        }
        let error = KafkaError(rawValue: result.errorCode)
        return .object([
            ("partitions", .array(partitions)),
            ("error", error == KafkaError.none ? .null : .string(error?.name ?? "UNKNOWN")),
            ("logDir", .string(result.logDir)),
        ])
    }
}
