/// Which records a consumer sees (`isolation.level`).
public enum IsolationLevel: Int8, Sendable {
    case readUncommitted = 0
    /// Records of transactions only once those are committed, in the order of the log.
    case readCommitted = 1
}

/// Where a consumer begins when it has no offset, or one out of range (`auto.offset.reset`).
public enum OffsetReset: Sendable, Equatable {
    case earliest
    case latest
    /// Tells an error instead.
    case none
}

/// How a consumer works; names, units and defaults are Kafka's.
public struct ConsumerSettings: Sendable {
    public var network: NetworkSettings
    /// The group that the consumer commits to, and may be a member of.
    public var group: GroupSettings?
    /// `isolation.level`
    public var isolation = IsolationLevel.readUncommitted
    /// `auto.offset.reset`
    public var offsetReset = OffsetReset.latest
    /// `fetch.min.bytes`: what a broker waits for before it answers.
    public var fetchMinBytes = 1
    /// `fetch.max.wait.ms`: the longest that it waits.
    public var fetchMaxWait = Duration.milliseconds(500)
    /// `fetch.max.bytes`: of one answer; a larger first batch still comes.
    public var fetchMaxBytes = 50 << 20
    /// `max.partition.fetch.bytes`: of one partition in one answer.
    public var partitionMaxBytes = 1 << 20
    /// Bytes of answers that wait to be read or are asked for: past it, nothing is fetched
    /// (librdkafka's `queued.max.messages.kbytes`).
    public var bufferBytes = 64 << 20
    /// The most bytes that one compressed batch may come to, with the places of its records: 48
    /// bytes each.
    public var maxBatchBytes = 256 << 20
    /// `check.crcs`
    public var checksCRCs = true
    /// `client.rack`: to fetch from a replica near by (KIP-392).
    public var rack = ""
    /// `default.api.timeout.ms`: for calls like `offsets(for:)`.
    public var apiTimeout = Duration.seconds(60)

    public init(network: NetworkSettings) { self.network = network }

    /// Takes what it knows from consumer properties under Kafka's names.
    ///
    /// - Throws: `invalidSetting`.
    public mutating func apply(_ properties: [String: String]) throws(ClientError) {
        let given = ClientProperties(values: properties)
        try network.apply(properties)
        if let id = properties["group.id"], group == nil { group = GroupSettings(id: id) }
        try group?.apply(properties)
        switch properties["isolation.level"] {
        case nil: break
        case "read_committed": isolation = .readCommitted
        case "read_uncommitted": isolation = .readUncommitted
        default: throw given.refuse("isolation.level", "give read_committed or read_uncommitted")
        }
        switch properties["auto.offset.reset"] {
        case nil: break
        case "earliest": offsetReset = .earliest
        case "latest": offsetReset = .latest
        case "none": offsetReset = .none
        default: throw given.refuse("auto.offset.reset", "give earliest, latest or none")
        }
        try given.take("fetch.min.bytes", into: &fetchMinBytes)
        try given.take("fetch.max.wait.ms", into: &fetchMaxWait)
        try given.take("fetch.max.bytes", into: &fetchMaxBytes, from: 1)
        try given.take("max.partition.fetch.bytes", into: &partitionMaxBytes, from: 1)
        try given.take("check.crcs", into: &checksCRCs)
        try given.take("default.api.timeout.ms", into: &apiTimeout)
        if let text = properties["client.rack"] { rack = text }
    }
}
