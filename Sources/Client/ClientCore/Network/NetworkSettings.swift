import KafkaWire

/// How a client reaches its cluster; names and defaults are Kafka's.
public struct NetworkSettings: Sendable {
    /// `bootstrap.servers`: brokers to begin with, and to return to when none else can be reached.
    public var bootstrap: [BrokerAddress]
    /// Whether `bootstrap` are controllers (`bootstrap.controllers`, KIP-919): only controllers are
    /// asked then, and numbers of nodes are theirs. For administration alone.
    public var asksControllers = false
    /// `client.id`: the name that brokers log and count quotas by.
    public var clientID = "martlet"
    /// TLS on all connections, for `security.protocol` SSL and SASL_SSL.
    public var tls: TLSSettings?
    /// How the client proves who it is, for `security.protocol` SASL_PLAINTEXT and SASL_SSL.
    public var sasl: SaslSettings?
    /// `request.timeout.ms`: the longest wait for an answer; the connection then ends.
    public var requestTimeout = Duration.seconds(30)
    /// `socket.connection.setup.timeout.ms`: to connect, to agree on versions, and for a
    /// source of tokens to give one.
    public var connectTimeout = Duration.seconds(10)
    /// `reconnect.backoff.ms`: before the second attempt; doubles with each failure.
    public var reconnectBackoff = Duration.milliseconds(50)
    /// `reconnect.backoff.max.ms`
    public var reconnectBackoffMax = Duration.seconds(1)
    /// `retry.backoff.ms`: before a failed request is sent again; doubles with each failure.
    public var retryBackoff = Duration.milliseconds(100)
    /// `retry.backoff.max.ms`
    public var retryBackoffMax = Duration.seconds(1)
    /// `metadata.max.age.ms`: after it metadata is asked for again without a cause.
    public var metadataMaxAge = Duration.seconds(300)
    /// `metadata.recovery.strategy` `rebootstrap`: whether the bootstrap servers are asked again
    /// when no broker that is known can be (KIP-899), or none gives metadata (KIP-1102).
    public var rebootstraps = true
    /// `metadata.recovery.rebootstrap.trigger.ms`: how long there is no metadata to be got before
    /// all brokers are forgotten for the bootstrap servers.
    public var rebootstrapTrigger = Duration.seconds(300)
    /// `allow.auto.create.topics`: whether asking for a topic may create it, where the brokers
    /// allow it.
    public var createsTopics = true
    /// `max.in.flight.requests.per.connection`
    public var maxInFlight = 5
    /// `enable.metrics.push`: whether metrics that the cluster subscribes to are pushed to it
    /// (KIP-714).
    public var pushesMetrics = true
    /// Largest answer in bytes that is taken in; a longer one ends the connection.
    public var maxResponseBytes = 256 << 20

    public init(bootstrap: [BrokerAddress]) { self.bootstrap = bootstrap }

    /// What to wait after `failures` of them in a row (at least 1), spread by a fifth each way so
    /// that many clients do not come back at once (KIP-144, KIP-580).
    static func backoff(
        _ first: Duration, _ longest: Duration, failures: Int, using random: inout SplitMix64
    ) -> Duration {
        let factor = Int64(1) << Int64(min(max(failures - 1, 0), 20))
        let plain = min(
            first.wholeNanoseconds.saturatingProduct(factor), longest.wholeNanoseconds)
        let spread = plain / 5
        let shift = spread > 0 ? Int64.random(in: -spread...spread, using: &random) : 0
        return .nanoseconds(plain + shift)
    }
}
