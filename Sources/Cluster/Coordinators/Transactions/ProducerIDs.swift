public import KafkaProtocol
public import KafkaWire

/// An operation that goes on once there is a producer id for it.
enum Deferred {
    case initialize(InitTransactionalID, Respondent<ProducerIdentity>)
    case end(TransactionOutcome, Respondent<ProducerIdentity>)
    /// Fencing of whom the id had then.
    case fence(String, ProducerIdentity, Respondent<ProducerIdentity>?)

    func fail(
        _ error: KafkaError,
        _ outbox: inout CoordinatorOutbox<TransactionRecord, TransactionCommand>
    ) {
        switch self {
        case .initialize(_, let respondent), .end(_, let respondent):
            outbox.reply(respondent.reply(.failure(error)))
        case .fence(_, _, let respondent):
            if let respondent { outbox.reply(respondent.reply(.failure(error))) }
        }
    }
}

/// Producer ids come from the controller: an operation that needs one waits, and is then decided
/// anew.
extension TransactionMachine {
    /// A producer id that nobody has had; `nil` when there is none, and `operation` comes again.
    func takeProducerID(orDefer operation: Deferred) -> ProducerID? {
        if let spare = spareProducerIDs.popLast() { return spare }
        awaitingProducerID.append(operation)
        outbox.perform(.allocateProducerID)
        return nil
    }

    /// The controller's answer to `allocateProducerID`.
    public func producerIDAllocated(_ result: Result<ProducerID, KafkaError>, _ now: Moment) {
        if case .success(let id) = result { spareProducerIDs.append(id) }
        // After a load nobody waits; the id is kept for the next who needs one.
        guard !awaitingProducerID.isEmpty else { return }
        sometimes(.producerIDAwaited)
        let operation = awaitingProducerID.removeFirst()
        if case .failure(let error) = result {
            return operation.fail(error, &outbox)
        }
        switch operation {
        case .initialize(let request, let respondent):
            initProducerID(request, respondent, now)
        case .end(let outcome, let respondent): endTransaction(outcome, respondent, now)
        case .fence(let id, let producer, let respondent):
            guard let transaction = transactions[id], transaction.state == .ongoing,
                transaction.producer == producer
            else {
                // Ended meanwhile: whoever asked comes again.
                if let respondent {
                    outbox.reply(respondent.reply(.failure(.concurrentTransactions)))
                }
                return
            }
            fence(id, transaction, for: respondent, now)
        }
    }

    // MARK: InitProducerId

    /// Gives a producer its id and the next epoch, which fences all before it; an open transaction
    /// is aborted first, and the client comes again.
    public func initProducerID(
        _ request: InitTransactionalID, _ respondent: Respondent<ProducerIdentity>, _ now: Moment
    ) {
        guard request.timeoutMs > 0, request.timeoutMs <= settings.maxTimeoutMs else {
            return outbox.reply(respondent.reply(.failure(.invalidTransactionTimeout)))
        }
        let id = request.transactionalID
        guard let present = transactions[id] else {
            guard let fresh = takeProducerID(orDefer: .initialize(request, respondent)) else {
                return
            }
            let created = Transaction(id: fresh, timeoutMs: request.timeoutMs, now: now.wallMs)
            return begin(
                id, created, as: ProducerIdentity(id: fresh, epoch: 0), last: -1, request,
                respondent, now)
        }
        if let error = Self.refusal(of: request, present) {
            return outbox.reply(respondent.reply(.failure(error)))
        }
        if present.state == .ongoing { return fence(id, present, for: respondent, now) }
        switch Self.decision(request.expected, present) {
        case .failure(let error): outbox.reply(respondent.reply(.failure(error)))
        case .success(.epoch(let epoch, let last)):
            begin(
                id, present, as: ProducerIdentity(id: present.producer.id, epoch: epoch),
                last: last, request, respondent, now)
        case .success(.rotate):
            guard let fresh = takeProducerID(orDefer: .initialize(request, respondent)) else {
                return
            }
            begin(
                id, present, as: ProducerIdentity(id: fresh, epoch: 0),
                last: request.expected == nil ? -1 : present.producer.epoch, request, respondent,
                now)
        }
    }

    private func begin(
        _ id: String, _ present: Transaction, as producer: ProducerIdentity, last: Int16,
        _ request: InitTransactionalID, _ respondent: Respondent<ProducerIdentity>, _ now: Moment
    ) {
        step(
            id,
            to: present.initialized(
                as: producer, last: last, timeoutMs: request.timeoutMs, now: now.wallMs), now)
        outbox.reply(respondent.reply(.success(producer)))
    }

    private static func refusal(
        of request: InitTransactionalID, _ present: Transaction
    ) -> KafkaError? {
        if present.state.isPrepared {
            sometimes(.initOfCompleting)
            return .concurrentTransactions
        }
        guard let expected = request.expected else { return nil }
        let isKnown =
            expected.id == present.producer.id
            || expected.id == present.previousID && expected.isExhausted
        return isKnown ? nil : .producerFenced
    }

    private enum NextProducer {
        case epoch(Int16, last: Int16)
        /// Its epochs are used up: a new id.
        case rotate
    }

    /// How a producer goes on that has no transaction open (KIP-360).
    private static func decision(
        _ expected: ProducerIdentity?, _ present: Transaction
    ) -> Result<NextProducer, KafkaError> {
        let epoch = present.producer.epoch
        guard let expected else {
            if PlantedBug.keptEpoch.isPlanted { return .success(.epoch(epoch, last: -1)) }
            return .success(
                present.producer.isExhausted ? .rotate : .epoch(epoch + 1, last: -1))
        }
        if expected.epoch == epoch {
            return .success(
                present.producer.isExhausted ? .rotate : .epoch(epoch + 1, last: epoch))
        }
        // The answer to an earlier request got lost: the same once more.
        if expected.epoch == present.lastEpoch {
            return .success(.epoch(epoch, last: present.lastEpoch))
        }
        return .failure(.producerFenced)
    }
}
