public import KafkaWire

/// What the groups of a shard know of the world: an immutable value, exchanged whole.
public final class GroupEnvironment: Sendable {
    public let settings: GroupSettings
    public let metadata: any GroupMetadataSource

    public init(settings: GroupSettings, metadata: any GroupMetadataSource) {
        self.settings = settings
        self.metadata = metadata
    }

    /// Whether the cluster has the consumer protocol (KIP-848), and the broker is to speak it.
    public var hasConsumerGroups: Bool {
        metadata.groupVersion >= 1 && settings.rebalanceProtocols.contains("consumer")
    }

    /// Kafka's defaults and a cluster without topics.
    static let none = GroupEnvironment(settings: GroupSettings(), metadata: NoGroupMetadata())
}

/// The cluster's metadata as groups need it.
public protocol GroupMetadataSource: Sendable {
    /// Grows with each change; while it stays, so does everything below.
    var version: Int64 { get }
    /// All names, sorted. Costs a sort.
    var topicNames: [String] { get }
    /// The level of `group.version`: from 1 on there are consumer groups (KIP-848).
    var groupVersion: Int16 { get }

    /// The topics that have been created, changed or deleted after `version`, in order; `nil` when
    /// too many have.
    func topicChanges(since version: Int64) -> ArraySlice<GroupTopicChange>?
    func topicID(of name: String) -> KafkaUUID?
    func topicName(of id: KafkaUUID) -> String?
    /// `nil` for a topic that does not exist.
    func partitionCount(of topic: KafkaUUID) -> Int32?
    /// The racks of the brokers that hold the partition, sorted, one a broker; those without a rack
    /// are left out.
    func racks(of topic: KafkaUUID, partition: Int32) -> [String]
    /// The dynamic configs of a group, by key (`consumer.session.timeout.ms`).
    func groupConfigs(of group: String) -> [String: String]
}

/// A topic has been created, changed or deleted.
public struct GroupTopicChange: Equatable, Sendable {
    public var topic: String
    /// Of the metadata that first have it.
    public var version: Int64
    public var isCreation: Bool

    public init(topic: String, version: Int64, isCreation: Bool) {
        self.topic = topic
        self.version = version
        self.isCreation = isCreation
    }
}

/// The last changes of topics.
public struct GroupTopicChanges: Sendable {
    /// Most changes that are kept; who has missed more looks at everything.
    public static let limit = 1000

    private var changes: ArraySlice<GroupTopicChange> = []
    /// All changes after this version are here.
    private var completeSince: Int64

    /// - Parameter version: of the metadata at this point.
    public init(since version: Int64) { completeSince = version }

    public mutating func note(_ change: GroupTopicChange) {
        changes.append(change)
        guard changes.count > Self.limit else { return }
        // All of one version go together.
        completeSince = changes[changes.startIndex].version
        changes = changes.drop { $0.version <= completeSince }
    }

    /// The changes after `version`; `nil` when some of them are no longer known.
    public func since(_ version: Int64) -> ArraySlice<GroupTopicChange>? {
        guard version >= completeSince else { return nil }
        return changes.drop { $0.version <= version }
    }
}

/// A cluster without topics.
private struct NoGroupMetadata: GroupMetadataSource {
    var version: Int64 { -1 }
    var topicNames: [String] { [] }
    var groupVersion: Int16 { 0 }
    func topicChanges(since version: Int64) -> ArraySlice<GroupTopicChange>? { nil }
    func topicID(of name: String) -> KafkaUUID? { nil }
    func topicName(of id: KafkaUUID) -> String? { nil }
    func partitionCount(of topic: KafkaUUID) -> Int32? { nil }
    func racks(of topic: KafkaUUID, partition: Int32) -> [String] { [] }
    func groupConfigs(of group: String) -> [String: String] { [:] }
}
