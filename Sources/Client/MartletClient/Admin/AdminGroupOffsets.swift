public import ClientCore
import KafkaProtocol
public import KafkaWire

extension Admin {
    /// What a group has committed.
    ///
    /// - Parameter partitions: those that are asked about; `nil` for all that it has. Partitions
    ///   without an offset are left out.
    public func listGroupOffsets(
        _ group: String, _ partitions: [TopicPartition]? = nil
    ) async throws(ClientError) -> [TopicPartition: CommittedOffset] {
        let topics = partitions?.grouped
        let build: @Sendable (Int16) -> OffsetFetchRequest = { version in
            var request = OffsetFetchRequest()
            if version >= 8 {
                var part = OffsetFetchRequest.OffsetFetchRequestGroup(groupID: group, topics: nil)
                part.topics = topics?.map { .init(name: $0.topic, partitionIndexes: $0.partitions) }
                request.groups = [part]
            } else {
                request.groupID = group
                request.topics = topics?.map {
                    .init(name: $0.topic, partitionIndexes: $0.partitions)
                }
            }
            return request
        }
        return try await call(.group(group), atMost: 9, build) {
            answer, version throws(ClientError) in
            try ClientError.check(code: answer.errorCode)
            var found: [TopicPartition: CommittedOffset?] = [:]
            if version >= 8 {
                guard let one = answer.groups.first else {
                    throw .malformedResponse("OffsetFetch names no group")
                }
                try ClientError.check(code: one.errorCode)
                for topic in one.topics {
                    for part in topic.partitions { try ClientError.check(code: part.errorCode) }
                }
                found = byPartition(one.topics, \.name, \.partitions, \.partitionIndex) {
                    Self.offset($0.committedOffset, $0.committedLeaderEpoch, $0.metadata)
                }
            } else {
                for topic in answer.topics {
                    for part in topic.partitions { try ClientError.check(code: part.errorCode) }
                }
                found = byPartition(answer.topics, \.name, \.partitions, \.partitionIndex) {
                    Self.offset($0.committedOffset, $0.committedLeaderEpoch, $0.metadata)
                }
            }
            return found.compactMapValues { $0 }
        }
    }

    private static func offset(
        _ offset: Int64, _ epoch: Int32, _ metadata: String?
    ) -> CommittedOffset? {
        offset < 0
            ? nil
            : CommittedOffset(
                Offset(offset), leaderEpoch: LeaderEpoch(epoch), metadata: metadata ?? "")
    }

    /// Commits offsets in the name of a group without members.
    public func alterGroupOffsets(
        _ group: String, _ offsets: [TopicPartition: CommittedOffset]
    ) async throws(ClientError) -> [TopicPartition: Result<Void, ClientError>] {
        let topics = Array(offsets.keys).grouped
        let build: @Sendable (Int16) -> OffsetCommitRequest = { version in
            var request = OffsetCommitRequest(groupID: group)
            for (topic, numbers) in topics {
                var part = OffsetCommitRequest.OffsetCommitRequestTopic(name: topic)
                for number in numbers {
                    guard let offset = offsets[TopicPartition(topic: topic, partition: number)]
                    else { continue }
                    part.partitions.append(
                        .init(
                            partitionIndex: number, committedOffset: offset.offset.rawValue,
                            committedLeaderEpoch: version >= 6 ? offset.leaderEpoch.rawValue : -1,
                            committedMetadata: offset.metadata))
                }
                request.topics.append(part)
            }
            return request
        }
        return try await call(.group(group), atMost: 9, build) { answer, _ throws(ClientError) in
            for code in answer.topics.flatMap({ $0.partitions.map(\.errorCode) }) {
                let error = ClientError.broker(KafkaError(code: code), message: nil)
                if code != 0, error.meansLaterAtCoordinator { throw error }
            }
            return byPartition(answer.topics, \.name, \.partitions, \.partitionIndex) {
                outcome($0.errorCode, nil, ())
            }
        }
    }

    /// Has a group forget offsets of topics that no member subscribes to.
    public func deleteGroupOffsets(
        _ group: String, _ partitions: [TopicPartition]
    ) async throws(ClientError) -> [TopicPartition: Result<Void, ClientError>] {
        let request = OffsetDeleteRequest(
            groupID: group,
            topics: partitions.grouped.map { topic, numbers in
                .init(name: topic, partitions: numbers.map { .init(partitionIndex: $0) })
            })
        return try await call(.group(group), request) { answer throws(ClientError) in
            try ClientError.check(code: answer.errorCode)
            return byPartition(answer.topics, \.name, \.partitions, \.partitionIndex) {
                outcome($0.errorCode, nil, ())
            }
        }
    }
}

extension ClientError {
    /// Whether the coordinator has moved or is not ready, so that the request is to be sent again.
    fileprivate var meansLaterAtCoordinator: Bool {
        switch kafkaError {
        case .notCoordinator, .coordinatorNotAvailable, .coordinatorLoadInProgress: true
        default: false
        }
    }
}
