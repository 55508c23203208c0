import KafkaProtocol
import KafkaWire

/// What a transaction asks of its coordinators, one request at a time.
extension ProducerCore {
    mutating func advanceTransaction(_ now: ClientInstant) {
        guard let transaction else { return }
        expireWaits(transaction, now)
        if transaction.isLost { dropUnsent(transaction) }
        guard transaction.isDue(now) else { return }
        switch transaction.phase {
        case .unprepared:
            if !transaction.beginnings.isEmpty || transaction.previous != nil {
                askIdentity(transaction, now)
            }
        case .ready: openNext(transaction)
        case .open: _ = enlist(transaction, now)
        case .doomed: break
        case .ending(commits: true):
            if enlist(transaction, now), incomplete == 0 { end(transaction, commits: true, now) }
        case .ending(commits: false):
            // What is in flight could still be written after the abort.
            if incomplete == 0, sent.isEmpty { end(transaction, commits: false, now) }
        }
    }

    private mutating func openNext(_ transaction: TransactionState) {
        while case .ready = transaction.phase, !transaction.beginnings.isEmpty {
            let wait = transaction.beginnings.removeFirst()
            if wait.opens {
                transaction.raisesEpochs = network.features.raisesEpochs
                transaction.phase = .open
            }
            outputs.append(.transaction(wait.waiter, nil))
        }
    }

    private mutating func expireWaits(_ transaction: TransactionState, _ now: ClientInstant) {
        transaction.beginnings.removeAll { wait in
            let refusal = network.refusal(after: wait.refusals)
            guard refusal != nil || wait.deadline <= now else { return false }
            let error = refusal ?? network.timedOut("preparing transactions")
            outputs.append(.transaction(wait.waiter, error))
            return true
        }
        for part in transaction.offsets where part.deadline <= now {
            let error = ClientError.timedOut("sending offsets of \(part.group.groupID)")
            outputs.append(.transaction(part.waiter, error))
            transaction.doom(error)
        }
        transaction.offsets.removeAll { $0.deadline <= now }
        if let wait = transaction.ending, wait.deadline <= now {
            transaction.ending = nil
            let error = ClientError.timedOut("ending a transaction, which may yet come about")
            outputs.append(.transaction(wait.waiter, error))
        }
    }

    /// Fails the records of a transaction that will not be committed, as far as they are here.
    private mutating func dropUnsent(_ transaction: TransactionState) {
        var error = ClientError.transactionAborted
        if case .doomed(let cause) = transaction.phase { error = cause }
        for queue in transaction.participants {
            for batch in queue.all where !batch.isInFlight {
                queue.remove(batch)
                giveUp(batch, of: queue)
                if !batch.isDone { end(batch, of: queue, .failure(error)) }
            }
        }
        for part in transaction.offsets { outputs.append(.transaction(part.waiter, error)) }
        transaction.offsets = []
    }

    // MARK: Requests

    /// The coordinator, for a request that goes out now.
    private mutating func ready(
        _ transaction: TransactionState, _ now: ClientInstant
    ) -> NodeKey? {
        transaction.coordinator.ready(&network, .findCoordinator, now: now)
    }

    private mutating func request<R: KafkaRequest>(
        _ key: APIKey, _ node: NodeKey, atMost limit: Int16, _ tag: Tag, _ now: ClientInstant,
        _ build: (Int16) -> R
    ) {
        guard let version = network.version(of: key, node, atMost: limit) else {
            return fail(.unsupportedRequest(key, broker: "\(node)"), now: now)
        }
        transaction?.isBusy = true
        network.send(build(version), version: version, to: node, tag, now: now)
    }

    private mutating func askIdentity(_ transaction: TransactionState, _ now: ClientInstant) {
        guard let node = ready(transaction, now) else { return }
        identity = .asked
        let timeout = settings.transactionTimeout.wholeMilliseconds
        request(.initProducerID, node, atMost: 5, .initTransactions, now) { version in
            var request = InitProducerIDRequest(
                transactionalID: transaction.id, transactionTimeoutMs: timeout)
            if version >= 3, let previous = transaction.previous {
                request.producerID = previous.id.rawValue
                request.producerEpoch = previous.epoch
            }
            return request
        }
    }

