import ClusterController
import Coordinators
import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

/// What every event loop knows of the cluster and of this node: immutable, published whole.
///
/// A class, though it has the meaning of a value: it is handed on with each partition that is read,
/// and a copy of so many fields costs as much as the read.
public final class BrokerView: Sendable {
    /// The metadata image and the node's settings, for answers that decide nothing.
    public let controller: Controller
    public var image: MetadataImage { controller.image }
    /// Where requests go that only the active controller decides.
    public let activeController: ControllerLocation
    /// The last offset of the metadata log that `image` knows.
    public let imageOffset: Offset
    public let settings: BrokerSettings
    /// The log directories, for the requests that ask about them.
    public let directories: any DirectoryAccess
    private let byID: [KafkaUUID: TopicCells]
    /// Brokers that were fenced a moment ago, which Metadata still names.
    let lingeringBrokers: Set<Int32>
    /// Whether partitions of this node may lie in a log directory that has failed.
    private let hasOfflineDirectories: Bool
    /// Which partitions this node follows.
    let fetchers: FetcherPlans
    let quotas: ReplicationQuotas?
    /// The coordinator shards of this node.
    let coordinators: CoordinatorCells
    /// What group coordinators know of the cluster and of the settings.
    let groupEnvironment: GroupEnvironment
    /// What transactions are bound by.
    let transactionSettings: TransactionSettings
    private let idsByName: [String: KafkaUUID]

    init(
        controller: Controller, activeController: ControllerLocation = .here, imageOffset: Offset,
        settings: BrokerSettings,
        directories: any DirectoryAccess, topics: [KafkaUUID: TopicCells],
        idsByName: [String: KafkaUUID], lingeringBrokers: Set<Int32> = [],
        hasOfflineDirectories: Bool = false,
        fetchers: FetcherPlans = FetcherPlans(),
        quotas: ReplicationQuotas? = nil,
        coordinators: CoordinatorCells = CoordinatorCells(),
        topicChanges: GroupTopicChanges = GroupTopicChanges(since: .max),
        coordination: CoordinationSettings? = nil
    ) {
        self.controller = controller
        self.activeController = activeController
        self.imageOffset = imageOffset
        self.settings = settings
        self.directories = directories
        self.byID = topics
        self.idsByName = idsByName
        self.lingeringBrokers = lingeringBrokers
        self.hasOfflineDirectories = hasOfflineDirectories
        self.fetchers = fetchers
        self.quotas = quotas
        self.coordinators = coordinators
        let coordination = coordination ?? CoordinationSettings(controller)
        transactionSettings = coordination.transactions
        groupEnvironment = GroupEnvironment(
            settings: coordination.groups,
            metadata: ImageGroupMetadata(
                image: controller.image, version: imageOffset.rawValue, changes: topicChanges))
    }

    /// The partitions of a topic that this node knows.
    public func topic(named name: String) -> TopicCells? {
        idsByName[name].flatMap { byID[$0] }
    }

    /// By id from version 13 of Produce and Fetch on, by name before.
    public func topic(id: KafkaUUID, name: String, version: Int16) -> TopicCells? {
        version >= 13 ? byID[id] : topic(named: name)
    }

    /// The node whose controller is active; -1 while none is known.
    var activeControllerID: Int32 {
        switch activeController {
        case .here: settings.nodeID.rawValue
        case .at(let node, _): node.rawValue
        case .unknown: -1
        }
    }

    /// Where another broker is reached by this one; `nil` while it is not registered.
    func endpoint(of broker: BrokerID) -> PeerEndpoint? {
        image.brokers[broker.rawValue]?.endpoint(of: settings.replication.listener).map {
            PeerEndpoint(host: $0.host, port: $0.port)
        }
    }

    /// Why this node has no replica of a partition that a client names.
    public func refusal(named name: String, _ partition: Int32) -> KafkaError {
        refusal(image.topics[name]?[partition])
    }

    /// The same by id from version 13 of Produce and Fetch on, by name before.
    public func refusal(
        id: KafkaUUID, name: String, version: Int16, _ partition: Int32
    ) -> KafkaError {
        guard version >= 13 else { return refusal(named: name, partition) }
        guard let topic = image.topics[id] else { return .unknownTopicID }
        return refusal(topic[partition])
    }

    /// What is placed here and not held is about to be made, or lies in a log directory that is
    /// offline.
    private func refusal(_ partition: PartitionImage?) -> KafkaError {
        guard let partition else { return .unknownTopicOrPartition }
        let isHere = partition.replicas.contains(settings.nodeID.rawValue)
        return isHere && hasOfflineDirectories ? .kafkaStorageError : .notLeaderOrFollower
    }

