import AdminWire
import KafkaProtocol
import KafkaWire

/// What `topics --describe` knows of one partition.
struct PartitionDescription: Equatable {
    var partition: Int32
    /// -1: none.
    var leader: Int32
    var replicas: [Int32]
    var isr: [Int32]
    /// Eligible leader replicas (KIP-966); `nil` when the broker does not say.
    var elr: [Int32]?
    var lastKnownELR: [Int32]?
    /// Replicas that a reassignment adds and removes; `nil` when none is under way.
    var adding: [Int32]?
    var removing: [Int32]?

    private static func list(_ ids: [Int32]) -> String {
        ids.map(String.init).joined(separator: ",")
    }

    /// Replicas that the partition has or, in a reassignment, had before.
    var replicationFactor: Int {
        guard let adding, let removing else { return replicas.count }
        let changes = replicas.contains { adding.contains($0) || removing.contains($0) }
        return changes ? replicas.count - adding.count : replicas.count
    }

    /// The line that Kafka prints.
    func line(topic: String) -> String {
        var line = "\tTopic: \(topic)\tPartition: \(partition)"
        line += "\tLeader: \(leader >= 0 ? String(leader) : "none")"
        line += "\tReplicas: \(Self.list(replicas))\tIsr: \(Self.list(isr))"
        if let adding, let removing {
            line += "\tAdding Replicas: \(Self.list(adding))"
            line += "\tRemoving Replicas: \(Self.list(removing))"
        }
        line += "\tElr: \(elr.map(Self.list) ?? "N/A")"
        return line + "\tLastKnownElr: \(lastKnownELR.map(Self.list) ?? "N/A")"
    }

    /// The same as JSON.
    var json: JSON {
        func list(_ ids: [Int32]) -> JSON { .array(ids.map { .integer(Int64($0)) }) }
        return .object([
            ("partition", .integer(Int64(partition))), ("leader", .integer(Int64(leader))),
            ("replicas", list(replicas)), ("isr", list(isr)),
            ("elr", elr.map(list) ?? .null), ("lastKnownElr", lastKnownELR.map(list) ?? .null),
        ])
    }
}

/// What `topics --describe` knows of one topic.
struct TopicDescription: Equatable {
    var name: String
    var id: KafkaUUID
    var partitions: [PartitionDescription]
    /// Configs that are not at their default, as the broker orders them.
    var configs: [ConfigEntry] = []

    /// The line that Kafka prints above the partitions.
    var line: String {
        var line = "Topic: \(name)"
        if id != .zero { line += "\tTopicId: \(id)" }
        line += "\tPartitionCount: \(partitions.count)"
        line += "\tReplicationFactor: \(partitions.first?.replicationFactor ?? 0)"
        let changed = configs.filter { !$0.isDefault }
        return line + "\tConfigs: "
            + changed.map { "\($0.name)=\($0.value ?? "null")" }.joined(separator: ",")
    }

    /// `min.insync.replicas`, 1 when the broker does not say.
    var minInSyncReplicas: Int {
        configs.first { $0.name == "min.insync.replicas" }?.value.flatMap { Int($0) } ?? 1
    }

    var json: JSON {
        let changed = configs.filter { !$0.isDefault }
        return .object([
            ("topic", .string(name)), ("topicId", .string(id.description)),
            ("partitionCount", .integer(Int64(partitions.count))),
            ("replicationFactor", .integer(Int64(partitions.first?.replicationFactor ?? 0))),
            ("configs", .object(changed.map { ($0.name, $0.value.map(JSON.string) ?? .null) })),
            ("partitions", .array(partitions.map(\.json))),
        ])
    }
}

/// `martlet topics --describe`.
enum TopicDescriptions {
    static func run(_ options: ParsedOptions, _ client: AdminClient, _ console: Console) throws {
        var topics = try fetch(options, client)
        let configs = try ConfigQueries.describe(
            topics.map { ConfigResource(type: .topic, name: $0.name) }, client)
        for index in topics.indices {
            topics[index].configs =
                configs[ConfigResource(type: .topic, name: topics[index].name)] ?? []
        }
        let live = Set(try client.call(DescribeClusterRequest()).brokers.map(\.brokerID))
        try addReassignments(&topics, client)
        if options.has("--json") {
            console.print(JSON.array(topics.map(\.json)).text)
            return
        }
        for topic in topics { show(topic, options, live, console) }
    }

    private static func show(
        _ topic: TopicDescription, _ options: ParsedOptions, _ live: Set<Int32>, _ console: Console
    ) {
        let filters = [
            "--under-replicated-partitions", "--unavailable-partitions",
            "--under-min-isr-partitions", "--at-min-isr-partitions",
        ]
        let isFiltered = filters.contains(where: options.has)
        let onlyOverrides = options.has("--topics-with-overrides")
        if !isFiltered, !onlyOverrides || topic.configs.contains(where: { !$0.isDefault }) {
            console.print(topic.line)
        }
        guard !onlyOverrides else { return }
        for partition in topic.partitions
        where !isFiltered || matches(partition, topic, options, live) {
            console.print(partition.line(topic: topic.name))
        }
    }

