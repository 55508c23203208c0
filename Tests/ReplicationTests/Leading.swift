import KafkaWire
import LogStorage

@testable import Replication

extension PartitionReplica {
    /// Leads alone, as broker 1.
    func becomeLeader(epoch: LeaderEpoch, durability: Durability) -> Wakes {
        adopt(
            PartitionAssignment(
                leader: BrokerID(1), leaderEpoch: epoch, partitionEpoch: epoch.rawValue,
                replicas: [BrokerID(1)], isr: [BrokerID(1)]),
            as: BrokerID(1), durability: durability)
    }
}
