import KafkaProtocol
import KafkaWire

extension Controller {
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
        let rules = ElectionRules(self, mayLead: mayLead(after: event))
        var records: [MetadataRecord] = []
        for topic in image.topics.sorted {
            guard topic.partitions.contains(where: { concerns(event, $0) }) else { continue }
            let change = rules.changes(in: topic)
            for partition in topic.partitions where concerns(event, partition) {
                var change = change(partition)
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
        let rules = ElectionRules(self, mayLead: mayLead(after: .left(broker)))
        var records: [MetadataRecord] = []
        for topic in image.topics.sorted {
            let change = rules.changes(in: topic)
            for partition in topic.partitions {
                guard let directory = partition.directory(of: broker),
                    directories.contains(directory)
                else { continue }
                var change = change(partition)
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
