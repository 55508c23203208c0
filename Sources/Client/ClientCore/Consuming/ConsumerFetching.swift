import KafkaProtocol
import KafkaRecords
import KafkaWire

extension ConsumerCore {
    public mutating func handle(_ event: ConnectionEvent, now: ClientInstant) {
        network.handle(event, now: now)
    }

    public mutating func advance(now: ClientInstant) {
        guard !isClosed else { return }
        repeat {
            network.advance(now: now)
            for completion in network.takeCompletions() { take(completion, now) }
            advanceGroup(now)
            checkEpochs(now)
            askOffsets(now)
            fetch(now)
        } while !network.completions.isEmpty
        tellIfLeft()
        tellRefusal()
        endWaits(now)
        scheduleWake(now)
    }

    private mutating func take(_ completion: Completion<Tag>, _ now: ClientInstant) {
        switch completion.tag {
        case .fetch(let broker): takeFetch(completion, from: broker, now)
        case .listOffsets(let request): takeOffsets(completion, request, now)
        case .epochs(let generations): takeEpochs(completion, generations, now)
        case .findCoordinator: takeCoordinator(completion, now)
        case .join: takeJoin(completion, now)
        case .sync: takeSync(completion, now)
        case .heartbeat: takeHeartbeat(completion, now)
        case .memberHeartbeat: takeMemberHeartbeat(completion, now)
        case .leave: group?.step(out: .left)
        case .commit: takeCommit(completion, now)
        case .offsetFetch(let number): takeCommitted(completion, number: number, now)
        }
    }

    // MARK: Requests

    /// Sends a fetch to each broker that has something for us and no fetch under way.
    private mutating func fetch(_ now: ClientInstant) {
        firstInOrder = order.isEmpty ? 0 : (firstInOrder + 1) % order.count
        var wanted: [(broker: BrokerID, partitions: [TopicPartition])] = []
        for index in order.indices {
            let id = order[(firstInOrder + index) % order.count]
            guard let partition = partitions[id], canFetch(partition, now) else { continue }
            guard let broker = source(of: partition, now) else {
                network.refresh.request()
                continue
            }
            if let place = wanted.firstIndex(where: { $0.broker == broker }) {
                wanted[place].partitions.append(id)
            } else {
                wanted.append((broker, [id]))
            }
        }
        for (broker, ids) in wanted where fetches[broker] == nil {
            guard network.isReady(.broker(broker), now: now) else { continue }
            send(ids, to: broker, now)
        }
    }

    private func canFetch(_ partition: ConsumedPartition, _ now: ClientInstant) -> Bool {
        guard case .fetching = partition.state, !partition.isPaused, !partition.isRevoked,
            partition.retryAt.map({ $0 <= now }) ?? true
        else { return false }
        // One chunk to read while the next is on its way.
        return partition.bufferedBytes <= settings.partitionMaxBytes
    }

    /// The broker to fetch from: the leader, or the replica that the leader named.
    private func source(of partition: ConsumedPartition, _ now: ClientInstant) -> BrokerID? {
        if let near = partition.preferredReplica, network.metadata.brokers[near] != nil,
            partition.preferredUntil.map({ $0 > now }) ?? false
        {
            return near
        }
        let leader = network.metadata.partition(partition.id)?.leader
        return leader == BrokerID.none ? nil : leader
    }

