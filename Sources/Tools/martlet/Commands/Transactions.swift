import MartletClient

/// `martlet transactions`, `kafka-transactions.sh`.
enum TransactionsTool: Tool {
    static let name = "transactions"
    static let kafkaNames = ["kafka-transactions"]
    static let summary = "Show the transactions of producers; find and end those that hang."
    static let options: [OptionSpec] = ClientOptions.specs + [.json]
    private static let partition: [OptionSpec] = [
        .value("--topic", label: "topic", help: "The topic."),
        .value("--partition", label: "number", help: "The partition."),
    ]
    static let verbs = [
        Verb(
            name: "list", summary: "List transactional ids.",
            options: [
                .value(
                    "--duration-filter", label: "ms",
                    help: "Only transactions open for longer; all when negative."),
                .value(
                    "--transactional-id-pattern", label: "regex",
                    help: "Only ids that this regular expression matches."),
            ]),
        Verb(
            name: "describe", summary: "Show the transaction of a transactional id.",
            options: [
                .value("--transactional-id", label: "id", help: "The transactional id.")
            ]),
        Verb(
            name: "describe-producers", summary: "Show the producers that write to a partition.",
            options: partition + [
                .value(
                    "--broker-id", label: "id", help: "The replica to ask (default: the leader).")
            ]),
        Verb(
            name: "abort", summary: "Abort a hanging transaction in one partition.",
            options: partition + [
                .value(
                    "--start-offset", label: "offset", help: "Where the transaction begins."),
                .value(
                    "--producer-id", label: "id",
                    help: "In the place of --start-offset, together with the two below."),
                .value("--producer-epoch", label: "epoch", help: "The producer's epoch."),
                .value(
                    "--coordinator-epoch", label: "epoch", help: "The coordinator's epoch."),
            ]),
        Verb(
            name: "find-hanging", summary: "Find transactions that no coordinator will end.",
            options: partition + [
                .value("--broker-id", label: "id", help: "Only partitions of this broker."),
                .value(
                    "--max-transaction-timeout", label: "minutes",
                    help: "Only transactions older than this.", default: "15"),
            ]),
        Verb(
            name: "forceTerminateTransaction",
            summary: "Abort the open transaction of a transactional id and fence its producer.",
            options: [.value("--transactionalId", label: "id", help: "The transactional id.")]),
    ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        _ = try options.required("--bootstrap-server")
        let act = try action(invocation.verb, options)
        let cluster = try AdminSession(options, id: "transactions-tool")
        defer { cluster.close() }
        try act(cluster, console)
        return 0
    }

    /// What the verb does, with its options checked.
    private static func action(
        _ verb: String, _ options: ParsedOptions
    ) throws -> (AdminSession, Console) throws -> Void {
        switch verb {
        case "list":
            let duration: Int64? = try options.integer("--duration-filter")
            let age = duration.flatMap { $0 < 0 ? nil : Duration.milliseconds($0) }
            return { try TransactionReports.list(olderThan: age, options, $0, $1) }
        case "describe":
            let id = try options.required("--transactional-id")
            return { try TransactionReports.describe(id, options, $0, $1) }
        case "describe-producers":
            let partition = try requiredPartition(options)
            let broker: Int32? = try options.integer("--broker-id")
            return {
                try TransactionReports.producers(
                    of: partition, at: broker.map { BrokerID($0) }, options, $0, $1)
            }
        case "abort":
            let abort = try TransactionAbort(options, try requiredPartition(options))
            return { cluster, _ in try abort.run(cluster) }
        case "find-hanging":
            let search = try HangingTransactions(options)
            return { try search.run($0, $1) }
        default:
            let id = try options.required("--transactionalId")
            return { cluster, _ in
                _ = try reporting("Failed to force terminate transactionalId `\(id)`") {
                    try cluster.ask { try await $0.fenceProducers([id]) }[id]?.get()
                }
            }
        }
    }

    private static func requiredPartition(
        _ options: ParsedOptions
    ) throws(Failure) -> TopicPartition {
        let topic = try options.required("--topic")
        _ = try options.required("--partition")
        let number: Int32? = try options.integer("--partition", 0...Int32.max)
        return TopicPartition(topic: topic, partition: number ?? 0)
    }

    /// Runs `body`; an error of it becomes "`what`: cause".
    static func reporting<Value>(
        _ what: String, _ body: () throws -> Value
    ) throws(Failure) -> Value {
        do { return try body() } catch { throw Failure("\(what): \(error.cause)") }
    }
}
