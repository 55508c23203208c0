#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import KafkaProtocol
import KafkaWire

/// Where a partition is led from.
public struct PartitionLeader: Sendable, Equatable {
    /// The leading broker.
    public var broker: BrokerID
    /// Its epoch, for requests that fence by it.
    public var epoch: LeaderEpoch
}

extension AdminClient {
    /// Time between two tries, in milliseconds (`retry.backoff.ms`).
    public static let backoffMilliseconds = 100

    /// The leaders of all partitions of the named topics.
    ///
    /// Waits, up to the operation's time, while a topic has no leader yet. Throws the topic's error
    /// when it does not exist (after `patience` milliseconds, for a topic that was just made).
    public func leaders(
        of topics: [String], createMissing: Bool = false, patience: Int = 0
    ) throws(AdminError) -> [TopicPartition: PartitionLeader] {
        guard !topics.isEmpty else { return [:] }
        let deadline = Deadline(milliseconds: settings.operationMilliseconds)
        let unknown = Deadline(milliseconds: patience)
        while true {
            let response = try metadata(topics: topics, createMissing: createMissing)
            do { return try Self.leaders(in: response) } catch {
                guard let code = error.kafkaError, code.isRetriable,
                    code != .unknownTopicOrPartition || unknown.remaining > 0,
                    deadline.remaining > 0
                else { throw error }
            }
            Self.pause(milliseconds: Self.backoffMilliseconds)
        }
    }

    /// Leaders by partition; throws the first error that a topic or a partition has.
    static func leaders(
        in response: MetadataResponse
    ) throws(AdminError) -> [TopicPartition: PartitionLeader] {
        var leaders: [TopicPartition: PartitionLeader] = [:]
        for topic in response.topics {
            let name = topic.name ?? topic.topicID.description
            try AdminError.check(topic.errorCode, context: "Topic '\(name)'")
            for partition in topic.partitions {
                let id = TopicPartition(topic: name, partition: partition.partitionIndex)
                guard partition.leaderID >= 0 else {
                    throw .broker(.leaderNotAvailable, message: nil, context: "Partition \(id)")
                }
                leaders[id] = PartitionLeader(
                    broker: BrokerID(partition.leaderID), epoch: LeaderEpoch(partition.leaderEpoch))
            }
        }
        return leaders
    }

    /// The leader of each partition, or why there is none.
    public func leaders(
        ofExisting partitions: Set<TopicPartition>
    ) throws(AdminError) -> [TopicPartition: Result<PartitionLeader, AdminError>] {
        var leaders: [TopicPartition: Result<PartitionLeader, AdminError>] = [:]
        guard !partitions.isEmpty else { return leaders }
        let response = try metadata(topics: Set(partitions.map(\.topic)).sorted())
        for topic in response.topics where topic.errorCode == 0 {
            for partition in topic.partitions {
                let id = TopicPartition(
                    topic: topic.name ?? "", partition: partition.partitionIndex)
                guard partitions.contains(id) else { continue }
                leaders[id] =
                    partition.leaderID < 0
                    ? .failure(
                        .broker(.leaderNotAvailable, message: nil, context: "Partition \(id)"))
                    : .success(
                        PartitionLeader(
                            broker: BrokerID(partition.leaderID),
                            epoch: LeaderEpoch(partition.leaderEpoch)))
            }
        }
        for id in partitions where leaders[id] == nil {
            leaders[id] = .failure(
                .broker(.unknownTopicOrPartition, message: nil, context: "Partition \(id)"))
        }
        return leaders
    }
    /// Splits partitions by the broker that leads them, brokers and partitions in order.
    public static func byLeader(
        _ partitions: some Sequence<TopicPartition>,
        _ leaders: [TopicPartition: PartitionLeader]
    ) -> [(broker: BrokerID, partitions: [TopicPartition])] {
        var groups: [BrokerID: [TopicPartition]] = [:]
        for partition in partitions {
            guard let leader = leaders[partition] else { continue }
            groups[leader.broker, default: []].append(partition)
        }
        return groups.sorted { $0.key < $1.key }.map { ($0.key, $0.value.sorted()) }
    }

    /// Stops the calling thread for a while.
    public static func pause(milliseconds: Int) {
        usleep(UInt32(clamping: milliseconds * 1000))
    }
}
