import KafkaProtocol
import KafkaRecords
import KafkaWire
import Testing

@testable import ClientCore

typealias ConsumerDriver = ScriptedDriver<ConsumerCore>

extension ScriptedCluster {
    /// What a consumer and a group of one need, all of it well but for `refusals`. Logs are empty,
    /// and nothing has been committed.
    func serveConsumers() {
        serveReading()
        serveGroups()
        on(OffsetCommitRequest.self) { [unowned self] request, _ in
            let code = refusal(.offsetCommit)
            return OffsetCommitResponse(
                topics: request.topics.map { topic in
                    .init(
                        name: topic.name,
                        partitions: topic.partitions.map {
                            .init(partitionIndex: $0.partitionIndex, errorCode: code)
                        })
                })
        }
        on(OffsetFetchRequest.self) { [unowned self] request, _ in
            let code = refusal(.offsetFetch)
            return OffsetFetchResponse(
                groups: request.groups.map { group in
                    .init(
                        groupID: group.groupID,
                        topics: (group.topics ?? []).map { topic in
                            .init(
                                name: topic.name,
                                partitions: topic.partitionIndexes.map {
                                    .init(partitionIndex: $0, committedOffset: -1)
                                })
                        }, errorCode: code)
                })
        }
    }

    private func serveReading() {
        read { part, _ in .init(partitionIndex: part.partition, highWatermark: part.fetchOffset) }
        on(ListOffsetsRequest.self) { [unowned self] request, _ in
            let code = refusal(.listOffsets)
            return ListOffsetsResponse(
                topics: request.topics.map { topic in
                    .init(
                        name: topic.name,
                        partitions: topic.partitions.map {
                            .init(
                                partitionIndex: $0.partitionIndex, errorCode: code,
                                offset: code == 0 ? 0 : -1, leaderEpoch: 0)
                        })
                })
        }
    }

    /// What is answered of each partition that is fetched.
    func read(
        _ answer:
            @escaping (FetchRequest.FetchPartition, Call) throws -> FetchResponse.PartitionData
    ) {
        on(FetchRequest.self) { request, call in
            FetchResponse(
                responses: try request.topics.map { topic in
                    .init(
                        topic: topic.topic, topicID: topic.topicID,
                        partitions: try topic.partitions.map { try answer($0, call) })
                })
        }
    }

    private func serveGroups() {
        var generation: Int32 = 0
        on(JoinGroupRequest.self) { [unowned self] request, _ in
            let code = refusal(.joinGroup)
            guard code == 0 else { return JoinGroupResponse(errorCode: code) }
            generation += 1
            let chosen = request.protocols.first
            return JoinGroupResponse(
                generationID: generation, protocolName: chosen?.name ?? "", leader: "me",
                memberID: "me",
                members: [.init(memberID: "me", metadata: chosen?.metadata ?? [])])
        }
        on(SyncGroupRequest.self) { [unowned self] request, _ in
            SyncGroupResponse(
                errorCode: refusal(.syncGroup),
                assignment: request.assignments.first { $0.memberID == "me" }?.assignment ?? [])
        }
        on(HeartbeatRequest.self) { [unowned self] _, _ in
            HeartbeatResponse(errorCode: refusal(.heartbeat))
        }
        on(LeaveGroupRequest.self) { _, _ in LeaveGroupResponse() }
        on(ConsumerGroupHeartbeatRequest.self) { [unowned self] request, _ in
            let code = refusal(.consumerGroupHeartbeat)
            guard code == 0, request.memberEpoch >= 0 else {
                return .init(errorCode: code, memberEpoch: request.memberEpoch)
            }
            return ConsumerGroupHeartbeatResponse(
                memberID: request.memberID, memberEpoch: 1, heartbeatIntervalMs: 1_000,
                assignment: .init(
                    topicPartitions: topics.map {
                        .init(topicID: $0.topicID, partitions: $0.partitions.map(\.partitionIndex))
                    }))
        }
    }
}

extension ScriptedDriver where Core == ConsumerCore {
    /// A consumer that begins with the first record, and heeds revocations at once.
    convenience init(
        _ cluster: ScriptedCluster, _ configure: (inout ConsumerSettings) -> Void = { _ in }
    ) {
        var settings = ConsumerSettings(
            network: NetworkSettings(bootstrap: ScriptedCluster.bootstrap))
        settings.offsetReset = .earliest
        settings.network.pushesMetrics = false
        configure(&settings)
        self.init(cluster, ConsumerCore(settings, seed: 1))
        react = { core, output, now in
            if case .rebalance(_, let ticket?) = output { core.finishRebalance(ticket, now: now) }
        }
    }

    /// The values of all records that are there to be read.
    func read() throws -> [String] {
        var values: [String] = []
        while let chunk = core.takeChunk() {
            var reader = ChunkReader(chunk, core.settings)
            while let batch = try reader.next() {
                values += batch.records.map { String(decoding: $0.value ?? [], as: UTF8.self) }
                core.consumed(
                    batch.partition, generation: batch.generation, to: batch.nextOffset,
                    epoch: batch.leaderEpoch, count: batch.records.count)
            }
            core.release(chunk)
        }
        return values
    }

    /// Runs until an error is told, and gives that.
    func error(within limit: Duration = .seconds(20)) throws -> ClientError {
        var error: ClientError?
        try run(for: limit) {
            error = core.takeError()
            return error != nil
        }
        return try #require(error)
    }

    /// The end of a commit, once it is there.
    func committed(_ waiter: UInt64) -> ClientError?? {
        for case .committed(waiter, let error) in outputs { return .some(error) }
        return nil
    }

    /// The end of a question for committed offsets, once it is there.
    func fetched(
        _ waiter: UInt64
    ) -> Result<[TopicPartition: CommittedOffset], ClientError>? {
        for case .fetched(waiter, let result) in outputs { return result }
        return nil
    }

    /// The end of a question for offsets, once it is there.
    func found(_ waiter: UInt64) -> Result<[TopicPartition: FoundOffset], ClientError>? {
        for case .offsets(waiter, let result) in outputs { return result }
        return nil
    }
}
