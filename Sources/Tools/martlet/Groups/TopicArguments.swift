import MartletClient

/// `--topic name` and `--topic name:0,1`: partitions of topics.
struct TopicArguments {
    /// The partitions, sorted, each once.
    private(set) var partitions: [TopicPartition] = []
    /// Topics without partitions of which the cluster knows nothing, with the reason.
    private(set) var failures: [(topic: String, error: Failure)] = []

    /// Throws `Failure` for an argument that is neither form.
    static func partitions(
        _ arguments: [String], _ cluster: AdminSession
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
        let names = whole
        let topics = names.isEmpty ? [:] : try cluster.ask { try await $0.describeTopics(names) }
        for (name, topic) in topics.sorted(by: { $0.key < $1.key }) {
            switch topic {
            case .success(let topic):
                found.partitions += topic.partitions.map {
                    TopicPartition(topic: name, partition: $0.partition)
                }
            case .failure(let error):
                found.failures.append((name, Failure("Topic '\(name)': \(error.cause)")))
            }
        }
        found.partitions = Set(found.partitions).sorted()
        return found
    }

    /// The partitions, unless a topic is unknown: then its error.
    func get() throws(Failure) -> [TopicPartition] {
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
