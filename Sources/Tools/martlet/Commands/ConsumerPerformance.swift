import ClientCore
import KafkaWire
import MartletClient
import Synchronization

/// `martlet consumer-perf-test`, `kafka-consumer-perf-test.sh`.
enum ConsumerPerformanceTool: Tool {
    static let name = "consumer-perf-test"
    static let kafkaNames = ["kafka-consumer-perf-test"]
    static let summary = "Measure how fast records can be consumed."
    static let options: [OptionSpec] = [
        .bootstrapServer, .value("--topic", label: "topic", help: "The topic to read."),
        .value("--include", label: "regex", help: "The topics to read."),
        .value("--group", label: "group", help: "The group to read as; a new one without."),
        .value("--num-records", label: "count", help: "Records to read."),
        .value(
            "--messages", label: "count", help: "Old form of --num-records.", isHidden: true),
        .value(
            "--fetch-size", label: "bytes", help: "Bytes of one partition in one request.",
            default: "1048576"),
        .flag("--from-latest", help: "Begin with what comes, where the group has no offset."),
        .value(
            "--socket-buffer-size", label: "bytes", help: "Accepted, not used.", isHidden: true),
        .value(
            "--command-property", label: "prop", help: "key=value for the consumer.",
            isRepeatable: true),
        .commandConfig,
        .value(
            "--consumer.config", label: "file", help: "Old form of --command-config.",
            isHidden: true),
        .flag("--print-metrics", help: "Print the client's metrics at the end."),
        .flag("--show-detailed-stats", help: "Print a line for each interval."),
        .value(
            "--timeout", label: "ms", help: "Stop when nothing has come for so long.",
            default: "10000"),
        .value(
            "--reporting-interval", label: "ms", help: "Time between lines of progress.",
            default: "5000"),
        .value(
            "--date-format", label: "format", help: "How times are printed.",
            default: DateFormat.standard),
        .flag("--hide-header", help: "Print no names of columns."),
    ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        _ = try options.required("--bootstrap-server")
        let chosen = try options.exactlyOne(of: ["--topic", "--include"], "The command")
        let counted = try options.exactlyOne(of: ["--num-records", "--messages"], "The command")
        if counted == "--messages" {
            console.print("Warning: --messages is deprecated. Use --num-records instead.")
        }
        let count: Int = try options.integer(counted, 1...Int.max) ?? 1
        let timeout: Int64 = try options.integer("--timeout", 0...Int64(Int32.max)) ?? 10_000
        let interval: Int64 = try options.integer("--reporting-interval", 1...Int64.max) ?? 5000
        let format = try DateFormat(options.value("--date-format") ?? DateFormat.standard)
        let isDetailed = options.has("--show-detailed-stats")
        if !options.has("--hide-header") { console.print(header(isDetailed)) }
        let consumer = try Consumer(settings(options))
        // From the first question on, averages are kept.
        if options.has("--print-metrics") { _ = consumer.metrics() }
        let joining = JoinTime(Clocks.wall)
        let noted: @Sendable (RebalanceEvent) async -> Void = { joining.note($0, Clocks.wall) }
        let text = try options.required(chosen)
        if chosen == "--topic" {
            try consumer.subscribe(to: [text], onRebalance: noted)
        } else {
            _ = try TopicPattern(text)
            try consumer.subscribe(
                pattern: text,
                matching: { (try? TopicPattern(text))?.matches($0) ?? false }, onRebalance: noted)
        }
        let printer = SendableConsole(console)
        let first = ConsumptionReport(joining, format, isDetailed: isDetailed, interval: interval)
        let report = try blocking {
            var report = first
            var last = Clocks.wall
            while report.records < count, Clocks.wall - last <= timeout {
                guard let batch = try await consumer.poll(timeout: .milliseconds(100)) else {
                    continue
                }
                last = Clocks.wall
                report.add(batch.records, now: last)
                printer.print(report.takeLines())
            }
            return report
        }
        if report.records < count {
            console.print(
                "WARNING: Exiting before consuming the expected number of records: timeout "
                    + "(\(timeout) ms) exceeded. You can use the --timeout option to increase the "
                    + "timeout.")
        }
        let end = Clocks.wall
        let metrics = options.has("--print-metrics") ? consumer.metrics() : []
        blocking { await consumer.close() }
        if !isDetailed { console.print(report.total(now: end)) }
        if !metrics.isEmpty { MetricsTable.lines(metrics).forEach { console.print($0) } }
        return 0
    }

