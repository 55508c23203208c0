import KafkaProtocol
import KafkaWire

/// What decides over leaders and in-sync replicas besides the partition itself: gathered once for
/// all the partitions that one decision looks at.
struct ElectionRules {
    let options: RecordOptions
    private let brokers: [Int32: BrokerRegistration]
    private let configs: ConfigsImage
    /// What topics have that do not set them.
    private let defaultMinISR: String?
    private let defaultUnclean: String?
    /// Whether a broker may lead, its directories aside.
    private let mayLead: (Int32) -> Bool

    private static let minISRKey = "min.insync.replicas"
    private static let uncleanKey = "unclean.leader.election.enable"

    /// - Parameter mayLead: by default, brokers that are active may lead.
    init(_ controller: Controller, mayLead: ((Int32) -> Bool)? = nil) {
        let image = controller.image
        let brokers = image.brokers
        options = image.recordOptions
        self.brokers = brokers
        configs = image.configs
        defaultMinISR = controller.defaultTopicConfig(Self.minISRKey)
        defaultUnclean = controller.defaultTopicConfig(Self.uncleanKey)
        self.mayLead = mayLead ?? { brokers[$0]?.isActive ?? false }
    }

    /// `min.insync.replicas` of a topic, at most its number of replicas.
    func minISR(of topic: TopicImage) -> Int {
        let value = configs[.topic(topic.name)][Self.minISRKey] ?? defaultMinISR
        let minISR = value.flatMap { Int($0) } ?? 1
        return min(minISR, topic[0]?.replicas.count ?? minISR)
    }

    /// Whether a topic allows leaders that may lack records.
    func allowsUnclean(_ topic: TopicImage) -> Bool {
        (configs[.topic(topic.name)][Self.uncleanKey] ?? defaultUnclean) == "true"
    }

    /// Whether a broker may lead a partition: it is there, and so is the replica's directory.
    func mayLead(_ broker: Int32, _ partition: PartitionImage) -> Bool {
        guard mayLead(broker), let registration = brokers[broker],
            let directory = partition.directory(of: broker)
        else { return false }
        return registration.isOnline(directory)
    }

    /// The directory that a new replica on `broker` is recorded with.
    func defaultDirectory(of broker: Int32) -> KafkaUUID {
        brokers[broker]?.defaultDirectory ?? DirectoryID.unassigned
    }

    /// Prepares changes of a topic's partitions.
    func changes(in topic: TopicImage) -> (PartitionImage) -> PartitionChange {
        let minISR = minISR(of: topic)
        let election: PartitionChange.Election = allowsUnclean(topic) ? .unclean : .online
        return { partition in
            var change = PartitionChange(
                of: partition, topicID: topic.id, rules: self, minISR: minISR)
            change.election = election
            return change
        }
    }
}
