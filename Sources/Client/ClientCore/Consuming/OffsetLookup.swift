import KafkaProtocol
public import KafkaWire

/// An offset that was looked up.
public struct FoundOffset: Sendable, Hashable {
    /// `nil` when no record is as young as was asked for.
    public var offset: Offset?
    /// Of the record at `offset`, in ms since the epoch; -1 when it was not asked for by time.
    public var timestamp: Int64
    public var leaderEpoch: LeaderEpoch

    public init(offset: Offset?, timestamp: Int64, leaderEpoch: LeaderEpoch) {
        self.offset = offset
        self.timestamp = timestamp
        self.leaderEpoch = leaderEpoch
    }
}

/// A user's question for offsets, which ends when each partition has an answer.
struct OffsetQuestion {
    var deadline: ClientInstant
    /// Refusals that the client had seen before.
    let refusals: Int
    /// Partitions that are not answered, with the timestamps asked for.
    var open: [TopicPartition: Int64]
    var found: [TopicPartition: FoundOffset] = [:]
    var lastError: ClientError?
    /// Partitions whose request is under way.
    var asking: Set<TopicPartition> = []
    /// Partitions that wait after a failure.
    var notBefore: ClientInstant?
}

/// Questions of one request to one leader.
struct OffsetRequest {
    enum Asker: Hashable {
        case position(generation: UInt64)
        case question(UInt64)
    }
    struct Item {
        var partition: TopicPartition
        var timestamp: Int64
        var asker: Asker
    }
    var items: [Item]
}

extension ListOffsetsRequest {
    init(
        _ items: [OffsetRequest.Item], _ isolation: IsolationLevel, version: Int16,
        epochs: (TopicPartition) -> LeaderEpoch
    ) {
        self.init(replicaID: -1, isolationLevel: version >= 2 ? isolation.rawValue : 0)
        for item in items {
            let part = ListOffsetsPartition(
                partitionIndex: item.partition.partition,
                currentLeaderEpoch: version >= 4 ? epochs(item.partition).rawValue : -1,
                timestamp: item.timestamp)
            if let place = topics.firstIndex(where: { $0.name == item.partition.topic }) {
                topics[place].partitions.append(part)
            } else {
                topics.append(.init(name: item.partition.topic, partitions: [part]))
            }
        }
    }
}