    /// All topics of this node, in order of name.
    public var topicsByName: [TopicCells] {
        idsByName.keys.sorted().compactMap { topic(named: $0) }
    }
}

/// The settings of this node that handlers need, as they stand at one publication.
public struct BrokerSettings: Sendable {
    public var nodeID: BrokerID
    public var clusterID: String
    public var durability: Durability
    /// `fetch.max.bytes`: most record bytes of one answer.
    public var fetchMaxBytes: Int32
    /// `auto.create.topics.enable`
    public var autoCreateTopics: Bool
    /// `max.request.partition.size.limit`: most partitions in one DescribeTopicPartitions answer.
    public var partitionsPerAnswer: Int32
    public var replication: ReplicationSettings
    /// The level of `kraft.version`, which the quorum keeps.
    public var kraftVersion: Int16
    /// Feature names with the levels that this build supports, in order of name.
    public var supportedFeatures: [SupportedFeature]

    public struct SupportedFeature: Sendable {
        public var name: String
        public var minimum: Int16
        public var maximum: Int16
        public init(name: String, minimum: Int16, maximum: Int16) {
            self.name = name
            self.minimum = minimum
            self.maximum = maximum
        }
    }

    public init(
        nodeID: BrokerID, clusterID: String, durability: Durability = .flushed,
        fetchMaxBytes: Int32 = 57_671_680, autoCreateTopics: Bool = true,
        partitionsPerAnswer: Int32 = 2000, replication: ReplicationSettings = .init(),
        kraftVersion: Int16 = 0,
        supportedFeatures: [SupportedFeature] = []
    ) {
        self.nodeID = nodeID
        self.clusterID = clusterID
        self.durability = durability
        self.fetchMaxBytes = fetchMaxBytes
        self.autoCreateTopics = autoCreateTopics
        self.partitionsPerAnswer = partitionsPerAnswer
        self.replication = replication
        self.kraftVersion = kraftVersion
        self.supportedFeatures = supportedFeatures
    }
}

/// One log directory as DescribeLogDirs tells it.
public struct DirectoryStatus: Sendable {
    public var path: String
    /// It takes no new partitions (`cordoned.log.dirs`).
    public var isCordoned = false
    /// `none` while it is served.
    public var error: KafkaError
    /// Size of the volume and what is free on it in bytes; -1 when unknown.
    public var totalBytes: Int64
    public var usableBytes: Int64
    public init(path: String, error: KafkaError, totalBytes: Int64, usableBytes: Int64) {
        self.path = path
        self.error = error
        self.totalBytes = totalBytes
        self.usableBytes = usableBytes
    }
}

/// The log directories as handlers may use them, on an I/O thread.
public protocol DirectoryAccess: AnyObject, Sendable {
    /// All configured directories.
    func statuses() -> [DirectoryStatus]
    /// Writes a checkpoint of a directory from its logs as they are now, durably. Writers of one
    /// file take turns, so that an older state never replaces a newer one.
    func checkpoint(_ kind: OffsetCheckpoint.Kind, of directory: String) throws(FileError)
    /// Takes partitions out of a directory's checkpoints, durably, before new logs of them are
    /// made there: what those say is of earlier ones.
    func forget(_ names: Set<TopicPartition>, in directory: String) throws(FileError)
    /// The moves between them.
    var moves: ReplicaMoves { get }
    /// Notes that a replica lies in another directory now, and what is known of it.
    func noteMoved(_ partition: TopicPartition, from source: String, to target: String)
    /// How far a log is compacted; `nil` when it never was.
    func cleanedOffset(of partition: TopicPartition, in directory: String) -> Offset?
    /// Notes how far a log is compacted, for the next checkpoint; whether that is news.
    @discardableResult
    func noteCleaned(
        _ partition: TopicPartition, to offset: Offset?, in directory: String
    ) -> Bool
}

/// What coordinators are bound by: configs and features as they stand in one image.
public struct CoordinationSettings: Sendable {
    let transactions: TransactionSettings
    let groups: GroupSettings

    init(_ controller: Controller) {
        transactions = TransactionSettings(
            version: controller.image.features.level(of: .transaction)
        ) { controller.effectiveBrokerConfig($0) }
        groups = GroupSettings { controller.effectiveBrokerConfig($0) }
    }
}
