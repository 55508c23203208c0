import KafkaWire

/// A replica: a partition on a broker.
struct ReplicaPlace: Hashable, Comparable, CustomStringConvertible {
    var broker: Int32
    var partition: TopicPartition

    static func < (a: ReplicaPlace, b: ReplicaPlace) -> Bool {
        (a.broker, a.partition) < (b.broker, b.partition)
    }
    /// `topic-partition-broker`.
    var description: String { "\(partition)-\(broker)" }
}

/// Where partitions shall be: what `--reassignment-json-file` holds and `--generate` proposes.
struct ReassignmentPlan: Equatable {
    /// Stands for a directory that the broker chooses.
    static let anyDirectory = "any"

    /// The brokers of each partition, its preferred leader first; in the order of the file.
    var targets: [(partition: TopicPartition, replicas: [Int32])] = []
    /// Directories that replicas shall be in, where the plan says so.
    var directories: [ReplicaPlace: String] = [:]

    var partitions: [TopicPartition] { targets.map(\.partition).sorted() }
    var replicas: [TopicPartition: [Int32]] {
        Dictionary(targets.map { ($0.partition, $0.replicas) }) { first, _ in first }
    }

    static func == (a: ReassignmentPlan, b: ReassignmentPlan) -> Bool { a.json == b.json }

    /// A plan of these replicas.
    init(_ replicas: [TopicPartition: [Int32]], directories: [ReplicaPlace: String] = [:]) {
        targets = replicas.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        self.directories = directories
    }

    /// Reads the JSON text; throws `Failure` naming what does not fit.
    init(json text: String) throws(Failure) {
        let document = try JSONParser.parse(text)
        try Self.checkVersion(document)
        for entry in document["partitions"]?.elements ?? [] {
            guard let topic = entry["topic"]?.stringValue,
                let number = entry["partition"]?.integerValue.flatMap(Int32.init(exactly:)),
                let replicas = Self.brokers(entry["replicas"])
            else {
                throw Failure(
                    "'\(entry.text)' is no partition's assignment.",
                    remedy: "Write {\"topic\": \"name\", \"partition\": 0, \"replicas\": [1, 2]}.")
            }
            let partition = TopicPartition(topic: topic, partition: number)
            targets.append((partition, replicas))
            try addDirectories(entry, partition, replicas)
        }
    }

    private mutating func addDirectories(
        _ entry: JSON, _ partition: TopicPartition, _ replicas: [Int32]
    ) throws(Failure) {
        guard let list = entry["log_dirs"] else { return }
        let directories = (list.elements ?? []).compactMap(\.stringValue)
        guard directories.count == replicas.count else {
            throw Failure(
                "Size of replicas list \(replicas) is different from size of log dirs list "
                    + "\(list.text) for partition \(partition)")
        }
        for (broker, directory) in zip(replicas, directories) where directory != Self.anyDirectory {
            self.directories[ReplicaPlace(broker: broker, partition: partition)] = directory
        }
    }

    private static func brokers(_ list: JSON?) -> [Int32]? {
        guard let elements = list?.elements else { return nil }
        let brokers = elements.compactMap { $0.integerValue.flatMap(Int32.init(exactly:)) }
        return brokers.count == elements.count ? brokers : nil
    }

    private static func checkVersion(_ document: JSON) throws(Failure) {
        guard case .object = document else {
            throw Failure("The input string is not a valid JSON object.")
        }
        let version = document["version"]?.integerValue ?? 1
        guard version == 1 else { throw Failure("Not supported version field value \(version)") }
    }

    /// The topics in the text of `--topics-to-move-json-file`.
    static func topics(json text: String) throws(Failure) -> [String] {
        let document = try JSONParser.parse(text)
        try checkVersion(document)
        var topics: [String] = []
        for entry in document["topics"]?.elements ?? [] {
            guard let topic = entry["topic"]?.stringValue else {
                throw Failure(
                    "'\(entry.text)' names no topic.", remedy: "Write {\"topic\": \"name\"}.")
            }
            guard !topics.contains(topic) else {
                throw Failure("List of topics to reassign contains duplicate entries: \(topic)")
            }
            topics.append(topic)
        }
        return topics
    }

    /// Throws unless the plan can be carried out: it has partitions, each once, with replicas.
    func checkForExecution() throws(Failure) {
        guard !targets.isEmpty else {
            throw Failure("Partition reassignment list cannot be empty")
        }
        guard targets.allSatisfy({ !$0.replicas.isEmpty }) else {
            throw Failure("Partition replica list cannot be empty")
        }
        let names = Self.repeated(targets.map(\.partition)).map(\.description)
        guard names.isEmpty else {
            throw Failure(
                "Partition reassignment contains duplicate topic partitions: "
                    + names.joined(separator: ","))
        }
        let doubled = targets.filter { !Self.repeated($0.replicas).isEmpty }.map { target in
            let brokers = Self.repeated(target.replicas).map(String.init).joined(separator: ",")
            return "\(target.partition) contains multiple entries for \(brokers)"
        }
        guard doubled.isEmpty else {
            throw Failure(
                "Partition replica lists may not contain duplicate entries: "
                    + doubled.joined(separator: ". "))
        }
    }

    private static func repeated<Element: Hashable & Comparable>(_ list: [Element]) -> [Element] {
        Dictionary(grouping: list) { $0 }.filter { $0.value.count > 1 }.keys.sorted()
    }

    /// The plan as Kafka writes it.
    var json: String {
        let partitions = targets.sorted { $0.partition < $1.partition }.map { target in
            JSON.object([
                ("topic", .string(target.partition.topic)),
                ("partition", .integer(Int64(target.partition.partition))),
                ("replicas", .array(target.replicas.map { .integer(Int64($0)) })),
                (
                    "log_dirs",
                    .array(
                        target.replicas.map { broker in
                            let place = ReplicaPlace(broker: broker, partition: target.partition)
                            return .string(directories[place] ?? Self.anyDirectory)
                        })
                ),
            ])
        }
        return JSON.object([("version", .integer(1)), ("partitions", .array(partitions))]).text
    }
}
