import KafkaProtocol
import KafkaWire

/// The client's side of a fetch session with one broker (KIP-227): what the broker remembers of
/// our partitions, so that a request names only what has changed.
struct ClientFetchSession {
    struct Entry: Equatable {
        var topicID: KafkaUUID
        var offset: Offset
        var leaderEpoch: LeaderEpoch
    }

    private(set) var id: Int32 = 0
    /// 0 asks for a new session.
    private(set) var epoch: Int32 = 0
    private var known: [TopicPartition: Entry] = [:]

    /// Fills in the session, the partitions and those to forget; the broker then knows `wanted`.
    mutating func fill(
        _ request: inout FetchRequest, _ wanted: [(TopicPartition, Entry)], version: Int16,
        partitionMaxBytes: Int32
    ) {
        request.sessionID = version >= 7 ? id : 0
        request.sessionEpoch = version >= 7 ? epoch : -1
        let isFull = version < 7 || epoch == 0
        for (partition, entry) in wanted where isFull || known[partition] != entry {
            let part = FetchRequest.FetchPartition(
                partition: partition.partition,
                currentLeaderEpoch: version >= 9 ? entry.leaderEpoch.rawValue : -1,
                fetchOffset: entry.offset.rawValue, partitionMaxBytes: partitionMaxBytes)
            if let last = request.topics.indices.last, request.topics[last].topic == partition.topic
            {
                request.topics[last].partitions.append(part)
            } else {
                request.topics.append(
                    .init(topic: partition.topic, topicID: entry.topicID, partitions: [part]))
            }
        }
        let present = Set(wanted.map(\.0))
        if !isFull {
            for (partition, entry) in known.sorted(by: { $0.key < $1.key })
            where !present.contains(partition) {
                request.forgottenTopicsData.append(
                    .init(
                        topic: partition.topic, topicID: entry.topicID,
                        partitions: [partition.partition]))
            }
        }
        known = Dictionary(wanted, uniquingKeysWith: { $1 })
    }

    /// Follows an answer without an error.
    mutating func succeeded(sessionID: Int32) {
        if epoch == 0 {
            id = sessionID
            epoch = sessionID == 0 ? 0 : 1
        } else {
            epoch = epoch == .max ? 1 : epoch + 1
        }
    }

    /// Begins anew with the next request.
    mutating func reset() { self = ClientFetchSession() }
}
