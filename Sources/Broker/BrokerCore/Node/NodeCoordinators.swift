import ClusterController
import Coordinators
import KafkaProtocol
import KafkaRecords
import KafkaWire
import Replication

/// The coordinator shards of this node: one for each partition of the coordinators' topics that it
/// holds, active where it leads.
///
/// Used on the controller's thread alone; event loops see the shards through the view.
final class NodeCoordinators {
    private(set) var cells = CoordinatorCells()
    private let surroundings: NodeSurroundings
    private var random: SplitMix64
    private let groupCompression: CompressionType

    /// What follows from changes of leadership.
    struct Effects {
        var loads: [CoordinatorLoad] = []
        var tasks: [CoordinatorTask] = []
        var completions: [(ticket: WaitTicket, message: any KafkaMessage)] = []
    }
    private(set) var effects = Effects()

    /// - Parameters:
    ///   - seed: of the generators that machines make member ids with.
    ///   - groupCompression: `offsets.topic.compression.codec`
    init(surroundings: NodeSurroundings, seed: UInt64, groupCompression: CompressionType) {
        self.surroundings = surroundings
        self.groupCompression = groupCompression
        random = SplitMix64(seed: seed)
    }

    func takeEffects() -> Effects {
        defer { effects = Effects() }
        return effects
    }

    /// The role of a partition of this node may have changed; others than the coordinators' pass.
    func update(_ cell: PartitionCell) {
        let number = cell.topicPartition.partition
        switch cell.topicPartition.topic {
        case TopicName.consumerOffsets:
            let generator = SplitMix64(seed: random.next())
            update(cell, &cells.groups[number], groupCompression) { _ in
                GroupMachine(random: generator)
            }
        case TopicName.transactionState:
            update(cell, &cells.transactions[number]) {
                TransactionMachine(coordinatorEpoch: $0)
            }
        default: break
        }
    }

    private func update<Machine>(
        _ cell: PartitionCell, _ shard: inout ShardCell<Machine>?,
        _ compression: CompressionType = .none, _ make: @escaping @Sendable (LeaderEpoch) -> Machine
    ) {
        guard let epoch = cell.locked({ $0.leaderEpoch }) else {
            if let shard { complete(shard.deactivate()) }
            return
        }
        let current: ShardCell<Machine>
        if let shard, shard.partition === cell {
            current = shard
        } else {
            if let shard { complete(shard.deactivate()) }
            current = ShardCell<Machine>(
                cell, lock: surroundings.makeLock(), compression: compression)
            shard = current
        }
        guard !current.serves(epoch) else { return }
        complete(current.beginLoading(epoch))
        effects.loads.append(current.loading(epoch, report: surroundings.report) { make(epoch) })
    }

    /// The partition's topic is gone.
    func remove(_ cell: PartitionCell) {
        let number = cell.topicPartition.partition
        switch cell.topicPartition.topic {
        case TopicName.consumerOffsets:
            if let shard = cells.groups.removeValue(forKey: number) {
                complete(shard.deactivate())
            }
        case TopicName.transactionState:
            if let shard = cells.transactions.removeValue(forKey: number) {
                complete(shard.deactivate())
            }
        default: break
        }
    }

    /// A topic of the cluster is gone: groups forget the offsets that they committed for it.
    func topicDeleted(_ name: String, _ id: KafkaUUID) {
        for (_, cell) in cells.groups.sorted(by: { $0.key < $1.key }) {
            effects.tasks.append(
                CoordinatorTask { loop, now in
                    // A shard that loads meanwhile keeps them until they expire.
                    _ = cell.run(on: loop, now: now) { machine, _ in
                        machine.topicDeleted(name, id)
                    }
                })
        }
    }

    private func complete(_ replies: [(caller: Caller, message: any KafkaMessage)]) {
        effects.completions += replies.map { ($0.caller.ticket, $0.message) }
    }
}

/// The coordinator shards of this node by partition, as event loops see them.
public struct CoordinatorCells: Sendable {
    var groups: [Int32: ShardCell<GroupMachine>] = [:]
    var transactions: [Int32: ShardCell<TransactionMachine>] = [:]
    public init() {}
}
