extension BrokerConfigs {
    /// Keys of the group coordinator.
    static let groups: [ConfigDefinition] = [
        define(
            "group.coordinator.rebalance.protocols", .list, "classic,consumer,streams",
            .list(of: ["consumer", "classic", "share", "streams"], allowsEmpty: false), .medium,
            .readOnly,
            "Group protocols on offer; on its way out in Apache Kafka."),
        define(
            "group.coordinator.threads", .int, "4", .atLeast(1), .high, .readOnly,
            "Threads of the group coordinator."),
        define(
            "group.coordinator.background.threads", .int, "2", .atLeast(1), .high, .readOnly,
            "Threads for assignments and regular expressions."),
        define(
            "group.coordinator.append.linger.ms", .int, "-1", .atLeast(-1), .medium, .readOnly,
            "Milliseconds that writes are gathered before they go to the log; -1 adapts to the "
                + "load."
        ),
        define(
            "offsets.commit.timeout.ms", .int, "5000", .atLeast(1), .high, .readOnly,
            "Milliseconds that an offset commit waits for its replicas."),
        define(
            "offsets.load.buffer.size", .int, "5242880", .atLeast(1), .high, .readOnly,
            "Bytes read at a time when offsets are loaded."),
        define(
            "offsets.topic.replication.factor", .short, "3", .atLeast(1), .high, .readOnly,
            "Replicas of `__consumer_offsets`."),
        define(
            "offsets.topic.num.partitions", .int, "50", .atLeast(1), .high, .readOnly,
            "Partitions of `__consumer_offsets`; not to be changed later."),
        define(
            "offsets.topic.segment.bytes", .int, "104857600", .atLeast(1), .high, .readOnly,
            "Segment size of `__consumer_offsets`, in bytes."),
        define(
            "offsets.topic.compression.codec", .int, "0", .any, .high, .readOnly,
            "Codec of `__consumer_offsets`: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd."),
        define(
            "group.coordinator.cached.buffer.max.bytes", .int, "1048588", .atLeast(524288), .medium,
            .clusterWide,
            "Largest write buffer that the coordinator keeps for reuse, in bytes."),
        define(
            "offset.metadata.max.bytes", .int, "4096", .any, .high, .readOnly,
            "Bytes of text that a client may attach to a commit."),
        define(
            "offsets.retention.minutes", .int, "10080", .atLeast(1), .high, .readOnly,
            "Minutes that offsets outlive the last member of their group."),
        define(
            "offsets.retention.check.interval.ms", .long, "600000", .atLeast(1), .high, .readOnly,
            "Milliseconds between two looks for stale offsets."),
        define(
            "group.min.session.timeout.ms", .int, "6000", .any, .medium, .readOnly,
            "Shortest session timeout of a classic group, in milliseconds."),
        define(
            "group.max.session.timeout.ms", .int, "1800000", .any, .medium, .readOnly,
            "Longest session timeout of a classic group, in milliseconds."),
        define(
            "group.initial.rebalance.delay.ms", .int, "3000", .any, .medium, .readOnly,
            "Milliseconds a new classic group waits for more members."),
        define(
            "group.max.size", .int, "2147483647", .atLeast(1), .medium, .readOnly,
            "Most members of a classic group."),
        define(
            "group.consumer.session.timeout.ms", .int, "45000", .atLeast(1), .medium, .readOnly,
            "Milliseconds without a heartbeat after which a consumer group member is dropped."),
        define(
            "group.consumer.min.session.timeout.ms", .int, "45000", .atLeast(1), .medium, .readOnly,
            "Smallest `consumer.session.timeout.ms` that a group may set."),
        define(
            "group.consumer.max.session.timeout.ms", .int, "60000", .atLeast(1), .medium, .readOnly,
            "Largest `consumer.session.timeout.ms` that a group may set."),
        define(
            "group.consumer.heartbeat.interval.ms", .int, "5000", .atLeast(1), .medium, .readOnly,
            "Milliseconds between two heartbeats of a consumer group member."),
        define(
            "group.consumer.min.heartbeat.interval.ms", .int, "5000", .atLeast(1), .medium,
            .readOnly,
            "Smallest `consumer.heartbeat.interval.ms` that a group may set."),
        define(
            "group.consumer.max.heartbeat.interval.ms", .int, "15000", .atLeast(1), .medium,
            .readOnly,
            "Largest `consumer.heartbeat.interval.ms` that a group may set."),
        define(
            "group.consumer.max.size", .int, "2147483647", .atLeast(1), .medium, .readOnly,
            "Most members of a consumer group."),
        define(
            "group.consumer.assignors", .list, "uniform,range", .list(of: [], allowsEmpty: false),
            .medium, .readOnly,
            "Assignors of consumer groups, the first being the default."),
        define(
            "group.consumer.migration.policy", .string, "bidirectional",
            .oneOfIgnoringCase(["BIDIRECTIONAL", "UPGRADE", "DOWNGRADE", "DISABLED"]), .medium,
            .readOnly,
            "Which live conversions between classic and consumer groups are allowed."),
        define(
            "group.consumer.assignment.interval.ms", .int, "1000", .atLeast(0), .medium,
            .clusterWide,
            "Milliseconds between two assignments of a consumer group at least."),
        define(
            "group.consumer.min.assignment.interval.ms", .int, "0", .atLeast(0), .medium, .readOnly,
            "Smallest `consumer.assignment.interval.ms` that a group may set."),
        define(
            "group.consumer.max.assignment.interval.ms", .int, "15000", .atLeast(0), .medium,
            .readOnly,
            "Largest `consumer.assignment.interval.ms` that a group may set."),
        hidden(
            "group.consumer.assignor.offload.enable", .boolean, "true", .any, .medium, .clusterWide,
            "Computes consumer group assignments on a background thread."),
        hidden(
            "group.consumer.regex.refresh.interval.ms", .int, "600000", .atLeast(10000), .medium,
            .readOnly,
            "Milliseconds after which subscriptions by pattern are resolved again."),
        define(
            "group.share.session.timeout.ms", .int, "45000", .atLeast(1), .medium, .readOnly,
            "Milliseconds without a heartbeat after which a share group member is dropped."),
        define(
            "group.share.min.session.timeout.ms", .int, "45000", .atLeast(1), .medium, .readOnly,
            "Smallest `share.session.timeout.ms` that a group may set."),
        define(
            "group.share.max.session.timeout.ms", .int, "60000", .atLeast(1), .medium, .readOnly,
            "Largest `share.session.timeout.ms` that a group may set."),
        define(
            "group.share.heartbeat.interval.ms", .int, "5000", .atLeast(1), .medium, .readOnly,
            "Milliseconds between two heartbeats of a share group member."),
        define(
            "group.share.min.heartbeat.interval.ms", .int, "5000", .atLeast(1), .medium, .readOnly,
            "Smallest `share.heartbeat.interval.ms` that a group may set."),
        define(
            "group.share.max.heartbeat.interval.ms", .int, "15000", .atLeast(1), .medium, .readOnly,
            "Largest `share.heartbeat.interval.ms` that a group may set."),
        define(
            "group.share.max.size", .int, "200", .between(1, 1000), .medium, .readOnly,
            "Most members of a share group."),
        define(
            "group.share.assignors", .list, "simple", .list(of: [], allowsEmpty: false), .medium,
            .readOnly,
            "The assignor of share groups; exactly one."),
        define(
            "group.share.assignment.interval.ms", .int, "1000", .atLeast(0), .medium, .clusterWide,
            "Milliseconds between two assignments of a share group at least."),
        define(
            "group.share.min.assignment.interval.ms", .int, "0", .atLeast(0), .medium, .readOnly,
            "Smallest `share.assignment.interval.ms` that a group may set."),
        define(
            "group.share.max.assignment.interval.ms", .int, "15000", .atLeast(0), .medium,
            .readOnly,
            "Largest `share.assignment.interval.ms` that a group may set."),
        hidden(
            "group.share.assignor.offload.enable", .boolean, "true", .any, .medium, .clusterWide,
            "Computes share group assignments on a background thread."),
        hidden(
            "group.share.initialize.retry.interval.ms", .int, "30000", .atLeast(1), .low, .readOnly,
            "Milliseconds before setting up share state is tried again."),
        define(
            "errors.deadletterqueue.auto.create.topics.enable", .boolean, "false", .any, .medium,
            .clusterWide,
            "Creates the dead-letter topic of a share group when it is missing (KIP-1191)."),
        define(
            "errors.deadletterqueue.topic.name.prefix", .string, "dlq.", .any, .medium,
            .clusterWide,
            "Prefix that dead-letter topics must have; empty for any name (KIP-1191)."),
        define(
            "group.streams.session.timeout.ms", .int, "45000", .atLeast(1), .medium, .readOnly,
            "Milliseconds without a heartbeat after which a streams group member is dropped."),
        define(
            "group.streams.min.session.timeout.ms", .int, "45000", .atLeast(1), .medium, .readOnly,
            "Smallest `streams.session.timeout.ms` that a group may set."),
        define(
            "group.streams.max.session.timeout.ms", .int, "60000", .atLeast(1), .medium, .readOnly,
            "Largest `streams.session.timeout.ms` that a group may set."),
        define(
            "group.streams.heartbeat.interval.ms", .int, "5000", .atLeast(1), .medium, .readOnly,
            "Milliseconds between two heartbeats of a streams group member."),
        define(
            "group.streams.min.heartbeat.interval.ms", .int, "5000", .atLeast(1), .medium,
            .readOnly,
            "Smallest `streams.heartbeat.interval.ms` that a group may set."),
        define(
            "group.streams.max.heartbeat.interval.ms", .int, "15000", .atLeast(1), .medium,
            .readOnly,
            "Largest `streams.heartbeat.interval.ms` that a group may set."),
        define(
            "group.streams.max.size", .int, "2147483647", .atLeast(1), .medium, .readOnly,
            "Most clients of a streams group."),
        define(
            "group.streams.num.standby.replicas", .int, "0", .atLeast(0), .medium, .readOnly,
            "Standby copies of each task."),
        define(
            "group.streams.max.standby.replicas", .int, "2", .atLeast(0), .medium, .readOnly,
            "Largest `streams.num.standby.replicas` that a group may set."),
        define(
            "group.streams.initial.rebalance.delay.ms", .int, "3000", .atLeast(0), .medium,
            .readOnly,
            "Milliseconds a new streams group waits for more clients."),
        define(
            "group.streams.assignment.interval.ms", .int, "1000", .atLeast(0), .medium,
            .clusterWide,
            "Milliseconds between two assignments of a streams group at least."),
        define(
            "group.streams.min.assignment.interval.ms", .int, "0", .atLeast(0), .medium, .readOnly,
            "Smallest `streams.assignment.interval.ms` that a group may set."),
        define(
            "group.streams.max.assignment.interval.ms", .int, "15000", .atLeast(0), .medium,
            .readOnly,
            "Largest `streams.assignment.interval.ms` that a group may set."),
        define(
            "group.streams.assignors", .list, "sticky", .list(of: [], allowsEmpty: false), .medium,
            .readOnly,
            "Assignors of streams groups, the first being the default."),
        hidden(
            "group.streams.assignor.offload.enable", .boolean, "true", .any, .medium, .clusterWide,
            "Computes streams group assignments on a background thread."),
        hidden(
            "group.streams.task.offset.interval.ms", .int, "60000", .atLeast(1), .medium, .readOnly,
            "Milliseconds between two reports of a task's changelog offsets."),
        hidden(
            "group.streams.min.task.offset.interval.ms", .int, "15000", .atLeast(1), .medium,
            .readOnly,
            "Smallest `streams.task.offset.interval.ms` that a group may set."),
        hidden(
            "group.streams.num.warmup.replicas", .int, "2", .atLeast(0), .medium, .readOnly,
            "Most warm-up tasks at once."),
        hidden(
            "group.streams.max.warmup.replicas", .int, "20", .atLeast(0), .medium, .readOnly,
            "Largest `streams.num.warmup.replicas` that a group may set."),
        define(
            "group.streams.rack.aware.assignment.tags", .list, "", .list(of: [], allowsEmpty: true),
            .low, .readOnly,
            "Client tags over which standby copies are spread."),
        define(
            "group.streams.topology.description.plugin.class", .class, nil, .any, .medium,
            .readOnly,
            "Plug-in that stores topology descriptions (KIP-1331); unset turns them off."),
        hidden(
            "group.streams.acceptable.recovery.lag", .long, "10000", .atLeast(0), .medium,
            .readOnly,
            "Offsets a client may lack and still count as caught up."),
    ]
}
