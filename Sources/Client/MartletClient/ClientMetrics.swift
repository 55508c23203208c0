import ClientCore
import CoreMetrics
import KafkaProtocol

/// Reports a client's measures to the process's metrics system (swift-metrics), under the names
/// that Kafka gives its clients' metrics (KIP-714), with `client-id` as a dimension.
///
/// On one event loop only.
final class ClientMetrics {
    /// Between two reports, at least.
    static let interval = Duration.seconds(1)

    private let prefix: String
    private let dimensions: [(String, String)]
    private let factory: any MetricsFactory
    private let kind: ClientKind
    private var counters: [String: Counter] = [:]
    private var gauges: [String: Gauge] = [:]
    private var recorders: [String: Recorder] = [:]
    private var timers: [String: Timer] = [:]

    init(_ kind: ClientKind, clientID: String, factory: any MetricsFactory) {
        self.kind = kind
        prefix = "kafka.\(kind.rawValue)."
        dimensions = [("client-id", clientID)]
        self.factory = factory
    }

    func report(_ measures: ClientMeasures) {
        count("request.total", measures.requests)
        count("outgoing.byte.total", measures.sentBytes)
        count("incoming.byte.total", measures.receivedBytes)
        count("connection.creation.total", measures.connectionsMade)
        count("connection.close.total", measures.connectionsLost)
        count("failed.authentication.total", measures.refusals)
        set("connection.count", measures.connections)
        set("requests.in.flight", measures.requestsInFlight)
        for latency in measures.latencies {
            time("request.latency", latency.duration, request: latency.api.name)
        }
        switch kind {
        case .producer: reportProducing(measures)
        case .consumer: reportConsuming(measures)
        case .admin: break
        }
    }

    private func reportProducing(_ measures: ClientMeasures) {
        count("record.send.total", measures.recordsSent)
        count("record.error.total", measures.recordsFailed)
        count("record.retry.total", measures.recordsRetried)
        set("buffer.total.bytes", measures.bufferBytes)
        set("buffer.available.bytes", measures.bufferBytes - measures.bufferedBytes)
        for batch in measures.batches {
            record("batch.size", batch.bytes)
            time("record.queue.time", batch.waited)
        }
    }

    private func reportConsuming(_ measures: ClientMeasures) {
        count("fetch.manager.records.consumed.total", measures.recordsConsumed)
        count("fetch.manager.bytes.consumed.total", measures.consumedBytes)
        for bytes in measures.fetches { record("fetch.manager.fetch.size", bytes) }
        if let lag = measures.greatestLag { set("fetch.manager.records.lag.max", Int(lag)) }
        set("fetch.manager.buffered.bytes", measures.bufferedBytes)
        set("coordinator.assigned.partitions", measures.assignedPartitions)
    }

    // MARK: Kinds of metrics

    private func count(_ name: String, _ amount: Int) {
        let counter = made(name, &counters) {
            Counter(label: $0, dimensions: dimensions, factory: factory)
        }
        if amount > 0 { counter.increment(by: amount) }
    }

    private func set(_ name: String, _ value: Int) {
        made(name, &gauges) { Gauge(label: $0, dimensions: dimensions, factory: factory) }
            .record(value)
    }

    private func record(_ name: String, _ value: Int) {
        made(name, &recorders) { Recorder(label: $0, dimensions: dimensions, factory: factory) }
            .record(value)
    }

    private func time(_ name: String, _ duration: Duration, request: String? = nil) {
        let key = request.map { "\(name) \($0)" } ?? name
        let more = request.map { [("request", $0)] } ?? []
        let timer =
            timers[key]
            ?? Timer(label: prefix + name, dimensions: dimensions + more, factory: factory)
        timers[key] = timer
        timer.recordNanoseconds(duration.wholeNanoseconds)
    }

    private func made<Metric>(
        _ name: String, _ known: inout [String: Metric], _ make: (String) -> Metric
    ) -> Metric {
        if let metric = known[name] { return metric }
        let metric = make(prefix + name)
        known[name] = metric
        return metric
    }
}
