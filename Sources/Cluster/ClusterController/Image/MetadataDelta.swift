import KafkaWire

/// What a run of records changed: the broker applies this, not the whole image.
///
/// Topics are named by id; look names and partitions up in the image before or after. A topic that
/// was created and deleted within the run is in neither set.
public struct MetadataDelta: Equatable, Sendable {
    /// Topics that are there now and were not before.
    public internal(set) var createdTopics: Set<KafkaUUID> = []
    /// Topics that were there before and are gone, as they last were.
    public internal(set) var deletedTopics: [KafkaUUID: TopicImage] = [:]
    /// The partitions that were added or changed, by topic; created topics are among them.
    public internal(set) var changedPartitions: [KafkaUUID: Set<Int32>] = [:]
    /// Resources whose configs may have changed. Those of deleted topics are among them.
    public internal(set) var configs: Set<ConfigResource> = []
    /// Brokers that were registered, changed or removed.
    public internal(set) var brokers: Set<Int32> = []
    /// Controllers that were registered or removed.
    public internal(set) var controllers: Set<Int32> = []
    /// Whether some feature level was set.
    public internal(set) var features = false
    public internal(set) var quotas = false
    public internal(set) var acls = false
    public internal(set) var scram = false
    public internal(set) var delegationTokens = false
    public internal(set) var producerIDs = false

    /// No change.
    public init() {}

    /// Whether nothing changed.
    public var isEmpty: Bool { self == MetadataDelta() }

    /// Created topics, sorted by id.
    public var sortedCreatedTopics: [KafkaUUID] { createdTopics.sorted() }
    /// Deleted topics, sorted by id.
    public var sortedDeletedTopics: [TopicImage] {
        deletedTopics.values.sorted { $0.id < $1.id }
    }
    /// Changed partitions, sorted by topic id and number.
    public var sortedChangedPartitions: [(topicID: KafkaUUID, partitions: [Int32])] {
        changedPartitions.sorted { $0.key < $1.key }.map { ($0.key, $0.value.sorted()) }
    }
    /// Resources with changed configs, sorted.
    public var sortedConfigs: [ConfigResource] { configs.sorted() }

    mutating func noteChange(of partition: Int32, topicID: KafkaUUID) {
        changedPartitions[topicID, default: []].insert(partition)
    }

    mutating func noteRemoval(of topic: TopicImage) {
        changedPartitions[topic.id] = nil
        if createdTopics.remove(topic.id) == nil { deletedTopics[topic.id] = topic }
    }
}

extension MetadataDelta {
    /// What differs between two images, for an image that came from a snapshot. Looks at
    /// everything.
    public init(from old: MetadataImage, to new: MetadataImage) {
        self.init()
        for topic in old.topics.unordered where new.topics[topic.id] == nil {
            deletedTopics[topic.id] = topic
        }
        for topic in new.topics.unordered { note(topic, before: old.topics[topic.id]) }
        for resource in Set(old.configs.resources).union(new.configs.resources)
        where old.configs[resource] != new.configs[resource] {
            configs.insert(resource)
        }
        for id in Set(old.brokers.keys).union(new.brokers.keys)
        where old.brokers[id] != new.brokers[id] {
            brokers.insert(id)
        }
        for id in Set(old.controllers.keys).union(new.controllers.keys)
        where old.controllers[id] != new.controllers[id] {
            controllers.insert(id)
        }
        features = old.features != new.features
        quotas = old.quotas != new.quotas
        acls = old.security.acls != new.security.acls
        scram = old.security.scram != new.security.scram
        delegationTokens = old.security.delegationTokens != new.security.delegationTokens
        producerIDs = old.nextProducerID != new.nextProducerID
    }

    private mutating func note(_ topic: TopicImage, before: TopicImage?) {
        if before == nil { createdTopics.insert(topic.id) }
        for partition in topic.partitions where partition != before?[partition.id] {
            noteChange(of: partition.id, topicID: topic.id)
        }
    }
}