    /// Tells the coordinator of partitions and groups; whether all is told.
    private mutating func enlist(_ transaction: TransactionState, _ now: ClientInstant) -> Bool {
        guard case .known(let id, let epoch) = identity else { return false }
        let wanted = transaction.participants.filter { $0.enlistment == .wanted }
        if !wanted.isEmpty {
            addPartitions(wanted, transaction, id, epoch, now)
            return false
        }
        guard let part = transaction.offsets.first else { return true }
        if transaction.raisesEpochs || transaction.groups.contains(part.group.groupID) {
            commitOffsets(part, transaction, id, epoch, now)
        } else if let node = ready(transaction, now) {
            transaction.hasBegun = true
            let tag = Tag.addOffsets(part.group.groupID)
            request(.addOffsetsToTxn, node, atMost: 4, tag, now) { _ in
                AddOffsetsToTxnRequest(
                    transactionalID: transaction.id, producerID: id.rawValue,
                    producerEpoch: epoch, groupID: part.group.groupID)
            }
        }
        return false
    }

    private mutating func addPartitions(
        _ queues: [PartitionQueue], _ transaction: TransactionState, _ id: ProducerID,
        _ epoch: Int16, _ now: ClientInstant
    ) {
        guard let node = ready(transaction, now) else { return }
        transaction.hasBegun = true
        // From version 4 on it is for brokers, which add partitions of many transactions.
        request(.addPartitionsToTxn, node, atMost: 3, .addPartitions(queues), now) { _ in
            AddPartitionsToTxnRequest(
                v3AndBelowTransactionalID: transaction.id, v3AndBelowProducerID: id.rawValue,
                v3AndBelowProducerEpoch: epoch,
                v3AndBelowTopics: queues.map(\.id).byTopic.map { .init(name: $0, partitions: $1) })
        }
    }

    private mutating func commitOffsets(
        _ part: TransactionState.Offsets, _ transaction: TransactionState, _ id: ProducerID,
        _ epoch: Int16, _ now: ClientInstant
    ) {
        guard
            let node = transaction.offsets[0].coordinator.ready(
                &network, .findGroup(part.waiter), now: now)
        else { return }
        transaction.hasBegun = true
        let limit: Int16 = transaction.raisesEpochs ? 5 : 4
        request(.txnOffsetCommit, node, atMost: limit, .txnOffsets(part.waiter), now) { version in
            var request = TxnOffsetCommitRequest(
                transactionalID: transaction.id, groupID: part.group.groupID,
                producerID: id.rawValue, producerEpoch: epoch)
            if version >= 3 {
                request.generationIDOrMemberEpoch = part.group.generation
                request.memberID = part.group.memberID
                request.groupInstanceID = part.group.instanceID
            }
            request.topics = part.offsets.keys.byTopic.map { topic, numbers in
                .init(
                    name: topic,
                    partitions: numbers.compactMap { number in
                        part.offsets[TopicPartition(topic: topic, partition: number)].map {
                            .init(
                                partitionIndex: number, committedOffset: $0.offset.rawValue,
                                committedLeaderEpoch: version >= 2 ? $0.leaderEpoch.rawValue : -1,
                                committedMetadata: $0.metadata)
                        }
                    })
            }
            return request
        }
    }

    private mutating func end(
        _ transaction: TransactionState, commits: Bool, _ now: ClientInstant
    ) {
        guard transaction.hasBegun, case .known(let id, let epoch) = identity else {
            finish(transaction, nil)
            return advanceTransaction(now)
        }
        guard let node = ready(transaction, now) else { return }
        let limit: Int16 = transaction.raisesEpochs ? 5 : 4
        request(.endTxn, node, atMost: limit, .endTransaction(commits: commits), now) { _ in
            EndTxnRequest(
                transactionalID: transaction.id, producerID: id.rawValue, producerEpoch: epoch,
                committed: commits)
        }
    }

    /// The transaction is over; `successor` is the producer that goes on, if the coordinator named
    /// one.
    mutating func finish(
        _ transaction: TransactionState, _ successor: (id: ProducerID, epoch: Int16)?
    ) {
        transaction.clear()
        transaction.phase = .ready
        if let successor {
            identity = .known(successor.id, epoch: successor.epoch)
        } else if transaction.needsNewEpoch, case .known(let id, let epoch) = identity {
            transaction.previous = (id, epoch)
            transaction.phase = .unprepared
            identity = .needed(notBefore: nil)
        }
        transaction.needsNewEpoch = false
        if let wait = transaction.ending { outputs.append(.transaction(wait.waiter, nil)) }
        transaction.ending = nil
    }
}
