extension BrokerConfigs {
    /// Keys of quotas and metrics.
    static let quotas: [ConfigDefinition] = [
        define(
            "quota.window.num", .int, "11", .atLeast(1), .low, .readOnly,
            "Samples kept to measure client quotas."),
        define(
            "replication.quota.window.num", .int, "11", .atLeast(1), .low, .readOnly,
            "Samples kept to measure replication quotas."),
        define(
            "alter.log.dirs.replication.quota.window.num", .int, "11", .atLeast(1), .low, .readOnly,
            "Samples kept to measure moves between directories."),
        define(
            "controller.quota.window.num", .int, "11", .atLeast(1), .low, .readOnly,
            "Samples kept to measure controller mutations."),
        define(
            "quota.window.size.seconds", .int, "1", .atLeast(1), .low, .readOnly,
            "Seconds that one client quota sample spans."),
        define(
            "replication.quota.window.size.seconds", .int, "1", .atLeast(1), .low, .readOnly,
            "Seconds that one replication quota sample spans."),
        define(
            "alter.log.dirs.replication.quota.window.size.seconds", .int, "1", .atLeast(1), .low,
            .readOnly,
            "Seconds that one sample of moves between directories spans."),
        define(
            "controller.quota.window.size.seconds", .int, "1", .atLeast(1), .low, .readOnly,
            "Seconds that one sample of controller mutations spans."),
        define(
            "client.quota.callback.class", .class, nil, .any, .low, .readOnly,
            "Plug-in that decides client quotas."),
        define(
            "leader.replication.throttled.rate", .long, "9223372036854775807", .atLeast(0), .medium,
            .clusterWide,
            "Bytes a second that a leader sends to throttled replicas; dynamic only."),
        define(
            "follower.replication.throttled.rate", .long, "9223372036854775807", .atLeast(0),
            .medium, .clusterWide,
            "Bytes a second that a follower reads for throttled replicas; dynamic only."),
        define(
            "replica.alter.log.dirs.io.max.bytes.per.second", .long, "9223372036854775807",
            .atLeast(0), .medium, .clusterWide,
            "Bytes a second used to move replicas between directories; dynamic only."),
        define(
            "metrics.num.samples", .int, "2", .atLeast(1), .low, .readOnly,
            "Samples that a metric averages over."),
        define(
            "metrics.sample.window.ms", .long, "30000", .atLeast(1), .low, .readOnly,
            "Milliseconds that one metric sample spans."),
        define(
            "metric.reporters", .list, "org.apache.kafka.common.metrics.JmxReporter",
            .list(of: [], allowsEmpty: true), .low, .clusterWide,
            "Plug-ins that publish metrics."),
        define(
            "metrics.recording.level", .string, "INFO", .any, .low, .readOnly,
            "Level of detail: INFO, DEBUG or TRACE."),
        define(
            "kafka.metrics.reporters", .list, "", .list(of: [], allowsEmpty: true), .low, .readOnly,
            "Plug-ins that publish the older kind of metrics."),
        define(
            "kafka.metrics.polling.interval.secs", .int, "10", .atLeast(1), .low, .readOnly,
            "Seconds between two rounds of those reporters."),
        define(
            "telemetry.max.bytes", .int, "1048576", .atLeast(1), .low, .readOnly,
            "Largest metrics push of a client, in bytes as sent (KIP-714)."),
    ]
}
