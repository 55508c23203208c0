import KafkaWire

/// What a group needs to know of a topic.
struct GroupTopic: Equatable, Sendable {
    var name: String
    var id: KafkaUUID
    var partitionCount: Int32
    /// The racks of each partition's replicas, where brokers have racks; may be shorter than the
    /// number of partitions.
    var racks: [[String]]

    init(name: String, id: KafkaUUID, partitionCount: Int32, racks: [[String]] = []) {
        self.name = name
        self.id = id
        self.partitionCount = partitionCount
        self.racks = racks
    }
}