    private mutating func send(_ ids: [TopicPartition], to broker: BrokerID, _ now: ClientInstant) {
        let asked = fetches.values.reduce(0) { $0 + $1.bytes }
        let room = settings.bufferBytes - bufferedBytes - asked
        // A first batch comes even when it is larger, so some room is all it takes to go on.
        guard room >= min(settings.partitionMaxBytes, settings.bufferBytes) else { return }
        let ids = ids.sorted { $0.topic < $1.topic }
        let usesNames = ids.contains { network.metadata.topics[$0.topic]?.id ?? .zero == .zero }
        let key = NodeKey.broker(broker)
        guard let version = network.version(of: .fetch, key, atMost: usesNames ? 12 : .max) else {
            return tell(.unsupportedRequest(.fetch, broker: "\(key)"))
        }
        let bytes = min(settings.fetchMaxBytes, room)
        var request = FetchRequest(
            maxWaitMs: settings.fetchMaxWait.wholeMilliseconds,
            minBytes: Int32(clamping: settings.fetchMinBytes), maxBytes: Int32(clamping: bytes),
            isolationLevel: settings.isolation.rawValue)
        if version >= 11 { request.rackID = settings.rack }
        var wanted: [(TopicPartition, ClientFetchSession.Entry)] = []
        var generations: [TopicPartition: UInt64] = [:]
        for id in ids {
            guard let partition = partitions[id],
                let known = network.metadata.partition(id)
            else { continue }
            generations[id] = partition.generation
            wanted.append(
                (
                    id,
                    .init(
                        topicID: network.metadata.topics[id.topic]?.id ?? .zero,
                        offset: partition.fetchOffset, leaderEpoch: known.leaderEpoch)
                ))
        }
        sessions[broker, default: .init()].fill(
            &request, wanted, version: version,
            partitionMaxBytes: Int32(clamping: settings.partitionMaxBytes))
        fetches[broker] = FetchInFlight(
            generations: generations, bytes: min(bytes, ids.count * settings.partitionMaxBytes),
            usesSession: version >= 7)
        network.send(
            request, version: version, to: key, .fetch(broker), timeout: settings.fetchMaxWait,
            now: now)
    }

    // MARK: Answers

    private mutating func takeFetch(
        _ completion: Completion<Tag>, from broker: BrokerID, _ now: ClientInstant
    ) {
        guard let asked = fetches.removeValue(forKey: broker) else { return }
        let answer: FetchResponse
        let frame: [UInt8]
        do {
            answer = try network.answer(completion, FetchRequest.self, now)
            frame = try completion.result.get()
            try ClientError.check(answer.errorCode)
        } catch {
            sessions[broker]?.reset()
            network.refresh.request()
            if !isSessionError(error) { delay(asked.generations, now) }
            if case .malformedResponse = error { tell(error) }
            return
        }
        network.measures.noteFetch(bytes: frame.count)
        if asked.usesSession { sessions[broker]?.succeeded(sessionID: answer.sessionID) }
        for topic in answer.responses {
            let name =
                completion.version >= 13 ? network.metadata.name(of: topic.topicID) : topic.topic
            guard let name else {
                // The topic was deleted, or made anew, since: ask again by name.
                sessions[broker]?.reset()
                network.refresh.request()
                continue
            }
            for part in topic.partitions {
                let id = TopicPartition(topic: name, partition: part.partitionIndex)
                guard let partition = partitions[id],
                    partition.generation == asked.generations[id], case .fetching = partition.state
                else { continue }
                take(part, of: partition, frame, answer, now)
            }
        }
    }

    private func isSessionError(_ error: ClientError) -> Bool {
        switch error.kafkaError {
        case .fetchSessionIDNotFound, .invalidFetchSessionEpoch, .fetchSessionTopicIDError: true
        default: false
        }
    }

    /// Leaves these partitions alone for a little.
    private mutating func delay(_ generations: [TopicPartition: UInt64], _ now: ClientInstant) {
        for id in generations.keys.sorted() {
            if let partition = partitions[id] { delay(partition, now) }
        }
    }

    mutating func delay(_ partition: ConsumedPartition, _ now: ClientInstant) {
        partition.failures += 1
        partition.preferredReplica = nil
        partition.retryAt =
            now
            + NetworkSettings.backoff(
                settings.network.retryBackoff, settings.network.retryBackoffMax,
                failures: partition.failures, using: &network.random)
    }

