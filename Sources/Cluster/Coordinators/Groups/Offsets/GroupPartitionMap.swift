import KafkaWire

/// Values by group, topic and partition; levels are never empty.
struct GroupPartitionMap<Value> {
    private var groups: [String: [String: [Int32: Value]]] = [:]

    /// Whether there is anything of the group.
    func contains(group: String) -> Bool { groups[group] != nil }

    /// The values of a topic by partition.
    func partitions(_ group: String, _ topic: String) -> [Int32: Value]? { groups[group]?[topic] }

    /// Setting `nil` removes the value.
    subscript(group: String, topic: String, partition: Int32) -> Value? {
        get { groups[group]?[topic]?[partition] }
        set {
            if let newValue {
                groups[group, default: [:]][topic, default: [:]][partition] = newValue
            } else {
                remove(group, topic, partition)
            }
        }
    }

    private mutating func remove(_ group: String, _ topic: String, _ partition: Int32) {
        guard groups[group]?[topic]?.removeValue(forKey: partition) != nil else { return }
        if groups[group]?[topic]?.isEmpty == true { groups[group]?[topic] = nil }
        if groups[group]?.isEmpty == true { groups[group] = nil }
    }

    /// Changes a value in place, beginning with `initial` where there is none.
    mutating func update(
        _ group: String, _ topic: String, _ partition: Int32, initial: Value,
        _ change: (inout Value) -> Void
    ) {
        change(&groups[group, default: [:]][topic, default: [:]][partition, default: initial])
    }

    /// Everything of a group, in order of topic and partition.
    func sorted(_ group: String) -> [(topic: String, partitions: [(number: Int32, value: Value)])] {
        (groups[group] ?? [:]).sorted { $0.key < $1.key }.map { topic, partitions in
            (topic, partitions.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        }
    }

    /// All groups that have something, sorted.
    var sortedGroups: [String] { groups.keys.sorted() }
}
