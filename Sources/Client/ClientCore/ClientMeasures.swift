public import KafkaProtocol
public import KafkaWire

/// What a client has done since its measures were last taken, and how full it is. Counted by
/// request and batch, never by record, so that it costs next to nothing.
public struct ClientMeasures: Sendable {
    /// How long the answer to a request took to come.
    public struct Latency: Sendable, Equatable {
        public var api: APIKey
        public var duration: Duration
        /// Whose answer; `nil` for a bootstrap server.
        public var node: BrokerID?
    }

    /// How long an answer asked for silence.
    public struct Throttle: Sendable, Equatable {
        public var api: APIKey
        public var duration: Duration
    }

    // Since the measures were last taken.

    public var requests = 0
    public var sentBytes = 0
    public var receivedBytes = 0
    public var connectionsMade = 0
    public var connectionsLost = 0
    /// Authentications, certificates and the like that were refused.
    public var refusals = 0
    public private(set) var latencies: [Latency] = []
    /// Answers that said anything of quotas, or could have.
    public private(set) var throttles: [Throttle] = []
    /// Records that were written, of a producer.
    public var recordsSent = 0
    public var recordsFailed = 0
    public var recordsRetried = 0
    /// Bytes of batches as they were sent, and how long each had waited for that.
    public private(set) var batches: [(bytes: Int, waited: Duration)] = []
    /// Records that the reader of a consumer is done with.
    public var recordsConsumed = 0
    public var consumedBytes = 0
    /// Bytes of answers to Fetch.
    public private(set) var fetches: [Int] = []
    /// How long rebalances took: in a classic group from joining to the assignment, with the
    /// protocol `consumer` from an assignment that differs until all of it is taken up.
    public private(set) var rebalances: [Duration] = []

    /// Which share of the time the reader of a consumer has waited for records.
    public var idleRatio: Double?

    // Now.

    public var connections = 0
    public var requestsInFlight = 0
    /// Bytes of records that wait to be sent or read, and how many there may be.
    public var bufferedBytes = 0
    public var bufferBytes = 0
    public var assignedPartitions = 0
    /// Records that the reader has before it in the partition where it is furthest behind.
    public var greatestLag: Int64?

    /// Of latencies and other samples the first so many are kept, each time.
    public static let sampleLimit = 1_024

    init() {}

    mutating func note(_ latency: Latency) {
        if latencies.count < Self.sampleLimit { latencies.append(latency) }
    }
    mutating func note(_ throttle: Throttle) {
        if throttles.count < Self.sampleLimit { throttles.append(throttle) }
    }
    mutating func noteRebalance(_ duration: Duration) {
        if rebalances.count < Self.sampleLimit { rebalances.append(duration) }
    }
    mutating func noteBatch(bytes: Int, waited: Duration) {
        if batches.count < Self.sampleLimit { batches.append((bytes, waited)) }
    }
    mutating func noteFetch(bytes: Int) {
        if fetches.count < Self.sampleLimit { fetches.append(bytes) }
    }
}

extension Network {
    /// What was counted since the last call, with the state of connections.
    mutating func takeMeasures() -> ClientMeasures {
        var taken = measures
        measures = ClientMeasures()
        for node in nodes.values {
            if node.isReady { taken.connections += 1 }
            taken.requestsInFlight += node.inFlight.count
        }
        return taken
    }
}

extension Network {
    mutating func metrics(_ now: ClientInstant) -> [ClientMetric] {
        telemetry.ledger.metrics(with: measures, clientID: settings.clientID, now)
    }
}

extension ProducerCore {
    public mutating func metrics(now: ClientInstant) -> [ClientMetric] { network.metrics(now) }
    public mutating func takeMeasures(now: ClientInstant, timestamp: Int64) -> ClientMeasures {
        var taken = network.takeMeasures()
        taken.bufferedBytes = bufferedBytes
        taken.bufferBytes = settings.bufferMemory
        network.telemetry.ledger.note(taken, timestamp: timestamp, now)
        return taken
    }
}

extension ConsumerCore {
    public mutating func metrics(now: ClientInstant) -> [ClientMetric] { network.metrics(now) }
    public mutating func takeMeasures(now: ClientInstant, timestamp: Int64) -> ClientMeasures {
        var taken = network.takeMeasures()
        taken.bufferedBytes = bufferedBytes
        taken.bufferBytes = settings.bufferBytes
        taken.assignedPartitions = order.count
        taken.idleRatio = idleness.take(now)
        taken.greatestLag = order.compactMap { lag($0) }.max()
        network.telemetry.ledger.note(taken, timestamp: timestamp, now)
        if let id = group?.memberID, !id.isEmpty {
            network.telemetry.labels["group_member_id"] = id
        }
        return taken
    }
}

extension AdminCore {
    public mutating func metrics(now: ClientInstant) -> [ClientMetric] { network.metrics(now) }
    public mutating func takeMeasures(now: ClientInstant, timestamp: Int64) -> ClientMeasures {
        let taken = network.takeMeasures()
        network.telemetry.ledger.note(taken, timestamp: timestamp, now)
        return taken
    }
}