    /// Whether one of the filters given picks the partition.
    static func matches(
        _ partition: PartitionDescription, _ topic: TopicDescription, _ options: ParsedOptions,
        _ live: Set<Int32>
    ) -> Bool {
        let hasLeader = partition.leader >= 0
        let minimum = topic.minInSyncReplicas
        return options.has("--under-replicated-partitions")
            && partition.replicationFactor > partition.isr.count
            || options.has("--unavailable-partitions")
                && (!hasLeader || !live.contains(partition.leader))
            || options.has("--under-min-isr-partitions")
                && (!hasLeader || partition.isr.count < minimum)
            || options.has("--at-min-isr-partitions") && partition.isr.count == minimum
    }

    private static func fetch(
        _ options: ParsedOptions, _ client: AdminClient
    ) throws -> [TopicDescription] {
        let mustExist = !options.has("--if-exists")
        if let text = options.value("--topic-id") {
            guard let id = KafkaUUID(text) else {
                throw Failure("'\(text)' is no topic id.", remedy: "An id has 22 characters.")
            }
            if id != .zero { return try fetch(id, client, mustExist: mustExist) }
        }
        let names = try TopicsTool.names(options, client, mustExist: mustExist)
        guard !names.isEmpty else { return [] }
        let limit: Int32 =
            try options.integer("--partition-size-limit-per-response", 1...Int32.max) ?? 2000
        if try client.anyConnection().serves(.describeTopicPartitions) {
            return try byDescribeTopicPartitions(names, limit, client)
        }
        return try client.metadata(topics: names).topics.map(description).sorted {
            $0.name < $1.name
        }
    }

    private static func fetch(
        _ id: KafkaUUID, _ client: AdminClient, mustExist: Bool
    ) throws -> [TopicDescription] {
        let request = MetadataRequest(
            topics: [.init(topicID: id, name: nil)], allowAutoTopicCreation: false)
        guard let topic = try client.call(request).topics.first else { return [] }
        let missing = [KafkaError.unknownTopicID, .unknownTopicOrPartition].map(\.rawValue)
        if missing.contains(topic.errorCode) {
            guard mustExist else { return [] }
            throw Failure("TopicId '\(id)' does not exist as expected")
        }
        guard let name = topic.name,
            try client.anyConnection().serves(.describeTopicPartitions)
        else { return [try description(topic)] }
        return try byDescribeTopicPartitions([name], 2000, client)
    }

    private static func description(
        _ topic: MetadataResponse.MetadataResponseTopic
    ) throws(AdminError) -> TopicDescription {
        try AdminError.check(topic.errorCode, context: topic.name)
        let partitions = topic.partitions.map {
            PartitionDescription(
                partition: $0.partitionIndex, leader: $0.leaderID, replicas: $0.replicaNodes,
                isr: $0.isrNodes)
        }
        return TopicDescription(
            name: topic.name ?? "", id: topic.topicID,
            partitions: partitions.sorted { $0.partition < $1.partition })
    }

    /// Asks page by page (KIP-966).
    private static func byDescribeTopicPartitions(
        _ names: [String], _ limit: Int32, _ client: AdminClient
    ) throws -> [TopicDescription] {
        var topics: [TopicDescription] = []
        var cursor: DescribeTopicPartitionsRequest.Cursor?
        repeat {
            let rest = names.filter { $0 >= cursor?.topicName ?? "" }
            let response = try client.call(
                DescribeTopicPartitionsRequest(
                    topics: rest.map { .init(name: $0) }, responsePartitionLimit: limit,
                    cursor: cursor))
            for topic in response.topics {
                try AdminError.check(topic.errorCode, context: topic.name)
                let partitions = topic.partitions.map {
                    PartitionDescription(
                        partition: $0.partitionIndex, leader: $0.leaderID,
                        replicas: $0.replicaNodes, isr: $0.isrNodes,
                        elr: $0.eligibleLeaderReplicas ?? [], lastKnownELR: $0.lastKnownElr ?? [])
                }
                if topics.last?.name == topic.name {
                    topics[topics.count - 1].partitions += partitions
                } else {
                    topics.append(
                        TopicDescription(
                            name: topic.name ?? "", id: topic.topicID, partitions: partitions))
                }
            }
            cursor = response.nextCursor.map {
                .init(topicName: $0.topicName, partitionIndex: $0.partitionIndex)
            }
        } while cursor != nil
        return topics
    }

    private static func addReassignments(
        _ topics: inout [TopicDescription], _ client: AdminClient
    ) throws {
        guard try client.anyConnection().serves(.listPartitionReassignments) else { return }
        let response = try client.callController(
            ListPartitionReassignmentsRequest(
                timeoutMs: Int32(clamping: client.settings.requestMilliseconds), topics: nil))
        try AdminError.check(response.errorCode, response.errorMessage)
        for change in response.topics {
            guard let index = topics.firstIndex(where: { $0.name == change.name }) else { continue }
            for partition in change.partitions {
                guard
                    let place = topics[index].partitions.firstIndex(where: {
                        $0.partition == partition.partitionIndex
                    })
                else { continue }
                topics[index].partitions[place].adding = partition.addingReplicas
                topics[index].partitions[place].removing = partition.removingReplicas
            }
        }
    }
}
