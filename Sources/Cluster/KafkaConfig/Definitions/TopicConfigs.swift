/// Config keys of a topic, in the order Apache Kafka 4.4 declares them.
public enum TopicConfigs {
    /// Every key, internal ones included.
    public static let all: [ConfigDefinition] = [
        define(
            "segment.bytes", .int, "1073741824", .atLeast(1048576), .medium, .resource,
            "Bytes at which the active segment is closed and a new one begun."),
        define(
            "segment.ms", .long, "604800000", .atLeast(1), .medium, .resource,
            "Milliseconds after which the active segment is closed even if it is not full."),
        define(
            "segment.jitter.ms", .long, "0", .atLeast(0), .medium, .resource,
            "Random milliseconds, at most this many, taken off `segment.ms` so that segments do "
                + "not all roll at once."
        ),
        define(
            "segment.index.bytes", .int, "10485760", .atLeast(4), .medium, .resource,
            "Upper bound in bytes of each offset and time index file."),
        define(
            "flush.messages", .long, "9223372036854775807", .atLeast(1), .medium, .resource,
            "Records after which the log is synced to disk; at `martlet.durability=flushed` "
                + "every acknowledged batch is synced anyway."
        ),
        define(
            "flush.ms", .long, "9223372036854775807", .atLeast(0), .medium, .resource,
            "Milliseconds a record may stay unsynced in memory."),
        define(
            "retention.bytes", .long, "-1", .any, .medium, .resource,
            "Bytes a partition may hold before its oldest segments are deleted; -1 for no limit."),
        define(
            "retention.ms", .long, "604800000", .atLeast(-1), .medium, .resource,
            "Age in milliseconds at which segments are deleted; -1 keeps them for ever."),
        define(
            "max.message.bytes", .int, "1048588", .atLeast(0), .medium, .resource,
            "Largest record batch accepted, in bytes as sent (compressed)."),
        define(
            "index.interval.bytes", .int, "4096", .atLeast(0), .medium, .resource,
            "Bytes of log between two index entries."),
        define(
            "delete.retention.ms", .long, "86400000", .atLeast(0), .medium, .resource,
            "Milliseconds that a tombstone of a compacted topic stays readable."),
        define(
            "min.compaction.lag.ms", .long, "0", .atLeast(0), .medium, .resource,
            "Milliseconds that a record is left alone before compaction may touch it."),
        define(
            "max.compaction.lag.ms", .long, "9223372036854775807", .atLeast(1), .medium, .resource,
            "Milliseconds after which a record has to become eligible for compaction."),
        define(
            "file.delete.delay.ms", .long, "60000", .atLeast(0), .medium, .resource,
            "Milliseconds between taking a segment out of the log and unlinking its files."),
        define(
            "min.cleanable.dirty.ratio", .double, "0.5", .realBetween(0, 1), .medium, .resource,
            "Share of a log that has to be uncompacted before compaction starts."),
        define(
            "cleanup.policy", .list, "delete", .list(of: ["compact", "delete"], allowsEmpty: true),
            .medium, .resource,
            "What happens to old segments: `delete`, `compact`, both, or (empty) neither."),
        define(
            "unclean.leader.election.enable", .boolean, "false", .any, .medium, .resource,
            "Lets a replica outside the ISR lead when no other is left, at the price of lost "
                + "records."
        ),
        define(
            "min.insync.replicas", .int, "1", .atLeast(1), .medium, .resource,
            "In-sync replicas that an `acks=all` write needs."),
        define(
            "compression.type", .string, "producer",
            .oneOf(["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), .medium,
            .resource,
            "Codec that batches are stored in; `producer` keeps what the client sent."),
        define(
            "compression.gzip.level", .int, "-1", .gzipLevel, .medium, .resource,
            "Level used when the codec is gzip."),
        define(
            "compression.lz4.level", .int, "9", .between(1, 17), .medium, .resource,
            "Level used when the codec is lz4."),
        define(
            "compression.zstd.level", .int, "3", .between(-131072, 22), .medium, .resource,
            "Level used when the codec is zstd."),
        define(
            "preallocate", .boolean, "false", .any, .medium, .resource,
            "Reserves the disk space of a segment when it is created."),
        define(
            "message.timestamp.type", .string, "CreateTime",
            .oneOf(["CreateTime", "LogAppendTime"]), .medium, .resource,
            "Whose clock stamps a record: the producer's or the broker's."),
        define(
            "message.timestamp.before.max.ms", .long, "9223372036854775807", .atLeast(0), .medium,
            .resource,
            "Milliseconds that a record's timestamp may lie in the past."),
        define(
            "message.timestamp.after.max.ms", .long, "3600000", .atLeast(0), .medium, .resource,
            "Milliseconds that a record's timestamp may lie in the future."),
        define(
            "leader.replication.throttled.replicas", .list, "", .throttledReplicas, .medium,
            .resource,
            "Replicas throttled on the leader's side, as partition:broker pairs or `*`."),
        define(
            "follower.replication.throttled.replicas", .list, "", .throttledReplicas, .medium,
            .resource,
            "Replicas throttled on the follower's side, as partition:broker pairs or `*`."),
        define(
            "remote.storage.enable", .boolean, "false", .any, .medium, .resource,
            "Turns tiered storage on for the topic."),
        define(
            "local.retention.ms", .long, "-2", .atLeast(-2), .medium, .resource,
            "Age in milliseconds at which uploaded segments leave local disk; -2 follows "
                + "`retention.ms`."
        ),
        define(
            "local.retention.bytes", .long, "-2", .atLeast(-2), .medium, .resource,
            "Bytes of uploaded segments kept on local disk; -2 follows `retention.bytes`."),
        define(
            "remote.log.copy.disable", .boolean, "false", .any, .medium, .resource,
            "Stops uploads and leaves the remote data readable."),
        define(
            "remote.copy.lag.ms", .long, "0", .atLeast(-1), .medium, .resource,
            "Milliseconds since its last record after which a closed segment may be uploaded; 0 "
                + "at once, -1 follows local retention (KIP-1241)."
        ),
        define(
            "remote.copy.lag.bytes", .long, "-1", .atLeast(-1), .medium, .resource,
            "Bytes of newer log after which a closed segment may be uploaded; 0 at once, -1 "
                + "follows local retention (KIP-1241)."
        ),
        define(
            "remote.log.delete.on.disable", .boolean, "false", .any, .medium, .resource,
            "Deletes the remote data when tiered storage is turned off for the topic."),
        define(
            "errors.deadletterqueue.group.enable", .boolean, "false", .any, .medium, .resource,
            "Allows share groups to use this topic as their dead-letter queue (KIP-1191)."),
        hidden(
            "internal.segment.bytes", .int, nil, .any, .medium, .resource,
            "Segment size for tests, free of the usual minimum."),
    ]
}
