public import ClientCore
import KafkaProtocol
public import KafkaWire

/// Which offset of a partition is asked for.
public enum OffsetSpec: Sendable, Hashable {
    case earliest
    case latest
    /// Of the record with the largest timestamp (KIP-734).
    case maxTimestamp
    /// The first that the leader has on its own disk (KIP-405).
    case earliestLocal
    /// The last that is in remote storage (KIP-1005).
    case latestTiered
    /// The first of which the tiered copy is still to come (KIP-1023).
    case earliestPendingUpload
    /// Of the first record as young as this, in ms since the epoch.
    case timestamp(Int64)

    /// The first version of ListOffsets that knows it.
    fileprivate var leastVersion: Int16 {
        switch self {
        case .earliest, .latest, .timestamp: 0
        case .maxTimestamp: 7
        case .earliestLocal: 8
        case .latestTiered: 9
        case .earliestPendingUpload: 11
        }
    }

    var wireValue: Int64 {
        switch self {
        case .latest: -1
        case .earliest: -2
        case .maxTimestamp: -3
        case .earliestLocal: -4
        case .latestTiered: -5
        case .earliestPendingUpload: -6
        case .timestamp(let milliseconds): milliseconds
        }
    }
}

/// A producer that a partition knows.
public struct ActiveProducer: Sendable, Hashable {
    public var producerID: ProducerID
    public var epoch: Int16
    public var lastSequence: Int32
    /// Milliseconds since the epoch.
    public var lastTimestamp: Int64
    /// -1 when no transaction has ended.
    public var coordinatorEpoch: Int32
    /// `nil` when no transaction is open.
    public var transactionStart: Offset?
}

extension Admin {
    /// Offsets of partitions, from their leaders.
    public func listOffsets(
        _ specs: [TopicPartition: OffsetSpec], isolation: IsolationLevel = .readUncommitted
    ) async throws(ClientError) -> [TopicPartition: Result<FoundOffset, ClientError>] {
        try await atLeaders(of: Array(specs.keys)) { broker, partitions throws(ClientError) in
            try await self.offsets(of: partitions, specs, isolation, at: broker)
        }
    }

    private func offsets(
        of partitions: [TopicPartition], _ specs: [TopicPartition: OffsetSpec],
        _ isolation: IsolationLevel, at broker: BrokerID
    ) async throws(ClientError) -> [TopicPartition: Result<FoundOffset, ClientError>] {
        var topics: [ListOffsetsRequest.ListOffsetsTopic] = []
        for (topic, numbers) in partitions.grouped {
            var asked = ListOffsetsRequest.ListOffsetsTopic(name: topic)
            for number in numbers {
                let spec = specs[TopicPartition(topic: topic, partition: number)] ?? .latest
                asked.partitions.append(
                    .init(partitionIndex: number, timestamp: spec.wireValue))
            }
            topics.append(asked)
        }
        var request = ListOffsetsRequest(replicaID: -1)
        request.topics = topics
        let plain = request
        let timeout = timeoutMs
        let build: @Sendable (Int16) -> ListOffsetsRequest = { version in
            var request = plain
            if version >= 2 { request.isolationLevel = isolation.rawValue }
            if version >= 10 { request.timeoutMs = timeout }
            return request
        }
        let least = partitions.map { specs[$0]?.leastVersion ?? 0 }.max() ?? 0
        return try await call(.broker(broker), atLeast: least, build) {
            answer, _ throws(ClientError) in
            byPartition(answer.topics, \.name, \.partitions, \.partitionIndex) { part in
                let found = FoundOffset(
                    offset: part.offset < 0 ? nil : Offset(part.offset),
                    timestamp: part.timestamp, leaderEpoch: LeaderEpoch(part.leaderEpoch))
                return outcome(part.errorCode, nil, found)
            }
        }
    }

