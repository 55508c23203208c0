import KafkaWire

/// What a shard keeps for all of its consumer groups together: who is subscribed to what, and what
/// topics hash to.
struct TopicSubscriptions {
    private var groupsByTopic: [String: Set<String>] = [:]
    private var hashes: [String: Int64] = [:]
    /// Up to where changes of topics have been looked at.
    private var seenVersion: Int64 = -1
    /// When a topic was last created: what patterns matched before is to be looked at again.
    private(set) var lastCreation: Int64 = -1

    /// A group has been subscribed to `topics` or no longer is.
    mutating func update(_ group: String, turned topics: Set<String>, in state: ConsumerGroupState)
    {
        for topic in topics {
            if state.subscribers[topic] != nil {
                groupsByTopic[topic, default: []].insert(group)
            } else {
                remove(group, from: topic)
            }
        }
    }

    mutating func remove(_ group: String, from topic: String) {
        groupsByTopic[topic]?.remove(group)
        if groupsByTopic[topic]?.isEmpty == true {
            groupsByTopic[topic] = nil
            hashes[topic] = nil
        }
    }

    /// The metadata have changed: the groups that are subscribed to a topic that has; all of them
    /// (`nil`) when too much has happened.
    mutating func noteChanges(_ metadata: any GroupMetadataSource) -> Set<String>? {
        let since = seenVersion
        seenVersion = metadata.version
        guard let changes = metadata.topicChanges(since: since) else {
            hashes.removeAll()
            lastCreation = metadata.version
            return nil
        }
        var groups: Set<String> = []
        for change in changes {
            hashes[change.topic] = nil
            if change.isCreation { lastCreation = max(lastCreation, change.version) }
            groups.formUnion(groupsByTopic[change.topic] ?? [])
        }
        return groups
    }

    /// The hash of all topics that a group is subscribed to and that exist.
    mutating func metadataHash(
        of state: ConsumerGroupState, _ metadata: any GroupMetadataSource
    ) -> Int64 {
        var topics: [String: Int64] = [:]
        for name in state.subscribers.keys {
            if let hash = hash(of: name, metadata) { topics[name] = hash }
        }
        return MetadataHash.group(topics)
    }

    private mutating func hash(of name: String, _ metadata: any GroupMetadataSource) -> Int64? {
        if let hash = hashes[name] { return hash }
        guard let id = metadata.topicID(of: name), let count = metadata.partitionCount(of: id)
        else { return nil }
        let hash = MetadataHash.topic(
            GroupTopic(
                name: name, id: id, partitionCount: count,
                racks: (0..<count).map { metadata.racks(of: id, partition: $0) }))
        hashes[name] = hash
        return hash
    }
}
