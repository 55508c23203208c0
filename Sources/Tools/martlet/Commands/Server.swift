/// `martlet server`, `kafka-server-start.sh`.
enum ServerTool: Tool {
    static let name = "server"
    static let kafkaNames = ["kafka-server-start"]
    static let summary = "Start a node."
    static let allowsOperands = true
    static let options: [OptionSpec] = [
        .value(
            "--config", "-c", label: "file",
            help: "server.properties; it may stand alone, as for Kafka. Without a file: one "
                + "combined node on localhost:9092 with its data under ./data."),
        .value(
            "--override", label: "key=value",
            help: "A property that wins over the file. May be repeated.", isRepeatable: true),
        .flag("-daemon", help: "Not supported: use a service manager.", isHidden: true),
    ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        guard !options.has("-daemon") else {
            throw Failure(
                "-daemon is not supported.", remedy: "Run martlet under systemd, nohup or '&'.")
        }
        let files = (options.value("--config").map { [$0] } ?? []) + options.operands
        guard files.count <= 1 else {
            throw Failure.usage("Only one properties file can be given, not \(files.count).")
        }
        var overrides: [(key: String, value: String)] = []
        for text in options.values("--override") {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw Failure.usage("--override wants key=value, not '\(text)'.")
            }
            overrides.append((String(parts[0]).trimmed, String(parts[1]).trimmed))
        }
        return try ServerLauncher.run(config: files.first, overrides: overrides, console)
    }
}
