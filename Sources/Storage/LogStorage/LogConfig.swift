public import KafkaRecords

/// The configuration of one partition's log: Kafka's topic configs with Kafka's defaults.
///
/// Times are in milliseconds, sizes in bytes.
public struct LogConfig: Sendable, Equatable {
    /// `segment.bytes`: a segment is not made larger, but for a single append that alone is.
    public var segmentBytes = 1 << 30
    /// `segment.ms`: a segment takes records for so long, counted by record timestamps.
    public var segmentMs: Int64 = 604_800_000
    /// `segment.jitter.ms`: at most so much is taken off `segmentMs`, to spread the rolls.
    public var segmentJitterMs: Int64 = 0
    /// `segment.index.bytes`: a segment whose index is this large is not written to any more.
    public var segmentIndexBytes = 10 << 20
    /// `index.interval.bytes`: bytes of log between two index entries, about.
    public var indexIntervalBytes = 4096
    /// `retention.ms`; -1 for no limit.
    public var retentionMs: Int64 = 604_800_000
    /// `retention.bytes`; -1 for no limit.
    public var retentionBytes = -1
    /// `cleanup.policy` has `compact`.
    public var compact = false
    /// `cleanup.policy` has `delete`.
    public var delete = true
    /// `min.insync.replicas`: fewer in sync, and nothing is committed.
    public var minInSyncReplicas = 1
    /// `leader.replication.throttled.replicas`, `follower.replication.throttled.replicas`: whose
    /// traffic the throttled rate of a broker bounds.
    public var leaderThrottled = ThrottledReplicas.none
    public var followerThrottled = ThrottledReplicas.none
    /// `max.message.bytes`: the largest batch that is taken.
    public var maxMessageBytes = 1_048_588
    /// `min.cleanable.dirty.ratio`, 0 to 1.
    public var minCleanableDirtyRatio = 0.5
    /// `delete.retention.ms`: how long the cleaner keeps tombstones.
    public var deleteRetentionMs: Int64 = 86_400_000
    /// `file.delete.delay.ms`: how long a segment given up stays on disk.
    public var fileDeleteDelayMs: Int64 = 60_000
    /// `min.compaction.lag.ms`.
    public var minCompactionLagMs: Int64 = 0
    /// `max.compaction.lag.ms`.
    public var maxCompactionLagMs = Int64.max
    /// `message.timestamp.type`.
    public var timestampType = TimestampType.createTime
    /// `message.timestamp.before.max.ms`: how far in the past a record's timestamp may lie.
    public var timestampBeforeMaxMs = Int64.max
    /// `message.timestamp.after.max.ms`: how far in the future a record's timestamp may lie.
    public var timestampAfterMaxMs: Int64 = 3_600_000
    /// `compression.type`; `nil` keeps the producer's.
    public var compressionType: CompressionType?
    /// The level of `compressionType`; `nil` for the codec's default.
    public var compressionLevel: Int?
    /// `flush.messages`: a flush is due after so many records.
    public var flushMessages = Int64.max
    /// `flush.ms`: a flush is due after so long.
    public var flushMs = Int64.max
    /// `producer.id.expiration.ms` (a broker config): a producer not heard of for so long is
    /// forgotten.
    public var producerIDExpirationMs: Int64 = 86_400_000
    /// Most bytes that the records of one batch may take when the broker decompresses them.
    public var maxDecompressedBatchBytes = 64 << 20

    /// Kafka's defaults.
    public init() {}
}

/// Replicas of a topic that are replicated under a throttle (KIP-73).
public enum ThrottledReplicas: Sendable, Equatable {
    case none
    case all
    case some([Replica])

    public struct Replica: Sendable, Equatable {
        public let partition: Int32
        public let broker: Int32
    }

    /// Reads `*`, or `partition:broker` with commas between; what is neither is passed over, as it
    /// was refused when it was set.
    public init(text: String) {
        let entries = text.split(separator: ",").map { $0.filter { $0 != " " } }
        if entries.contains("*") {
            self = .all
            return
        }
        let replicas = entries.compactMap { entry -> Replica? in
            let parts = entry.split(separator: ":")
            guard parts.count == 2, let partition = Int32(parts[0]), let broker = Int32(parts[1])
            else { return nil }
            return Replica(partition: partition, broker: broker)
        }
        self = replicas.isEmpty ? .none : .some(replicas)
    }

    /// Whether the replica of a partition on a broker is among them.
    public func contains(partition: Int32, broker: Int32) -> Bool {
        switch self {
        case .none: false
        case .all: true
        case .some(let replicas):
            replicas.contains { $0.partition == partition && $0.broker == broker }
        }
    }
}
