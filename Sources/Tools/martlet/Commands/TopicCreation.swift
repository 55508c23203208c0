import AdminWire
import KafkaProtocol
import KafkaWire

/// `martlet topics --create`.
enum TopicCreation {
    static func run(_ options: ParsedOptions, _ client: AdminClient, _ console: Console) throws {
        let name = try options.required("--topic")
        if name.contains(where: { $0 == "." || $0 == "_" }) {
            console.print(
                "WARNING: Due to limitations in metric names, topics with a period ('.') or "
                    + "underscore ('_') could collide. To avoid issues it is best to use either, "
                    + "but not both.")
        }
        let request = try request(options, name, client.settings.requestMilliseconds)
        for result in try client.callController(request).topics {
            if result.errorCode == KafkaError.topicAlreadyExists.rawValue,
                options.has("--if-not-exists")
            {
                return
            }
            try AdminError.check(result.errorCode, result.errorMessage)
        }
        console.print("Created topic \(name).")
    }

    /// The request for the options given; throws `Failure` for what cannot be.
    static func request(
        _ options: ParsedOptions, _ name: String, _ milliseconds: Int
    ) throws(Failure) -> CreateTopicsRequest {
        let partitions: Int32? = try options.integer("--partitions", 1...Int32.max)
        let factor: Int16? = try options.integer("--replication-factor", 1...Int16.max)
        var topic = CreateTopicsRequest.CreatableTopic(
            name: name, numPartitions: partitions ?? -1, replicationFactor: factor ?? -1)
        for (index, brokers) in (try assignment(options) ?? []).enumerated() {
            topic.assignments.append(.init(partitionIndex: Int32(index), brokerIDs: brokers))
        }
        for config in try configs(options.values("--config")) {
            topic.configs.append(.init(name: config.name, value: config.value))
        }
        return CreateTopicsRequest(topics: [topic], timeoutMs: Int32(clamping: milliseconds))
    }

    /// `name=value` pairs with the spaces around both gone; the last of equal names counts.
    static func configs(
        _ arguments: [String]
    ) throws(Failure) -> [(name: String, value: String)] {
        var configs: [(name: String, value: String)] = []
        for argument in arguments {
            let parts = argument.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                throw Failure(
                    "Invalid topic config '\(argument)'.",
                    remedy: "All configs to be added must be in the format \"key=val\".")
            }
            let name = String(parts[0]).trimmed
            configs.removeAll { $0.name == name }
            configs.append((name, String(parts[1]).trimmed))
        }
        return configs
    }

    /// Brokers of each partition; `nil` when the option is not given.
    static func assignment(_ options: ParsedOptions) throws(Failure) -> [[Int32]]? {
        guard let text = options.value("--replica-assignment"), !text.isEmpty else { return nil }
        var partitions: [[Int32]] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            var brokers: [Int32] = []
            for broker in part.split(separator: ":", omittingEmptySubsequences: false) {
                guard let id = Int32(String(broker).trimmed), id >= 0 else {
                    throw Failure(
                        "'\(broker)' in --replica-assignment is no broker id.",
                        remedy:
                            "Write broker ids with ':' between replicas, ',' between partitions.")
                }
                guard !brokers.contains(id) else {
                    throw Failure(
                        "Partition replica lists may not contain duplicate entries: \(id)")
                }
                brokers.append(id)
            }
            guard partitions.isEmpty || partitions[0].count == brokers.count else {
                throw Failure(
                    "Partition \(partitions.count) has different replication factor: \(brokers)")
            }
            partitions.append(brokers)
        }
        return partitions
    }
}

extension String {
    /// Without the white space at both ends.
    var trimmed: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
