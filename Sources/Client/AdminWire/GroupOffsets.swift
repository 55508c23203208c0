import KafkaProtocol
import KafkaWire

/// An offset that a group has committed.
public struct CommittedOffset: Sendable, Equatable {
    public var offset: Offset
    /// Epoch of the last record read; `nil` when the consumer did not say.
    public var leaderEpoch: Int32?

    public init(_ offset: Offset, leaderEpoch: Int32? = nil) {
        self.offset = offset
        self.leaderEpoch = leaderEpoch
    }
}

/// Versions in which topics still have names; from the next one on they have ids.
private let lastVersionWithNames: Int16 = 9

extension AdminClient {
    /// All offsets that the group has committed; none for a group that does not exist.
    ///
    /// Partitions for which the broker answers with an error are left out, as Kafka's admin does.
    public func committedOffsets(
        of group: String
    ) throws(AdminError) -> [TopicPartition: CommittedOffset] {
        try atCoordinator(of: group, .group) { (broker) throws(AdminError) in
            let version = try connection(to: broker).version(
                of: OffsetFetchRequest.self, atMost: lastVersionWithNames)
            guard version >= 8 else { return try committedOffsetsOfOldBroker(group, broker) }
            let request = OffsetFetchRequest(groups: [.init(groupID: group, topics: nil)])
            let response = try call(request, broker: broker, atMost: lastVersionWithNames)
            var offsets: [TopicPartition: CommittedOffset] = [:]
            for answer in response.groups where answer.groupID == group {
                try AdminError.check(answer.errorCode, context: "Group '\(group)'")
                for topic in answer.topics {
                    for partition in topic.partitions where partition.errorCode == 0 {
                        let id = TopicPartition(
                            topic: topic.name, partition: partition.partitionIndex)
                        offsets[id] = Self.committed(
                            partition.committedOffset, partition.committedLeaderEpoch)
                    }
                }
            }
            return offsets
        }
    }

    private func committedOffsetsOfOldBroker(
        _ group: String, _ broker: BrokerID
    ) throws(AdminError) -> [TopicPartition: CommittedOffset] {
        let response = try call(
            OffsetFetchRequest(groupID: group, topics: nil), broker: broker, atMost: 7)
        try AdminError.check(response.errorCode, context: "Group '\(group)'")
        var offsets: [TopicPartition: CommittedOffset] = [:]
        for topic in response.topics {
            for partition in topic.partitions where partition.errorCode == 0 {
                let id = TopicPartition(topic: topic.name, partition: partition.partitionIndex)
                offsets[id] = Self.committed(
                    partition.committedOffset, partition.committedLeaderEpoch)
            }
        }
        return offsets
    }

    private static func committed(_ offset: Int64, _ epoch: Int32) -> CommittedOffset? {
        offset < 0 ? nil : CommittedOffset(Offset(offset), leaderEpoch: epoch < 0 ? nil : epoch)
    }

    /// Commits offsets for a group without active members; throws the first error of a partition.
    public func commitOffsets(
        _ offsets: [TopicPartition: Offset], of group: String
    ) throws(AdminError) {
        guard !offsets.isEmpty else { return }
        var request = OffsetCommitRequest(groupID: group)
        for (topic, partitions) in Self.byTopic(offsets.keys.sorted()) {
            request.topics.append(
                .init(
                    name: topic,
                    partitions: partitions.map {
                        .init(
                            partitionIndex: $0.partition,
                            committedOffset: offsets[$0]?.rawValue ?? 0, committedMetadata: "")
                    }))
        }
        try atCoordinator(of: group, .group) { (broker) throws(AdminError) in
            let response = try call(request, broker: broker, atMost: lastVersionWithNames)
            for topic in response.topics {
                for partition in topic.partitions {
                    let id = TopicPartition(topic: topic.name, partition: partition.partitionIndex)
                    try AdminError.check(partition.errorCode, context: "Partition \(id)")
                }
            }
        }
    }

    /// Deletes the group's offsets of these partitions; the result of each.
    ///
    /// Throws when the group as a whole is refused.
    public func deleteOffsets(
        of partitions: [TopicPartition], group: String
    ) throws(AdminError) -> [TopicPartition: Result<Void, AdminError>] {
        let topics = Self.byTopic(partitions.sorted()).map { topic, partitions in
            OffsetDeleteRequest.OffsetDeleteRequestTopic(
                name: topic, partitions: partitions.map { .init(partitionIndex: $0.partition) })
        }
        let request = OffsetDeleteRequest(groupID: group, topics: topics)
        return try atCoordinator(of: group, .group) { (broker) throws(AdminError) in
            let response = try call(request, broker: broker)
            try AdminError.check(response.errorCode)
            var results: [TopicPartition: Result<Void, AdminError>] = [:]
            for topic in response.topics {
                for partition in topic.partitions {
                    let id = TopicPartition(topic: topic.name, partition: partition.partitionIndex)
                    results[id] = Result { () throws(AdminError) in
                        try AdminError.check(partition.errorCode)
                    }
                }
            }
            return results
        }
    }
}
