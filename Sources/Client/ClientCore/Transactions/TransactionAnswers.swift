import KafkaProtocol
import KafkaWire

/// What comes back from the coordinators of a transaction.
extension ProducerCore {
    mutating func takeCoordinator(_ completion: Completion<Tag>, _ now: ClientInstant) {
        guard let transaction else { return }
        do throws(ClientError) {
            try transaction.coordinator.take(completion, &network, now: now)
        } catch { fail(error, now: now) }
    }

    mutating func takeGroup(
        _ completion: Completion<Tag>, for waiter: UInt64, _ now: ClientInstant
    ) {
        guard let transaction,
            let index = transaction.offsets.firstIndex(where: { $0.waiter == waiter })
        else { return }
        do throws(ClientError) {
            try transaction.offsets[index].coordinator.take(completion, &network, now: now)
        } catch { offsetsFailed(waiter, error, transaction) }
    }

    mutating func takeIdentityForTransactions(
        _ completion: Completion<Tag>, _ now: ClientInstant
    ) {
        guard let transaction else { return }
        do throws(ClientError) {
            let answer = try answer(completion, InitProducerIDRequest.self, now)
            try ClientError.check(answer.errorCode)
            identity = .known(ProducerID(answer.producerID), epoch: answer.producerEpoch)
            transaction.previous = nil
            transaction.phase = .ready
        } catch {
            identity = .needed(notBefore: nil)
            if error.kafkaError == .invalidProducerIDMapping, transaction.previous != nil {
                // The coordinator has forgotten the producer: it begins as a new one.
                transaction.previous = nil
                return
            }
            if !retry(error, transaction, now) { fail(fencing(error), now: now) }
        }
    }

    mutating func takeAddedPartitions(
        _ completion: Completion<Tag>, _ queues: [PartitionQueue], _ now: ClientInstant
    ) {
        guard let transaction else { return }
        do throws(ClientError) {
            let answer = try answer(completion, AddPartitionsToTxnRequest.self, now)
            for topic in answer.resultsByTopicV3AndBelow {
                for part in topic.resultsByPartition
                where KafkaError(code: part.partitionErrorCode) != .operationNotAttempted {
                    try ClientError.check(
                        part.partitionErrorCode, "\(topic.name)-\(part.partitionIndex)")
                }
            }
            for queue in queues where queue.enlistment == .wanted { queue.enlistment = .done }
        } catch { stepFailed(error, transaction, now) }
    }

    mutating func takeAddedOffsets(
        _ completion: Completion<Tag>, _ group: String, _ now: ClientInstant
    ) {
        guard let transaction else { return }
        do throws(ClientError) {
            let answer = try answer(completion, AddOffsetsToTxnRequest.self, now)
            try ClientError.check(answer.errorCode, "group \(group)")
            transaction.groups.insert(group)
        } catch { stepFailed(error, transaction, now) }
    }

    mutating func takeTxnOffsets(
        _ completion: Completion<Tag>, for waiter: UInt64, _ now: ClientInstant
    ) {
        guard let transaction else { return }
        do throws(ClientError) {
            let answer = try answer(completion, TxnOffsetCommitRequest.self, now)
            for topic in answer.topics {
                for part in topic.partitions {
                    try ClientError.check(part.errorCode, "\(topic.name)-\(part.partitionIndex)")
                }
            }
            guard let index = transaction.offsets.firstIndex(where: { $0.waiter == waiter }) else {
                return
            }
            transaction.offsets.remove(at: index)
            outputs.append(.transaction(waiter, nil))
        } catch {
            guard error.losesCoordinator || error.isRetriable else {
                return offsetsFailed(waiter, error, transaction, now)
            }
            // It is the group's coordinator that is lost, not the transaction's.
            if error.losesCoordinator,
                let index = transaction.offsets.firstIndex(where: { $0.waiter == waiter })
            {
                transaction.offsets[index].coordinator.forget()
            }
            delay(transaction, error, now)
        }
    }

