extension BrokerConfigs {
    /// Keys of share groups and their coordinator (KIP-932).
    static let shareGroups: [ConfigDefinition] = [
        define(
            "group.share.delivery.count.limit", .int, "5", .between(2, 10), .medium, .readOnly,
            "Times that a record may be delivered to a share group."),
        define(
            "group.share.max.delivery.count.limit", .int, "10", .between(5, 25), .medium, .readOnly,
            "Largest `share.delivery.count.limit` that a group may set."),
        define(
            "group.share.min.delivery.count.limit", .int, "2", .between(2, 5), .medium, .readOnly,
            "Smallest `share.delivery.count.limit` that a group may set."),
        define(
            "group.share.record.lock.duration.ms", .int, "30000", .between(1000, 3600000), .medium,
            .readOnly,
            "Milliseconds that a member holds an acquired record."),
        define(
            "group.share.min.record.lock.duration.ms", .int, "15000", .between(1000, 30000),
            .medium, .readOnly,
            "Smallest `share.record.lock.duration.ms` that a group may set."),
        define(
            "group.share.max.record.lock.duration.ms", .int, "60000", .between(30000, 3600000),
            .medium, .readOnly,
            "Largest `share.record.lock.duration.ms` that a group may set."),
        define(
            "group.share.partition.max.record.locks", .int, "2000", .between(100, 10000), .medium,
            .readOnly,
            "Records of one partition that may be acquired at once."),
        define(
            "group.share.max.partition.max.record.locks", .int, "4000", .between(2000, 10000),
            .medium, .readOnly,
            "Largest `share.partition.max.record.locks` that a group may set."),
        define(
            "group.share.min.partition.max.record.locks", .int, "100", .between(100, 2000), .medium,
            .readOnly,
            "Smallest `share.partition.max.record.locks` that a group may set."),
        define(
            "share.fetch.purgatory.purge.interval.requests", .int, "1000", .any, .medium, .readOnly,
            "Finished share fetches after which the wait list is swept."),
        define(
            "group.share.max.share.sessions", .int, "2000", .atLeast(1), .medium, .readOnly,
            "Share sessions that a broker keeps."),
        hidden(
            "group.share.persister.class.name", .string,
            "org.apache.kafka.server.share.persister.DefaultStatePersister", .any, .medium,
            .readOnly,
            "Plug-in that keeps share state."),
        hidden(
            "group.share.dlq.manager.class.name", .string,
            "org.apache.kafka.server.share.dlq.DefaultShareGroupDLQManager", .any, .medium,
            .readOnly,
            "Plug-in that writes dead letters."),
        define(
            "share.coordinator.state.topic.num.partitions", .int, "50", .atLeast(1), .high,
            .readOnly,
            "Partitions of `__share_group_state`; not to be changed later."),
        define(
            "share.coordinator.state.topic.replication.factor", .short, "3", .atLeast(1), .high,
            .readOnly,
            "Replicas of `__share_group_state`."),
        define(
            "share.coordinator.state.topic.min.isr", .short, "2", .atLeast(1), .high, .readOnly,
            "In-sync replicas that a write to `__share_group_state` needs."),
        define(
            "share.coordinator.state.topic.segment.bytes", .int, "104857600", .atLeast(1), .high,
            .readOnly,
            "Segment size of `__share_group_state`, in bytes."),
        define(
            "share.coordinator.threads", .int, "1", .atLeast(1), .medium, .readOnly,
            "Threads of the share coordinator."),
        define(
            "share.coordinator.snapshot.update.records.per.snapshot", .int, "500", .between(0, 500),
            .medium, .readOnly,
            "Updates written between two snapshots of a share partition."),
        define(
            "share.coordinator.load.buffer.size", .int, "5242880", .atLeast(1), .high, .readOnly,
            "Bytes read at a time when share state is loaded."),
        define(
            "share.coordinator.state.topic.compression.codec", .int, "0", .any, .high, .readOnly,
            "Codec of `__share_group_state`: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd."),
        define(
            "share.coordinator.append.linger.ms", .int, "-1", .atLeast(-1), .medium, .readOnly,
            "Milliseconds that writes are gathered before they go to the log; -1 adapts to the "
                + "load."
        ),
        define(
            "share.coordinator.write.timeout.ms", .int, "5000", .atLeast(1), .high, .readOnly,
            "Milliseconds that a share state write waits for its replicas."),
        hidden(
            "share.coordinator.state.topic.prune.interval.ms", .int, "300000", .atLeast(1), .low,
            .readOnly,
            "Milliseconds between two trims of `__share_group_state`."),
        hidden(
            "share.coordinator.cold.partition.snapshot.interval.ms", .int, "300000", .atLeast(1),
            .low, .readOnly,
            "Milliseconds after which an idle share partition is written as a snapshot."),
        define(
            "share.coordinator.cached.buffer.max.bytes", .int, "1048588", .atLeast(524288), .medium,
            .clusterWide,
            "Largest write buffer that the share coordinator keeps for reuse, in bytes."),
    ]
}
