import ClientCore
import KafkaWire
import MartletClient

/// `martlet producer-perf-test`, `kafka-producer-perf-test.sh`.
enum ProducerPerformanceTool: Tool {
    static let name = "producer-perf-test"
    static let kafkaNames = ["kafka-producer-perf-test"]
    static let summary = "Measure how fast records can be produced."
    static let options: [OptionSpec] = [
        .bootstrapServer, .value("--topic", label: "topic", help: "The topic to send to."),
        .value("--num-records", label: "count", help: "Records to send."),
        .value("--record-size", label: "bytes", help: "Size of each value, of random letters."),
        .value("--payload-file", label: "file", help: "Send lines of this file, chosen at random."),
        .value(
            "--payload-delimiter", label: "text", help: "What separates payloads.", default: "\\n"),
        .flag("--payload-monotonic", help: "Send the numbers from 0 on."),
        .value("--throughput", label: "count", help: "Records a second at most; -1: no limit."),
        .value(
            "--command-property", label: "prop", help: "key=value for the producer.",
            isRepeatable: true),
        .value(
            "--producer-props", label: "prop", help: "Old form of --command-property.",
            isRepeatable: true, isHidden: true),
        .commandConfig,
        .value(
            "--producer.config", label: "file", help: "Old form of --command-config.",
            isHidden: true),
        .value(
            "--reporting-interval", label: "ms", help: "Time between lines of progress.",
            default: "5000"),
        .value(
            "--random-seed", label: "seed", help: "Seed of random payloads and keys.",
            default: "0"),
        .value(
            "--key-distribution", label: "none|range|random",
            help: "No keys, the numbers below the range in turn, or at random.", default: "none"),
        .value("--record-key-range", label: "count", help: "How many keys there are."),
        .value(
            "--warmup-records", label: "count",
            help: "The first records, of which a last line says nothing.", default: "0"),
        .value("--transactional-id", label: "id", help: "Send in transactions under this id."),
        .value(
            "--transaction-duration-ms", label: "ms",
            help: "Commit after so long; 3000 with an id, and under an id of its own without."),
        .flag("--print-metrics", help: "Print the client's metrics at the end."),
    ]
    static let allowsOperands = true

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        let load = try PerformanceLoad(options)
        let interval: Int64 = try options.integer("--reporting-interval", 1...Int64.max) ?? 5000
        let settings = try settings(options)
        let producer = try Producer(settings)
        let prints = options.has("--print-metrics")
        // From the first question on, averages are kept.
        if prints { _ = producer.metrics() }
        let topic = load.topic
        _ = try blocking { try await producer.partitionCount(of: topic) }
        if load.warmup > 0 {
            console.print(
                "Warmup first \(load.warmup) records. Steady state results will print after the "
                    + "complete test summary.")
        }
        let printer = SendableConsole(console)
        let run = PerformanceRun(
            producer, load, commitsAfter: try duration(options, settings), interval: interval,
            printer)
        let metrics = try blocking {
            try await run.send()
            return prints ? producer.metrics() : []
        }
        if prints { printer.print(MetricsTable.lines(metrics)) }
        try blocking { try await producer.close() }
        return 0
    }

    /// Milliseconds of each transaction; `nil` without transactions.
    private static func duration(
        _ options: ParsedOptions, _ settings: ClientCore.ProducerSettings
    ) throws -> Int64? {
        let given: Int64? = try options.integer("--transaction-duration-ms", 1...Int64.max)
        return settings.transactionalID == nil ? nil : given ?? 3000
    }

    private static func settings(_ options: ParsedOptions) throws -> ClientCore.ProducerSettings {
        var properties = try ConsoleProducerTool.merged(
            options, ["--command-config", "--producer.config"],
            ["--command-property", "--producer-props"])
        // Kafka's --producer-props takes all that follows it.
        properties.merge(ClientOptions.pairs(options.operands)) { $1 }
        properties["bootstrap.servers"] =
            options.value("--bootstrap-server") ?? properties["bootstrap.servers"]
        guard properties["bootstrap.servers"] != nil else {
            throw Failure.usage(
                "At least one of --bootstrap-server and bootstrap.servers is required.")
        }
        var settings = ClientCore.ProducerSettings(network: .init(bootstrap: []))
        settings.network.clientID = "perf-producer-client"
        try settings.apply(properties)
        if let id = options.value("--transactional-id") { settings.transactionalID = id }
        if settings.transactionalID == nil, options.has("--transaction-duration-ms") {
            var random = SystemRandomNumberGenerator()
            settings.transactionalID = "performance-producer-\(KafkaUUID.random(using: &random))"
        }
        return settings
    }
}
