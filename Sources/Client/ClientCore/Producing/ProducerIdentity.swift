import KafkaProtocol
import KafkaRecords
import KafkaWire

extension PartitionQueue {
    /// Gives `batch` the next sequence numbers.
    func number(_ batch: ProducerBatch, isTransactional: Bool) {
        batch.assign(
            producerID, epoch: producerEpoch, sequence: nextSequence,
            isTransactional: isTransactional)
        nextSequence = RecordBatchHeader.sequence(nextSequence, plus: batch.count)
    }

    /// Begins anew in another epoch: all that is not acknowledged gets new numbers, in order.
    func begin(_ id: ProducerID, epoch: Int16) {
        precondition(!hasInFlight, "a batch in flight keeps its sequence")
        producerID = id
        producerEpoch = epoch
        nextSequence = 0
        forgetGap()
        for batch in unacknowledged { number(batch, isTransactional: false) }
    }
}

extension ProducerCore {
    /// Whether batches may be numbered; an idempotent producer without an id asks for one.
    mutating func ensureIdentity(_ now: ClientInstant) -> Bool {
        guard settings.isIdempotent else { return true }
        switch identity {
        case .known: return true
        case .asked: return false
        case .needed(let notBefore):
            // The id of a transactional producer comes from its coordinator.
            guard transaction == nil, !listed.isEmpty, notBefore.map({ $0 <= now }) ?? true,
                let node = network.anyReady(now: now)
            else { return false }
            guard let version = network.version(of: .initProducerID, node, atMost: 5) else {
                fail(.unsupportedRequest(.initProducerID, broker: "\(node)"), now: now)
                return false
            }
            identity = .asked
            network.send(
                InitProducerIDRequest(transactionalID: nil, transactionTimeoutMs: .max),
                version: version, to: node, .initProducerID, now: now)
            return false
        }
    }

    mutating func takeIdentity(_ completion: Completion<Tag>, _ now: ClientInstant) {
        do {
            let answer = try network.answer(completion, InitProducerIDRequest.self, now)
            try ClientError.check(answer.errorCode)
            identity = .known(ProducerID(answer.producerID), epoch: answer.producerEpoch)
            identityFailures = 0
        } catch {
            guard error.isRetriable else { return fail(error, now: now) }
            identityFailures += 1
            identity = .needed(notBefore: now + network.retryPause(identityFailures))
        }
    }

    /// Moves queues whose sequence is broken to a new epoch of the producer, once nothing of them
    /// is in flight. The epoch of an idempotent producer is its own to raise (KIP-360); that of a
    /// transactional one changes between transactions only.
    mutating func renewEpochs(_ now: ClientInstant) {
        guard transaction == nil else { return }
        for queue in listed where queue.isBroken && !queue.hasInFlight {
            guard case .known(let id, let epoch) = identity else { return }
            if queue.isForgotten { dropWhatMayBeWritten(queue) }
            if queue.producerID == id, queue.producerEpoch == epoch {
                guard epoch < .max else {
                    identity = .needed(notBefore: nil)
                    return
                }
                identity = .known(id, epoch: epoch + 1)
                queue.begin(id, epoch: epoch + 1)
            } else {
                queue.begin(id, epoch: epoch)
            }
        }
    }

    /// Gives up batches that the broker may have written before it lost track of the producer: in
    /// another epoch they would be written again.
    private mutating func dropWhatMayBeWritten(_ queue: PartitionQueue) {
        for batch in queue.unacknowledged where batch.mayBeWritten {
            queue.remove(batch)
            guard !batch.isDone else { continue }
            let reason = "the broker has lost track of the producer; it may have been written"
            end(batch, of: queue, .failure(.broker(.unknownProducerID, message: reason)))
        }
    }
}