    /// Deletes the records before the given offsets.
    ///
    /// - Parameter offsets: `nil` stands for all that there are.
    /// - Returns: the first offset that each partition then has.
    public func deleteRecords(
        before offsets: [TopicPartition: Offset?]
    ) async throws(ClientError) -> [TopicPartition: Result<Offset, ClientError>] {
        try await atLeaders(of: Array(offsets.keys)) { broker, partitions throws(ClientError) in
            try await self.deleteRecords(of: partitions, before: offsets, at: broker)
        }
    }

    private func deleteRecords(
        of partitions: [TopicPartition], before offsets: [TopicPartition: Offset?],
        at broker: BrokerID
    ) async throws(ClientError) -> [TopicPartition: Result<Offset, ClientError>] {
        var topics: [DeleteRecordsRequest.DeleteRecordsTopic] = []
        for (topic, numbers) in partitions.grouped {
            var asked = DeleteRecordsRequest.DeleteRecordsTopic(name: topic)
            for number in numbers {
                let offset = offsets[TopicPartition(topic: topic, partition: number)] ?? nil
                asked.partitions.append(
                    .init(partitionIndex: number, offset: offset?.rawValue ?? -1))
            }
            topics.append(asked)
        }
        let request = DeleteRecordsRequest(topics: topics, timeoutMs: timeoutMs)
        return try await call(.broker(broker), request) { answer throws(ClientError) in
            byPartition(answer.topics, \.name, \.partitions, \.partitionIndex) { part in
                outcome(part.errorCode, nil, Offset(part.lowWatermark))
            }
        }
    }

    /// The producers that the leaders of partitions know, or the replicas at `broker` (KIP-664).
    public func describeProducers(
        _ partitions: [TopicPartition], at broker: BrokerID? = nil
    ) async throws(ClientError) -> [TopicPartition: Result<[ActiveProducer], ClientError>] {
        if let broker { return try await producers(of: partitions, at: broker) }
        return try await atLeaders(of: partitions) { broker, partitions throws(ClientError) in
            try await self.producers(of: partitions, at: broker)
        }
    }

    private func producers(
        of partitions: [TopicPartition], at broker: BrokerID
    ) async throws(ClientError) -> [TopicPartition: Result<[ActiveProducer], ClientError>] {
        let request = DescribeProducersRequest(
            topics: partitions.grouped.map {
                .init(name: $0.topic, partitionIndexes: $0.partitions)
            })
        return try await call(.broker(broker), request) { answer throws(ClientError) in
            byPartition(answer.topics, \.name, \.partitions, \.partitionIndex) { part in
                outcome(
                    part.errorCode, part.errorMessage, part.activeProducers.map(ActiveProducer.init)
                )
            }
        }
    }

    /// Ends the open transaction of a producer in one partition, on its leader, as an abort: the
    /// repair of a transaction that hangs (KIP-664).
    public func abortTransaction(
        in partition: TopicPartition, producer: ProducerID, epoch: Int16, coordinatorEpoch: Int32
    ) async throws(ClientError) {
        let marker = WriteTxnMarkersRequest.WritableTxnMarker(
            producerID: producer.rawValue, producerEpoch: epoch, transactionResult: false,
            topics: [.init(name: partition.topic, partitionIndexes: [partition.partition])],
            coordinatorEpoch: coordinatorEpoch)
        let request = WriteTxnMarkersRequest(markers: [marker])
        let results = try await atLeaders(of: [partition]) { broker, _ throws(ClientError) in
            try await self.call(.broker(broker), request) { answer throws(ClientError) in
                let topics = answer.markers.flatMap(\.topics)
                return byPartition(topics, \.name, \.partitions, \.partitionIndex) { part in
                    outcome(part.errorCode, nil, ())
                }
            }
        }
        try results.one(partition)
    }

