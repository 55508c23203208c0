import MartletClient

/// `martlet replica-verification`, `kafka-replica-verification.sh`.
enum ReplicaVerificationTool: Tool {
    static let name = "replica-verification"
    static let kafkaNames = ["kafka-replica-verification"]
    static let summary = "Validate that all replicas for a set of topics have the same data."
    static let options: [OptionSpec] = [
        .value(
            "--broker-list", "--bootstrap-server", label: "host:port[,host:port]",
            help: "Servers to connect to."),
        .value(
            "--fetch-size", label: "bytes", help: "Most bytes of a partition in one fetch.",
            default: "1048576"),
        .value(
            "--max-wait-ms", label: "ms", help: "Longest wait of a fetch for records.",
            default: "1000"),
        .value(
            "--topics-include", label: "regex", help: "Topics to verify.", default: ".*"),
        .value(
            "--time", label: "timestamp/-1(latest)/-2(earliest)",
            help: "Where to begin in each partition.", default: "-1"),
        .value(
            "--report-interval-ms", label: "ms", help: "Time between two reports.",
            default: "30000"),
        .flag(
            "--once",
            help: "Stop once all that there is has been compared; the exit code is 1 when "
                + "anything differs (Martlet only)."),
        .commandConfig,
    ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        let text = options.value("--topics-include") ?? ".*"
        let topics = try TopicPattern(text)
        let cluster = try AdminSession(options, of: "--broker-list", id: "replica-verification")
        defer { cluster.close() }
        let replicas = try cluster.partitions().filter { topics.matches($0.key.topic) }
            .mapValues(\.replicas)
        guard !replicas.isEmpty else {
            throw Failure(
                "No topics found.", remedy: "--topics-include matches none: '\(text)'.")
        }
        let settings = ReplicaVerification.Settings(
            fetchBytes: try options.integer("--fetch-size", 1...Int32.max) ?? 0,
            waitMilliseconds: try options.integer("--max-wait-ms", 0...Int32.max) ?? 0)
        let verification = try ReplicaVerification(
            cluster, replicas, from: try GetOffsetsTool.time(options.value("--time") ?? "-1"),
            settings, console)
        return try run(verification, options, console)
    }

    private static func run(
        _ verification: ReplicaVerification, _ options: ParsedOptions, _ console: Console
    ) throws -> Int32 {
        let format = try DateFormat("yyyy-MM-dd HH:mm:ss,SSS")
        func say(_ line: String) {
            console.print("\(format.text(Clocks.wall)): \(line)")
            console.flush()
        }
        let interval: Int64 = try options.integer("--report-interval-ms", 0...Int64.max) ?? 0
        var lastReport = Clocks.monotonic
        var differs = false
        say("verification process is started")
        Interruption.watch()
        while !Interruption.isRequested, console.isOpen {
            let round = try verification.round()
            for (partition, difference) in round.differences {
                say(text(partition, difference))
                // What follows cannot be compared.
                if case .offsets = difference { return 1 }
                differs = true
            }
            let isEnd = options.has("--once") && round.isDone
            if isEnd || Clocks.monotonic - lastReport > interval {
                say(report(round, verification.count))
                lastReport = Clocks.monotonic
            }
            if isEnd { break }
        }
        return differs ? 1 : 0
    }

    private static func report(_ round: ReplicaVerification.Round, _ count: Int) -> String {
        guard let slowest = round.slowest else { return "nothing is compared yet" }
        return "max lag is \(slowest.lag) for partition \(slowest.partition) at offset "
            + "\(slowest.offset) among \(count) partitions"
    }

    private static func text(
        _ partition: TopicPartition, _ difference: ReplicaComparison.Difference
    ) -> String {
        switch difference {
        case .offsets(let first, let one, let second, let two):
            "partition \(partition): replica \(first)'s offset \(one) doesn't match replica "
                + "\(second)'s offset \(two)"
        case .checksums(let offset, let first, let one, let second, let two):
            "partition \(partition) has unmatched checksum at offset \(offset); replica "
                + "\(first)'s checksum \(one); replica \(second)'s checksum \(two)"
        }
    }
}
