import KafkaProtocol
import KafkaWire

/// The cluster as clients of one listener see it.
///
/// Made for one request: it works out once which brokers are there, and then looks at as many
/// partitions as the answer needs.
public struct ClusterView: Sendable {
    public let image: MetadataImage
    /// The listener that the request came in on: endpoints of the same name are given out.
    public let listener: String
    public let clusterID: String
    /// The broker to send administrative requests to; -1 when there is none.
    public let controllerID: Int32
    /// Brokers that are not fenced and have the listener.
    private let available: Set<Int32>

    /// What clients of `listener` see of `image`.
    ///
    /// - Parameter controllerID: given out as it is when that broker is there; else the first
    ///   broker is, as any broker forwards what it cannot decide itself.
    public init(
        image: MetadataImage, listener: String, clusterID: String, controllerID: Int32? = nil
    ) {
        self.image = image
        self.listener = listener
        self.clusterID = clusterID
        available = Set(
            image.brokers.values.filter { !$0.isFenced && $0.endpoint(of: listener) != nil }
                .map(\.id))
        if let controllerID, available.contains(controllerID) {
            self.controllerID = controllerID
        } else {
            self.controllerID = available.min() ?? -1
        }
    }

    /// The endpoints of all brokers that clients may connect to, sorted by id.
    public var endpoints: [(broker: BrokerRegistration, endpoint: Endpoint)] {
        endpoints(lingering: [])
    }

    /// The same with some that are fenced.
    func endpoints(
        lingering: Set<Int32>
    ) -> [(broker: BrokerRegistration, endpoint: Endpoint)] {
        image.sortedBrokers.compactMap { broker in
            guard available.contains(broker.id) || lingering.contains(broker.id) else { return nil }
            return broker.endpoint(of: listener).map { (broker, $0) }
        }
    }

    /// Whether clients can connect to the broker.
    func isAvailable(_ broker: Int32) -> Bool { available.contains(broker) }

    /// Whether the broker is known and has the listener, fenced or not.
    func hasListener(_ broker: Int32) -> Bool {
        available.contains(broker) || image.brokers[broker]?.endpoint(of: listener) != nil
    }

    /// The replicas that nobody can reach: the broker is away, or the directory failed.
    func offlineReplicas(of partition: PartitionImage) -> [Int32] {
        var offline: [Int32] = []
        for (index, broker) in partition.replicas.enumerated() {
            let isOnline =
                available.contains(broker)
                && image.brokers[broker]?.isOnline(partition.directories[index]) == true
            if !isOnline { offline.append(broker) }
        }
        return offline
    }
}
