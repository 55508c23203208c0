import ClusterController
import Coordinators
import KafkaWire

extension GroupMachine: HostedMachine {
    static func perform(
        _ command: GroupCommand, of cell: ShardCell<GroupMachine>, on loop: BrokerLoop,
        now: ClockReading
    ) {}

    func adopt(_ view: BrokerView) {
        // Event loops see a new view at different instants; the shard does not go back.
        let next = view.groupEnvironment
        guard next !== environment, next.metadata.version >= environment.metadata.version else {
            return
        }
        environment = next
    }
}

extension BrokerView {
    /// The partition that a group's offsets are in, or will be: the topic is made when somebody
    /// looks for the group's coordinator.
    func offsetsPartition(of group: String) -> TopicPartition {
        let count = CoordinatorTopic.groups.partitionCount(controller)
        return TopicPartition(
            topic: TopicName.consumerOffsets,
            partition: CoordinatorPartition.of(group, partitions: count))
    }

    /// The shard that coordinates a group; `nil` where this broker does not.
    func groupShard(of group: String) -> ShardCell<GroupMachine>? {
        guard let count = image.topics[TopicName.consumerOffsets]?.partitions.count, count > 0
        else { return nil }
        return coordinators.groups[
            CoordinatorPartition.of(group, partitions: Int32(clamping: count))]
    }

    /// The shard that coordinates a transactional id; `nil` where this broker does not.
    func transactionShard(of id: String) -> ShardCell<TransactionMachine>? {
        guard let count = image.topics[TopicName.transactionState]?.partitions.count, count > 0
        else { return nil }
        return coordinators.transactions[
            CoordinatorPartition.of(id, partitions: Int32(clamping: count))]
    }
}
