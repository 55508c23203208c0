extension BrokerConfigs {
    /// Martlet's own keys.
    static let martlet: [ConfigDefinition] = [
        define(
            "martlet.durability", .string, "flushed", .oneOf(["flushed", "replicated"]), .high,
            .readOnly,
            "When a replica counts as holding a batch: `flushed`, once it is synced to disk; "
                + "`replicated`, once it is in the page cache, as in Apache Kafka."),
        define(
            "martlet.fast.failover.ms", .long, "500", .between(0, 60_000), .medium, .readOnly,
            "At the active controller: milliseconds after which a broker is fenced whose "
                + "connection broke and that did not come back; 0 waits for the end of its "
                + "session (`broker.session.timeout.ms`)."),
        define(
            "martlet.flush.interval.ms", .long, "50", .between(1, 60_000), .medium, .readOnly,
            "At `martlet.durability=flushed`: most milliseconds that records stay unsynced while "
                + "neither an answer nor a consumer waits for them."),
        define(
            "martlet.flush.interval.bytes", .long, "8388608", .atLeast(65_536), .medium,
            .readOnly,
            "At `martlet.durability=flushed`: bytes of one partition that may be unsynced before a "
                + "sync begins at once."),
        define(
            "martlet.memory.max", .long, nil, .atLeast(16_777_216), .medium, .readOnly,
            "Bytes of buffers in flight, all connections together; by default a quarter of RAM."),
    ]
}
