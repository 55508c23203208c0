import ClientCore
import KafkaWire
import MartletClient

/// Sends what `producer-perf-test` is to send, and tells how fast that went.
struct PerformanceRun: Sendable {
    private let producer: Producer
    private let load: PerformanceLoad
    /// Milliseconds of each transaction; `nil` without.
    private let transactionDuration: Int64?
    private let interval: Int64
    private let printer: SendableConsole

    init(
        _ producer: Producer, _ load: PerformanceLoad, commitsAfter: Int64?, interval: Int64,
        _ printer: SendableConsole
    ) {
        self.producer = producer
        self.load = load
        transactionDuration = commitsAfter
        self.interval = interval
        self.printer = printer
    }

    func send() async throws {
        if transactionDuration != nil { try await producer.initTransactions() }
        let report = LatencyReport(count: load.count, interval: interval)
        var steady: LatencyReport?
        var (payloads, keys) = (load.payloads, load.keys)
        var began: Int64?
        let begin = Clocks.wall
        for index in 0..<load.count {
            if index == load.warmup, index > 0 {
                steady = LatencyReport(
                    count: load.count - index, interval: interval, isSteadyState: true)
                report.stopProgress()
            }
            let sent = Clocks.wall
            let record = ProducerRecord(
                topic: load.topic, key: keys.next(index), value: payloads.next(index),
                timestamp: sent)
            if transactionDuration != nil, began == nil {
                _ = try await producer.beginTransaction()
                began = sent
            }
            try await hand(over: record, sent, report, steady)
            if let transactionDuration, let since = began, sent - since >= transactionDuration {
                try await producer.commitTransaction()
                began = nil
            }
            if load.throughput > 0 { try await pace(index + 1, since: begin) }
            if index % 10_000 == 0 {
                printer.print(report.takeLines() + (steady?.takeLines() ?? []))
            }
        }
        if began != nil { try await producer.commitTransaction() }
        try await producer.flush()
        let end = Clocks.wall
        for report in [report, steady].compactMap({ $0 }) {
            printer.print(report.takeLines() + [report.total(now: end)])
        }
    }

    /// Has the producer take the record, and the reports told how long it took to be written.
    nonisolated(nonsending)
        private func hand(
            over record: ProducerRecord, _ sent: Int64, _ report: LatencyReport,
            _ steady: LatencyReport?
        ) async throws
    {
        // Not the record itself, which would live until its end.
        let size = record.value?.count ?? 0
        let done: @Sendable (Result<RecordMetadata, ClientError>) -> Void = { result in
            guard case .success = result else { return }
            let now = Clocks.wall
            report.record(latency: now - sent, size: size, now: now)
            steady?.record(latency: now - sent, size: size, now: now)
        }
        // Most of the time there is room, and nothing to wait for.
        if try producer.tryEnqueue(record, whenDone: done) { return }
        try await producer.enqueue(record, whenDone: done)
    }

    /// Waits while more has been sent than the throughput allows.
    private func pace(_ sent: Int, since begin: Int64) async throws {
        let due = begin + Int64(Double(sent) * 1000 / load.throughput)
        let early = due - Clocks.wall
        if early > 0 { try await Task.sleep(for: .milliseconds(early)) }
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
