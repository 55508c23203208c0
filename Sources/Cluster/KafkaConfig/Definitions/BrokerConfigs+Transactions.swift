extension BrokerConfigs {
    /// Keys of transactions and idempotent producers.
    static let transactions: [ConfigDefinition] = [
        define(
            "transaction.state.log.min.isr", .int, "2", .atLeast(1), .high, .readOnly,
            "In-sync replicas that a write to `__transaction_state` needs."),
        define(
            "transaction.state.log.load.buffer.size", .int, "5242880", .atLeast(1), .high,
            .readOnly,
            "Bytes read at a time when transactions are loaded."),
        define(
            "transaction.state.log.replication.factor", .short, "3", .atLeast(1), .high, .readOnly,
            "Replicas of `__transaction_state`."),
        define(
            "transaction.state.log.num.partitions", .int, "50", .atLeast(1), .high, .readOnly,
            "Partitions of `__transaction_state`; not to be changed later."),
        define(
            "transaction.state.log.segment.bytes", .int, "104857600", .atLeast(1), .high, .readOnly,
            "Segment size of `__transaction_state`, in bytes."),
        define(
            "transaction.partition.verification.enable", .boolean, "true", .any, .low, .clusterWide,
            "Checks that a partition belongs to the open transaction before records are taken."),
        define(
            "producer.id.expiration.ms", .int, "86400000", .atLeast(1), .low, .clusterWide,
            "Milliseconds after which an idle idempotent producer is forgotten."),
        hidden(
            "producer.id.expiration.check.interval.ms", .int, "600000", .atLeast(1), .low,
            .readOnly,
            "Milliseconds between two looks for idle producers."),
        define(
            "transactional.id.expiration.ms", .int, "604800000", .atLeast(1), .high, .readOnly,
            "Milliseconds after which an idle transactional id is forgotten."),
        define(
            "transaction.max.timeout.ms", .int, "900000", .atLeast(1), .high, .readOnly,
            "Longest transaction timeout a client may ask for, in milliseconds."),
        define(
            "transaction.abort.timed.out.transaction.cleanup.interval.ms", .int, "10000",
            .atLeast(1), .low, .readOnly,
            "Milliseconds between two looks for transactions to abort."),
        define(
            "transaction.remove.expired.transaction.cleanup.interval.ms", .int, "3600000",
            .atLeast(1), .low, .readOnly,
            "Milliseconds between two looks for transactional ids to forget."),
        define(
            "transaction.two.phase.commit.enable", .boolean, "false", .any, .low, .readOnly,
            "Allows transactions that an outside coordinator commits (KIP-939)."),
        define(
            "add.partitions.to.txn.retry.backoff.max.ms", .int, "100", .atLeast(0), .high,
            .readOnly,
            "Longest the broker itself retries to add a partition to a transaction, in "
                + "milliseconds."
        ),
        define(
            "add.partitions.to.txn.retry.backoff.ms", .int, "20", .atLeast(1), .high, .readOnly,
            "Milliseconds between such retries."),
    ]
}
