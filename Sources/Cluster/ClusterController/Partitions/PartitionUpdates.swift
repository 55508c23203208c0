import KafkaProtocol
import KafkaWire

extension Controller {
    /// Prepares a change of one partition of `topic`.
    ///
    /// - Parameter mayLead: which brokers may lead now; by default those that are active.
    func change(
        of partition: PartitionImage, in topic: TopicImage,
        mayLead: ((Int32) -> Bool)? = nil
    ) -> PartitionChange {
        let image = image
        return PartitionChange(
            of: partition, topicID: topic.id, options: image.recordOptions,
            minISR: effectiveMinISR(of: topic),
            isAcceptableLeader: { broker in
                guard mayLead?(broker) ?? image.isActive(broker),
                    let registration = image.brokers[broker],
                    let directory = partition.directory(of: broker)
                else { return false }
                return registration.isOnline(directory)
            },
            defaultDirectory: image.defaultDirectory)
    }

    /// `min.insync.replicas` of a topic, at most its number of replicas.
    func effectiveMinISR(of topic: TopicImage) -> Int {
        let configured = effectiveTopicConfig("min.insync.replicas", of: topic.name)
        let minISR = configured.flatMap { Int($0) } ?? 1
        return min(minISR, topic[0]?.replicas.count ?? minISR)
    }

    /// Whether a topic allows leaders that may lack records.
    func allowsUncleanElection(_ topic: TopicImage) -> Bool {
        effectiveTopicConfig("unclean.leader.election.enable", of: topic.name) == "true"
    }

    /// Why the partitions of a cluster are looked at: what happened to a broker.
    enum BrokerEvent {
        /// It leaves the ISR and leads no more, but keeps its log.
        case left(Int32)
        /// It may lead again.
        case returned(Int32)
        /// It came back without what it had not flushed (KIP-966).
        case lostUnflushedData(Int32)
    }

    /// The changes of leader, ISR and eligible leaders that follow from `event`.
    ///
    /// Looks at every partition: linear in their number.
    func partitionChanges(after event: BrokerEvent) -> [MetadataRecord] {
        var records: [MetadataRecord] = []
        for topic in image.topics.sorted {
            for partition in topic.partitions where concerns(event, partition) {
                var change = change(of: partition, in: topic, mayLead: mayLead(after: event))
                if allowsUncleanElection(topic) { change.election = .unclean }
                switch event {
                case .left(let broker): change.isr.removeAll { $0 == broker }
                case .returned: break
                case .lostUnflushedData(let broker):
                    change.isr.removeAll { $0 == broker }
                    change.uncleanShutdown = [broker]
                }
                if let record = change.record() { records.append(.partitionChangeRecord(record)) }
            }
        }
        return records
    }

    /// The changes that follow when `broker` loses log directories: it leaves the ISRs of what they
    /// hold.
    func partitionChanges(
        afterLossOf directories: Set<KafkaUUID>, on broker: Int32
    ) -> [MetadataRecord] {
        var records: [MetadataRecord] = []
        for topic in image.topics.sorted {
            for partition in topic.partitions {
                guard let directory = partition.directory(of: broker),
                    directories.contains(directory)
                else { continue }
                var change = change(
                    of: partition, in: topic, mayLead: mayLead(after: .left(broker)))
                if allowsUncleanElection(topic) { change.election = .unclean }
                change.isr.removeAll { $0 == broker }
                if let record = change.record() { records.append(.partitionChangeRecord(record)) }
            }
        }
        return records
    }

    private func concerns(_ event: BrokerEvent, _ partition: PartitionImage) -> Bool {
        switch event {
        case .left(let broker):
            partition.isr.contains(broker)
        case .returned: partition.leader == PartitionImage.noLeader
        case .lostUnflushedData(let broker):
            partition.isr.contains(broker) || partition.eligibleLeaderReplicas.contains(broker)
        }
    }

    private func mayLead(after event: BrokerEvent) -> (Int32) -> Bool {
        let image = image
        return { candidate in
            switch event {
            case .left(let broker), .lostUnflushedData(let broker):
                candidate != broker && image.isActive(candidate)
            case .returned(let broker):
                candidate == broker || image.isActive(candidate)
            }
        }
    }
}

extension Controller {
    /// Checks a list of replicas that a client chose itself.
    ///
    /// - Parameter replicationFactor: what earlier partitions of the topic have; `nil` for the
    ///   first.
    /// - Throws: INVALID_REPLICA_ASSIGNMENT.
    func validateAssignment(
        _ replicas: [Int32], replicationFactor: Int?
    ) throws(DecisionFailure) {
        func refuse(_ message: String) -> DecisionFailure {
            DecisionFailure(.invalidReplicaAssignment, "The manual partition assignment " + message)
        }
        if replicas.isEmpty { throw refuse("includes an empty replica list.") }
        var previous: Int32?
        for broker in replicas.sorted() {
            guard let registration = image.brokers[broker] else {
                throw refuse(
                    "includes broker \(broker), but no such broker is registered.")
            }
            if !registration.hasUncordonedDirs {
                throw refuse(
                    "includes broker \(broker), but all its log directories are cordoned.")
            }
            if broker == previous {
                throw refuse("includes the broker \(broker) more than once.")
            }
            previous = broker
        }
        if let replicationFactor, replicas.count != replicationFactor {
            throw refuse(
                "includes a partition with \(replicas.count) replica(s), but this is not "
                    + "consistent with previous partitions, which have \(replicationFactor) "
                    + "replica(s).")
        }
    }

    /// A new partition on `replicas`, led by the first active one; `nil` when none is active.
    func newPartition(_ id: Int32, on replicas: [Int32]) -> PartitionImage? {
        let isr = replicas.filter(image.isActive)
        if isr.isEmpty { return nil }
        return PartitionImage(
            id: id, replicas: replicas, directories: replicas.map(image.defaultDirectory),
            isr: isr)
    }
}
