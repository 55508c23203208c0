/// What transactions are bound by.
public struct TransactionSettings: Equatable, Sendable {
    /// `transaction.version` of the cluster: 0, 1 (flexible records) or 2 (KIP-890).
    public var version: Int16 = 2
    /// `transaction.max.timeout.ms`
    public var maxTimeoutMs: Int32 = 900_000
    /// `transactional.id.expiration.ms`
    public var idExpirationMs: Int64 = 604_800_000
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`
    public var abortCheckMs: Int64 = 10_000
    /// `transaction.remove.expired.transaction.cleanup.interval.ms`
    public var expiryCheckMs: Int64 = 3_600_000
    /// `add.partitions.to.txn.retry.backoff.max.ms`: longest wait of a produce request for the
    /// transaction before it to be complete.
    public var additionPatienceMs: Int64 = 100
    /// `transaction.partition.verification.enable`
    public var verifiesPartitions = true
    /// `transaction.two.phase.commit.enable`
    public var allowsTwoPhaseCommit = false
    /// `request.timeout.ms`: longest wait for a marker to be replicated.
    public var markerTimeoutMs: Int64 = 30_000
    /// Pause before markers are tried again whose partition had no leader.
    public static let markerRetryMs: Int64 = 100
    /// Tombstones in one batch.
    static let tombstonesPerBatch = 1000

    /// Kafka's defaults.
    public init() {}

    /// - Parameters:
    ///   - version: the cluster's `transaction.version`.
    ///   - config: the value of a broker's config key.
    public init(version: Int16, _ config: (String) -> String?) {
        self.version = version
        func read<Value: LosslessStringConvertible>(_ key: String, _ value: inout Value) {
            if let given = config(key).flatMap({ Value($0) }) { value = given }
        }
        read("transaction.max.timeout.ms", &maxTimeoutMs)
        read("transactional.id.expiration.ms", &idExpirationMs)
        read("transaction.abort.timed.out.transaction.cleanup.interval.ms", &abortCheckMs)
        read("transaction.remove.expired.transaction.cleanup.interval.ms", &expiryCheckMs)
        read("add.partitions.to.txn.retry.backoff.max.ms", &additionPatienceMs)
        read("transaction.partition.verification.enable", &verifiesPartitions)
        read("transaction.two.phase.commit.enable", &allowsTwoPhaseCommit)
        read("request.timeout.ms", &markerTimeoutMs)
    }
}
