/// `martlet console-consumer`, `kafka-console-consumer.sh`.
enum ConsoleConsumerTool: Tool {
    static let name = "console-consumer"
    static let kafkaNames = ["kafka-console-consumer"]
    static let summary = "Print the records of topics to standard output."
    private static let formatterHelp =
        "key=value for printing: print.timestamp, print.key, print.offset, print.epoch, "
        + "print.partition, print.headers, print.value, key.separator, line.separator, "
        + "headers.separator, null.literal. May be repeated."
    static let options: [OptionSpec] = [
        .value("--topic", label: "topic", help: "The topic to read."),
        .value("--include", label: "regex", help: "The topics to read."),
        .value(
            "--partition", label: "number",
            help: "Read only this partition; from its end unless --offset says otherwise."),
        .value(
            "--offset", label: "offset",
            help: "Where to begin: a number, earliest or latest (default: latest)."),
        .flag("--from-beginning", help: "Begin with the first record of each partition."),
        .value("--max-messages", label: "count", help: "Stop after so many."),
        .value("--timeout-ms", label: "ms", help: "Stop when nothing has come for so long."),
        .flag("--skip-message-on-error", help: "Go on after a record that cannot be printed."),
        .bootstrapServer,
        .value(
            "--isolation-level", label: "level",
            help: "read_committed leaves out what was not committed.", default: "read_uncommitted"),
        .value("--formatter-property", label: "prop", help: formatterHelp, isRepeatable: true),
        .value(
            "--property", label: "prop", help: "Old form of --formatter-property.",
            isRepeatable: true, isHidden: true),
        .value("--formatter-config", label: "file", help: "Properties file for printing."),
        .value(
            "--formatter", label: "class",
            help: "One of Kafka's own: DefaultMessageFormatter, NoOpMessageFormatter, and for the "
                + "topics of coordinators OffsetsMessageFormatter, GroupMetadataMessageFormatter, "
                + "TransactionLogMessageFormatter or ShareGroupMessageFormatter."),
        .value("--key-deserializer", label: "class", help: "As --formatter.", isHidden: true),
        .value("--value-deserializer", label: "class", help: "As --formatter.", isHidden: true),
        .value(
            "--command-property", label: "prop", help: "key=value for the consumer.",
            isRepeatable: true),
        .value(
            "--consumer-property", label: "prop", help: "Old form of --command-property.",
            isRepeatable: true, isHidden: true),
        .commandConfig,
        .value(
            "--consumer.config", label: "file", help: "Old form of --command-config.",
            isHidden: true),
        .value(
            "--group", label: "group",
            help: "The consumer group to be a member of; without it, nothing is committed."),
        .flag("--enable-systest-events", help: "For Kafka's system tests.", isHidden: true),
    ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        let plan = try ConsumptionPlan(options)
        for (old, new) in [
            ("--consumer-property", "--command-property"),
            ("--consumer.config", "--command-config"), ("--property", "--formatter-property"),
        ] where options.has(old) {
            console.error(
                "Option \(old) is deprecated and will be removed in a future version. "
                    + "Use \(new) instead.")
        }
        let reader = try reader(plan, options)
        do {
            try printRecords(
                plan, console, isTest: options.has("--enable-systest-events"), reader.poll)
        } catch {
            try reader.close()
            throw error
        }
        try reader.close()
        return 0
    }

    private static func reader(
        _ plan: ConsumptionPlan, _ options: ParsedOptions
    ) throws -> RecordReader {
        let servers = try options.required("--bootstrap-server")
        let properties = plan.consumerProperties(servers)
        if plan.group != nil {
            return try RecordReader(
                options.value("--topic").map { .name($0) }
                    ?? .pattern(try options.required("--include")), properties)
        }
        return try RecordReader(
            topics: try topics(options, servers, plan.properties), only: plan.partition,
            from: plan.start, properties)
    }

    /// Prints what `poll` gives, until there is enough.
    private static func printRecords(
        _ plan: ConsumptionPlan, _ console: Console, isTest: Bool,
        _ poll: ((ConsumedRecord) throws -> Bool) throws -> Void
    ) throws {
        Interruption.watch()
        var count = 0
        defer {
            console.flush()
            console.error("Processed a total of \(count) messages")
            if isTest { console.print("shutdown_complete") }
        }
        var lastRecord = Clocks.monotonic
        var line: [UInt8] = []
        while console.isOpen, !Interruption.isRequested, plan.wantsMore(after: count) {
            try poll { record in
                line.removeAll(keepingCapacity: true)
                count += 1
                do throws(Failure) { try plan.formatter.write(record, to: &line) } catch {
                    guard plan.skipsBadRecords else { throw error }
                    console.error("\(error.message). Skipping it.")
                }
                console.write(line)
                lastRecord = Clocks.monotonic
                return console.isOpen && plan.wantsMore(after: count)
            }
            console.flush()
            if let timeout = plan.timeout, Clocks.monotonic - lastRecord >= timeout { break }
        }
        if !console.isOpen {
            console.error("Unable to write to standard out, closing consumer.")
        }
    }

    private static func topics(
        _ options: ParsedOptions, _ servers: String, _ properties: [String: String]
    ) throws -> [String] {
        if let topic = options.value("--topic") { return [topic] }
        let text = try options.required("--include")
        let pattern = try TopicPattern(text)
        let cluster = try AdminSession(servers: servers, properties, id: "console-consumer")
        defer { cluster.close() }
        let names = try cluster.ask { try await $0.listTopics(includingInternal: true) }
        let found = names.map(\.name).filter {
            pattern.matches($0) && !InternalTopics.names.contains($0)
        }
        guard !found.isEmpty else { throw Failure("No topic matches --include '\(text)'.") }
        return found
    }
}
