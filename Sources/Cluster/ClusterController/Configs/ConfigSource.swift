/// Where a config's value comes from; the numbers are those of DescribeConfigs (KIP-226).
public enum ConfigSource: Int8, Sendable {
    /// Set for the topic.
    case dynamicTopic = 1
    /// Set for this broker.
    case dynamicBroker = 2
    /// Set for all brokers.
    case dynamicDefaultBroker = 3
    /// From `server.properties`.
    case staticBroker = 4
    /// Set by nobody.
    case defaultValue = 5
    /// Set for a subscription of client metrics.
    case clientMetrics = 7
    /// Set for a group.
    case group = 8
}
