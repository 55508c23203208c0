import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage
import Replication
import Testing

@testable import BrokerCore

/// The replicas of one broker and its event loop: no controller, no sockets. What it asks of its
/// surroundings goes to the cluster that it is part of.
final class ReplicaBroker {
    let id: Int32
    let fileSystem: MemoryFileSystem
    let table: PartitionTable
    let loop: BrokerLoop
    let directories: ReplicaDirectory
    private(set) var image: MetadataImage
    private let durability: Durability
    private let settings: (MetadataImage) -> BrokerSettings

    static let directory = "/data"

    init(
        id: Int32, on fileSystem: MemoryFileSystem, image: MetadataImage, durability: Durability,
        adjust: @escaping (inout ReplicationSettings) -> Void
    ) throws {
        self.id = id
        self.fileSystem = fileSystem
        self.image = image
        self.durability = durability
        settings = { image in
            var replication = ReplicationSettings()
            replication.brokerEpoch = image.brokers[id]?.epoch ?? -1
            replication.maxLagMs = 2000
            replication.fetchMaxBytes = 400
            replication.selectsByRack = true
            adjust(&replication)
            return BrokerSettings(
                nodeID: BrokerID(id), clusterID: ReplicaCluster.clusterID,
                durability: durability, replication: replication)
        }
        if try fileSystem.status(Self.directory) == nil {
            try fileSystem.createDirectory(Self.directory)
            try fileSystem.syncDirectory("/")
        }
        table = PartitionTable(
            nodeID: BrokerID(id), durability: durability, fetchersPerLeader: 1,
            surroundings: NodeSurroundings(
                fileSystem: fileSystem, makeLock: { TestLock() },
                report: { Issue.record("\($0)") }))
        directories = ReplicaDirectory(table, fileSystem)
        loop = BrokerLoop(
            index: 0,
            view: Self.view(image, table, settings(image), directories, BrokerID(id)),
            limits: LoopLimits(), random: SplitMix64(seed: UInt64(id)))
        _ = try apply(image)
    }

    private static func view(
        _ image: MetadataImage, _ table: PartitionTable, _ settings: BrokerSettings,
        _ directories: ReplicaDirectory, _ id: BrokerID
    ) -> BrokerView {
        BrokerView(
            controller: Controller(
                image: image,
                settings: ControllerSettings(
                    nodeID: id.rawValue, clusterID: ReplicaCluster.clusterID)),
            imageOffset: .zero, settings: settings, directories: directories,
            topics: table.topics, idsByName: table.idsByName, fetchers: table.fetchers,
            quotas: table.quotas)
    }

    /// Takes over the cluster's metadata, as a node does; whom to wake.
    func apply(_ image: MetadataImage) throws -> [WaitTicket] {
        self.image = image
        var wakes: [WaitTicket] = []
        for topic in image.topics.sorted {
            for partition in topic.partitions {
                if partition.replicas.contains(id) {
                    if table.topics[topic.id]?[partition.id] == nil {
                        try open(partition.id, of: topic)
                    }
                    wakes += table.updateRole(of: partition.id, in: topic)
                } else if let cell = table.topics[topic.id]?[partition.id] {
                    wakes += table.remove(cell)
                    try fileSystem.removeTree("\(Self.directory)/\(topic.name)-\(partition.id)")
                }
            }
        }
        loop.published(
            Self.view(image, table, settings(image), directories, BrokerID(id)))
        return wakes
    }

    /// Opens a log as a node does at its start: with what the checkpoints say, and all on disk.
    private func open(_ partition: Int32, of topic: TopicImage) throws {
        let name = TopicPartition(topic: topic.name, partition: partition)
        func checkpointed(_ kind: OffsetCheckpoint.Kind) throws -> Offset {
            try OffsetCheckpoint(kind, in: Self.directory, fileSystem: fileSystem).read()[name]
                ?? .zero
        }
        var config = LogConfig()
        config.minInSyncReplicas = 2
        config.segmentBytes = 2000
        let log = try PartitionLog.open(
            directory: "\(Self.directory)/\(name)", topicPartition: name, topicID: topic.id,
            config: config, fileSystem: fileSystem,
            recoveryPoint: try checkpointed(.recoveryPoint), logStartOffset: .zero,
            cleanShutdown: false, now: 0)
        if log.flushedOffset < log.logEndOffset { try log.flush() }
        table.adopt(
            OpenedPartition(
                log: log, highWatermark: try checkpointed(.highWatermark),
                directory: Self.directory), of: topic)
    }

    func cell(_ topic: String, _ partition: Int32 = 0) -> PartitionCell? {
        image.topics[topic].flatMap { table.topics[$0.id]?[partition] }
    }
}

/// The one log directory of a broker.
final class ReplicaDirectory: DirectoryAccess, @unchecked Sendable {
    // Sendable: a test has one thread.
    private let table: PartitionTable
    private let fileSystem: MemoryFileSystem
    private(set) var checkpoints = 0
    let moves: ReplicaMoves

    init(_ table: PartitionTable, _ fileSystem: MemoryFileSystem) {
        self.table = table
        self.fileSystem = fileSystem
        moves = ReplicaMoves(fileSystem: fileSystem, random: SplitMix64(seed: 1)) { TestLock() }
    }

    func statuses() -> [DirectoryStatus] {
        [
            DirectoryStatus(
                path: ReplicaBroker.directory, error: .none, totalBytes: -1, usableBytes: -1)
        ]
    }

    func checkpoint(_ kind: OffsetCheckpoint.Kind, of directory: String) throws(FileError) {
        checkpoints += 1
        var offsets: [TopicPartition: Offset] = [:]
        for cell in table.cells {
            offsets[cell.topicPartition] = cell.locked {
                kind == .recoveryPoint ? $0.log.flushedOffset : $0.highWatermark
            }
        }
        try OffsetCheckpoint(kind, in: directory, fileSystem: fileSystem).write(offsets)
    }

    func forget(_ names: Set<TopicPartition>, in directory: String) {}
    func noteMoved(_ partition: TopicPartition, from source: String, to target: String) {}
    func cleanedOffset(of partition: TopicPartition, in directory: String) -> Offset? { nil }
    func noteCleaned(
        _ partition: TopicPartition, to offset: Offset?, in directory: String
    ) -> Bool { false }
}
