import KafkaProtocol
import KafkaWire

extension ProducerCore {
    mutating func take(_ completion: Completion<Tag>, _ now: ClientInstant) {
        switch completion.tag {
        case .initProducerID: takeIdentity(completion, now)
        case .findCoordinator: takeCoordinator(completion, now)
        case .findGroup(let waiter): takeGroup(completion, for: waiter, now)
        case .initTransactions: takeIdentityForTransactions(completion, now)
        case .addPartitions(let queues): takeAddedPartitions(completion, queues, now)
        case .addOffsets(let group): takeAddedOffsets(completion, group, now)
        case .txnOffsets(let waiter): takeTxnOffsets(completion, for: waiter, now)
        case .endTransaction(let commits): takeEnd(completion, commits: commits, now)
        case .produce(let number):
            guard let batches = sent.removeValue(forKey: number) else { return }
            for (_, batch) in batches { batch.isInFlight = false }
            if settings.acks == .none, case .success = completion.result {
                for (queue, batch) in batches { succeed(batch, of: queue, offset: nil, nil) }
                return
            }
            take(completion, for: batches, now)
        }
    }

    private mutating func take(
        _ completion: Completion<Tag>,
        for batches: [(queue: PartitionQueue, batch: ProducerBatch)], _ now: ClientInstant
    ) {
        let answer: ProduceResponse
        do {
            answer = try network.answer(completion, ProduceRequest.self, now)
        } catch {
            network.refresh.request()
            for (queue, batch) in batches { refused(batch, of: queue, error, now) }
            return
        }
        for (queue, batch) in batches {
            let part = answer.responses.first {
                completion.version >= 13 ? $0.topicID == queue.topicID : $0.name == queue.topic
            }?.partitionResponses.first { $0.index == queue.partition }
            guard let part else {
                let error = ClientError.malformedResponse("Produce says nothing of \(queue.id)")
                refused(batch, of: queue, error, now)
                continue
            }
            take(part, for: batch, of: queue, answer, now)
        }
    }

    private mutating func take(
        _ part: ProduceResponse.PartitionProduceResponse, for batch: ProducerBatch,
        of queue: PartitionQueue, _ answer: ProduceResponse, _ now: ClientInstant
    ) {
        let error = KafkaError(code: part.errorCode)
        if part.errorCode == 0 || error == .duplicateSequenceNumber {
            let offset = part.baseOffset >= 0 && part.errorCode == 0 ? part.baseOffset : nil
            let stamp = part.logAppendTimeMs >= 0 ? part.logAppendTimeMs : nil
            return succeed(batch, of: queue, offset: offset.map { Offset($0) }, stamp)
        }
        let endpoint = answer.nodeEndpoints.first { $0.nodeID == part.currentLeader.leaderID }
        let isNews = network.metadata.adopt(
            leader: BrokerID(part.currentLeader.leaderID),
            epoch: LeaderEpoch(part.currentLeader.leaderEpoch), of: queue.id,
            at: endpoint.flatMap { endpoint in
                UInt16(exactly: endpoint.port).map {
                    BrokerAddress(host: endpoint.host, port: $0)
                }
            })
        if isNews { network.adoptBrokers(now: now) } else { network.refresh.request() }
        var message = part.errorMessage
        if let record = part.recordErrors.first, let reason = record.batchIndexErrorMessage {
            message = "record \(record.batchIndex) of its batch: \(reason)"
        }
        refused(batch, of: queue, .broker(error, message: message), now)
    }

    /// Sends the batch again, or gives it up.
    private mutating func refused(
        _ batch: ProducerBatch, of queue: PartitionQueue, _ error: ClientError,
        _ now: ClientInstant
    ) {
        if error.mayHaveWritten { batch.mayBeWritten = true }
        guard !batch.isDone else {
            // Nobody waits for it any more, and whether it was written is not known.
            queue.remove(batch)
            giveUp(batch, of: queue)
            return
        }
        guard canRetry(batch, of: queue, error) else {
            queue.remove(batch)
            giveUp(batch, of: queue)
            end(batch, of: queue, .failure(error))
            if error.isFatal { fail(error, now: now) }
            return
        }
        batch.retryAt = now + (pause(after: error) ?? network.retryPause(batch.attempts))
    }