    /// Asks the leader of each partition; those whose leader has moved again where it is then.
    func atLeaders<Value: Sendable>(
        of partitions: [TopicPartition],
        _ ask:
            @escaping @Sendable (BrokerID, [TopicPartition]) async throws(ClientError) ->
            [TopicPartition: Result<Value, ClientError>]
    ) async throws(ClientError) -> [TopicPartition: Result<Value, ClientError>] {
        let deadline = ClientLoop<AdminCore>.now + settings.apiTimeout
        var results: [TopicPartition: Result<Value, ClientError>] = [:]
        var open = Set(partitions)
        while !open.isEmpty {
            let (leaders, failures) = try await leaders(of: open)
            for (id, error) in failures { results[id] = .failure(error) }
            let found = await each(Array(leaders.keys)) { broker throws(ClientError) in
                try await ask(broker, leaders[broker] ?? [])
            }
            for (broker, result) in found {
                for id in leaders[broker] ?? [] {
                    switch result {
                    case .success(let answer):
                        let missing = ClientError.malformedResponse("nothing is said of \(id)")
                        results[id] = answer[id] ?? .failure(missing)
                    case .failure(let error): results[id] = .failure(error)
                    }
                }
            }
            open = open.filter { id in
                guard case .failure(let error)? = results[id] else { return false }
                return error.kafkaError?.meansMovedLeader ?? false
            }
            guard !open.isEmpty, ClientLoop<AdminCore>.now < deadline else { break }
            do { try await Task.sleep(for: settings.network.retryBackoff) } catch { break }
        }
        return results
    }

    /// The partitions by leader, and why there is none.
    private func leaders(
        of partitions: Set<TopicPartition>
    ) async throws(ClientError) -> (
        leaders: [BrokerID: [TopicPartition]], failures: [TopicPartition: ClientError]
    ) {
        let topics = try await describeTopics(Set(partitions.map(\.topic)).sorted())
        var leaders: [BrokerID: [TopicPartition]] = [:]
        var failures: [TopicPartition: ClientError] = [:]
        for id in partitions.sorted() {
            switch topics[id.topic] {
            case .success(let topic)?:
                let known = topic.partitions.first { $0.partition == id.partition }
                if let leader = known?.leader {
                    leaders[leader, default: []].append(id)
                } else {
                    let error: KafkaError =
                        known == nil ? .unknownTopicOrPartition : .leaderNotAvailable
                    failures[id] = .broker(error, message: "\(id)")
                }
            case .failure(let error)?: failures[id] = error
            case nil: failures[id] = .broker(.unknownTopicOrPartition, message: "\(id)")
            }
        }
        return (leaders, failures)
    }
}

extension ActiveProducer {
    fileprivate init(_ state: DescribeProducersResponse.ProducerState) {
        self.init(
            producerID: ProducerID(state.producerID),
            epoch: Int16(truncatingIfNeeded: state.producerEpoch),
            lastSequence: state.lastSequence, lastTimestamp: state.lastTimestamp,
            coordinatorEpoch: state.coordinatorEpoch,
            transactionStart: state.currentTxnStartOffset < 0
                ? nil : Offset(state.currentTxnStartOffset))
    }
}

extension KafkaError {
    fileprivate var meansMovedLeader: Bool {
        switch self {
        case .notLeaderOrFollower, .leaderNotAvailable, .fencedLeaderEpoch, .unknownLeaderEpoch,
            .offsetNotAvailable, .replicaNotAvailable:
            true
        default: false
        }
    }
}

/// Takes the results of partitions out of an answer that has them by topic.
func byPartition<Topic, Part, Value>(
    _ topics: [Topic], _ name: (Topic) -> String, _ parts: (Topic) -> [Part],
    _ index: (Part) -> Int32, _ value: (Part) -> Value
) -> [TopicPartition: Value] {
    var found: [TopicPartition: Value] = [:]
    for topic in topics {
        for part in parts(topic) {
            found[TopicPartition(topic: name(topic), partition: index(part))] = value(part)
        }
    }
    return found
}
