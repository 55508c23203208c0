extension BrokerConfigs {
    /// Martlet's own keys.
    static let martlet: [ConfigDefinition] = [
        define(
            "martlet.durability", .string, "flushed", .oneOf(["flushed", "replicated"]), .high,
            .readOnly,
            "When a replica counts as holding a batch: `flushed`, once it is synced to disk; "
                + "`replicated`, once it is in the page cache, as in Apache Kafka."),
        define(
            "martlet.memory.max", .long, nil, .atLeast(16_777_216), .medium, .readOnly,
            "Bytes of buffers in flight, all connections together; by default a quarter of RAM."),
    ]
}
