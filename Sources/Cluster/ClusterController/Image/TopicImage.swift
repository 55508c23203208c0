import KafkaProtocol
import KafkaWire

/// One topic with its partitions.
public struct TopicImage: Equatable, Sendable {
    public let name: String
    public let id: KafkaUUID
    /// In ascending order of their numbers. Those of a complete topic are 0, 1, 2, … without a gap.
    public private(set) var partitions: [PartitionImage] = []

    init(name: String, id: KafkaUUID) {
        self.name = name
        self.id = id
    }

    /// The place of a partition in `partitions`; `nil` when there is none.
    private func index(of partition: Int32) -> Int? {
        let index = Int(partition)
        // Without gaps, which is always so once a batch is complete, the number is the place.
        if partitions.indices.contains(index), partitions[index].id == partition { return index }
        return partitions.firstIndex { $0.id == partition }
    }

    /// The partition with this number, or `nil`.
    public subscript(partition: Int32) -> PartitionImage? {
        index(of: partition).map { partitions[$0] }
    }

    /// Adds a partition, or replaces the one with its number.
    mutating func put(_ partition: PartitionImage) {
        if let last = partitions.last, last.id >= partition.id {
            if let index = index(of: partition.id) {
                partitions[index] = partition
            } else {
                let place = partitions.firstIndex { $0.id > partition.id } ?? partitions.endIndex
                partitions.insert(partition, at: place)
            }
        } else {
            partitions.append(partition)
        }
    }

    mutating func apply(_ change: PartitionChangeRecord) throws(ReplayError) {
        guard let index = index(of: change.partitionID) else {
            throw .inconsistent("no partition \(change.partitionID) of topic \(name)")
        }
        try partitions[index].apply(change)
    }

    /// Forgets eligible leaders.
    ///
    /// - Returns: the partitions that had any.
    mutating func clearEligibleLeaders() -> [Int32] {
        var cleared: [Int32] = []
        for index in partitions.indices where partitions[index].clearEligibleLeaders() {
            cleared.append(partitions[index].id)
        }
        return cleared
    }
}