    private static func header(_ isDetailed: Bool) -> String {
        (isDetailed ? "time, threadId" : "start.time, end.time")
            + ", data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, "
            + "rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec"
    }

    private static func settings(_ options: ParsedOptions) throws -> ConsumerSettings {
        var properties = try ConsoleProducerTool.merged(
            options, ["--command-config", "--consumer.config"], ["--command-property"])
        properties["bootstrap.servers"] = options.value("--bootstrap-server")
        properties["group.id"] =
            options.value("--group") ?? "perf-consumer-\(UInt32.random(in: 0..<100_000))"
        properties["max.partition.fetch.bytes"] = options.value("--fetch-size")
        properties["auto.offset.reset"] = options.has("--from-latest") ? "latest" : "earliest"
        properties["check.crcs"] = "false"
        var settings = ConsumerSettings(network: .init(bootstrap: []))
        settings.network.clientID = "perf-consumer-client"
        try settings.apply(properties)
        return settings
    }
}

/// How long the consumer has been without partitions, in milliseconds.
private final class JoinTime: Sendable {
    private struct State {
        var since: Int64
        var assigned: Set<TopicPartition> = []
        var total: Int64 = 0
        var round: Int64 = 0
    }
    private let state: Mutex<State>

    init(_ now: Int64) { state = Mutex(State(since: now)) }

    func note(_ event: RebalanceEvent, _ now: Int64) {
        state.withLock { state in
            switch event {
            case .assigned(let ids):
                if state.assigned.isEmpty {
                    state.total += now - state.since
                    state.round += now - state.since
                }
                state.assigned.formUnion(ids)
            case .revoked(let ids), .lost(let ids):
                state.assigned.subtract(ids)
                if state.assigned.isEmpty { state.since = now }
            }
        }
    }

    var total: Int64 { state.withLock { $0.total } }
    /// Since the last call.
    func takeRound() -> Int64 {
        state.withLock { state in
            defer { state.round = 0 }
            return state.round
        }
    }
}

/// What was read, in Kafka's lines.
private struct ConsumptionReport: Sendable {
    private let joining: JoinTime
    private let format: DateFormat
    private let isDetailed: Bool
    private let interval: Int64
    private let start = Clocks.wall
    private(set) var records = 0
    private var bytes = 0
    private var last: (time: Int64, records: Int, bytes: Int)
    private var lines: [String] = []

    init(_ joining: JoinTime, _ format: DateFormat, isDetailed: Bool, interval: Int64) {
        self.joining = joining
        self.format = format
        self.isDetailed = isDetailed
        self.interval = interval
        last = (start, 0, 0)
    }

    mutating func add(_ batch: ConsumerBatch.Records, now: Int64) {
        for record in batch {
            records += 1
            bytes += (record.keySize ?? 0) + (record.valueSize ?? 0)
        }
        guard now - last.time >= interval else { return }
        let joined = joining.takeRound()
        if isDetailed {
            lines.append(
                "\(format.text(now)), 0, "
                    + rates(
                        total: (records, bytes), of: (records - last.records, bytes - last.bytes),
                        elapsed: now - last.time, joined: joined))
        }
        last = (now, records, bytes)
    }

    mutating func takeLines() -> [String] {
        defer { lines = [] }
        return lines
    }

    func total(now: Int64) -> String {
        "\(format.text(start)), \(format.text(now)), "
            + rates(
                total: (records, bytes), of: (records, bytes), elapsed: now - start,
                joined: joining.total)
    }

    private func rates(
        total: (records: Int, bytes: Int), of part: (records: Int, bytes: Int), elapsed: Int64,
        joined: Int64
    ) -> String {
        func megabytes(_ bytes: Int) -> Double { Double(bytes) / 1_048_576 }
        func rate(_ amount: Double, _ milliseconds: Int64) -> String {
            milliseconds > 0 ? Decimals.text(amount * 1000 / Double(milliseconds), 4) : "0.0000"
        }
        let fetching = elapsed - joined
        return [
            Decimals.text(megabytes(total.bytes), 4), rate(megabytes(part.bytes), elapsed),
            "\(total.records)", rate(Double(part.records), elapsed), "\(joined)", "\(fetching)",
            rate(megabytes(part.bytes), fetching), rate(Double(part.records), fetching),
        ].joined(separator: ", ")
    }
}
