import MartletClient

/// `martlet topics --create`.
enum TopicCreation {
    static func run(_ options: ParsedOptions, _ cluster: AdminSession, _ console: Console) throws {
        let name = try options.required("--topic")
        if name.contains(where: { $0 == "." || $0 == "_" }) {
            console.print(
                "WARNING: Due to limitations in metric names, topics with a period ('.') or "
                    + "underscore ('_') could collide. To avoid issues it is best to use either, "
                    + "but not both.")
        }
        let topic = try topic(options, name)
        do { _ = try cluster.ask { try await $0.createTopics([topic]) }[name]?.get() } catch let
            error as ClientError
        {
            let isThere = error.kafkaError == .topicAlreadyExists
            guard isThere, options.has("--if-not-exists") else { throw error }
            return
        }
        console.print("Created topic \(name).")
    }

    /// The topic that the options ask for; throws `Failure` for what cannot be.
    static func topic(_ options: ParsedOptions, _ name: String) throws(Failure) -> NewTopic {
        var topic = NewTopic(
            name, partitions: try options.integer("--partitions", 1...Int32.max),
            replicationFactor: try options.integer("--replication-factor", 1...Int16.max))
        for (index, brokers) in (try assignment(options) ?? []).enumerated() {
            topic.assignments[Int32(index)] = brokers
        }
        topic.configs = try configs(options.values("--config"))
        return topic
    }

    /// `name=value` pairs with the spaces around both gone; the last of equal names counts.
    private static func configs(_ arguments: [String]) throws(Failure) -> [String: String] {
        var configs: [String: String] = [:]
        for argument in arguments {
            let parts = argument.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                throw Failure(
                    "Invalid topic config '\(argument)'.",
                    remedy: "All configs to be added must be in the format \"key=val\".")
            }
            configs[String(parts[0]).trimmed] = String(parts[1]).trimmed
        }
        return configs
    }

    /// Brokers of each partition; `nil` when the option is not given.
    static func assignment(_ options: ParsedOptions) throws(Failure) -> [[BrokerID]]? {
        guard let text = options.value("--replica-assignment"), !text.isEmpty else { return nil }
        var partitions: [[BrokerID]] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            var brokers: [BrokerID] = []
            for broker in part.split(separator: ":", omittingEmptySubsequences: false) {
                guard let number = Int32(String(broker).trimmed), number >= 0 else {
                    throw Failure(
                        "'\(broker)' in --replica-assignment is no broker id.",
                        remedy:
                            "Write broker ids with ':' between replicas, ',' between partitions.")
                }
                let id = BrokerID(number)
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
