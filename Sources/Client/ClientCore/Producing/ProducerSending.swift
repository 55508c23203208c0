import KafkaProtocol
import KafkaWire

extension ProducerCore {
    public mutating func handle(_ event: ConnectionEvent, now: ClientInstant) {
        network.handle(event, now: now)
    }

    public mutating func advance(now: ClientInstant) {
        guard fatal == nil else { return }
        // An answer may free a place for the next request, and that may fail at once.
        repeat {
            network.advance(now: now)
            for completion in network.takeCompletions() { take(completion, now) }
            guard fatal == nil else { return }
            expire(now)
            renewEpochs(now)
            advanceTransaction(now)
            guard fatal == nil else { return }
            while drain(now) {}
        } while !network.completions.isEmpty
        unlistIdleQueues()
        var refusal: (error: ClientError, count: Int)?
        if !waits.topics.isEmpty, let error = network.refusal {
            refusal = (error, network.refusals)
        }
        outputs += waits.resume(
            free: settings.bufferMemory - bufferedBytes, isEmpty: bufferedBytes == 0,
            network.metadata, refusal: refusal,
            trouble: waits.topics.isEmpty ? nil : network.trouble, now: now)
        scheduleWake(now)
    }

    /// Batches that are to be written as bytes: compressing and copying them takes long.
    public mutating func takeWork(now: ClientInstant) -> [any ClientWork] {
        guard fatal == nil else { return [] }
        var work: [ProducerBatch] = []
        for queue in listed {
            if let open = queue.open, due(queue, now) === open, isReady(queue, now) {
                queue.close(open)
            }
            work += queue.waiting.unsealed
        }
        return work
    }

    /// Whether the queue's leader could take a batch now.
    private mutating func isReady(_ queue: PartitionQueue, _ now: ClientInstant) -> Bool {
        if settings.isIdempotent { guard case .known = identity else { return false } }
        guard transaction?.maySend(queue) ?? true, let leader = queue.leader else { return false }
        return network.isReady(.broker(leader), now: now)
    }

    /// Sends one request to each leader that can take one; whether there was any.
    private mutating func drain(_ now: ClientInstant) -> Bool {
        guard ensureIdentity(now) else { return false }
        var loads: [(leader: BrokerID, size: Int, batches: [(PartitionQueue, ProducerBatch)])] = []
        firstListed = listed.isEmpty ? 0 : (firstListed + 1) % listed.count
        for index in listed.indices {
            let queue = listed[(firstListed + index) % listed.count]
            follow(queue)
            guard transaction?.maySend(queue) ?? true else { continue }
            guard let leader = queue.leader, let batch = due(queue, now) else {
                if queue.leader == nil { network.refresh.request() }
                continue
            }
            guard network.isReady(.broker(leader), now: now), seal(batch, of: queue) else {
                continue
            }
            let place = loads.firstIndex { $0.leader == leader }
            if let place {
                // At least one batch goes, however large.
                guard loads[place].size + batch.size <= settings.maxRequestSize else { continue }
                loads[place].size += batch.size
                loads[place].batches.append((queue, batch))
            } else {
                loads.append((leader, batch.size, [(queue, batch)]))
            }
        }
        for load in loads {
            // A request that cannot be sent is the end, also of the connections.
            guard fatal == nil else { return false }
            send(load.batches, to: load.leader, now)
        }
        return !loads.isEmpty
    }

    private func follow(_ queue: PartitionQueue) { topics[queue.topic]?.follow(network.metadata) }

    private func due(_ queue: PartitionQueue, _ now: ClientInstant) -> ProducerBatch? {
        switch next(of: queue, now) {
        case .first(let batch), .again(let batch): batch
        case .nothing, .later: nil
        }
    }

    private func next(of queue: PartitionQueue, _ now: ClientInstant) -> PartitionQueue.Next {
        let inFlight = settings.network.maxInFlight
        return queue.next(
            now, linger: settings.linger,
            hurries: waits.hurry || transaction?.isCommitting ?? false,
            // Of what failed without an answer the broker must know again what it has written,
            // also when the oldest is on its way once more.
            most: settings.isIdempotent ? min(inFlight, Self.knownAgain) : inFlight)
    }