    /// The batch, which is out of the queue, will not be sent again.
    mutating func giveUp(_ batch: ProducerBatch, of queue: PartitionQueue) {
        queue.giveUp(batch)
        if batch.sequence != nil { transaction?.needsNewEpoch = true }
    }

    /// Whether the batch may yet be written. A sequence that the broker does not expect is only
    /// the follow-up of an earlier batch's failure, unless the batch is the oldest.
    private func canRetry(
        _ batch: ProducerBatch, of queue: PartitionQueue, _ error: ClientError
    ) -> Bool {
        guard batch.attempts <= settings.retries else { return false }
        guard settings.isIdempotent else { return error.isRetriable }
        if let transaction, !transaction.isSound { return false }
        let isOldest = queue.unacknowledged.first === batch
        switch error.kafkaError {
        case .outOfOrderSequenceNumber, .unknownProducerID, .invalidProducerEpoch:
            // The epoch of a transaction is its coordinator's to raise, once it has ended.
            if transaction != nil { return !isOldest }
            if isOldest {
                queue.needsNewEpoch = true
                // Behind a gap it is the gap that the broker lacks.
                if error.kafkaError == .unknownProducerID || queue.gap == nil {
                    queue.isForgotten = true
                }
            }
            return true
        default:
            // The answer of a broker that cannot be read says nothing: it may have been written.
            if case .malformedResponse = error { return true }
            return error.isRetriable
        }
    }

    private mutating func succeed(
        _ batch: ProducerBatch, of queue: PartitionQueue, offset: Offset?, _ stamp: Int64?
    ) {
        queue.remove(batch)
        queue.succeeded(batch)
        guard !batch.isDone else { return }
        end(batch, of: queue, .success((offset, stamp)))
    }

    /// Tells the end of all records of the batch.
    mutating func end(
        _ batch: ProducerBatch, of queue: PartitionQueue,
        _ result: Result<(base: Offset?, stamp: Int64?), ClientError>
    ) {
        batch.isDone = true
        incomplete -= 1
        bufferedBytes -= batch.reserved
        waits.batchEnded(batch.number)
        switch result {
        case .success(let (base, stamp)):
            network.measures.recordsSent += Int(batch.count)
            guard !batch.waiters.isEmpty else { return }
            outputs.append(
                .delivered(
                    Deliveries(
                        topic: queue.topic, partition: queue.partition, base: base,
                        appendTime: stamp, waiters: batch.waiters)))
        case .failure(let error):
            network.measures.recordsFailed += Int(batch.count)
            if let transaction { doom(transaction, error) }
            outputs.append(
                .failed(
                    error, queue.id, count: Int(batch.count),
                    handlers: batch.waiters.map(\.handler)))
        }
    }

    /// Gives up what has waited longer than `deliveryTimeout`.
    mutating func expire(_ now: ClientInstant) {
        for queue in listed {
            let oldest = queue.oldestPending
            guard let oldest, oldest.created + settings.deliveryTimeout <= now else { continue }
            for batch in queue.all where !batch.isDone {
                guard batch.created + settings.deliveryTimeout <= now else { break }
                var reason = "delivery.timeout.ms is over for \(batch.count) records of \(queue.id)"
                if let refusal = network.refusal { reason += "; \(refusal)" }
                end(batch, of: queue, .failure(.timedOut(reason)))
                // One in flight keeps its place until it is answered.
                guard !batch.isInFlight else { continue }
                queue.remove(batch)
                giveUp(batch, of: queue)
            }
        }
    }
}

extension ClientError {
    /// Whether a batch that ended so may be in the log nonetheless.
    fileprivate var mayHaveWritten: Bool {
        switch kafkaError {
        case .requestTimedOut, .notEnoughReplicasAfterAppend, .networkException,
            .kafkaStorageError, .unknownServerError, nil:
            true
        default: false
        }
    }
}
