import KafkaWire
import ClientCore
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
        .value("--random-seed", label: "seed", help: "Seed of random payloads.", default: "0"),
    ]
    static let allowsOperands = true

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        let topic = try options.required("--topic")
        _ = try options.required("--num-records")
        _ = try options.required("--throughput")
        let count: Int = try options.integer("--num-records", 1...Int(Int32.max) * 1000) ?? 1
        let throughput: Int = try options.integer("--throughput", -1...Int(Int32.max)) ?? -1
        let interval: Int64 = try options.integer("--reporting-interval", 1...Int64.max) ?? 5000
        let first = try Payloads(options)
        let settings = try settings(options)
        let report = LatencyReport(count: count, interval: interval)
        let producer = try Producer(settings)
        _ = try blocking { try await producer.partitionCount(of: topic) }
        let printer = SendableConsole(console)
        let end: Int64 = try blocking {
            var payloads = first
            let begin = Clocks.wall
            for index in 0..<count {
                let value = payloads.next(index)
                let sent = Clocks.wall
                let size = value.count
                try await producer.enqueue(ProducerRecord(topic: topic, value: value)) { result in
                    guard case .success = result else { return }
                    let now = Clocks.wall
                    report.record(latency: now - sent, size: size, now: now)
                }
                if throughput > 0 { try await pace(index + 1, throughput, since: begin) }
                if index % 10_000 == 0 { printer.print(report.takeLines()) }
            }
            try await producer.flush()
            return Clocks.wall
        }
        printer.print(report.takeLines() + [report.total(now: end)])
        try blocking { try await producer.close() }
        return 0
    }

    /// Waits while more has been sent than the throughput allows.
    private static func pace(_ sent: Int, _ throughput: Int, since begin: Int64) async throws {
        let due = begin + Int64(sent) * 1000 / Int64(throughput)
        let early = due - Clocks.wall
        if early > 0 { try await Task.sleep(for: .milliseconds(early)) }
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
        return settings
    }
}

/// What `producer-perf-test` sends.
private struct Payloads: Sendable {
    private enum Kind {
        case random(Int)
        case lines([[UInt8]])
        case numbers
    }
    private let kind: Kind
    private var generator: SplitMix64
    private var letters: [UInt8] = []

    init(_ options: ParsedOptions) throws {
        let chosen = try options.exactlyOne(
            of: ["--record-size", "--payload-file", "--payload-monotonic"], "The command")
        let seed: Int64 = try options.integer("--random-seed", Int64.min...Int64.max) ?? 0
        generator = SplitMix64(seed: UInt64(bitPattern: seed))
        switch chosen {
        case "--record-size":
            let size: Int = try options.integer("--record-size", 1...Int(Int32.max)) ?? 1
            kind = .random(size)
            letters = (0..<size).map { _ in UInt8.random(in: 65...90, using: &generator) }
        case "--payload-file":
            let text = try TextFile.read(try options.required("--payload-file"))
            let given = options.value("--payload-delimiter") ?? "\\n"
            let delimiter: Character = given == "\\n" ? "\n" : given.first ?? "\n"
            let lines = text.split(separator: delimiter).map { Array($0.utf8) }
            guard !lines.isEmpty else { throw Failure("The payload file has no payload.") }
            kind = .lines(lines)
        default: kind = .numbers
        }
    }

    /// The payload of the record with this number. A random one differs from the one before in a
    /// few letters, so that making it costs next to nothing.
    mutating func next(_ index: Int) -> [UInt8] {
        switch kind {
        case .random(let size):
            let word: UInt64 = generator.next()
            letters[Int(word % UInt64(size))] = 65 + UInt8((word >> 32) % 26)
            return letters
        case .lines(let lines): return lines[Int.random(in: 0..<lines.count, using: &generator)]
        case .numbers: return Array(String(index).utf8)
        }
    }
}

/// The console as the tool's asynchronous part uses it.
struct SendableConsole: @unchecked Sendable {
    // Sendable: the tool's own thread waits while the asynchronous part prints.
    private let console: Console
    init(_ console: Console) { self.console = console }

    func print(_ lines: [String]) {
        for line in lines { console.print(line) }
        if !lines.isEmpty { console.flush() }
    }
}
