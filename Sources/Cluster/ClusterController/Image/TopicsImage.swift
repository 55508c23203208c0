import KafkaProtocol
import KafkaWire

/// All topics, by id and by name.
public struct TopicsImage: Equatable, Sendable {
    private var byID = ShardedMap<KafkaUUID, TopicImage>()
    private var ids = ShardedMap<String, KafkaUUID>()
    /// Names by their collision key, for those that have one; almost always one name each.
    private var collisions = ShardedMap<String, [String]>()
    /// How many partitions all topics have together.
    public private(set) var partitionCount = 0

    /// No topics.
    init() {}

    /// How many topics there are.
    public var count: Int { byID.count }
    /// All names, sorted. Costs a sort.
    public var names: [String] { ids.sortedKeys }

    /// The topic with this id.
    public subscript(id: KafkaUUID) -> TopicImage? { byID[id] }
    /// The topic with this name.
    public subscript(name: String) -> TopicImage? { ids[name].flatMap { byID[$0] } }
    /// The id of the topic with this name.
    public func id(of name: String) -> KafkaUUID? { ids[name] }

    /// All topics, sorted by name.
    public var sorted: [TopicImage] { names.compactMap { self[$0] } }

    /// All topics in no particular order: only for results that do not depend on it.
    var unordered: some Sequence<TopicImage> { byID.unorderedValues }

    /// A topic whose metrics could not be told from those of a topic called `name`.
    func collision(with name: String) -> String? {
        TopicName.collisionKey(of: name).flatMap { collisions[$0]?.first }
    }
}

extension TopicsImage {
    mutating func add(_ record: TopicRecord) throws(ReplayError) {
        if let existing = ids[record.name] {
            throw .inconsistent("topic \(record.name) exists with id \(existing)")
        }
        guard byID[record.topicID] == nil else {
            throw .inconsistent("topic id \(record.topicID) exists")
        }
        ids[record.name] = record.topicID
        byID[record.topicID] = TopicImage(name: record.name, id: record.topicID)
        if let key = TopicName.collisionKey(of: record.name) {
            collisions[key] = ((collisions[key] ?? []) + [record.name]).sorted()
        }
    }

    mutating func remove(_ id: KafkaUUID) throws(ReplayError) -> TopicImage {
        guard let topic = byID[id] else { throw .inconsistent("no topic with id \(id)") }
        byID[id] = nil
        ids[topic.name] = nil
        partitionCount -= topic.partitions.count
        if let key = TopicName.collisionKey(of: topic.name) {
            let others = (collisions[key] ?? []).filter { $0 != topic.name }
            collisions[key] = others.isEmpty ? nil : others
        }
        return topic
    }

    mutating func put(_ record: PartitionRecord) throws(ReplayError) {
        let partition = try PartitionImage(record)
        let grown = byID.update(record.topicID) { topic in
            let before = topic.partitions.count
            topic.put(partition)
            return topic.partitions.count - before
        }
        guard let grown else { throw .inconsistent("no topic with id \(record.topicID)") }
        partitionCount += grown
    }

    mutating func apply(_ record: PartitionChangeRecord) throws(ReplayError) {
        let found: Void? = try byID.update(record.topicID) { (topic) throws(ReplayError) in
            try topic.apply(record)
        }
        guard found != nil else { throw .inconsistent("no topic with id \(record.topicID)") }
    }

    /// Forgets the eligible leaders of one topic, or of all when `name` is empty.
    ///
    /// - Returns: the partitions that had any, by topic.
    mutating func clearEligibleLeaders(of name: String) throws(ReplayError)
        -> [KafkaUUID: [Int32]]
    {
        var targets: [KafkaUUID] = []
        if name.isEmpty {
            targets = unordered.filter(\.hasEligibleLeaders).map(\.id)
        } else if let id = ids[name] {
            targets = [id]
        } else {
            throw .inconsistent("no topic \(name) to clear eligible leaders of")
        }
        var cleared: [KafkaUUID: [Int32]] = [:]
        for id in targets {
            let partitions = byID.update(id) { $0.clearEligibleLeaders() }
            if let partitions, !partitions.isEmpty { cleared[id] = partitions }
        }
        return cleared
    }
}

extension TopicImage {
    /// Whether some partition has eligible or last known leaders.
    var hasEligibleLeaders: Bool {
        partitions.contains { !$0.eligibleLeaderReplicas.isEmpty || !$0.lastKnownELR.isEmpty }
    }
}
