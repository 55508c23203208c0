import ClientCore
import KafkaWire
import MartletClient

/// Reads topics as a member of a group, and commits what was printed.
final class GroupReader {
    private let consumer: Consumer
    /// The last record that was handed on, and so what is committed at the end.
    private var last: ConsumerRecord?

    /// - Parameter properties: the consumer's settings under Kafka's names, `group.id` among them.
    init(_ topics: Topics, _ properties: [String: String]) throws {
        var settings = ConsumerSettings(network: .init(bootstrap: []))
        settings.network.clientID = "console-consumer"
        try settings.apply(properties)
        consumer = try Consumer(settings)
        switch topics {
        case .name(let name): try consumer.subscribe(to: [name])
        case .pattern(let text):
            _ = try TopicPattern(text)
            try consumer.subscribe(
                pattern: text,
                matching: { name in (try? TopicPattern(text))?.matches(name) ?? false })
        }
    }

    enum Topics {
        case name(String)
        case pattern(String)
    }

    /// Waits a little for records; hands them to `body` until it returns false.
    func poll(_ body: (ConsumedRecord) throws -> Bool) throws {
        let consumer = consumer
        let batch = try blocking { try await consumer.poll(timeout: .milliseconds(100)) }
        guard let batch else { return }
        for record in batch.records {
            last = record
            guard try body(Self.consumed(record)) else { return }
        }
    }

    /// Leaves the group. Records of the last batch that were not handed on stay to be read.
    func close() throws {
        if let last {
            let id = TopicPartition(topic: last.topic, partition: last.partition)
            // A partition that went to another member is that one's affair.
            if consumer.assignment.contains(id) { try consumer.seek(id, to: last.offset + 1) }
        }
        let consumer = consumer
        try blocking { await consumer.close() }
    }

    private static func consumed(_ record: ConsumerRecord) -> ConsumedRecord {
        ConsumedRecord(
            topic: record.topic, partition: record.partition, offset: record.offset,
            timestamp: record.timestamp, timestampType: record.timestampType,
            leaderEpoch: LeaderEpoch(record.leaderEpoch ?? -1),
            content: ConsoleRecord(
                key: record.key, value: record.value, headers: record.headers))
    }
}
