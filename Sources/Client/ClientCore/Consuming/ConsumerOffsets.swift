import KafkaProtocol
import KafkaWire

extension ConsumerCore {
    // MARK: ListOffsets

    /// Asks leaders for the offsets that positions and questions lack.
    mutating func askOffsets(_ now: ClientInstant) {
        var items: [OffsetRequest.Item] = []
        for id in order {
            guard let partition = partitions[id], case .unknown(let timestamp) = partition.state,
                partition.retryAt.map({ $0 <= now }) ?? true
            else { continue }
            let asker = OffsetRequest.Asker.position(generation: partition.generation)
            items.append(.init(partition: id, timestamp: timestamp, asker: asker))
        }
        ask(items, now)
        for number in questions.keys.sorted() {
            guard let question = questions[number],
                question.notBefore.map({ $0 <= now }) ?? true
            else { continue }
            let waiting = question.open.filter { !question.asking.contains($0.key) }
            ask(
                waiting.sorted { $0.key < $1.key }.map {
                    .init(partition: $0.key, timestamp: $0.value, asker: .question(number))
                }, now)
        }
    }

    private mutating func ask(_ items: [OffsetRequest.Item], _ now: ClientInstant) {
        var byLeader: [BrokerID: [OffsetRequest.Item]] = [:]
        for item in items {
            if let leader = network.metadata.partition(item.partition)?.leader, leader != .none {
                byLeader[leader, default: []].append(item)
            } else {
                network.refresh.request()
            }
        }
        for (leader, items) in byLeader.sorted(by: { $0.key < $1.key }) {
            let key = NodeKey.broker(leader)
            guard network.isReady(key, now: now) else { continue }
            guard let version = network.version(of: .listOffsets, key) else {
                let error = ClientError.unsupportedRequest(.listOffsets, broker: "\(key)")
                for item in items { failed(item, error, now) }
                continue
            }
            for item in items { mark(item, isAsking: true) }
            var request = ListOffsetsRequest(items, settings.isolation, version: version) {
                network.metadata.partition($0)?.leaderEpoch ?? .none
            }
            if version >= 10 {
                request.timeoutMs = settings.network.requestTimeout.wholeMilliseconds
            }
            network.send(
                request, version: version, to: key, .listOffsets(.init(items: items)), now: now)
        }
    }

    private mutating func mark(_ item: OffsetRequest.Item, isAsking: Bool) {
        switch item.asker {
        case .position(let generation):
            guard let partition = partitions[item.partition], partition.generation == generation
            else { return }
            partition.state = isAsking ? .asking : .unknown(timestamp: item.timestamp)
        case .question(let number):
            if isAsking {
                questions[number]?.asking.insert(item.partition)
            } else {
                questions[number]?.asking.remove(item.partition)
            }
        }
    }

    mutating func takeOffsets(
        _ completion: Completion<Tag>, _ request: OffsetRequest, _ now: ClientInstant
    ) {
        let answer: ListOffsetsResponse
        do {
            answer = try network.answer(completion, ListOffsetsRequest.self, now)
        } catch {
            for item in request.items { failed(item, error, now) }
            return
        }
        for item in request.items {
            let part = answer.topics.first { $0.name == item.partition.topic }?
                .partitions.first { $0.partitionIndex == item.partition.partition }
            guard let part else {
                let reason = "ListOffsets says nothing of \(item.partition)"
                failed(item, .malformedResponse(reason), now)
                continue
            }
            guard part.errorCode == 0 else {
                let error = KafkaError(code: part.errorCode)
                failed(item, .broker(error, message: "offsets of \(item.partition)"), now)
                continue
            }
            found(item, part)
        }
    }

    private mutating func found(
        _ item: OffsetRequest.Item, _ part: ListOffsetsResponse.ListOffsetsPartitionResponse
    ) {
        switch item.asker {
        case .position(let generation):
            guard let partition = partitions[item.partition], partition.generation == generation
            else { return }
            partition.seek(
                to: Offset(part.offset), epoch: LeaderEpoch(part.leaderEpoch),
                generation: generation)
        case .question(let number):
            questions[number]?.asking.remove(item.partition)
            questions[number]?.open[item.partition] = nil
            questions[number]?.found[item.partition] = FoundOffset(
                offset: part.offset < 0 ? nil : Offset(part.offset), timestamp: part.timestamp,
                leaderEpoch: LeaderEpoch(part.leaderEpoch))
        }
    }

    private mutating func failed(
        _ item: OffsetRequest.Item, _ error: ClientError, _ now: ClientInstant
    ) {
        mark(item, isAsking: false)
        network.refresh.request()
        switch item.asker {
        case .position(let generation):
            guard let partition = partitions[item.partition], partition.generation == generation
            else { return }
            if error.isRetriable { return delay(partition, now) }
            partition.state = .failed
            tell(error)
        case .question(let number):
            guard questions[number] != nil else { return }
            questions[number]?.lastError = error
            questions[number]?.notBefore = now + settings.network.retryBackoff
            if !error.isRetriable {
                questions[number] = nil
                outputs.append(.offsets(number, .failure(error)))
            }
        }
    }

    /// Ends questions and waits that are answered or whose time is up.
    /// Tells the reader of each attempt that was refused for want of trust, once no broker is left
    /// to ask.
    mutating func tellRefusal() {
        guard network.refusals > toldRefusals, let refusal = network.refusal else { return }
        toldRefusals = network.refusals
        tell(refusal)
    }

