extension BrokerConfigs {
    /// Keys of data directories, logs and compaction, with the defaults of topic keys.
    static let log: [ConfigDefinition] = [
        define(
            "num.partitions", .int, "1", .atLeast(1), .medium, .readOnly,
            "Partitions of a topic that is created without a count."),
        define(
            "log.dir", .list, "/tmp/kafka-logs", .list(of: [], allowsEmpty: false), .high,
            .readOnly,
            "Data directories, used when `log.dirs` is not set."),
        define(
            "log.dirs", .list, nil, .list(of: [], allowsEmpty: false), .high, .readOnly,
            "Data directories."),
        define(
            "cordoned.log.dirs", .list, "", .list(of: [], allowsEmpty: true), .medium, .perBroker,
            "Data directories that get no new partitions; `*` for all (KIP-1066)."),
        define(
            "log.segment.bytes", .int, "1073741824", .atLeast(1048576), .high, .clusterWide,
            "Default of `segment.bytes` for topics, in bytes."),
        define(
            "log.roll.ms", .long, nil, .any, .high, .clusterWide,
            "Default of `segment.ms` for topics; goes before `log.roll.hours`."),
        define(
            "log.roll.hours", .int, "168", .atLeast(1), .high, .readOnly,
            "Default age at which segments roll, in hours."),
        define(
            "log.roll.jitter.ms", .long, nil, .any, .high, .clusterWide,
            "Default of `segment.jitter.ms` for topics; goes before `log.roll.jitter.hours`."),
        define(
            "log.roll.jitter.hours", .int, "0", .atLeast(0), .high, .readOnly,
            "Default jitter of the roll time, in hours."),
        define(
            "log.retention.ms", .long, nil, .any, .high, .clusterWide,
            "Default of `retention.ms` for topics; goes before minutes and hours."),
        define(
            "log.retention.minutes", .int, nil, .any, .high, .readOnly,
            "Default retention in minutes; goes before hours."),
        define(
            "log.retention.hours", .int, "168", .any, .high, .readOnly,
            "Default retention in hours."),
        define(
            "log.retention.bytes", .long, "-1", .any, .high, .clusterWide,
            "Default of `retention.bytes` for topics."),
        define(
            "log.retention.check.interval.ms", .long, "300000", .atLeast(1), .medium, .readOnly,
            "Milliseconds between two looks for segments to delete."),
        define(
            "log.cleanup.policy", .list, "delete",
            .list(of: ["compact", "delete"], allowsEmpty: true), .medium, .clusterWide,
            "Default of `cleanup.policy` for topics."),
        define(
            "log.index.size.max.bytes", .int, "10485760", .atLeast(4), .medium, .clusterWide,
            "Default of `segment.index.bytes` for topics."),
        define(
            "log.index.interval.bytes", .int, "4096", .atLeast(0), .medium, .clusterWide,
            "Default of `index.interval.bytes` for topics."),
        define(
            "log.flush.interval.messages", .long, "9223372036854775807", .atLeast(1), .high,
            .clusterWide,
            "Default of `flush.messages` for topics."),
        define(
            "log.segment.delete.delay.ms", .long, "60000", .atLeast(0), .high, .clusterWide,
            "Default of `file.delete.delay.ms` for topics."),
        define(
            "log.flush.scheduler.interval.ms", .long, "9223372036854775807", .any, .high, .readOnly,
            "Milliseconds between two looks for logs to sync."),
        define(
            "log.flush.interval.ms", .long, nil, .any, .high, .clusterWide,
            "Default of `flush.ms` for topics; follows the scheduler interval when unset."),
        define(
            "log.flush.offset.checkpoint.interval.ms", .int, "60000", .atLeast(0), .high, .readOnly,
            "Milliseconds between two writes of the recovery-point checkpoint."),
        define(
            "log.flush.start.offset.checkpoint.interval.ms", .int, "60000", .atLeast(0), .high,
            .readOnly,
            "Milliseconds between two writes of the log-start checkpoint."),
        define(
            "log.preallocate", .boolean, "false", .any, .medium, .clusterWide,
            "Default of `preallocate` for topics."),
        define(
            "num.recovery.threads.per.data.dir", .int, "2", .atLeast(1), .high, .clusterWide,
            "Threads for each data directory that recover logs at start and close them at stop."),
        define(
            "auto.create.topics.enable", .boolean, "true", .any, .high, .readOnly,
            "Creates a topic when a client first asks for it."),
        define(
            "min.insync.replicas", .int, "1", .atLeast(1), .high, .clusterWide,
            "In-sync replicas that an `acks=all` write needs."),
        define(
            "log.message.timestamp.type", .string, "CreateTime",
            .oneOf(["CreateTime", "LogAppendTime"]), .medium, .clusterWide,
            "Default of `message.timestamp.type` for topics."),
        define(
            "log.message.timestamp.before.max.ms", .long, "9223372036854775807", .atLeast(0),
            .medium, .clusterWide,
            "Default of `message.timestamp.before.max.ms` for topics."),
        define(
            "log.message.timestamp.after.max.ms", .long, "3600000", .atLeast(0), .medium,
            .clusterWide,
            "Default of `message.timestamp.after.max.ms` for topics."),
        define(
            "create.topic.policy.class.name", .class, nil, .any, .low, .readOnly,
            "Plug-in that may refuse new topics (controller only)."),
        define(
            "alter.config.policy.class.name", .class, nil, .any, .low, .readOnly,
            "Plug-in that may refuse config changes (controller only)."),
        define(
            "log.dir.failure.timeout.ms", .long, "30000", .atLeast(1), .low, .readOnly,
            "Milliseconds a broker tries to report a failed directory before it stops itself."),
        hidden(
            "log.initial.task.delay.ms", .long, "30000", .atLeast(0), .low, .readOnly,
            "Milliseconds before the log background tasks first run."),
        define(
            "message.max.bytes", .int, "1048588", .atLeast(0), .high, .clusterWide,
            "Default of `max.message.bytes` for topics."),
        define(
            "compression.type", .string, "producer",
            .oneOf(["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), .high,
            .clusterWide,
            "Codec that batches are stored in; `producer` keeps what the client sent."),
        define(
            "compression.gzip.level", .int, "-1", .gzipLevel, .medium, .clusterWide,
            "Level used when the codec is gzip."),
        define(
            "compression.lz4.level", .int, "9", .between(1, 17), .medium, .clusterWide,
            "Level used when the codec is lz4."),
        define(
            "compression.zstd.level", .int, "3", .between(-131072, 22), .medium, .clusterWide,
            "Level used when the codec is zstd."),
        define(
            "log.cleaner.threads", .int, "1", .atLeast(0), .medium, .clusterWide,
            "Threads that compact logs."),
        define(
            "log.cleaner.io.max.bytes.per.second", .double, "1.7976931348623157E308", .any, .medium,
            .clusterWide,
            "Bytes a second that compaction may read and write, all threads together."),
        define(
            "log.cleaner.dedupe.buffer.size", .long, "134217728", .any, .medium, .clusterWide,
            "Bytes of memory for the offset maps of all cleaner threads."),
        define(
            "log.cleaner.io.buffer.size", .int, "524288", .atLeast(0), .medium, .clusterWide,
            "Bytes of I/O buffers of all cleaner threads."),
        define(
            "log.cleaner.io.buffer.load.factor", .double, "0.9", .any, .medium, .clusterWide,
            "How full the offset map may get."),
        define(
            "log.cleaner.backoff.ms", .long, "15000", .atLeast(0), .medium, .clusterWide,
            "Milliseconds to wait when nothing needs compaction."),
        define(
            "log.cleaner.min.cleanable.ratio", .double, "0.5", .realBetween(0, 1), .medium,
            .clusterWide,
            "Default of `min.cleanable.dirty.ratio` for topics."),
        define(
            "log.cleaner.enable", .boolean, "true", .any, .medium, .readOnly,
            "Runs the log cleaner; without it compacted topics only grow."),
        define(
            "log.cleaner.delete.retention.ms", .long, "86400000", .atLeast(0), .medium,
            .clusterWide,
            "Default of `delete.retention.ms` for topics."),
        define(
            "log.cleaner.min.compaction.lag.ms", .long, "0", .atLeast(0), .medium, .clusterWide,
            "Default of `min.compaction.lag.ms` for topics."),
        define(
            "log.cleaner.max.compaction.lag.ms", .long, "9223372036854775807", .atLeast(1), .medium,
            .clusterWide,
            "Default of `max.compaction.lag.ms` for topics."),
    ]
}
