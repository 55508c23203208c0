import KafkaConfig

/// The broker keys of Kafka that have an effect in this version; the others that are set are named
/// in one warning at the start.
public enum ImplementedKeys {
    /// Keys by name.
    public static let all: Set<String> = {
        var keys = Set(own + cluster)
        for definition in TopicConfigs.all where !withoutEffect.contains(definition.name) {
            for synonym in TopicConfigs.synonyms(definition.name) { keys.insert(synonym.name) }
        }
        return keys
    }()

    private static let own = [
        "process.roles", "node.id", "broker.id", "broker.rack", "listeners",
        "advertised.listeners", "listener.security.protocol.map", "controller.listener.names",
        "inter.broker.listener.name", "controller.quorum.voters",
        "controller.quorum.bootstrap.servers", "controller.quorum.auto.join.enable",
        "controller.quorum.election.timeout.ms", "controller.quorum.fetch.timeout.ms",
        "controller.quorum.election.backoff.max.ms", "controller.quorum.request.timeout.ms",
        "controller.quorum.retry.backoff.ms", "controller.quorum.fetch.max.bytes",
        "controller.quorum.fetch.snapshot.max.bytes", "log.dir", "log.dirs", "metadata.log.dir",
        "num.network.threads", "num.io.threads", "connections.max.idle.ms",
        "socket.request.max.bytes", "num.partitions",
        "default.replication.factor", "auto.create.topics.enable", "delete.topic.enable",
        "cordoned.log.dirs", "fetch.max.bytes",
        "max.request.partition.size.limit", "max.incremental.fetch.session.cache.slots",
        "metadata.log.max.record.bytes.between.snapshots",
        "metadata.log.max.snapshot.interval.ms", "metadata.log.segment.bytes",
        "metadata.log.segment.ms", "metadata.max.retention.bytes", "metadata.max.retention.ms",
        "metadata.max.idle.interval.ms",
        "replica.high.watermark.checkpoint.interval.ms",
        "log.flush.offset.checkpoint.interval.ms",
        "log.flush.start.offset.checkpoint.interval.ms", "log.retention.check.interval.ms",
        "log.cleaner.backoff.ms", "log.cleaner.enable", "log.cleaner.dedupe.buffer.size",
        "log.cleaner.io.buffer.size", "log.cleaner.io.buffer.load.factor",
        "producer.id.expiration.ms", "min.insync.replicas",
        "group.min.session.timeout.ms", "group.max.session.timeout.ms", "group.max.size",
        "group.initial.rebalance.delay.ms", "offset.metadata.max.bytes",
        "offsets.retention.minutes", "offsets.retention.check.interval.ms",
        "offsets.topic.num.partitions", "offsets.topic.replication.factor",
        "offsets.topic.segment.bytes", "offsets.topic.compression.codec",
        "unstable.feature.versions.enable", "martlet.durability",
        "martlet.flush.interval.ms", "martlet.flush.interval.bytes",
        "request.timeout.ms",
        "transaction.max.timeout.ms", "transactional.id.expiration.ms",
        "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        "transaction.remove.expired.transaction.cleanup.interval.ms",
        "transaction.partition.verification.enable", "transaction.two.phase.commit.enable",
        "add.partitions.to.txn.retry.backoff.max.ms",
        "transaction.state.log.replication.factor", "transaction.state.log.num.partitions",
        "transaction.state.log.segment.bytes", "transaction.state.log.min.isr",
        "martlet.memory.max", "queued.max.requests", "queued.max.request.bytes",
        "max.connections", "max.connection.creation.rate", "max.connections.per.ip",
        "max.connections.per.ip.overrides", "socket.send.buffer.bytes",
        "socket.receive.buffer.bytes",
    ]

    /// Keys that take effect where there are several nodes.
    private static let cluster = [
        "broker.session.timeout.ms", "broker.heartbeat.interval.ms",
        "initial.broker.registration.timeout.ms", "security.inter.broker.protocol",
        "replica.lag.time.max.ms", "replica.fetch.max.bytes", "replica.fetch.response.max.bytes",
        "replica.fetch.wait.max.ms", "replica.fetch.min.bytes", "replica.fetch.backoff.ms",
        "replica.socket.timeout.ms", "replica.selector.class", "num.replica.fetchers",
        "auto.leader.rebalance.enable", "leader.imbalance.check.interval.seconds",
        "unclean.leader.election.interval.ms", "martlet.fast.failover.ms",
    ]

    /// Topic keys that this version takes, keeps and describes, but does not act on.
    private static let withoutEffect: Set<String> = [
        "preallocate", "local.retention.ms", "local.retention.bytes", "remote.copy.lag.ms",
        "remote.copy.lag.bytes", "flush.messages", "flush.ms",
    ]
}
