public import KafkaWire

/// What the groups of a shard know of the world: an immutable value, exchanged whole.
public final class GroupEnvironment: Sendable {
    public let settings: GroupSettings
    public let metadata: any GroupMetadataSource

    public init(settings: GroupSettings, metadata: any GroupMetadataSource) {
        self.settings = settings
        self.metadata = metadata
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

    func topicID(of name: String) -> KafkaUUID?
    func topicName(of id: KafkaUUID) -> String?
    /// `nil` for a topic that does not exist.
    func partitionCount(of topic: KafkaUUID) -> Int32?
    /// The racks of the brokers that hold the partition, sorted; those without a rack are left out.
    func racks(of topic: KafkaUUID, partition: Int32) -> [String]
    /// The dynamic configs of a group, by key (`consumer.session.timeout.ms`).
    func groupConfigs(of group: String) -> [String: String]
}

/// A cluster without topics.
private struct NoGroupMetadata: GroupMetadataSource {
    var version: Int64 { -1 }
    var topicNames: [String] { [] }
    var groupVersion: Int16 { 0 }
    func topicID(of name: String) -> KafkaUUID? { nil }
    func topicName(of id: KafkaUUID) -> String? { nil }
    func partitionCount(of topic: KafkaUUID) -> Int32? { nil }
    func racks(of topic: KafkaUUID, partition: Int32) -> [String] { [] }
    func groupConfigs(of group: String) -> [String: String] { [:] }
}
