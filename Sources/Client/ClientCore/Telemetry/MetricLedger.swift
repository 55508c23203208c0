import KafkaProtocol
import KafkaWire

/// Adds up what a client has measured, for pushes: totals since the client began, and averages and
/// maxima since the last push. Names are those of Kafka's clients (KIP-714).
struct MetricLedger: Sendable {
    /// Several samples, in the unit of their metric.
    struct Samples: Sendable, Equatable {
        private(set) var count = 0
        private(set) var sum = 0.0
        private(set) var most = 0.0

        var average: Double { sum / Double(count) }

        mutating func add(_ sample: Double) {
            most = count == 0 ? sample : max(most, sample)
            count += 1
            sum += sample
        }
    }

    /// What samples are of: a metric, of a broker where it has one for each.
    struct SampleKey: Hashable, Comparable, Sendable {
        var name: String
        var node: String?

        static func < (a: SampleKey, b: SampleKey) -> Bool {
            (a.name, a.node ?? "") < (b.name, b.node ?? "")
        }
    }

    private let kind: ClientKind
    /// Whether anybody wants more than totals.
    var keepsSamples = false
    private var totals: [String: Int] = [:]
    /// Totals that Kafka's clients tell no rate of.
    private static let withoutRate: Set = ["coordinator.rebalance.latency"]
    /// Samples that they tell no maximum of.
    private static let withoutMaximum: Set = ["poll.idle.ratio"]
    private var gauges: [String: Int] = [:]
    private var samples: [SampleKey: Samples] = [:]
    /// Totals as of the last push that was taken, and its time; `nil` before the first.
    private var before: (totals: [String: Int], time: ClientInstant)?
    /// What the push that is under way has of it.
    private var inPush: (totals: [String: Int], time: ClientInstant)?
    /// When counting began, and what is to be added to a moment for the time of day.
    private var began = ClientInstant(nanoseconds: 0)
    private var epochOffset: Int64 = 0
    private var hasBegun = false

    /// What the next push would have.
    private(set) var series: [MetricSeries] = []

    init(_ kind: ClientKind) { self.kind = kind }

    /// Takes in measures: the counters add up, the rest is as of now.
    ///
    /// - Parameter timestamp: the time of day, in ms since the epoch.
    mutating func note(_ measures: ClientMeasures, timestamp: Int64, _ now: ClientInstant) {
        epochOffset = timestamp.saturatingProduct(1_000_000) &- now.nanoseconds
        if !hasBegun { began = now }
        hasBegun = true
        count(measures)
        gauge(measures)
        if keepsSamples { sample(measures) }
    }

    /// All totals count as told, and averages begin anew.
    mutating func startAnew(_ now: ClientInstant) {
        before = (totals, now)
        inPush = nil
        samples = [:]
    }

    /// Makes `series` what there is to push, with what has not been taken in yet.
    mutating func notePush(of measures: ClientMeasures, _ now: ClientInstant) {
        var all = self
        all.count(measures)
        all.sample(measures)
        series = all.collect(now)
        inPush = (all.totals, now)
    }

    /// All metrics as of now. Averages and maxima are those of what has come since the first time
    /// that anybody asked, and since the last push.
    mutating func metrics(
        with measures: ClientMeasures, clientID: String, _ now: ClientInstant
    ) -> [ClientMetric] {
        var all = self
        all.count(measures)
        all.sample(measures)
        keepsSamples = true
        return all.collect(now).map { ClientMetric($0, prefix: prefix, kind, clientID: clientID) }
    }

    /// The push has been taken.
    mutating func pushed() {
        before = inPush
        inPush = nil
        samples = [:]
    }

    // MARK: Taking in

    private mutating func count(_ measures: ClientMeasures) {
        func add(_ name: String, _ amount: Int, _ totals: inout [String: Int]) {
            totals[name, default: 0] += amount
        }
        add("connection.creation", measures.connectionsMade, &totals)
        add("connection.close", measures.connectionsLost, &totals)
        add("request", measures.requests, &totals)
        add("outgoing.byte", measures.sentBytes, &totals)
        add("incoming.byte", measures.receivedBytes, &totals)
        add("failed.authentication", measures.refusals, &totals)
        switch kind {
        case .producer:
            add("record.send", measures.recordsSent, &totals)
            add("record.error", measures.recordsFailed, &totals)
            add("record.retry", measures.recordsRetried, &totals)
        case .consumer:
            add("fetch.manager.records.consumed", measures.recordsConsumed, &totals)
            add("fetch.manager.bytes.consumed", measures.consumedBytes, &totals)
            let rebalancing = measures.rebalances.reduce(Duration.zero, +)
            add("coordinator.rebalance.latency", Int(rebalancing.inMilliseconds), &totals)
        case .admin: break
        }
    }

