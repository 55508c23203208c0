import ClientCore
import KafkaWire
import MartletClient

/// Reads records, as a member of a group, which commits what was handed on, or without one.
final class RecordReader {
    /// Where to begin without a group.
    enum Start: Equatable {
        case earliest
        case latest
        case offset(Int64)
    }

    /// What a group subscribes to.
    enum Topics {
        case name(String)
        case pattern(String)
    }

    private let consumer: Consumer
    private let commits: Bool
    /// The last record that was handed on, and so what is committed at the end.
    private var last: ConsumerRecord?
    /// Time for a topic to be made that does not exist yet.
    private static let patience = Duration.seconds(3)

    private init(_ settings: ConsumerSettings) throws {
        consumer = try Consumer(settings)
        commits = settings.group != nil
    }

    private static func settings(_ properties: [String: String]) throws -> ConsumerSettings {
        var settings = ConsumerSettings(network: .init(bootstrap: []))
        settings.network.clientID = "console-consumer"
        try settings.apply(properties)
        return settings
    }

    /// A member of a group.
    ///
    /// - Parameter properties: the consumer's settings under Kafka's names, `group.id` among them.
    convenience init(_ topics: Topics, _ properties: [String: String]) throws {
        try self.init(try Self.settings(properties))
        switch topics {
        case .name(let name): try consumer.subscribe(to: [name])
        case .pattern(let text):
            _ = try TopicPattern(text)
            try consumer.subscribe(
                pattern: text,
                matching: { name in (try? TopicPattern(text))?.matches(name) ?? false })
        }
    }

    /// A reader of all partitions that topics have now, or of `only` one.
    ///
    /// - Throws: for a topic that does not exist after a while.
    convenience init(
        topics: [String], only partition: Int32?, from start: Start, _ properties: [String: String]
    ) throws {
        var settings = try Self.settings(properties)
        settings.apiTimeout = Self.patience
        try self.init(settings)
        let consumer = consumer
        do {
            let all = try blocking { () async throws(ClientError) in
                var all: [TopicPartition] = []
                for topic in topics { all += try await consumer.partitions(of: topic) }
                return all
            }
            let wanted = all.filter { partition == nil || $0.partition == partition }
            guard !wanted.isEmpty else {
                throw Failure(
                    "Topic '\(topics.joined(separator: ","))' has no partition \(partition ?? 0).")
            }
            try consumer.assign(wanted)
            switch start {
            case .earliest: try consumer.seekToBeginning(wanted)
            case .latest: try consumer.seekToEnd(wanted)
            case .offset(let offset):
                for id in wanted { try consumer.seek(id, to: Offset(offset)) }
            }
        } catch {
            blocking { await consumer.close() }
            throw error
        }
    }

    /// Waits a little for records; hands them to `body` until it returns false.
    func poll(_ body: (ConsumedRecord) throws -> Bool) throws {
        let consumer = consumer
        let batch = try blocking { () async throws(ClientError) in
            try await consumer.poll(timeout: .milliseconds(100))
        }
        guard let batch else { return }
        for record in batch.records {
            last = record
            guard try body(Self.consumed(record)) else { return }
        }
    }

    /// Ends it. In a group, records of the last batch that were not handed on stay to be read.
    func close() throws {
        let consumer = consumer
        defer { blocking { await consumer.close() } }
        guard commits, let last else { return }
        let id = TopicPartition(topic: last.topic, partition: last.partition)
        // A partition that went to another member is that one's affair.
        if consumer.assignment.contains(id) { try consumer.seek(id, to: last.offset + 1) }
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
