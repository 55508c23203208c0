public import KafkaProtocol
public import KafkaWire

/// An addition that waits for the transaction before to be complete.
struct ParkedAddition {
    var addition: PartitionAddition
    var respondent: Respondent<Void>
    var deadlineMs: Int64
}

/// AddPartitionsToTxn and AddOffsetsToTxn, and the same on behalf of Produce and TxnOffsetCommit.
extension TransactionMachine {
    /// Adds partitions to the producer's transaction, which begins with the first.
    public func addPartitions(
        _ addition: PartitionAddition, _ respondent: Respondent<Void>, _ now: Moment
    ) {
        let id = addition.transactionalID
        guard let present = transactions[id] else {
            return outbox.reply(respondent.reply(.failure(.invalidProducerIDMapping)))
        }
        guard !present.state.isPrepared else {
            guard addition.waits, settings.additionPatienceMs > 0 else {
                return outbox.reply(respondent.reply(.failure(.concurrentTransactions)))
            }
            return parked.append(
                ParkedAddition(
                    addition: addition, respondent: respondent,
                    deadlineMs: now.monotonicMs + settings.additionPatienceMs))
        }
        if let error = Self.refusal(of: addition.producer, present) {
            return outbox.reply(respondent.reply(.failure(error)))
        }
        let isThere =
            present.state == .ongoing && present.partitions.isSuperset(of: addition.partitions)
        if !isThere {
            step(
                id,
                to: present.adding(
                    addition.partitions, version: addition.version, now: now.wallMs), now)
        }
        outbox.reply(respondent.reply(.success(())))
    }

    /// Says of each partition whether it belongs to the producer's transaction.
    public func verifyPartitions(
        _ addition: PartitionAddition, _ respondent: Respondent<[TopicPartition: KafkaError]>
    ) {
        guard let present = transactions[addition.transactionalID] else {
            return outbox.reply(respondent.reply(.failure(.invalidProducerIDMapping)))
        }
        if let error = Self.refusal(of: addition.producer, present) {
            return outbox.reply(respondent.reply(.failure(error)))
        }
        guard !present.state.isPrepared else {
            return outbox.reply(respondent.reply(.failure(.concurrentTransactions)))
        }
        let results = addition.partitions.map {
            ($0, present.partitions.contains($0) ? KafkaError.none : .transactionAbortable)
        }
        outbox.reply(respondent.reply(.success(Dictionary(results) { first, _ in first })))
    }

    private static func refusal(
        of producer: ProducerIdentity, _ present: Transaction
    ) -> KafkaError? {
        if present.producer.id != producer.id { return .invalidProducerIDMapping }
        return present.producer.epoch == producer.epoch ? nil : .producerFenced
    }

    // MARK: Waiting

    /// The id's transaction is complete: what waited for that goes on.
    func resumeParked(_ id: String, _ now: Moment) {
        guard parked.contains(where: { $0.addition.transactionalID == id }) else { return }
        let ready = parked.filter { $0.addition.transactionalID == id }
        parked.removeAll { $0.addition.transactionalID == id }
        for one in ready { addPartitions(one.addition, one.respondent, now) }
    }

    func giveUpParked(_ now: Moment) {
        while let first = parked.first, first.deadlineMs <= now.monotonicMs {
            parked.removeFirst()
            outbox.reply(first.respondent.reply(.failure(.concurrentTransactions)))
        }
    }
}
