extension BrokerConfigs {
    /// Keys of replication and leader election.
    static let replication: [ConfigDefinition] = [
        define(
            "controller.socket.timeout.ms", .int, "30000", .any, .medium, .readOnly,
            "Milliseconds that a broker waits for the controller."),
        define(
            "default.replication.factor", .int, "1", .any, .medium, .readOnly,
            "Replicas of a topic that is created without a count."),
        define(
            "replica.lag.time.max.ms", .long, "30000", .any, .high, .readOnly,
            "Milliseconds that a follower may trail before it leaves the ISR."),
        define(
            "replica.socket.timeout.ms", .int, "30000", .any, .high, .readOnly,
            "Milliseconds that a follower waits for an answer."),
        define(
            "replica.socket.receive.buffer.bytes", .int, "65536", .any, .high, .readOnly,
            "SO_RCVBUF of replication connections, in bytes."),
        define(
            "replica.fetch.max.bytes", .int, "1048576", .atLeast(0), .medium, .readOnly,
            "Bytes that a follower asks for in each partition."),
        define(
            "replica.fetch.wait.max.ms", .int, "500", .any, .high, .readOnly,
            "Milliseconds that a follower's fetch may be held back."),
        define(
            "replica.fetch.backoff.ms", .int, "1000", .atLeast(0), .medium, .readOnly,
            "Milliseconds a follower waits after an error."),
        define(
            "replica.fetch.min.bytes", .int, "1", .any, .high, .readOnly,
            "Bytes that a follower's fetch waits for."),
        define(
            "replica.fetch.response.max.bytes", .int, "10485760", .atLeast(0), .medium, .readOnly,
            "Bytes of one response to a follower."),
        define(
            "num.replica.fetchers", .int, "1", .atLeast(1), .high, .clusterWide,
            "Fetchers that a follower runs for each leader."),
        define(
            "replica.high.watermark.checkpoint.interval.ms", .long, "5000", .any, .high, .readOnly,
            "Milliseconds between two writes of the high watermark checkpoint."),
        define(
            "fetch.purgatory.purge.interval.requests", .int, "1000", .any, .medium, .readOnly,
            "Finished fetches after which the wait list is swept."),
        define(
            "producer.purgatory.purge.interval.requests", .int, "1000", .any, .medium, .readOnly,
            "Finished produces after which the wait list is swept."),
        define(
            "delete.records.purgatory.purge.interval.requests", .int, "1", .any, .medium, .readOnly,
            "Finished record deletions after which the wait list is swept."),
        define(
            "auto.leader.rebalance.enable", .boolean, "true", .any, .high, .readOnly,
            "Gives leadership back to preferred replicas by itself."),
        define(
            "leader.imbalance.check.interval.seconds", .long, "300", .atLeast(1), .high, .readOnly,
            "Seconds between two looks at the balance of leaders."),
        hidden(
            "unclean.leader.election.interval.ms", .long, "300000", .atLeast(1), .medium, .readOnly,
            "Milliseconds between two looks for partitions that need an unclean election."),
        define(
            "unclean.leader.election.enable", .boolean, "false", .any, .high, .clusterWide,
            "Lets a replica outside the ISR lead when no other is left, at the price of lost "
                + "records."
        ),
        define(
            "security.inter.broker.protocol", .string, "PLAINTEXT", .oneOf(SecurityProtocol.names),
            .medium, .readOnly,
            "Security protocol between brokers; excludes `inter.broker.listener.name`."),
        define(
            "inter.broker.listener.name", .string, nil, .any, .medium, .readOnly,
            "Listener that brokers use among themselves; excludes `security.inter.broker.protocol`."
        ),
        define(
            "replica.selector.class", .string, nil, .any, .medium, .readOnly,
            "Chooses the replica that a consumer reads; by default the leader."),
        define(
            "follower.fetch.last.tiered.offset.enable", .boolean, "false", .any, .medium,
            .clusterWide,
            "An empty follower starts behind the last tiered offset (KIP-1023)."),
    ]
}