    mutating func endWaits(_ now: ClientInstant) {
        for number in questions.keys.sorted() {
            guard let question = questions[number] else { continue }
            let refusal = network.refusal(after: question.refusals)
            if question.open.isEmpty {
                outputs.append(.offsets(number, .success(question.found)))
                questions[number] = nil
            } else if question.deadline <= now || refusal != nil {
                let error =
                    refusal ?? question.lastError ?? network.timedOut("looking up offsets")
                outputs.append(.offsets(number, .failure(error)))
                questions[number] = nil
            }
        }
        guard !topicWaits.isEmpty else { return }
        let network = network
        topicWaits.removeAll { wait in
            let refusal = network.refusal(after: wait.refusals)
            guard let end = Self.end(of: wait, network, refusal, now) else { return false }
            outputs.append(.partitions(wait.waiter, end))
            return true
        }
    }

    private static func end(
        of wait: TopicWait, _ network: Network<Tag>, _ refusal: ClientError?,
        _ now: ClientInstant
    ) -> Result<[Int32], ClientError>? {
        let topic = network.metadata.topics[wait.topic]
        if let topic, topic.error == nil, !topic.partitions.isEmpty {
            return .success(topic.partitions.indices.map { Int32($0) })
        }
        if let error = topic?.error, !error.isRetriable || wait.deadline <= now {
            return .failure(.broker(error, message: wait.topic))
        }
        if let refusal { return .failure(refusal) }
        return wait.deadline <= now ? .failure(network.timedOut("metadata of \(wait.topic)")) : nil
    }

    // MARK: Leader epochs (KIP-320)

    /// After an election, has each position checked that the new leader has the log up to it.
    mutating func checkEpochs(_ now: ClientInstant) {
        var byLeader: [BrokerID: [ConsumedPartition]] = [:]
        for id in order {
            guard let partition = partitions[id], let known = network.metadata.partition(id) else {
                continue
            }
            if case .fetching = partition.state, known.leaderEpoch > partition.validatedEpoch {
                if partition.fetchEpoch == .none || partition.validatedEpoch == .none {
                    partition.validatedEpoch = known.leaderEpoch
                } else {
                    partition.state = .validating
                }
            }
            if case .validating = partition.state, known.leader != .none,
                partition.retryAt.map({ $0 <= now }) ?? true
            {
                byLeader[known.leader, default: []].append(partition)
            }
        }
        for (leader, partitions) in byLeader.sorted(by: { $0.key < $1.key }) {
            validate(partitions, at: leader, now)
        }
    }

    private mutating func validate(
        _ partitions: [ConsumedPartition], at leader: BrokerID, _ now: ClientInstant
    ) {
        let key = NodeKey.broker(leader)
        guard network.isReady(key, now: now) else { return }
        guard let version = network.version(of: .offsetForLeaderEpoch, key) else {
            // A broker that cannot say is believed.
            for partition in partitions { validated(partition) }
            return
        }
        var request = OffsetForLeaderEpochRequest()
        if version >= 3 { request.replicaID = -1 }
        var generations: [TopicPartition: UInt64] = [:]
        for partition in partitions {
            generations[partition.id] = partition.generation
            let epoch = network.metadata.partition(partition.id)?.leaderEpoch ?? .none
            // Not asked again before the answer, at the latest when the request has timed out.
            partition.retryAt = now + settings.network.requestTimeout
            let part = OffsetForLeaderEpochRequest.OffsetForLeaderPartition(
                partition: partition.id.partition, currentLeaderEpoch: epoch.rawValue,
                leaderEpoch: partition.fetchEpoch.rawValue)
            if let place = request.topics.firstIndex(where: { $0.topic == partition.id.topic }) {
                request.topics[place].partitions.append(part)
            } else {
                request.topics.append(.init(topic: partition.id.topic, partitions: [part]))
            }
        }
        network.send(request, version: version, to: key, .epochs(generations), now: now)
    }

    private func validated(_ partition: ConsumedPartition) {
        partition.validatedEpoch =
            network.metadata.partition(partition.id)?.leaderEpoch ?? .none
        partition.state = .fetching
    }

    mutating func takeEpochs(
        _ completion: Completion<Tag>, _ generations: [TopicPartition: UInt64],
        _ now: ClientInstant
    ) {
        let answer = Result { () throws(ClientError) in
            try network.answer(completion, OffsetForLeaderEpochRequest.self, now)
        }
        for (id, generation) in generations.sorted(by: { $0.key < $1.key }) {
            guard let partition = partitions[id], partition.generation == generation,
                case .validating = partition.state
            else { continue }
            partition.retryAt = nil
            let part = try? answer.get().topics.first { $0.topic == id.topic }?
                .partitions.first { $0.partition == id.partition }
            guard let part, part.errorCode == 0 else {
                network.refresh.request()
                delay(partition, now)
                continue
            }
            take(part, of: partition)
        }
    }

    private mutating func take(
        _ part: OffsetForLeaderEpochResponse.EpochEndOffset, of partition: ConsumedPartition
    ) {
        let isKnown = part.endOffset >= 0 && part.leaderEpoch >= 0
        guard !isKnown || Offset(part.endOffset) < partition.fetchOffset else {
            return validated(partition)
        }
        let place =
            "\(partition.id) from \(part.endOffset), reading was at \(partition.fetchOffset)"
        guard settings.offsetReset != .none else {
            partition.state = .failed
            return tell(.logTruncated(place))
        }
        if isKnown {
            partition.seek(
                to: Offset(part.endOffset), epoch: LeaderEpoch(part.leaderEpoch),
                generation: takeGeneration())
        } else {
            partition.lookUp(timestamp: resetTimestamp, generation: takeGeneration())
        }
    }
}
