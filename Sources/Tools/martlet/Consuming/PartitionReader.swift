import AdminWire
import KafkaProtocol
import KafkaRecords
import KafkaWire

/// Reads partitions without a group: positions are kept here and committed nowhere.
final class PartitionReader {
    /// Where to begin, and where to go on when a position is not in the log any more.
    enum Start: Equatable {
        case earliest
        case latest
        case offset(Int64)
    }

    private let client: AdminClient
    private let topics: [String]
    private let readCommitted: Bool
    private let reset: Start
    private var leaders: [TopicPartition: PartitionLeader] = [:]
    private var positions: [TopicPartition: Offset] = [:]
    /// Time that a broker may wait for records, in milliseconds (`fetch.max.wait.ms`).
    static let waitMilliseconds: Int32 = 500
    /// Most bytes of one fetch and of one partition in it (`fetch.max.bytes`, ...).
    static let fetchBytes: Int32 = 50 << 20
    static let partitionBytes: Int32 = 1 << 20
    /// Most bytes that one batch may decompress to.
    static let decompressedLimit = 1 << 30

    init(_ client: AdminClient, topics: [String], readCommitted: Bool, reset: Start) {
        self.client = client
        self.topics = topics
        self.readCommitted = readCommitted
        self.reset = reset
    }

    /// Finds the partitions (all, or `only` one) and where to begin.
    func start(_ start: Start, only partition: Int32?) throws {
        leaders = try client.leaders(of: topics, createMissing: true, patience: 3000)
        if let partition {
            leaders = leaders.filter { $0.key.partition == partition }
            guard !leaders.isEmpty else {
                throw Failure(
                    "Topic '\(topics.joined(separator: ","))' has no partition \(partition).")
            }
        }
        try seek(Array(leaders.keys), to: start)
    }

    private func seek(_ partitions: [TopicPartition], to start: Start) throws {
        if case .offset(let offset) = start {
            for partition in partitions { positions[partition] = Offset(offset) }
            return
        }
        let time = start == .earliest ? OffsetTime.earliest : OffsetTime.latest
        let wanted = leaders.filter { partitions.contains($0.key) }
        let found = try client.offsets(at: time, of: wanted, readCommitted: readCommitted)
        for partition in partitions {
            switch found[partition] {
            case .offset(let offset, _): positions[partition] = Offset(max(0, offset.rawValue))
            case .failed(let error): throw error
            case nil: throw Failure("No offset for partition \(partition).")
            }
        }
    }

    /// Fetches once from every leader; hands records to `body` until it returns false.
    func poll(_ body: (ConsumedRecord) throws -> Bool) throws {
        var isStale = false
        let groups = AdminClient.byLeader(leaders.keys, leaders)
        for (broker, partitions) in groups {
            do {
                // With several leaders, one that has nothing must not hold up the others.
                let wait = groups.count == 1 ? Self.waitMilliseconds : Self.waitMilliseconds / 5
                guard try fetch(partitions, from: broker, wait: wait, &isStale, body) else {
                    return
                }
            } catch let error as AdminError where error.kafkaError == nil {
                client.forget(broker)
                isStale = true
            }
        }
        guard isStale else { return }
        AdminClient.pause(milliseconds: AdminClient.backoffMilliseconds)
        let known = Set(leaders.keys)
        leaders = try client.leaders(of: topics).filter { known.contains($0.key) }
    }

    private func request(_ partitions: [TopicPartition], wait: Int32) -> FetchRequest {
        var topics: [FetchRequest.FetchTopic] = []
        for partition in partitions {
            let wanted = FetchRequest.FetchPartition(
                partition: partition.partition,
                fetchOffset: positions[partition]?.rawValue ?? 0,
                partitionMaxBytes: Self.partitionBytes)
            if topics.last?.topic == partition.topic {
                topics[topics.count - 1].partitions.append(wanted)
            } else {
                topics.append(.init(topic: partition.topic, partitions: [wanted]))
            }
        }
        return FetchRequest(
            maxWaitMs: wait, minBytes: 1, maxBytes: Self.fetchBytes,
            isolationLevel: readCommitted ? 1 : 0, topics: topics)
    }

    private func fetch(
        _ partitions: [TopicPartition], from broker: BrokerID, wait: Int32, _ isStale: inout Bool,
        _ body: (ConsumedRecord) throws -> Bool
    ) throws -> Bool {
        let connection = try client.connection(to: broker)
        // Version 13 wants topic ids in the place of names.
        let version = try connection.version(of: FetchRequest.self, atMost: 12)
        let (response, frame) = try connection.callKeepingFrame(
            request(partitions, wait: wait), version: version,
            milliseconds: client.settings.requestMilliseconds)
        try AdminError.check(response.errorCode, context: "Fetch from broker \(broker)")
        for topic in response.responses {
            for data in topic.partitions {
                let id = TopicPartition(topic: topic.topic, partition: data.partitionIndex)
                switch KafkaError(rawValue: data.errorCode) {
                case KafkaError.none?: break
                case .offsetOutOfRange:
                    try seek([id], to: reset)
                    continue
                case let error? where error.isRetriable:
                    isStale = true
                    continue
                default: try AdminError.check(data.errorCode, context: "Partition \(id)")
                }
                guard try deliver(data, id, frame, body) else { return false }
            }
        }
        return true
    }

    private func deliver(
        _ data: FetchResponse.PartitionData, _ id: TopicPartition, _ frame: [UInt8],
        _ body: (ConsumedRecord) throws -> Bool
    ) throws -> Bool {
        guard case .inFrame(let range) = data.records, !range.isEmpty else { return true }
        var filter = AbortedFilter(
            readCommitted
                ? (data.abortedTransactions ?? []).map {
                    (ProducerID($0.producerID), Offset($0.firstOffset))
                } : [])
        let bytes = frame.span.bytes.extracting(range)
        var batches = BatchIterator(bytes)
        while let batch = try batches.next() {
            try RecordBatchHeader.verifyCRC(bytes, at: batch.range.lowerBound, header: batch.header)
            let records = try BatchReader.records(
                bytes, at: batch.range.lowerBound, limit: Self.decompressedLimit)
            let isAborted = filter.isAborted(batch.header)
            if batch.header.isControl {
                let marker = try records.first.flatMap { try ControlRecordType.parse($0) }
                filter.pass(batch.header, marker: marker)
            } else if !isAborted {
                for record in records where record.offset >= positions[id] ?? .zero {
                    positions[id] = record.offset + 1
                    guard try body(Self.consumed(record, id, batch.header)) else { return false }
                }
            }
            // Magic 0 and 1 sets carry the last offset in their header as well.
            positions[id] = max(positions[id] ?? .zero, batch.header.nextOffset)
        }
        return true
    }

    private static func consumed(
        _ record: Record, _ id: TopicPartition, _ header: RecordBatchHeader
    ) -> ConsumedRecord {
        ConsumedRecord(
            topic: id.topic, partition: id.partition, offset: record.offset,
            timestamp: record.timestamp, timestampType: header.timestampType,
            leaderEpoch: header.partitionLeaderEpoch,
            content: ConsoleRecord(
                key: record.key, value: record.value, headers: record.headers))
    }
}
