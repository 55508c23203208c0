public import KafkaWire

/// What the user does with transactions. Each call ends with the output `transaction`.
extension ProducerCore {
    /// Gets the producer ready for transactions: fences earlier producers with the same
    /// transactional id, and ends what they left open.
    public mutating func prepareTransactions(waiter: UInt64, now: ClientInstant) {
        guard let transaction = sound(waiter) else { return }
        switch transaction.phase {
        case .unprepared, .ending: wait(transaction, waiter, opens: false, now)
        case .ready, .open, .doomed: outputs.append(.transaction(waiter, nil))
        }
    }

    /// Opens a transaction, once the producer is ready and the one before has ended.
    public mutating func beginTransaction(waiter: UInt64, now: ClientInstant) {
        guard let transaction = sound(waiter) else { return }
        if transaction.isOpen {
            let error = ClientError.invalidState("\(transaction.id) has an open transaction")
            return outputs.append(.transaction(waiter, error))
        }
        wait(transaction, waiter, opens: true, now)
    }

    private mutating func wait(
        _ transaction: TransactionState, _ waiter: UInt64, opens: Bool, _ now: ClientInstant
    ) {
        transaction.beginnings.append(
            .init(
                waiter: waiter, deadline: now + settings.maxBlock, opens: opens,
                refusals: network.refusals))
    }

    /// Commits offsets of a group if and when the open transaction is committed.
    public mutating func sendOffsets(
        _ offsets: [TopicPartition: CommittedOffset], of group: ConsumerGroupMetadata,
        waiter: UInt64, now: ClientInstant
    ) {
        guard let transaction = sound(waiter) else { return }
        if let refusal = transaction.refusal {
            return outputs.append(.transaction(waiter, refusal))
        }
        guard !offsets.isEmpty else { return outputs.append(.transaction(waiter, nil)) }
        transaction.offsets.append(
            .init(
                waiter: waiter, deadline: now + settings.maxBlock, group: group, offsets: offsets,
                coordinator: CoordinatorLookup(group.groupID, .group)))
    }

    /// Commits or aborts the open transaction.
    ///
    /// A commit waits for all its records, and fails when one of them does: abort it then. An end
    /// that is not known within `maxBlock` is told as `timedOut`, and may yet come about.
    public mutating func endTransaction(commits: Bool, waiter: UInt64, now: ClientInstant) {
        guard let transaction = sound(waiter) else { return }
        switch transaction.phase {
        case .doomed(let error) where commits: outputs.append(.transaction(waiter, error))
        case .open, .doomed:
            transaction.phase = .ending(commits: commits)
            transaction.ending = .init(waiter: waiter, deadline: now + settings.maxBlock)
        case .unprepared, .ready, .ending:
            let error = ClientError.invalidState("\(transaction.id) has no open transaction")
            outputs.append(.transaction(waiter, error))
        }
    }

    /// Whether a transaction is open.
    public var isInTransaction: Bool { transaction?.isOpen ?? false }

    /// The state, if transactions are possible at all; tells `waiter` otherwise.
    private mutating func sound(_ waiter: UInt64) -> TransactionState? {
        if let fatal {
            outputs.append(.transaction(waiter, fatal))
            return nil
        }
        if transaction == nil {
            let error = ClientError.invalidState("transactions need a transactional.id")
            outputs.append(.transaction(waiter, error))
        }
        return transaction
    }
}
