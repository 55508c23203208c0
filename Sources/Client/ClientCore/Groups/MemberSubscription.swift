import KafkaProtocol
import KafkaWire

/// What a member of a classic group tells the one that assigns.
package struct MemberSubscription: Equatable {
    var memberID: String
    var instanceID: String?
    package var topics: [String]
    /// What it has, or had before it gave it up to rejoin.
    package var owned: [TopicPartition] = []
    /// The generation of `owned`; -1 when not known.
    var generation: Int32 = -1

    /// The bytes for JoinGroup: the version, then the subscription in it.
    package func encoded(for assignor: Assignor) throws(WireError) -> [UInt8] {
        var writer = WireWriter()
        let version: Int16 = 2
        writer.write(version)
        let body = ConsumerProtocolSubscription(
            topics: topics,
            userData: assignor == .sticky ? stickyData : nil,
            ownedPartitions: owned.byTopic.map { .init(topic: $0, partitions: $1) },
            generationID: generation)
        try body.encode(to: &writer, version: version)
        return writer.toArray()
    }

    /// Reads what a member sent in JoinGroup. A later version than the known ones is read as the
    /// last known one, which it begins with.
    ///
    /// - Parameter assignor: the one that was chosen: user data mean something to `sticky` only;
    ///   for others, clients send what they like.
    package init(
        memberID: String, instanceID: String?, _ bytes: [UInt8], for assignor: Assignor
    ) throws(WireError) {
        // Bytes have no padding.
        var reader = unsafe WireReader(bytes.span.bytes)
        let version = min(try reader.readInt16(), 3)
        let body = try ConsumerProtocolSubscription(from: &reader, version: version)
        self.init(memberID: memberID, instanceID: instanceID, topics: body.topics)
        owned = body.ownedPartitions.flatMap { topic in
            topic.partitions.map { TopicPartition(topic: topic.topic, partition: $0) }
        }
        generation = body.generationID
        if assignor == .sticky, owned.isEmpty, let data = body.userData, !data.isEmpty {
            try readSticky(data)
        }
    }

    init(memberID: String, instanceID: String?, topics: [String]) {
        self.memberID = memberID
        self.instanceID = instanceID
        self.topics = topics
    }

    /// The previous assignment as Kafka's sticky assignor writes it: topics with partitions, then
    /// the generation (KIP-54, KIP-341).
    private var stickyData: [UInt8] {
        var writer = WireWriter()
        let topics = owned.byTopic
        writer.write(Int32(topics.count))
        for (topic, partitions) in topics {
            writer.write(Int16(topic.utf8.count))
            writer.writeRaw(topic.utf8)
            writer.write(Int32(partitions.count))
            for partition in partitions { writer.write(partition) }
        }
        writer.write(generation)
        return writer.toArray()
    }

    private mutating func readSticky(_ data: [UInt8]) throws(WireError) {
        // Bytes have no padding.
        var reader = unsafe WireReader(data.span.bytes)
        let count = try reader.readArrayCount(compact: false, minimumElementSize: 6) ?? 0
        for _ in 0..<count {
            let topic = try reader.readString(compact: false)
            for partition: Int32 in try reader.readIntegers(compact: false) {
                owned.append(TopicPartition(topic: topic, partition: partition))
            }
        }
        generation = reader.remaining >= 4 ? try reader.readInt32() : -1
    }
}

/// The bytes of SyncGroup: the version, then the assignment in it.
package enum MemberAssignment {
    package static func encoded(_ partitions: [TopicPartition]) throws(WireError) -> [UInt8] {
        var writer = WireWriter()
        writer.write(Int16(1))
        let body = ConsumerProtocolAssignment(
            assignedPartitions: partitions.byTopic.map { .init(topic: $0, partitions: $1) })
        try body.encode(to: &writer, version: 1)
        return writer.toArray()
    }

    package static func decoded(_ bytes: [UInt8]) throws(WireError) -> [TopicPartition] {
        guard !bytes.isEmpty else { return [] }
        // Bytes have no padding.
        var reader = unsafe WireReader(bytes.span.bytes)
        let version = min(try reader.readInt16(), 3)
        let body = try ConsumerProtocolAssignment(from: &reader, version: version)
        return body.assignedPartitions.flatMap { topic in
            topic.partitions.map { TopicPartition(topic: topic.topic, partition: $0) }
        }
    }
}

extension Sequence<TopicPartition> {
    /// The partitions of each topic, both sorted.
    var byTopic: [(topic: String, partitions: [Int32])] {
        Dictionary(grouping: self, by: \.topic)
            .map { ($0.key, $0.value.map(\.partition).sorted()) }
            .sorted { $0.0 < $1.0 }
    }
}
