public import ClientCore
public import KafkaWire

/// What can be done in an open transaction; of no use after its end.
public struct Transaction: Sendable {
    let producer: Producer

    /// Sends a record as a part of the transaction, and waits until it is written.
    ///
    /// - Throws: as `Producer.send`. The transaction can then only be aborted.
    nonisolated(nonsending)
        public func send(_ record: ProducerRecord) async throws(ClientError) -> RecordMetadata
    {
        try await producer.send(record)
    }

    /// Sends a record as a part of the transaction, without waiting for its end. If it fails, so
    /// does the commit.
    nonisolated(nonsending)
        public func enqueue(_ record: ProducerRecord) async throws(ClientError)
    {
        try await producer.enqueue(record)
    }

    /// Commits offsets of a group if and when the transaction is committed (KIP-447).
    ///
    /// - Throws: `broker` when the member is not in the group any more; `timedOut` after
    ///   `max.block.ms`. The transaction can then only be aborted.
    public func sendOffsets(
        _ offsets: [TopicPartition: CommittedOffset], of group: ConsumerGroupMetadata
    ) async throws(ClientError) {
        try await producer.transactionCall { core, waiter, now in
            core.sendOffsets(offsets, of: group, waiter: waiter, now: now)
        }
    }

    /// Commits, with the transaction, that the consumer's group is done with these batches.
    ///
    /// - Throws: `invalidState` for a consumer without a `group.id`, else as for offsets.
    public func sendOffsets(
        after batches: ConsumerBatch..., of consumer: Consumer
    ) async throws(ClientError) {
        guard let group = consumer.groupMetadata else {
            throw .invalidState("committing needs a group.id")
        }
        var offsets: [TopicPartition: CommittedOffset] = [:]
        for batch in batches {
            offsets[batch.partition] = CommittedOffset(
                batch.nextOffset, leaderEpoch: batch.leaderEpoch)
        }
        try await sendOffsets(offsets, of: group)
    }

    /// Commits, with the transaction, all that the reader of the consumer is done with.
    ///
    /// - Throws: as with batches.
    public func sendOffsets(of consumer: Consumer) async throws(ClientError) {
        guard let group = consumer.groupMetadata else {
            throw .invalidState("committing needs a group.id")
        }
        try await sendOffsets(consumer.positions, of: group)
    }
}

/// Transactions of a producer with a `transactional.id` (KIP-98): readers with `read_committed`
/// see all of a transaction's records and offsets, or none.
extension Producer {
    /// Runs `body` in a transaction: commits when it returns, aborts when it throws.
    ///
    ///     try await producer.withTransaction { transaction in
    ///         for bird in birds { try await transaction.enqueue(bird) }
    ///     }
    ///
    /// When the commit's answer does not come within `max.block.ms`, `timedOut` is thrown though
    /// the transaction may yet be committed. A producer that another one with the same id has
    /// fenced throws `fenced` for ever.
    /// - Throws: what `body` throws; `ClientError` for what the commit comes to.
    nonisolated(nonsending)
        public func withTransaction<Result>(
            _ body: nonisolated(nonsending) (Transaction) async throws -> Result
        ) async throws -> Result
    {
        let transaction = try await beginTransaction()
        do {
            let result = try await body(transaction)
            try await commitTransaction()
            return result
        } catch {
            // What made it fail says more than what becomes of the abort.
            if isInTransaction { try? await abortTransaction() }
            throw error
        }
    }

    /// Fences earlier producers with the same transactional id, and ends what they left open. The
    /// first transaction does so too.
    ///
    /// - Throws: `timedOut` after `max.block.ms`; `broker` for a refusal; `invalidState` without a
    ///   `transactional.id`.
    public func initTransactions() async throws(ClientError) {
        try await transactionCall { core, waiter, now in
            core.prepareTransactions(waiter: waiter, now: now)
        }
    }

    /// Opens a transaction, to be ended by `commitTransaction` or `abortTransaction`; see
    /// `withTransaction`.
    ///
    /// - Throws: as `initTransactions`; `invalidState` while another is open.
    public func beginTransaction() async throws(ClientError) -> Transaction {
        try await transactionCall { core, waiter, now in
            core.beginTransaction(waiter: waiter, now: now)
        }
        return Transaction(producer: self)
    }

    /// Waits for all records and offsets of the transaction, and commits it.
    ///
    /// - Throws: what made the transaction fail, which is then to be aborted; `timedOut` when it is
    ///   not known after `max.block.ms` whether it is committed; `fenced`.
    public func commitTransaction() async throws(ClientError) {
        try await transactionCall { core, waiter, now in
            core.endTransaction(commits: true, waiter: waiter, now: now)
        }
    }

    /// Aborts the transaction: nobody who reads committed records will see its own. Records that
    /// have not been sent fail as `transactionAborted`.
    ///
    /// - Throws: as `commitTransaction`.
    public func abortTransaction() async throws(ClientError) {
        try await transactionCall { core, waiter, now in
            core.endTransaction(commits: false, waiter: waiter, now: now)
        }
        // Whoever aborts knows that what was handed over has failed.
        _ = endings.takeFailure()
    }

    /// Whether a transaction is open.
    public var isInTransaction: Bool { loop.enter { core, _ in (core.isInTransaction, false) } }

    func transactionCall(
        _ call: (inout ProducerCore, UInt64, ClientInstant) -> Void
    ) async throws(ClientError) {
        let error: ClientError? = await withCheckedContinuation { continuation in
            let id = endings.add(.resumption(continuation))
            loop.enter { core, now in
                call(&core, id, now)
                return ((), true)
            }
        }
        if let error { throw error }
    }
}
