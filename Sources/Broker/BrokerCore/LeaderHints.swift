import ClusterController
import KafkaProtocol
import KafkaWire

/// Who leads the partitions of which clients asked the wrong broker, and where they are (KIP-951):
/// it saves them a request for metadata.
struct LeaderHints {
    private let view: BrokerView
    private let listener: String
    /// The brokers that were named, in that order.
    private(set) var nodes: [Node] = []

    /// Where a leader is reached.
    struct Node {
        let id: Int32
        let host: String
        let port: Int32
        let rack: String?
    }

    init(_ view: BrokerView, listener: String) {
        self.view = view
        self.listener = listener
    }

    /// The leader to tell of along with `error`; `nil` when that is not about leadership.
    mutating func leader(
        after error: KafkaError, id: KafkaUUID, name: String = "", _ partition: Int32
    ) -> (id: Int32, epoch: Int32)? {
        guard error == .notLeaderOrFollower || error == .fencedLeaderEpoch,
            let image = (id == .zero ? view.image.topics[name] : view.image.topics[id])?[partition]
        else { return nil }
        if !nodes.contains(where: { $0.id == image.leader }),
            let broker = view.image.brokers[image.leader],
            let endpoint = broker.endpoint(of: listener)
        {
            nodes.append(
                Node(
                    id: broker.id, host: endpoint.host, port: Int32(endpoint.port),
                    rack: broker.rack))
        }
        return (image.leader, image.leaderEpoch)
    }
}
