import MartletClient

/// `martlet get-offsets`, `kafka-get-offsets.sh`.
enum GetOffsetsTool: Tool {
    static let name = "get-offsets"
    static let kafkaNames = ["kafka-get-offsets"]
    static let summary = "Print offsets of topic partitions."
    static let options: [OptionSpec] =
        ClientOptions.specs + [
            .value(
                "--topic-partitions", label: "topic1:1,topic2:0-3,topic3",
                help: "Patterns: a regular expression for the topic, then ':' and a number, "
                    + "'from-to' (to is left out), 'from-' or '-to'."),
            .value("--topic", label: "topic", help: "Topics; a regular expression."),
            .value("--partitions", label: "0,1,2", help: "Partition numbers."),
            .value(
                "--time", label: "time",
                help: "Milliseconds since 1970, or -1 or latest, -2 or earliest, -3 or "
                    + "max-timestamp, -4 or earliest-local, -5 or latest-tiered, -6 or "
                    + "earliest-pending-upload.", default: "latest"),
            .flag("--exclude-internal-topics", help: "Leave Kafka's own topics out."),
            .json,
        ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        if options.has("--topic-partitions"), options.has("--topic") || options.has("--partitions")
        {
            throw Failure("--topic-partitions cannot be used with --topic or --partitions")
        }
        let time = try time(options.value("--time") ?? "latest")
        let rules = try PartitionRule.parse(options)
        let cluster = try AdminSession(options, id: "GetOffsetShell")
        defer { cluster.close() }
        let excludesInternal = options.has("--exclude-internal-topics")
        let specs = try cluster.partitions().filter { id, _ in
            !(excludesInternal && InternalTopics.names.contains(id.topic))
                && rules.contains { $0.topic.matches(id.topic) && $0.partitions(id.partition) }
        }.mapValues { _ in time }
        guard !specs.isEmpty else {
            throw Failure("Could not match any topic-partitions with the specified filters")
        }
        show(try cluster.ask { try await $0.listOffsets(specs) }, options, console)
        return 0
    }

    private static func show(
        _ results: [TopicPartition: Result<FoundOffset, ClientError>], _ options: ParsedOptions,
        _ console: Console
    ) {
        var documents: [JSON] = []
        for (partition, result) in results.sorted(by: { $0.key.description < $1.key.description }) {
            switch result {
            case .failure(let error):
                console.error(
                    "Skip getting offsets for topic-partition \(partition) due to error: "
                        + error.cause)
            case .success(let found):
                guard let offset = found.offset else { continue }
                if options.has("--json") {
                    documents.append(
                        .object([
                            ("topic", .string(partition.topic)),
                            ("partition", .integer(Int64(partition.partition))),
                            ("offset", .integer(offset.rawValue)),
                            ("timestamp", .integer(found.timestamp)),
                        ]))
                } else {
                    console.print("\(partition.topic):\(partition.partition):\(offset)")
                }
            }
        }
        if options.has("--json") { console.print(JSON.array(documents).text) }
    }

    /// What `--time` says.
    static func time(_ text: String) throws(Failure) -> OffsetSpec {
        switch text {
        case "latest", "-1": return .latest
        case "earliest", "-2": return .earliest
        case "max-timestamp", "-3": return .maxTimestamp
        case "earliest-local", "-4": return .earliestLocal
        case "latest-tiered", "-5": return .latestTiered
        case "earliest-pending-upload", "-6": return .earliestPendingUpload
        default:
            guard let time = Int64(text) else {
                throw Failure(
                    "Malformed time argument \(text).",
                    remedy: "Please use -1 or latest / -2 or earliest / -3 or max-timestamp / -4 "
                        + "or earliest-local / -5 or latest-tiered / -6 or "
                        + "earliest-pending-upload, or a time in milliseconds.")
            }
            return .timestamp(time)
        }
    }
}

/// Which partitions of which topics are meant.
struct PartitionRule {
    let topic: TopicPattern
    let partitions: (Int32) -> Bool

    /// The rules that `--topic-partitions`, or `--topic` and `--partitions`, give.
    static func parse(_ options: ParsedOptions) throws(Failure) -> [PartitionRule] {
        if let text = options.value("--topic-partitions") {
            var rules: [PartitionRule] = []
            for part in text.split(separator: ",") { rules.append(try rule(String(part))) }
            return rules
        }
        var numbers: Set<Int32> = []
        for part in (options.value("--partitions") ?? "").split(separator: ",") {
            guard let number = Int32(part) else {
                throw Failure(
                    "--partitions expects a comma separated list of numeric partition ids, but "
                        + "received: \(options.value("--partitions") ?? "")")
            }
            numbers.insert(number)
        }
        let topic = try TopicPattern(options.value("--topic") ?? ".*")
        return [PartitionRule(topic: topic) { numbers.isEmpty || numbers.contains($0) }]
    }

    /// One rule: `topic`, `topic:3`, `topic:1-4`, `topic:1-`, `topic:-4` or `:3`.
    static func rule(_ text: String) throws(Failure) -> PartitionRule {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { throw Failure("Invalid rule specification: \(text)") }
        let topic = try TopicPattern(parts[0].isEmpty ? ".*" : String(parts[0]))
        guard parts.count == 2, !parts[1].isEmpty else {
            return PartitionRule(topic: topic) { _ in true }
        }
        let bounds = parts[1].split(separator: "-", omittingEmptySubsequences: false)
        if bounds.count == 1, let number = Int32(bounds[0]) {
            return PartitionRule(topic: topic) { $0 == number }
        }
        let low = bounds[0].isEmpty ? 0 : Int32(bounds[0])
        guard bounds.count == 2, let low,
            let high = bounds[1].isEmpty ? Int32.max : Int32(bounds[1])
        else { throw Failure("Invalid rule specification: \(text)") }
        return PartitionRule(topic: topic) { $0 >= low && $0 < high }
    }
}
