import KafkaProtocol
import KafkaWire
import Replication

/// The fetch session of one fetcher as it sees it (KIP-227): what the leader knows of the
/// partitions that are followed, so that a request names only what has changed.
///
/// States: none (the next request is full and asks for one), or open with the epoch of the next
/// request. Anything unexpected ends the session; the leader drops it with the next full request.
struct FetcherSession {
    private(set) var id: Int32 = 0
    /// Counts the sessions, so that an answer of an earlier one is known.
    private(set) var generation = 0
    private var epoch: Int32 = 0
    /// What the leader fetches for the session besides what the next request names.
    private var known: Set<ReplicaKey> = []

    /// One partition to ask for.
    struct Item {
        let key: ReplicaKey
        let epoch: LeaderEpoch
        let position: PartitionReplica.FetchPosition
    }

    /// Whether the next request names every partition.
    var isFull: Bool { epoch == 0 }

    /// The partitions that the leader has to forget, so that `gone` are not fetched.
    private mutating func forget(_ gone: [ReplicaKey]) -> [FetchRequest.ForgottenTopic] {
        guard !isFull else { return [] }
        var topics: [FetchRequest.ForgottenTopic] = []
        for key in gone where known.remove(key) != nil {
            if topics.last?.topicID == key.topicID {
                topics[topics.count - 1].partitions.append(key.partition)
            } else {
                topics.append(.init(topicID: key.topicID, partitions: [key.partition]))
            }
        }
        return topics
    }

    /// The next request: `items` are new or changed, in a full one all that there are; `gone` are
    /// not to be fetched now.
    mutating func request(
        _ items: [Item], gone: [ReplicaKey], node: BrokerID, _ settings: ReplicationSettings
    ) -> FetchRequest {
        if isFull { known = [] }
        var request = FetchRequest()
        request.forgottenTopicsData = forget(gone)
        request.replicaState = .init(
            replicaID: node.rawValue, replicaEpoch: settings.brokerEpoch)
        request.maxWaitMs = settings.waitMaxMs
        request.minBytes = settings.minBytes
        request.maxBytes = settings.responseMaxBytes
        request.sessionID = id
        request.sessionEpoch = epoch
        if !isFull { epoch = epoch == .max ? 1 : epoch + 1 }
        for item in items {
            known.insert(item.key)
            let partition = FetchRequest.FetchPartition(
                partition: item.key.partition, currentLeaderEpoch: item.epoch.rawValue,
                fetchOffset: item.position.offset.rawValue,
                lastFetchedEpoch: item.position.lastEpoch.rawValue,
                logStartOffset: item.position.logStartOffset.rawValue,
                partitionMaxBytes: settings.fetchMaxBytes)
            if request.topics.last?.topicID == item.key.topicID {
                request.topics[request.topics.count - 1].partitions.append(partition)
            } else {
                request.topics.append(.init(topicID: item.key.topicID, partitions: [partition]))
            }
        }
        return request
    }

    /// The leader has answered, with this session.
    mutating func accepted(_ sessionID: Int32) {
        if isFull {
            id = sessionID
            epoch = sessionID == 0 ? 0 : 1
        } else if sessionID != id {
            reset()
        }
    }

    /// Begins anew with a full request.
    mutating func reset() {
        epoch = 0
        generation += 1
    }
}

extension KafkaError {
    /// Whether a new session mends it.
    var isOfFetchSession: Bool {
        switch self {
        case .fetchSessionIDNotFound, .invalidFetchSessionEpoch, .fetchSessionTopicIDError: true
        default: false
        }
    }
}