    /// A broker knows the last five batches of a producer in a partition again (KIP-98).
    private static let knownAgain = 5

    /// Writes the batch as bytes; one that cannot be written fails.
    private mutating func seal(_ batch: ProducerBatch, of queue: PartitionQueue) -> Bool {
        if queue.open === batch { queue.close(batch) }
        do throws(ClientError) {
            try batch.seal()
            return true
        } catch {
            queue.remove(batch)
            end(batch, of: queue, .failure(error))
            return false
        }
    }

    private mutating func send(
        _ batches: [(queue: PartitionQueue, batch: ProducerBatch)], to leader: BrokerID,
        _ now: ClientInstant
    ) {
        let usesNames = batches.contains { $0.queue.topicID == .zero }
        var limit: Int16 = usesNames ? 12 : .max
        // From version 12 on the broker adds partitions to transactions.
        if let transaction, !transaction.raisesEpochs { limit = 11 }
        guard let version = network.version(of: .produce, .broker(leader), atMost: limit) else {
            return fail(.unsupportedRequest(.produce, broker: "broker \(leader)"), now: now)
        }
        var request = ProduceRequest(
            transactionalID: settings.transactionalID, acks: settings.acks.rawValue,
            timeoutMs: settings.network.requestTimeout.wholeMilliseconds)
        transaction?.hasBegun = true
        var payloads: [[UInt8]] = []
        for (queue, batch) in batches {
            begin(batch, of: queue)
            measure(batch, now)
            let part = ProduceRequest.PartitionProduceData(
                index: queue.partition,
                records: .external(token: payloads.count, count: batch.bytes.count))
            payloads.append(batch.bytes)
            if let place = request.topicData.firstIndex(where: { $0.name == queue.topic }) {
                request.topicData[place].partitionData.append(part)
            } else {
                request.topicData.append(
                    .init(name: queue.topic, topicID: queue.topicID, partitionData: [part]))
            }
        }
        let number = nextRequest
        nextRequest += 1
        sent[number] = batches
        network.send(
            request, version: version, to: .broker(leader), .produce(number), payloads: payloads,
            isAnswered: settings.acks != .none, now: now)
    }

    private mutating func measure(_ batch: ProducerBatch, _ now: ClientInstant) {
        if batch.attempts == 1 {
            network.measures.noteBatch(bytes: batch.bytes.count, waited: now - batch.created)
        } else {
            network.measures.recordsRetried += Int(batch.count)
        }
    }

    /// Marks the batch as in flight, and numbers it if it goes for the first time.
    private func begin(_ batch: ProducerBatch, of queue: PartitionQueue) {
        batch.attempts += 1
        batch.retryAt = nil
        batch.isInFlight = true
        guard batch.attempts == 1 else { return }
        if settings.isIdempotent, case .known(let id, let epoch) = identity {
            if queue.unacknowledged.isEmpty,
                (queue.producerID, queue.producerEpoch) != (id, epoch)
            {
                queue.producerID = id
                queue.producerEpoch = epoch
                queue.nextSequence = 0
                queue.forgetGap()
            }
            queue.number(batch, isTransactional: transaction != nil)
        }
        queue.begin(batch)
    }

    private mutating func unlistIdleQueues() {
        listed.removeAll { queue in
            guard queue.isEmpty else { return false }
            queue.isListed = false
            return true
        }
    }

    private mutating func scheduleWake(_ now: ClientInstant) {
        var wake = earlier(network.nextWake(now: now), waits.nextWake)
        wake = earlier(wake, transaction?.nextWake(now))
        if case .needed(let notBefore?) = identity, notBefore > now {
            wake = earlier(wake, notBefore)
        }
        for queue in listed {
            if case .later(let moment) = next(of: queue, now) { wake = earlier(wake, moment) }
            if let oldest = queue.oldestPending {
                wake = earlier(wake, oldest.created + settings.deliveryTimeout)
            }
        }
        nextWake = wake
    }
}
