public import KafkaProtocol
public import KafkaWire

/// A transaction whose outcome is decided, and what is still to be done for it.
struct Completion {
    /// Partitions that are not known to have their marker.
    var remaining: Set<TopicPartition>
    /// Those of them that are to be tried again.
    var failed: Set<TopicPartition> = []
}

/// EndTxn, fencing and what follows: the decision, the markers, the completion.
extension TransactionMachine {
    /// Commits or aborts; answers, once that is decided durably, with the producer that goes on.
    public func endTransaction(
        _ outcome: TransactionOutcome, _ respondent: Respondent<ProducerIdentity>, _ now: Moment
    ) {
        let id = outcome.transactionalID
        guard let present = transactions[id] else {
            return outbox.reply(respondent.reply(.failure(.invalidProducerIDMapping)))
        }
        let decision =
            outcome.version >= 2
            ? Self.decideRaising(outcome, present) : Self.decideKeeping(outcome, present)
        switch decision {
        case .refuse(let error): outbox.reply(respondent.reply(.failure(error)))
        // The client of an older version is told of no producer.
        case .done:
            outbox.reply(
                respondent.reply(.success(outcome.version >= 2 ? present.producer : .none)))
        case .prepare:
            var nextID = ProducerID.none
            if outcome.version >= 2, present.producer.isExhausted {
                guard let fresh = takeProducerID(orDefer: .end(outcome, respondent)) else {
                    return
                }
                nextID = fresh
            }
            let prepared = present.prepared(
                commits: outcome.commits, version: outcome.version, nextID: nextID,
                now: now.wallMs)
            step(id, to: prepared, now)
            outbox.reply(
                respondent.reply(.success(outcome.version >= 2 ? prepared.successor : .none)))
            beginCompletion(of: id, now)
        }
    }

    private enum EndDecision {
        case prepare
        /// It had ended that way before.
        case done
        case refuse(KafkaError)
    }

    /// Up to transaction version 1 the epoch stays, and so the state alone tells of a retry.
    private static func decideKeeping(
        _ outcome: TransactionOutcome, _ present: Transaction
    ) -> EndDecision {
        guard present.producer.id == outcome.producer.id else {
            return .refuse(.invalidProducerIDMapping)
        }
        guard present.producer.epoch == outcome.producer.epoch || PlantedBug.lateEnd.isPlanted
        else {
            return .refuse(.producerFenced)
        }
        switch present.state {
        case .ongoing: return .prepare
        case .prepareCommit, .prepareAbort: return .refuse(.concurrentTransactions)
        case .completeCommit: return outcome.commits ? .done : .refuse(.invalidTxnState)
        case .completeAbort: return outcome.commits ? .refuse(.invalidTxnState) : .done
        case .empty, .dead, .prepareEpochFence: return .refuse(.invalidTxnState)
        }
    }

    /// From transaction version 2 on each end raises the epoch: the present epoch asks for a new
    /// end, the one before is a retry (KIP-890).
    private static func decideRaising(
        _ outcome: TransactionOutcome, _ present: Transaction
    ) -> EndDecision {
        if present.state.isPrepared {
            sometimes(.endOfCompleting)
            return .refuse(.concurrentTransactions)
        }
        let asked = outcome.producer
        let isEnded = present.state == .completeCommit || present.state == .completeAbort
        let isRetryOverNewID =
            asked.id == present.previousID && asked.id != present.producer.id
            && asked.epoch == Int16.max - 1 && present.producer.epoch == 0
        guard asked.id == present.producer.id || isRetryOverNewID && isEnded else {
            return .refuse(.invalidProducerIDMapping)
        }
        let isRetry =
            isEnded
            && (isRetryOverNewID || Int32(asked.epoch) + 1 == Int32(present.producer.epoch))
        guard isRetry || asked == present.producer || PlantedBug.lateEnd.isPlanted else {
            sometimes(.lateEndRefused)
            return .refuse(.producerFenced)
        }
        if present.state == .ongoing { return .prepare }
        if isRetry {
            sometimes(.endRepeated)
            let committed = present.state == .completeCommit
            return committed == outcome.commits ? .done : .refuse(.invalidTxnState)
        }
        // An abort of nothing: the client may not know whether anything was added.
        return outcome.commits ? .refuse(.invalidTxnState) : .prepare
    }

