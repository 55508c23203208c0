import ClientCore
import KafkaRecords
import KafkaWire
import MartletClient

/// `martlet console-producer`, `kafka-console-producer.sh`.
enum ConsoleProducerTool: Tool {
    static let name = "console-producer"
    static let kafkaNames = ["kafka-console-producer"]
    static let summary = "Send the lines of standard input to a topic."
    private static let readerHelp =
        "key=value for reading lines: parse.key, key.separator (tab), parse.headers, "
        + "headers.delimiter (tab), headers.separator (,), headers.key.separator (:), "
        + "ignore.error, null.marker. May be repeated."
    static let options: [OptionSpec] = [
        .value("--topic", label: "topic", help: "The topic to send to."), .bootstrapServer,
        .flag("--sync", help: "Wait for the answer to each line before the next."),
        .optionalValue(
            "--compression-codec", label: "codec",
            help: "none, gzip, snappy, lz4 or zstd; gzip when the name is left out."),
        .value("--batch-size", label: "bytes", help: "Records in one batch (default: 16384)."),
        .value(
            "--message-send-max-retries", label: "count", help: "Retries of a batch (default: 3)."),
        .value("--retry-backoff-ms", label: "ms", help: "Pause before a retry (default: 100)."),
        .value("--timeout", label: "ms", help: "Time a batch waits for more (default: 1000)."),
        .value(
            "--request-required-acks", label: "acks",
            help: "-1 or all: all in-sync replicas; 1: the leader; 0: nobody (default: -1)."),
        .value(
            "--request-timeout-ms", label: "ms", help: "Time for the answer (default: 1500)."),
        .value("--metadata-expiry-ms", label: "ms", help: "Accepted, not used.", isHidden: true),
        .value("--max-block-ms", label: "ms", help: "Time to wait for the topic (default: 3000)."),
        .value(
            "--max-memory-bytes", label: "bytes",
            help: "Records that wait for an answer (default: 33554432)."),
        .value(
            "--max-partition-memory-bytes", label: "bytes", help: "Old form of --batch-size.",
            isHidden: true),
        .value(
            "--line-reader", label: "class", help: "Java classes cannot be loaded.",
            isHidden: true),
        .value("--socket-buffer-size", label: "bytes", help: "Accepted, not used.", isHidden: true),
        .value("--reader-property", label: "prop", help: readerHelp, isRepeatable: true),
        .value(
            "--property", label: "prop", help: "Old form of --reader-property.",
            isRepeatable: true, isHidden: true),
        .value("--reader-config", label: "file", help: "Properties file for reading lines."),
        .value(
            "--command-property", label: "prop",
            help: "key=value for the producer: acks, linger.ms, batch.size, ... May be repeated.",
            isRepeatable: true),
        .value(
            "--producer-property", label: "prop", help: "Old form of --command-property.",
            isRepeatable: true, isHidden: true),
        .commandConfig,
        .value(
            "--producer.config", label: "file", help: "Old form of --command-config.",
            isHidden: true),
    ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        _ = try options.required("--topic")
        let servers = try options.required("--bootstrap-server")
        try checkOldNames(options, console)
        if let reader = options.value("--line-reader"), !reader.hasSuffix("LineMessageReader") {
            throw Failure("--line-reader \(reader) names a Java class, which cannot be loaded.")
        }
        let properties = try merged(
            options, ["--command-config", "--producer.config"],
            ["--command-property", "--producer-property"])
        let parser = try LineParser(
            try merged(options, ["--reader-config"], ["--reader-property", "--property"]))
        let producer = try Producer(
            try ConsoleProducerSettings.settings(options, properties, bootstrap: servers))
        let topic = try options.required("--topic")
        let failures = ProducerFailures()
        do {
            _ = try blocking { try await producer.partitionCount(of: topic) }
            let sender = ConsoleSender(
                producer: producer, topic: topic, isSynchronous: options.has("--sync"),
                failures: failures)
            try send(parser, sender, console)
        } catch {
            // What came before a bad line still goes out.
            try? blocking { try await producer.close() }
            failures.report(to: console)
            throw error
        }
        try? blocking { try await producer.close() }
        failures.report(to: console)
        return failures.total == 0 ? 0 : 1
    }

    private static func checkOldNames(
        _ options: ParsedOptions, _ console: Console
    ) throws(Failure) {
        for (new, old) in [
            ("--command-config", "--producer.config"),
            ("--command-property", "--producer-property"), ("--reader-property", "--property"),
        ] where options.has(old) {
            try options.forbid(new, with: [old])
            warn(old, "a future version", new, console)
        }
        if options.has("--max-partition-memory-bytes") {
            warn("--max-partition-memory-bytes", "Apache Kafka 5.0", "--batch-size", console)
        }
    }

    private static func warn(_ old: String, _ end: String, _ new: String, _ console: Console) {
        console.error(
            "Warning: \(old) is deprecated and will be removed in \(end). Use \(new) instead.")
    }

    /// Properties of files, and of arguments, which win.
    static func merged(
        _ options: ParsedOptions, _ files: [String], _ arguments: [String]
    ) throws -> [String: String] {
        var properties: [String: String] = [:]
        for file in files.compactMap(options.value) {
            properties.merge(try ClientOptions.properties(file)) { $1 }
        }
        for argument in arguments {
            properties.merge(ClientOptions.pairs(options.values(argument))) { $1 }
        }
        return properties
    }

    private static func send(
        _ parser: LineParser, _ sender: ConsoleSender, _ console: Console
    ) throws {
        var lines = InputLines(descriptor: console.input)
        var number = 0
        let prompts = console.promptsForInput
        Interruption.watch()
        var isPrompted = false
        while !Interruption.isRequested {
            if prompts, !isPrompted {
                console.write(">")
                console.flush()
                isPrompted = true
            }
            let event = try lines.next(milliseconds: 1000)
            sender.failures.report(to: console)
            switch event {
            case .end: return
            case .idle: continue
            case .line(let line):
                isPrompted = false
                number += 1
                try sender.send(try parser.record(line, number: number))
            }
        }
    }
}
