import MartletClient

/// `martlet topics --describe`.
enum TopicDescriptions {
    static func run(_ options: ParsedOptions, _ cluster: AdminSession, _ console: Console) throws {
        let found = try fetch(options, cluster)
        let configs = try cluster.configs(of: found.map { .topic($0.name) })
        let live = Set(try cluster.ask { try await $0.describeCluster().nodes }.map(\.id))
        let moves = try reassignments(cluster)
        let topics = found.map { topic in
            TopicReport(
                topic: topic, configs: configs[.topic(topic.name)] ?? [], reassignments: moves)
        }
        if options.has("--json") {
            console.print(JSON.array(topics.map(\.json)).text)
            return
        }
        for topic in topics { show(topic, options, live, console) }
    }

    private static func show(
        _ report: TopicReport, _ options: ParsedOptions, _ live: Set<BrokerID>,
        _ console: Console
    ) {
        let filters = [
            "--under-replicated-partitions", "--unavailable-partitions",
            "--under-min-isr-partitions", "--at-min-isr-partitions",
        ]
        let isFiltered = filters.contains(where: options.has)
        let onlyOverrides = options.has("--topics-with-overrides")
        if !isFiltered, !onlyOverrides || report.configs.contains(where: { !$0.isDefault }) {
            console.print(report.line)
        }
        guard !onlyOverrides else { return }
        for partition in report.topic.partitions
        where !isFiltered || matches(partition, report, options, live) {
            console.print(report.line(of: partition))
        }
    }

    /// Whether one of the filters given picks the partition.
    private static func matches(
        _ partition: TopicDescription.Partition, _ report: TopicReport, _ options: ParsedOptions,
        _ live: Set<BrokerID>
    ) -> Bool {
        let minimum = report.minInSyncReplicas
        let inSync = partition.inSyncReplicas.count
        return options.has("--under-replicated-partitions")
            && report.replicationFactor(of: partition) > inSync
            || options.has("--unavailable-partitions")
                && !(partition.leader.map(live.contains) ?? false)
            || options.has("--under-min-isr-partitions")
                && (partition.leader == nil || inSync < minimum)
            || options.has("--at-min-isr-partitions") && inSync == minimum
    }

    private static func fetch(
        _ options: ParsedOptions, _ cluster: AdminSession
    ) throws -> [TopicDescription] {
        let mustExist = !options.has("--if-exists")
        if let text = options.value("--topic-id") {
            guard let id = KafkaUUID(text) else {
                throw Failure("'\(text)' is no topic id.", remedy: "An id has 22 characters.")
            }
            if id != .zero { return try fetch(id, cluster, mustExist: mustExist) }
        }
        let names = try TopicsTool.names(options, cluster, mustExist: mustExist)
        guard !names.isEmpty else { return [] }
        let limit: Int32 =
            try options.integer("--partition-size-limit-per-response", 1...Int32.max) ?? 2000
        return try details(names, limit, cluster)
    }

    private static func fetch(
        _ id: KafkaUUID, _ cluster: AdminSession, mustExist: Bool
    ) throws -> [TopicDescription] {
        let name: String
        do { name = try cluster.ask { try await $0.describeTopic(id: id).name } } catch let error
            as ClientError
        {
            guard [.unknownTopicID, .unknownTopicOrPartition].contains(error.kafkaError) else {
                throw error
            }
            guard mustExist else { return [] }
            throw Failure("TopicId '\(id)' does not exist as expected")
        }
        return try details([name], 2000, cluster)
    }

    private static func details(
        _ names: [String], _ limit: Int32, _ cluster: AdminSession
    ) throws -> [TopicDescription] {
        try cluster.ask {
            try await $0.describeTopicDetails(names, partitionsPerAnswer: limit)
        }.whole { $0 }.values.sorted { $0.name < $1.name }
    }

    /// What is being reassigned; nothing where the cluster does not say.
    private static func reassignments(
        _ cluster: AdminSession
    ) throws -> [TopicPartition: OngoingReassignment] {
        do { return try ReassignmentQueries(cluster).ongoing() } catch let error as ClientError {
            guard case .unsupportedRequest = error else { throw error }
            return [:]
        }
    }
}
