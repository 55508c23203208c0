import ClusterController
import Coordinators
import KafkaWire

extension BrokerView {
    /// `request.timeout.ms`
    var requestTimeoutMs: Int64 { transactionSettings.markerTimeoutMs }

    /// Where another broker is reached; `nil` for this one, and for one that is not registered.
    func remote(_ broker: Int32) -> PeerEndpoint? {
        broker == settings.nodeID.rawValue ? nil : endpoint(of: BrokerID(broker))
    }

    /// The other broker that coordinates a transactional id; `nil` where this one does, or nobody.
    func remoteCoordinator(
        ofTransaction id: String
    ) -> (broker: BrokerID, endpoint: PeerEndpoint)? {
        guard let partitions = image.topics[TopicName.transactionState]?.partitions,
            !partitions.isEmpty
        else { return nil }
        let number = CoordinatorPartition.of(id, partitions: Int32(clamping: partitions.count))
        let leader = partitions[Int(number)].leader
        return remote(leader).map { (BrokerID(leader), $0) }
    }
}