    // MARK: Fencing

    /// Aborts an open transaction and raises the epoch over its producer's.
    ///
    /// - Parameter respondent: whoever asked is told `CONCURRENT_TRANSACTIONS`, and comes again.
    func fence(
        _ id: String, _ present: Transaction, for respondent: Respondent<ProducerIdentity>?,
        _ now: Moment
    ) {
        sometimes(.transactionFenced, when: respondent != nil)
        var fenced = present
        var nextID = ProducerID.none
        if settings.version >= 2 {
            if present.producer.isExhausted {
                let again = Deferred.fence(id, present.producer, respondent)
                guard let fresh = takeProducerID(orDefer: again) else { return }
                nextID = fresh
            }
        } else if present.producer.epoch < .max {
            // Up to version 1 an end does not raise the epoch by itself.
            fenced.producer.epoch += 1
            fenced.lastEpoch = -1
        }
        let version: Int16 = settings.version >= 2 ? settings.version : 0
        step(
            id,
            to: fenced.prepared(
                commits: false, version: version, nextID: nextID, now: now.wallMs), now)
        if let respondent { outbox.reply(respondent.reply(.failure(.concurrentTransactions))) }
        beginCompletion(of: id, now)
    }

    // MARK: Markers

    /// Sends the markers of a transaction whose outcome is decided.
    func beginCompletion(of id: String, _ now: Moment) {
        guard let transaction = transactions[id] else { return }
        guard !transaction.partitions.isEmpty else { return complete(id, now) }
        completions[id] = Completion(remaining: transaction.partitions)
        order(id, transaction, transaction.partitions)
        if PlantedBug.hastyCompletion.isPlanted { complete(id, now) }
    }

    private func order(
        _ id: String, _ transaction: Transaction, _ partitions: Set<TopicPartition>
    ) {
        outbox.perform(
            .writeMarkers(
                MarkerOrder(
                    transactionalID: id, producer: transaction.producer,
                    commits: transaction.state == .prepareCommit,
                    coordinatorEpoch: coordinatorEpoch.rawValue, version: transaction.version,
                    partitions: partitions.sorted())))
    }

    /// What came of the markers of `order`, by partition; `none` for those of partitions that are
    /// gone.
    public func markersWritten(
        _ order: MarkerOrder, _ results: [TopicPartition: KafkaError], _ now: Moment
    ) {
        let id = order.transactionalID
        guard let transaction = transactions[id], transaction.state.isPrepared,
            transaction.producer == order.producer, var completion = completions[id]
        else { return sometimes(.markerResultOfOldOrder) }
        for (partition, error) in results {
            switch error {
            case .none, .unsupportedForMessageFormat, .unsupportedVersion:
                completion.remaining.remove(partition)
            // The partition has seen a later epoch of the producer: it is over there.
            case .invalidProducerEpoch:
                completion.remaining.remove(partition)
            // Another coordinator has taken over, and this one will learn of that.
            case .transactionCoordinatorFenced: break
            default: completion.failed.insert(partition)
            }
        }
        completions[id] = completion
        if completion.remaining.isEmpty { return complete(id, now) }
        guard !completion.failed.isEmpty, markerRetryMs == nil else { return }
        markerRetryMs = now.monotonicMs + TransactionSettings.markerRetryMs
    }

    func retryMarkers() {
        markerRetryMs = nil
        for id in completions.keys.sorted() {
            guard let transaction = transactions[id], let failed = completions[id]?.failed,
                !failed.isEmpty
            else { continue }
            sometimes(.markersSentAgain)
            completions[id]?.failed = []
            order(id, transaction, failed)
        }
    }

    private func complete(_ id: String, _ now: Moment) {
        completions[id] = nil
        guard let transaction = transactions[id] else { return }
        step(id, to: transaction.completed(now: now.wallMs), now)
        resumeParked(id, now)
    }
}
