import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

/// The partitions that this node holds, and their roles as the image changes.
///
/// Used on the controller's thread alone; event loops see it through the view that it makes.
final class PartitionTable {
    private(set) var topics: [KafkaUUID: TopicCells] = [:]
    private(set) var idsByName: [String: KafkaUUID] = [:]
    /// Which partitions this node follows.
    private(set) var fetchers: FetcherPlans
    let quotas: ReplicationQuotas
    private var failedDirectories: Set<String> = []
    private let nodeID: Int32
    private let durability: Durability
    private let surroundings: NodeSurroundings

    init(
        nodeID: BrokerID, durability: Durability, fetchersPerLeader: Int32,
        surroundings: NodeSurroundings
    ) {
        fetchers = FetcherPlans(fetchersPerLeader: fetchersPerLeader)
        quotas = ReplicationQuotas(makeLock: surroundings.makeLock)
        self.nodeID = nodeID.rawValue
        self.durability = durability
        self.surroundings = surroundings
    }

    /// All cells in order of topic and partition.
    var cells: [PartitionCell] {
        idsByName.keys.sorted().flatMap { name in
            idsByName[name].flatMap { topics[$0] }?.partitions.compactMap { $0 } ?? []
        }
    }

    /// The cells in one log directory.
    func cells(in directory: String) -> [PartitionCell] {
        cells.filter { $0.logDirectory == directory }
    }

    // MARK: Changes

    /// Takes in a log that was opened or made.
    func adopt(_ opened: OpenedPartition, of topic: TopicImage) {
        let replica = PartitionReplica(
            log: opened.log, role: .offline(reason: "starting"),
            highWatermark: opened.highWatermark)
        let cell = PartitionCell(
            replica: replica, topicID: topic.id, logDirectory: opened.directory,
            makeLock: surroundings.makeLock)
        put(cell, of: topic, at: opened.log.topicPartition.partition)
    }

    private func put(_ cell: PartitionCell, of topic: TopicImage, at partition: Int32) {
        topics[topic.id, default: TopicCells(name: topic.name, id: topic.id, partitions: [])]
            .set(cell, at: partition)
        idsByName[topic.name] = topic.id
    }

    /// Gives a replica the role that the image has for it; returns whom to wake.
    func updateRole(of partition: Int32, in topic: TopicImage) -> [WaitTicket] {
        guard let image = topic[partition], let cell = topics[topic.id]?[partition] else {
            return []
        }
        guard !failedDirectories.contains(cell.logDirectory) else { return [] }
        let leader = BrokerID(image.leader)
        let wakes = cell.locked {
            $0.adopt(
                PartitionAssignment(image), as: BrokerID(nodeID), durability: durability)
        }
        if image.leader == nodeID {
            fetchers.unfollow(ReplicaKey(cell))
        } else {
            fetchers.follow(cell, leader: leader, epoch: LeaderEpoch(image.leaderEpoch))
        }
        return wakes
    }

    /// Applies changed configuration to a topic's logs.
    func setConfig(_ config: LogConfig, of topic: String) {
        guard let cells = idsByName[topic].flatMap({ topics[$0] }) else { return }
        for cell in cells.partitions.compactMap({ $0 }) {
            cell.locked { $0.log.config = config }
        }
    }

    /// Forgets a deleted topic; returns its cells, offline, and whom to wake.
    func remove(_ topic: TopicImage) -> (cells: [PartitionCell], wakes: [WaitTicket]) {
        guard let known = topics.removeValue(forKey: topic.id) else { return ([], []) }
        if idsByName[topic.name] == topic.id { idsByName[topic.name] = nil }
        let cells = known.partitions.compactMap { $0 }
        return (cells, cells.flatMap(retire))
    }

    /// Forgets a replica that is not placed here any more; returns whom to wake.
    func remove(_ cell: PartitionCell) -> [WaitTicket] {
        let id = cell.topicID
        topics[id]?.partitions[Int(cell.topicPartition.partition)] = nil
        if topics[id]?.partitions.allSatisfy({ $0 == nil }) == true {
            topics[id] = nil
            let name = cell.topicPartition.topic
            if idsByName[name] == id { idsByName[name] = nil }
        }
        return retire(cell)
    }

    /// Takes a replica out of service for good; whom to wake.
    private func retire(_ cell: PartitionCell) -> [WaitTicket] {
        fetchers.unfollow(ReplicaKey(cell))
        return cell.locked { $0.becomeFollower(of: .none, epoch: .none) }
    }

    /// Takes the replicas in `directory` out of service; returns whom to wake.
    func fail(directory: String, reason: String) -> [WaitTicket] {
        failedDirectories.insert(directory)
        return cells(in: directory).flatMap { cell in
            fetchers.unfollow(ReplicaKey(cell))
            return cell.locked { $0.goOffline(reason: reason) }
        }
    }
}

/// A partition's log as it was found on disk.
struct OpenedPartition {
    let log: PartitionLog
    /// From `replication-offset-checkpoint`.
    let highWatermark: Offset
    /// The log directory that holds it.
    let directory: String
}

extension PartitionAssignment {
    init(_ image: PartitionImage) {
        self.init(
            leader: BrokerID(image.leader), leaderEpoch: LeaderEpoch(image.leaderEpoch),
            partitionEpoch: image.partitionEpoch, replicas: image.replicas.map { BrokerID($0) },
            isr: image.isr.map { BrokerID($0) })
    }
}
