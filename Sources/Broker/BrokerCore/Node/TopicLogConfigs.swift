import ClusterController
import KafkaRecords
import LogStorage

/// What the configuration in force asks of a topic's logs.
struct TopicLogConfigs: Sendable {
    let controller: Controller

    private func text(_ key: String, of topic: String) -> String? {
        controller.effectiveTopicConfig(key, of: topic)
    }

    /// What a topic's logs are run with. Values were validated when they were set.
    func logConfig(of topic: String) -> LogConfig {
        func number(_ key: String) -> Int64? { text(key, of: topic).flatMap { Int64($0) } }
        func bytes(_ key: String) -> Int? { number(key).flatMap { Int(exactly: $0) } }
        var config = LogConfig()
        let policy = text("cleanup.policy", of: topic) ?? "delete"
        config.delete = policy.contains("delete")
        config.compact = policy.contains("compact")
        config.segmentBytes =
            bytes("internal.segment.bytes") ?? bytes("segment.bytes") ?? config.segmentBytes
        config.segmentMs = number("segment.ms") ?? config.segmentMs
        config.segmentJitterMs = number("segment.jitter.ms") ?? config.segmentJitterMs
        config.segmentIndexBytes = bytes("segment.index.bytes") ?? config.segmentIndexBytes
        config.indexIntervalBytes = bytes("index.interval.bytes") ?? config.indexIntervalBytes
        config.retentionMs = number("retention.ms") ?? config.retentionMs
        config.retentionBytes = bytes("retention.bytes") ?? config.retentionBytes
        config.maxMessageBytes = bytes("max.message.bytes") ?? config.maxMessageBytes
        config.minInSyncReplicas =
            bytes("min.insync.replicas") ?? config.minInSyncReplicas
        config.minCleanableDirtyRatio =
            text("min.cleanable.dirty.ratio", of: topic).flatMap { Double($0) }
            ?? config.minCleanableDirtyRatio
        config.deleteRetentionMs = number("delete.retention.ms") ?? config.deleteRetentionMs
        config.fileDeleteDelayMs = number("file.delete.delay.ms") ?? config.fileDeleteDelayMs
        config.minCompactionLagMs = number("min.compaction.lag.ms") ?? config.minCompactionLagMs
        config.maxCompactionLagMs = number("max.compaction.lag.ms") ?? config.maxCompactionLagMs
        config.leaderThrottled = ThrottledReplicas(
            text: text("leader.replication.throttled.replicas", of: topic) ?? "")
        config.followerThrottled = ThrottledReplicas(
            text: text("follower.replication.throttled.replicas", of: topic) ?? "")
        readTimestamps(&config, of: topic)
        readCompression(&config, of: topic)
        config.producerIDExpirationMs =
            controller.effectiveBrokerConfig("producer.id.expiration.ms").flatMap { Int64($0) }
            ?? config.producerIDExpirationMs
        return config
    }

    private func readTimestamps(_ config: inout LogConfig, of topic: String) {
        let type = text("message.timestamp.type", of: topic)
        config.timestampType = type == "LogAppendTime" ? .logAppendTime : .createTime
        if let ms = text("message.timestamp.before.max.ms", of: topic).flatMap({ Int64($0) }) {
            config.timestampBeforeMaxMs = ms
        }
        if let ms = text("message.timestamp.after.max.ms", of: topic).flatMap({ Int64($0) }) {
            config.timestampAfterMaxMs = ms
        }
    }

    private func readCompression(_ config: inout LogConfig, of topic: String) {
        guard let name = text("compression.type", of: topic), name != "producer" else { return }
        config.compressionType = name == "uncompressed" ? CompressionType.none : .init(name: name)
        guard let type = config.compressionType, type != .none, type != .snappy else { return }
        config.compressionLevel = text("compression.\(name).level", of: topic).flatMap { Int($0) }
    }
}
