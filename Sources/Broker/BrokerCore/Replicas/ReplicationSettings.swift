import ClusterController
import KafkaWire

/// How this node replicates: broker configs as they stand at one publication.
public struct ReplicationSettings: Equatable, Sendable {
    /// The epoch of this broker's registration, which its fetches carry (KIP-903).
    public var brokerEpoch: Int64 = -1
    /// The listener of other brokers that this one connects to (`inter.broker.listener.name`).
    public var listener = "PLAINTEXT"
    /// `replica.lag.time.max.ms`
    public var maxLagMs: Int64 = 30_000
    /// `replica.fetch.max.bytes`: of one partition.
    public var fetchMaxBytes: Int32 = 1_048_576
    /// `replica.fetch.response.max.bytes`
    public var responseMaxBytes: Int32 = 10_485_760
    /// `replica.fetch.wait.max.ms`
    public var waitMaxMs: Int32 = 500
    /// `replica.fetch.min.bytes`
    public var minBytes: Int32 = 1
    /// `replica.fetch.backoff.ms`: the longest pause after an error.
    public var backoffMs: Int64 = 1000
    /// `replica.socket.timeout.ms`
    public var socketTimeoutMs: Int64 = 30_000
    /// `replica.selector.class` is the one that knows of racks (KIP-392).
    public var selectsByRack = false

    /// `leader.replication.throttled.rate` and `follower.replication.throttled.rate`, in bytes a
    /// second; `nil` for no bound.
    public var leaderThrottledRate: Int64?
    public var followerThrottledRate: Int64?

    public init() {}

    /// `inter.broker.listener.name`, or the listener that is called as its protocol.
    static func interBrokerListener(_ controller: Controller) -> String {
        controller.effectiveBrokerConfig("inter.broker.listener.name")
            ?? controller.effectiveBrokerConfig("security.inter.broker.protocol") ?? "PLAINTEXT"
    }

    init(_ controller: Controller, brokerEpoch: Int64) {
        self.brokerEpoch = brokerEpoch
        func text(_ key: String) -> String? { controller.effectiveBrokerConfig(key) }
        func number(_ key: String) -> Int64? { text(key).flatMap { Int64($0) } }
        func int32(_ key: String) -> Int32? { text(key).flatMap { Int32($0) } }
        listener = Self.interBrokerListener(controller)
        maxLagMs = number("replica.lag.time.max.ms") ?? maxLagMs
        fetchMaxBytes = int32("replica.fetch.max.bytes") ?? fetchMaxBytes
        responseMaxBytes = int32("replica.fetch.response.max.bytes") ?? responseMaxBytes
        waitMaxMs = int32("replica.fetch.wait.max.ms") ?? waitMaxMs
        minBytes = int32("replica.fetch.min.bytes") ?? minBytes
        backoffMs = number("replica.fetch.backoff.ms") ?? backoffMs
        socketTimeoutMs = number("replica.socket.timeout.ms") ?? socketTimeoutMs
        func rate(_ key: String) -> Int64? { number(key).flatMap { $0 == .max ? nil : $0 } }
        leaderThrottledRate = rate("leader.replication.throttled.rate")
        followerThrottledRate = rate("follower.replication.throttled.rate")
        selectsByRack =
            text("replica.selector.class")
            == "org.apache.kafka.common.replica.RackAwareReplicaSelector"
    }
}
