import KafkaWire

/// The queues of one topic's partitions, and which of them records without a key go to.
final class TopicQueues {
    let name: String
    private(set) var partitions: [PartitionQueue] = []
    var sticky = StickyPartition()
    private(set) var metadataVersion = -1

    init(name: String) { self.name = name }

    /// Follows the metadata: partitions may come, leaders may move.
    func follow(_ metadata: ClusterMetadata) {
        guard metadata.version != metadataVersion else { return }
        metadataVersion = metadata.version
        guard let topic = metadata.topics[name], topic.error == nil else {
            for queue in partitions { queue.leader = nil }
            return
        }
        while partitions.count < topic.partitions.count {
            partitions.append(PartitionQueue(topic: name, partition: Int32(partitions.count)))
        }
        for (index, queue) in partitions.enumerated() {
            let known = topic.partitions.indices.contains(index) ? topic.partitions[index] : nil
            queue.leader = known.flatMap { $0.leader == .none ? nil : $0.leader }
            queue.topicID = topic.id
        }
    }

    /// The queue for a record; `nil` for a partition that the topic does not have.
    func queue(
        for record: ProducerRecord, _ partitioning: Partitioning,
        using random: inout SplitMix64
    ) -> PartitionQueue? {
        if let wanted = record.partition {
            return partitions.indices.contains(Int(wanted)) ? partitions[Int(wanted)] : nil
        }
        let number =
            partitioning.partition(of: record.key, count: partitions.count) ?? sticky.current
            ?? chooseSticky(using: &random)
        return partitions[Int(number)]
    }

    private func chooseSticky(using random: inout SplitMix64) -> Int32 {
        let led = partitions.filter { $0.leader != nil }
        let candidates = led.isEmpty ? partitions : led
        return sticky.choose(
            from: candidates.map { ($0.partition, $0.queued) }, using: &random)
    }
}