    private mutating func take(
        _ part: FetchResponse.PartitionData, of partition: ConsumedPartition, _ frame: [UInt8],
        _ answer: FetchResponse, _ now: ClientInstant
    ) {
        guard part.errorCode == 0 else { return refused(part, of: partition, answer, now) }
        partition.failures = 0
        partition.highWatermark = Offset(part.highWatermark)
        partition.lastStableOffset = part.lastStableOffset < 0 ? nil : Offset(part.lastStableOffset)
        partition.logStartOffset = part.logStartOffset < 0 ? nil : Offset(part.logStartOffset)
        if part.preferredReadReplica >= 0 {
            partition.preferredReplica = BrokerID(part.preferredReadReplica)
            partition.preferredUntil = now + settings.network.metadataMaxAge
        }
        guard case .inFrame(let range) = part.records, !range.isEmpty else { return }
        do throws(BatchError) {
            // Bytes have no padding.
            var batches = unsafe BatchIterator(frame.span.bytes.extracting(range))
            var next = partition.fetchOffset
            while let batch = try batches.next() {
                next = max(next, batch.header.nextOffset)
                if batch.header.magic == 2 {
                    partition.fetchEpoch = batch.header.partitionLeaderEpoch
                }
            }
            guard next > partition.fetchOffset else { return }
            let aborted = (part.abortedTransactions ?? []).map {
                (ProducerID($0.producerID), Offset($0.firstOffset))
            }
            keep(
                FetchedChunk(
                    partition: partition.id, generation: partition.generation, frame: frame,
                    range: range, fetchOffset: partition.fetchOffset,
                    aborted: aborted.sorted { $0.1 < $1.1 }))
            partition.fetchOffset = next
        } catch {
            partition.state = .failed
            tell(.corruptRecords("\(partition.id) at \(partition.fetchOffset): \(error)"))
        }
    }

    private mutating func refused(
        _ part: FetchResponse.PartitionData, of partition: ConsumedPartition,
        _ answer: FetchResponse, _ now: ClientInstant
    ) {
        let error = KafkaError(code: part.errorCode)
        if error == .offsetOutOfRange {
            if partition.preferredReplica != nil { return delay(partition, now) }
            return outOfRange(partition)
        }
        // What a broker does not understand itself may pass as well.
        guard error.isRetriable || error == .unknownServerError else {
            partition.state = .failed
            return tell(.broker(error, message: "fetching \(partition.id)"))
        }
        let endpoint = answer.nodeEndpoints.first { $0.nodeID == part.currentLeader.leaderID }
        let isNews = network.metadata.adopt(
            leader: BrokerID(part.currentLeader.leaderID),
            epoch: LeaderEpoch(part.currentLeader.leaderEpoch), of: partition.id,
            at: endpoint.flatMap { endpoint in
                UInt16(exactly: endpoint.port).map {
                    BrokerAddress(host: endpoint.host, port: $0)
                }
            })
        if isNews { return network.adoptBrokers(now: now) }
        network.refresh.request()
        delay(partition, now)
    }

    private mutating func outOfRange(_ partition: ConsumedPartition) {
        guard settings.offsetReset != .none else {
            partition.state = .failed
            return tell(.offsetOutOfRange("\(partition.fetchOffset) of \(partition.id)"))
        }
        partition.lookUp(timestamp: resetTimestamp, generation: takeGeneration())
    }

    private mutating func scheduleWake(_ now: ClientInstant) {
        var wake = earlier(network.nextWake(now: now), groupWake(now))
        for id in order {
            guard let partition = partitions[id] else { continue }
            if let retryAt = partition.retryAt, retryAt > now { wake = earlier(wake, retryAt) }
        }
        for question in questions.values {
            wake = earlier(wake, question.deadline)
            if let notBefore = question.notBefore, notBefore > now {
                wake = earlier(wake, notBefore)
            }
        }
        for wait in topicWaits { wake = earlier(wake, wait.deadline) }
        nextWake = wake
    }
}