    private mutating func gauge(_ measures: ClientMeasures) {
        gauges = [
            "connection.count": measures.connections,
            "requests.in.flight": measures.requestsInFlight,
        ]
        switch kind {
        case .producer:
            gauges["buffer.total.bytes"] = measures.bufferBytes
            gauges["buffer.available.bytes"] = measures.bufferBytes - measures.bufferedBytes
        case .consumer:
            gauges["coordinator.assigned.partitions"] = measures.assignedPartitions
            gauges["fetch.manager.records.lag.max"] = measures.greatestLag.map { Int($0) }
        case .admin: break
        }
    }

    private mutating func sample(_ measures: ClientMeasures) {
        for latency in measures.latencies {
            let time = latency.duration.inMilliseconds
            sample("request.latency", time)
            if let node = latency.node { sample("node.request.latency", time, node: node) }
            switch latency.api {
            case .fetch: sample("fetch.manager.fetch.latency", time)
            case .offsetCommit: sample("coordinator.commit.latency", time)
            default: break
            }
        }
        for throttle in measures.throttles {
            switch throttle.api {
            case .produce: sample("produce.throttle.time", throttle.duration.inMilliseconds)
            case .fetch:
                sample("fetch.manager.fetch.throttle.time", throttle.duration.inMilliseconds)
            default: break
            }
        }
        for batch in measures.batches {
            sample("batch.size", Double(batch.bytes))
            sample("record.queue.time", batch.waited.inMilliseconds)
        }
        for bytes in measures.fetches { sample("fetch.manager.fetch.size", Double(bytes)) }
        if let ratio = measures.idleRatio { sample("poll.idle.ratio", ratio) }
        for time in measures.rebalances {
            sample("coordinator.rebalance.latency", time.inMilliseconds)
        }
    }

    private mutating func sample(_ name: String, _ value: Double, node: BrokerID? = nil) {
        let key = SampleKey(name: name, node: node.map { "node-\($0.rawValue)" })
        samples[key, default: Samples()].add(value)
    }

    // MARK: Giving out

    private var prefix: String { "org.apache.kafka.\(kind.rawValue)." }

    private func collect(_ now: ClientInstant) -> [MetricSeries] {
        let time = now.nanoseconds &+ epochOffset
        let start = before?.time ?? began
        let seconds = Double(max(1, (now - start).wholeNanoseconds)) / 1e9
        func gauge(_ name: String, _ value: Double, node: String? = nil) -> MetricSeries {
            MetricSeries(
                name: prefix + name, labels: node.map { ["node_id": $0] } ?? [:],
                time: time, kind: .gauge(value))
        }
        var all: [MetricSeries] = []
        for (name, total) in totals.sorted(by: { $0.key < $1.key }) {
            let fresh = total - (before?.totals[name] ?? 0)
            all.append(
                MetricSeries(
                    name: "\(prefix)\(name).total", labels: [:], time: time,
                    kind: .sum(
                        total: Double(total), since: began.nanoseconds &+ epochOffset,
                        delta: Double(fresh), sinceLast: start.nanoseconds &+ epochOffset)))
            guard !Self.withoutRate.contains(name) else { continue }
            all.append(gauge("\(name).rate", Double(fresh) / seconds))
        }
        for (name, value) in gauges.sorted(by: { $0.key < $1.key }) {
            all.append(gauge(name, Double(value)))
        }
        for (key, samples) in samples.sorted(by: { $0.key < $1.key }) {
            all.append(gauge("\(key.name).avg", samples.average, node: key.node))
            guard !Self.withoutMaximum.contains(key.name) else { continue }
            all.append(gauge("\(key.name).max", samples.most, node: key.node))
        }
        return all
    }
}

extension Duration {
    fileprivate var inMilliseconds: Double { Double(wholeNanoseconds) / 1e6 }
}
