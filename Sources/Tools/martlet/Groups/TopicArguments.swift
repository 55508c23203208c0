import AdminWire
import KafkaWire

/// `--topic name` and `--topic name:0,1`: partitions of topics.
struct TopicArguments {
    /// The partitions, sorted, each once.
    private(set) var partitions: [TopicPartition] = []
    /// Topics without partitions of which the cluster knows nothing, with the reason.
    private(set) var failures: [(topic: String, error: AdminError)] = []

    /// Throws `Failure` for an argument that is neither form.
    static func partitions(
        _ arguments: [String], _ client: AdminClient
    ) throws -> TopicArguments {
        var found = TopicArguments()
        var whole: [String] = []
        for argument in arguments {
            if argument.contains(":") {
                found.partitions += try parse(argument)
            } else if !whole.contains(argument) {
                whole.append(argument)
            }
        }
        if !whole.isEmpty {
            for topic in try client.metadata(topics: whole).topics {
                let name = topic.name ?? ""
                do {
                    try AdminError.check(topic.errorCode, context: "Topic '\(name)'")
                    found.partitions += topic.partitions.map {
                        TopicPartition(topic: name, partition: $0.partitionIndex)
                    }
                } catch { found.failures.append((name, error)) }
            }
        }
        found.partitions = Set(found.partitions).sorted()
        return found
    }

    /// The partitions, unless a topic is unknown: then its error.
    func get() throws(AdminError) -> [TopicPartition] {
        if let failure = failures.first { throw failure.error }
        return partitions
    }

    private static func parse(_ argument: String) throws(Failure) -> [TopicPartition] {
        let halves = argument.split(separator: ":", omittingEmptySubsequences: false)
        guard halves.count == 2, !halves[0].isEmpty, !halves[1].isEmpty else {
            throw .usage(
                "Invalid topic arg '\(argument)', expected topic name and partitions")
        }
        var partitions: [TopicPartition] = []
        for text in halves[1].split(separator: ",", omittingEmptySubsequences: false) {
            guard let number = Int32(text), number >= 0 else {
                throw .usage("Invalid partition '\(text)' specified in topic arg '\(argument)'")
            }
            partitions.append(TopicPartition(topic: String(halves[0]), partition: number))
        }
        return partitions
    }
}