    mutating func takeEnd(
        _ completion: Completion<Tag>, commits: Bool, _ now: ClientInstant
    ) {
        guard let transaction else { return }
        do throws(ClientError) {
            let answer = try answer(completion, EndTxnRequest.self, now)
            try ClientError.check(answer.errorCode)
            let isNamed = completion.version >= 5 && answer.producerID >= 0
            finish(
                transaction,
                isNamed ? (ProducerID(answer.producerID), answer.producerEpoch) : nil)
        } catch {
            guard !retry(error, transaction, now) else { return }
            switch error.kafkaError {
            case .producerFenced, .invalidProducerEpoch: fail(fencing(error), now: now)
            case .invalidTxnState, .invalidProducerIDMapping, .transactionAbortable:
                // The coordinator has no such transaction to commit; to abort it is to go on.
                if commits { return doomEnd(error, transaction) }
                transaction.needsNewEpoch = true
                finish(transaction, nil)
            default: fail(error, now: now)
            }
        }
    }

    /// A commit did not come about: what remains is to abort.
    private mutating func doomEnd(_ error: ClientError, _ transaction: TransactionState) {
        guard let wait = transaction.ending else {
            // Whoever committed was told that it took too long, and does not come again.
            transaction.phase = .ending(commits: false)
            return
        }
        transaction.ending = nil
        transaction.phase = .doomed(error)
        outputs.append(.transaction(wait.waiter, error))
    }

    // MARK: Errors

    /// The answer of a step, which is over.
    private mutating func answer<R: KafkaRequest>(
        _ completion: Completion<Tag>, _ type: R.Type, _ now: ClientInstant
    ) throws(ClientError) -> R.Response {
        transaction?.isBusy = false
        let answer = try network.answer(completion, type, now)
        transaction?.stepDone()
        return answer
    }

    /// Whether the step is tried again, at the coordinator where it is then.
    private mutating func retry(
        _ error: ClientError, _ transaction: TransactionState, _ now: ClientInstant
    ) -> Bool {
        if error.losesCoordinator { transaction.coordinator.forget() }
        guard error.losesCoordinator || error.isRetriable else { return false }
        delay(transaction, error, now)
        return true
    }

    private mutating func delay(
        _ transaction: TransactionState, _ error: ClientError, _ now: ClientInstant
    ) {
        let pause = pause(after: error)
        transaction.delay(now) { pause ?? network.retryPause($0) }
    }

    /// A shorter pause than usual, where the cause is known to pass soon: the end of the last
    /// transaction is being written to its partitions.
    func pause(after error: ClientError) -> Duration? {
        guard error.kafkaError == .concurrentTransactions else { return nil }
        return settings.network.retryBackoff / 5
    }

    private mutating func stepFailed(
        _ error: ClientError, _ transaction: TransactionState, _ now: ClientInstant
    ) {
        if retry(error, transaction, now) { return }
        let error = fencing(error)
        if error.isFatal { return fail(error, now: now) }
        doom(transaction, error)
    }

    private mutating func offsetsFailed(
        _ waiter: UInt64, _ error: ClientError, _ transaction: TransactionState,
        _ now: ClientInstant
    ) {
        let error = fencing(error)
        if error.isFatal, error.kafkaError != .fencedInstanceID { return fail(error, now: now) }
        offsetsFailed(waiter, error, transaction)
    }

    private mutating func offsetsFailed(
        _ waiter: UInt64, _ error: ClientError, _ transaction: TransactionState
    ) {
        transaction.offsets.removeAll { $0.waiter == waiter }
        outputs.append(.transaction(waiter, error))
        doom(transaction, error)
    }

    /// The transaction can only be aborted now.
    mutating func doom(_ transaction: TransactionState, _ error: ClientError) {
        let wasCommitting = transaction.isCommitting
        transaction.doom(error)
        if wasCommitting { doomEnd(error, transaction) }
    }

    /// What it means that the producer's epoch has passed.
    private func fencing(_ error: ClientError) -> ClientError {
        guard error.kafkaError == .producerFenced else { return error }
        return .fenced(
            "another producer has taken over \(settings.transactionalID ?? ""), "
                + "or its transaction ran into transaction.timeout.ms")
    }
}
