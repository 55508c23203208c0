public import KafkaProtocol
public import KafkaWire

/// The transactional ids of one partition of `__transaction_state` (KIP-98, KIP-360, KIP-890).
///
/// Invariants: a transaction is ended by markers only once its outcome (`prepareCommit`,
/// `prepareAbort`) is committed to the log, for commands leave after that; it is complete only once
/// every partition has its marker; until then every request for the id is told
/// `CONCURRENT_TRANSACTIONS`. The epoch of a producer never goes back, and no client ever gets
/// `Int16.max`.
///
/// Where Kafka keeps a pending state beside the present one until its write is committed, here the
/// write is replayed at once and the answers wait (ADR 4).
public final class TransactionMachine: CoordinatorMachine {
    public var outbox = CoordinatorOutbox<TransactionRecord, TransactionCommand>()
    /// As they stand; kept up to date by the owner.
    public var settings = TransactionSettings()
    /// The leader epoch of the partition, in which markers are written.
    let coordinatorEpoch: LeaderEpoch

    /// All ids, as the log says.
    var transactions: [String: Transaction] = [:]
    /// The ids whose transaction is open.
    private(set) var open: Set<String> = []

    // What follows is not in the log.

    /// Ended transactions, and the partitions that have no marker yet.
    var completions: [String: Completion] = [:]
    /// When markers are tried again, in monotonic milliseconds.
    var markerRetryMs: Int64?
    /// Additions that wait for the transaction before to be complete, in order of arrival.
    var parked: [ParkedAddition] = []
    /// Operations that wait for a producer id, in order of arrival.
    var awaitingProducerID: [Deferred] = []
    /// Producer ids that were got for one that did not need it any more.
    var spareProducerIDs: [ProducerID] = []
    private var abortCheckMs: Int64?
    private var expiryCheckMs: Int64?

    public init(coordinatorEpoch: LeaderEpoch) { self.coordinatorEpoch = coordinatorEpoch }

    // MARK: Replay

    public func replay(_ record: TransactionRecord, at offset: Offset, by writer: RecordWriter) {
        let id = record.key.transactionalID
        let transaction = record.value.map { Transaction($0) }
        transactions[id] = transaction
        if transaction?.state == .ongoing { open.insert(id) } else { open.remove(id) }
    }

    /// Nobody writes to this log in transactions.
    public func replay(_ marker: CoordinatorMarker) {}

    /// Has the next state of an id written.
    func step(_ id: String, to next: Transaction, _ now: Moment) {
        write([TransactionRecord(id, next, level: settings.version)])
        transactions[id]?.lastEpoch = next.lastEpoch
        // A record of version 0 has no room for these.
        transactions[id]?.version = next.version
        transactions[id]?.previousID = next.previousID
        transactions[id]?.nextID = next.nextID
        watchTimeouts(now)
    }

    // MARK: Lifetime

    public func loaded(_ now: Moment) {
        let prepared = transactions.filter { $0.value.state.isPrepared }.keys.sorted()
        for id in prepared { beginCompletion(of: id, now) }
        watchTimeouts(now)
    }

    public func unload(_ error: KafkaError) {
        for deferred in awaitingProducerID { deferred.fail(error, &outbox) }
        for addition in parked { outbox.reply(addition.respondent.reply(.failure(error))) }
        awaitingProducerID.removeAll()
        parked.removeAll()
    }

    // MARK: Timers

    public var nextDeadline: Int64? {
        [abortCheckMs, expiryCheckMs, markerRetryMs, parked.first?.deadlineMs]
            .compactMap { $0 }.min()
    }

    public func timersDue(_ now: Moment) {
        if let due = markerRetryMs, due <= now.monotonicMs { retryMarkers() }
        giveUpParked(now)
        if let due = abortCheckMs, due <= now.monotonicMs {
            abortCheckMs = nil
            abortTimedOut(now)
        }
        if let due = expiryCheckMs, due <= now.monotonicMs {
            expiryCheckMs = nil
            forgetExpired(now)
        }
        watchTimeouts(now)
    }

    private func watchTimeouts(_ now: Moment) {
        if abortCheckMs == nil, !open.isEmpty {
            abortCheckMs = now.monotonicMs + settings.abortCheckMs
        }
        if expiryCheckMs == nil, !transactions.isEmpty {
            expiryCheckMs = now.monotonicMs + settings.expiryCheckMs
        }
    }

    private func abortTimedOut(_ now: Moment) {
        for id in open.sorted() where !PlantedBug.noTimeout.isPlanted {
            guard let transaction = transactions[id], transaction.isTimedOut(now.wallMs) else {
                continue
            }
            sometimes(.transactionTimedOut)
            fence(id, transaction, for: nil, now)
        }
    }

    /// Writes tombstones for ids that were idle for `transactional.id.expiration.ms`.
    private func forgetExpired(_ now: Moment) {
        let expired = transactions.filter {
            $0.value.state != .ongoing && !$0.value.state.isPrepared
                && $0.value.lastUpdateMs <= now.wallMs - settings.idExpirationMs
        }.keys.sorted()
        var rest = expired[...]
        while !rest.isEmpty {
            write(
                rest.prefix(TransactionSettings.tombstonesPerBatch).map {
                    TransactionRecord($0, nil, level: settings.version)
                })
            rest = rest.dropFirst(TransactionSettings.tombstonesPerBatch)
        }
    }
}
