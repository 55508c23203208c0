import KafkaProtocol
import KafkaWire

extension Controller {
    /// Most partitions whose leader moves at one occasion, as in Kafka.
    static let maxElectionsAtOnce = 1000

    /// Decides to give leadership back to preferred leaders that are in sync
    /// (`auto.leader.rebalance.enable`). Looks at every partition.
    public func balanceLeaders() -> Decision<Void> {
        elect(.preferred) { partition in
            partition.leader != partition.preferredLeader
                && partition.isr.contains(partition.preferredLeader)
                && image.isActive(partition.preferredLeader)
        }
    }

    /// Decides over leaders for partitions without one whose topics allow that records are lost for
    /// it (`unclean.leader.election.enable`). Looks at every partition.
    public func electUncleanLeaders() -> Decision<Void> {
        elect(.unclean) { $0.leader == PartitionImage.noLeader }
    }

    private func elect(
        _ election: PartitionChange.Election, where isConcerned: (PartitionImage) -> Bool
    ) -> Decision<Void> {
        let rules = ElectionRules(self)
        var records: [MetadataRecord] = []
        for topic in image.topics.sorted where topic.partitions.contains(where: isConcerned) {
            if election == .unclean, !rules.allowsUnclean(topic) { continue }
            let change = rules.changes(in: topic)
            for partition in topic.partitions where isConcerned(partition) {
                var change = change(partition)
                change.election = election
                guard let record = change.record() else { continue }
                records.append(.partitionChangeRecord(record))
                if records.count == Self.maxElectionsAtOnce {
                    return Decision((), records: records, isAtomic: false)
                }
            }
        }
        return Decision((), records: records, isAtomic: false)
    }
}
