public import KafkaRecords

/// When a producer takes a record for written (`acks`).
public enum Acks: Int16, Sendable {
    /// Nobody answers: records may be lost, and their offsets are not known.
    case none = 0
    /// The leader has written it.
    case leader = 1
    /// All in-sync replicas have it.
    case all = -1
}

/// How a record's partition is chosen when the record names none.
public enum Partitioning: String, Sendable {
    /// Kafka's own: murmur2 of the key; without a key, one partition at a time, the less busy the
    /// more often (KIP-480, KIP-794).
    case murmur2 = "murmur2_random"
    /// That of librdkafka: CRC-32 of the key; without a key (or with an empty one), as above.
    case crc32 = "consistent_random"
}

/// How a producer works; names, units and defaults are Kafka's.
public struct ProducerSettings: Sendable {
    public var network: NetworkSettings
    public var acks = Acks.all
    /// `enable.idempotence`: no duplicate and no change of order through retries. Needs `acks` all
    /// and at most 5 requests in flight.
    public var isIdempotent = true
    /// `batch.size`: bytes of records, uncompressed, at which a batch is sent.
    public var batchSize = 16_384
    /// `linger.ms`: how long a batch waits to fill up.
    public var linger = Duration.milliseconds(5)
    /// `buffer.memory`: bytes of records that may wait; then `send` waits.
    public var bufferMemory = 32 << 20
    /// `max.request.size`: bytes of one request, and of one record.
    public var maxRequestSize = 1 << 20
    /// `max.block.ms`: how long `send` waits for room or for the topic's metadata.
    public var maxBlock = Duration.seconds(60)
    /// `delivery.timeout.ms`: after it a record has failed, whatever was tried.
    public var deliveryTimeout = Duration.seconds(120)
    /// `retries`: a batch that was sent so many times more has failed; `deliveryTimeout` says more.
    public var retries = Int.max
    /// `compression.type`
    public var compression = CompressionType.none
    /// `compression.TYPE.level`; `nil` for the type's own.
    public var compressionLevel: Int?
    public var partitioning = Partitioning.murmur2
    /// `transactional.id`: makes the producer transactional. Of several producers with the same
    /// id only the last to begin goes on (KIP-98). Needs idempotence.
    public var transactionalID: String?
    /// `transaction.timeout.ms`: the coordinator aborts a transaction that is open for so long,
    /// and its producer is fenced.
    public var transactionTimeout = Duration.seconds(60)

    public init(network: NetworkSettings) { self.network = network }

    /// - Throws: `invalidSetting` for what is out of range or contradicts another setting.
    public func validate() throws(ClientError) {
        func refuse(_ key: String, _ value: Any, _ reason: String) -> ClientError {
            .invalidSetting(key: key, value: "\(value)", reason: reason)
        }
        if isIdempotent, acks != .all {
            throw refuse("acks", acks.rawValue, "must be all while enable.idempotence is true")
        }
        if isIdempotent, network.maxInFlight > 5 {
            throw refuse(
                "max.in.flight.requests.per.connection", network.maxInFlight,
                "must be at most 5 while enable.idempotence is true")
        }
        if let transactionalID {
            if transactionalID.isEmpty {
                throw refuse("transactional.id", transactionalID, "must not be empty")
            }
            if !isIdempotent {
                throw refuse("enable.idempotence", false, "must be true with a transactional.id")
            }
            if transactionTimeout < .milliseconds(1) {
                throw refuse(
                    "transaction.timeout.ms", transactionTimeout, "must be at least 1 ms")
            }
        }
        if batchSize < 0 { throw refuse("batch.size", batchSize, "must not be negative") }
        if maxRequestSize < 1 {
            throw refuse("max.request.size", maxRequestSize, "must be at least 1")
        }
        if bufferMemory < 1 { throw refuse("buffer.memory", bufferMemory, "must be at least 1") }
        if network.maxInFlight < 1 {
            throw refuse(
                "max.in.flight.requests.per.connection", network.maxInFlight, "must be at least 1")
        }
        if linger < .zero { throw refuse("linger.ms", linger, "must not be negative") }
        if deliveryTimeout < linger + network.requestTimeout {
            throw refuse(
                "delivery.timeout.ms", deliveryTimeout,
                "must be at least linger.ms + request.timeout.ms")
        }
        if let compressionLevel, !compression.accepts(level: compressionLevel) {
            throw refuse(
                "compression.\(compression.name).level", compressionLevel, "no such level")
        }
    }
}
