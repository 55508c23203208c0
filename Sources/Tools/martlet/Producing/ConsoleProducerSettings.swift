import ClientCore
import KafkaRecords

/// The settings of the console producer: options, where these say nothing properties, and defaults
/// of its own.
enum ConsoleProducerSettings {
    /// Options of the tool, with the property of Kafka's producer that each sets.
    private static let mergedOptions = [
        ("--timeout", "linger.ms"), ("--request-required-acks", "acks"),
        ("--request-timeout-ms", "request.timeout.ms"), ("--message-send-max-retries", "retries"),
        ("--retry-backoff-ms", "retry.backoff.ms"), ("--max-memory-bytes", "buffer.memory"),
        ("--batch-size", "batch.size"), ("--max-partition-memory-bytes", "batch.size"),
        ("--max-block-ms", "max.block.ms"),
    ]
    private static let defaults = [
        "linger.ms": "1000", "request.timeout.ms": "1500", "retries": "3",
        "retry.backoff.ms": "100", "max.block.ms": "3000", "client.id": "console-producer",
    ]

    static func settings(
        _ options: ParsedOptions, _ given: [String: String], bootstrap: String
    ) throws(Failure) -> ProducerSettings {
        guard given["transactional.id"] == nil else {
            throw Failure(
                "This tool sends without transactions: transactional.id cannot be set.",
                remedy: "Kafka's console producer cannot begin a transaction either.")
        }
        var properties = defaults
        // Nothing more comes while one record is waited for.
        if options.has("--sync") { properties["linger.ms"] = "0" }
        properties.merge(given) { $1 }
        for (option, key) in mergedOptions where options.has(option) {
            properties[key] = options.value(option)
        }
        properties["compression.type"] = try codec(options)
        properties["bootstrap.servers"] = bootstrap
        var settings = ProducerSettings(network: .init(bootstrap: []))
        do throws(ClientError) {
            try settings.apply(properties)
            // Says what is wrong with settings that do not go together, before anything is read.
            try settings.validate()
        } catch { throw Failure("\(error).") }
        return settings
    }

    /// The option decides even when it is not given, as in Kafka's tool.
    private static func codec(_ options: ParsedOptions) throws(Failure) -> String {
        guard options.has("--compression-codec") else { return "none" }
        let given = options.value("--compression-codec") ?? ""
        let name = given.isEmpty ? "gzip" : given
        guard CompressionType(name: name) != nil else {
            throw Failure(
                "'\(name)' is no compression codec.",
                remedy: "Use none, gzip, snappy, lz4 or zstd.")
        }
        return name
    }
}
