extension BrokerConfigs {
    /// Keys of tiered storage (KIP-405).
    static let tieredStorage: [ConfigDefinition] = [
        define(
            "remote.log.storage.system.enable", .boolean, "false", .any, .medium, .readOnly,
            "Starts the tiered storage services of this node."),
        define(
            "remote.log.storage.manager.impl.prefix", .string, "rsm.config.", .nonEmptyString,
            .medium, .readOnly,
            "Prefix of the keys handed to the segment store plug-in."),
        define(
            "remote.log.metadata.manager.impl.prefix", .string, "rlmm.config.", .nonEmptyString,
            .medium, .readOnly,
            "Prefix of the keys handed to the metadata plug-in."),
        define(
            "remote.log.storage.manager.class.name", .string, nil, .nonEmptyString, .medium,
            .readOnly,
            "Segment store plug-in."),
        define(
            "remote.log.storage.manager.class.path", .string, nil, .any, .medium, .readOnly,
            "Where the segment store plug-in is loaded from."),
        define(
            "remote.log.metadata.manager.class.name", .string,
            "org.apache.kafka.server.log.remote.metadata.storage."
                + "TopicBasedRemoteLogMetadataManager",
            .nonEmptyString, .medium, .readOnly,
            "Metadata plug-in; the default keeps it in a topic."),
        define(
            "remote.log.metadata.manager.class.path", .string, nil, .any, .medium, .readOnly,
            "Where the metadata plug-in is loaded from."),
        define(
            "remote.log.metadata.manager.listener.name", .string, nil, .nonEmptyString, .medium,
            .readOnly,
            "Listener of this broker that the metadata plug-in connects to."),
        define(
            "remote.log.metadata.custom.metadata.max.bytes", .int, "128", .atLeast(0), .low,
            .readOnly,
            "Largest custom metadata of a segment, in bytes."),
        define(
            "remote.log.index.file.cache.total.size.bytes", .long, "1073741824", .atLeast(1), .low,
            .clusterWide,
            "Bytes of local disk for cached remote indexes."),
        hidden(
            "remote.log.index.file.cache.ttl.ms", .long, "900000", .atLeast(-1), .low, .readOnly,
            "Milliseconds an unused cached index is kept; -1 for no limit."),
        define(
            "remote.log.manager.thread.pool.size", .int, "2", .atLeast(1), .medium, .readOnly,
            "Threads that follow remote offsets; superseded by the three pools below it."),
        define(
            "remote.log.manager.copier.thread.pool.size", .int, "10", .atLeast(1), .medium,
            .clusterWide,
            "Threads that upload segments."),
        define(
            "remote.log.manager.expiration.thread.pool.size", .int, "10", .atLeast(1), .medium,
            .clusterWide,
            "Threads that delete expired remote segments."),
        define(
            "remote.log.manager.follower.thread.pool.size", .int, "2", .atLeast(1), .medium,
            .clusterWide,
            "Threads that track remote offsets for follower partitions."),
        define(
            "remote.log.manager.task.interval.ms", .long, "30000", .atLeast(1), .low, .readOnly,
            "Milliseconds between two runs of the upload and expiry tasks."),
        hidden(
            "remote.log.manager.task.retry.backoff.ms", .long, "500", .atLeast(1), .low, .readOnly,
            "First wait in milliseconds before a failed task runs again."),
        hidden(
            "remote.log.manager.task.retry.backoff.max.ms", .long, "30000", .atLeast(1), .low,
            .readOnly,
            "Longest wait in milliseconds before a failed task runs again."),
        hidden(
            "remote.log.manager.task.retry.jitter", .double, "0.2", .realBetween(0, 0.5), .low,
            .readOnly,
            "Random share added to or taken off a retry wait."),
        define(
            "remote.log.reader.threads", .int, "10", .atLeast(1), .medium, .clusterWide,
            "Threads that read from remote storage."),
        define(
            "remote.log.reader.max.pending.tasks", .int, "100", .atLeast(1), .medium, .readOnly,
            "Remote reads that may queue before fetches are refused."),
        define(
            "log.local.retention.ms", .long, "-2", .atLeast(-2), .medium, .clusterWide,
            "Default of `local.retention.ms` for topics."),
        define(
            "log.local.retention.bytes", .long, "-2", .atLeast(-2), .medium, .clusterWide,
            "Default of `local.retention.bytes` for topics."),
        define(
            "log.remote.copy.lag.ms", .long, "0", .atLeast(-1), .medium, .clusterWide,
            "Default of `remote.copy.lag.ms` for topics."),
        define(
            "log.remote.copy.lag.bytes", .long, "-1", .atLeast(-1), .medium, .clusterWide,
            "Default of `remote.copy.lag.bytes` for topics."),
        define(
            "remote.log.manager.copy.max.bytes.per.second", .long, "9223372036854775807",
            .atLeast(1), .medium, .clusterWide,
            "Bytes a second that uploads may use."),
        define(
            "remote.log.manager.copy.quota.window.num", .int, "11", .atLeast(1), .medium, .readOnly,
            "Samples kept to measure uploads."),
        define(
            "remote.log.manager.copy.quota.window.size.seconds", .int, "1", .atLeast(1), .medium,
            .readOnly,
            "Seconds that one upload sample spans."),
        define(
            "remote.log.manager.fetch.max.bytes.per.second", .long, "9223372036854775807",
            .atLeast(1), .medium, .clusterWide,
            "Bytes a second that remote reads may use."),
        define(
            "remote.log.manager.fetch.quota.window.num", .int, "11", .atLeast(1), .medium,
            .readOnly,
            "Samples kept to measure remote reads."),
        define(
            "remote.log.manager.fetch.quota.window.size.seconds", .int, "1", .atLeast(1), .medium,
            .readOnly,
            "Seconds that one remote read sample spans."),
        define(
            "remote.fetch.max.wait.ms", .int, "500", .atLeast(1), .medium, .clusterWide,
            "Milliseconds a fetch waits for a remote read."),
        define(
            "remote.list.offsets.request.timeout.ms", .long, "30000", .atLeast(1), .medium,
            .clusterWide,
            "Milliseconds an offset lookup waits for remote storage."),
    ]
}
