import MartletClient

/// A topic as `topics --describe` shows it.
struct TopicReport {
    var topic: TopicDescription
    var configs: [ConfigEntry] = []
    /// What is under way, of this topic and of others.
    var reassignments: [TopicPartition: OngoingReassignment] = [:]

    private var changedConfigs: [ConfigEntry] { configs.filter { !$0.isDefault } }

    private var replicationFactor: Int {
        topic.partitions.first.map(replicationFactor(of:)) ?? 0
    }

    private static func list(_ ids: [some CustomStringConvertible]) -> String {
        ids.map(\.description).joined(separator: ",")
    }

    /// The line that Kafka prints above the partitions.
    var line: String {
        var line = "Topic: \(topic.name)"
        if topic.id != .zero { line += "\tTopicId: \(topic.id)" }
        line += "\tPartitionCount: \(topic.partitions.count)"
        line += "\tReplicationFactor: \(replicationFactor)"
        return line + "\tConfigs: "
            + changedConfigs.map { "\($0.name)=\($0.value ?? "null")" }.joined(separator: ",")
    }

    /// `min.insync.replicas`, 1 when the broker does not say.
    var minInSyncReplicas: Int {
        configs.first { $0.name == "min.insync.replicas" }?.value.flatMap { Int($0) } ?? 1
    }

    private func reassignment(of partition: TopicDescription.Partition) -> OngoingReassignment? {
        reassignments[TopicPartition(topic: topic.name, partition: partition.partition)]
    }

    /// Replicas that the partition has or, in a reassignment, had before.
    func replicationFactor(of partition: TopicDescription.Partition) -> Int {
        let count = partition.replicas.count
        guard let move = reassignment(of: partition) else { return count }
        let changing = Set(move.adding + move.removing)
        return partition.replicas.contains { changing.contains($0.rawValue) }
            ? count - move.adding.count : count
    }

    /// The line that Kafka prints of a partition.
    func line(of partition: TopicDescription.Partition) -> String {
        var line = "\tTopic: \(topic.name)\tPartition: \(partition.partition)"
        line += "\tLeader: \(partition.leader?.description ?? "none")"
        line += "\tReplicas: \(Self.list(partition.replicas))"
        line += "\tIsr: \(Self.list(partition.inSyncReplicas))"
        if let move = reassignment(of: partition) {
            line += "\tAdding Replicas: \(Self.list(move.adding))"
            line += "\tRemoving Replicas: \(Self.list(move.removing))"
        }
        line += "\tElr: \(partition.eligibleLeaders.map(Self.list) ?? "N/A")"
        return line
            + "\tLastKnownElr: \(partition.lastKnownEligibleLeaders.map(Self.list) ?? "N/A")"
    }

    /// The same as JSON.
    var json: JSON {
        .object([
            ("topic", .string(topic.name)), ("topicId", .string(topic.id.description)),
            ("partitionCount", .integer(Int64(topic.partitions.count))),
            ("replicationFactor", .integer(Int64(replicationFactor))),
            (
                "configs",
                .object(changedConfigs.map { ($0.name, $0.value.map(JSON.string) ?? .null) })
            ),
            ("partitions", .array(topic.partitions.map(Self.json))),
        ])
    }

    private static func json(_ partition: TopicDescription.Partition) -> JSON {
        func list(_ ids: [BrokerID]) -> JSON { .array(ids.map { .integer(Int64($0.rawValue)) }) }
        return .object([
            ("partition", .integer(Int64(partition.partition))),
            ("leader", .integer(Int64(partition.leader?.rawValue ?? -1))),
            ("replicas", list(partition.replicas)), ("isr", list(partition.inSyncReplicas)),
            ("elr", partition.eligibleLeaders.map(list) ?? .null),
            ("lastKnownElr", partition.lastKnownEligibleLeaders.map(list) ?? .null),
        ])
    }
}
