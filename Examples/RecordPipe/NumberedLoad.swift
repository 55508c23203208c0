import MartletClient
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Numbered records for tests of clusters under faults: whoever reads them knows what is lost,
/// doubled or out of order.
enum NumberedLoad {
    private static let given = [
        "request.timeout.ms": "5000", "delivery.timeout.ms": "300000", "linger.ms": "1",
        "reconnect.backoff.max.ms": "500", "max.block.ms": "300000",
    ]

    /// Writes `PARTITION NUMBER` to a partition until the input ends, idempotently, then prints
    /// `OFFSET NUMBER` of each record.
    static func write(_ bootstrap: String, _ topic: String, _ partition: Int32) async throws {
        var settings = ProducerSettings(network: .init(bootstrap: []))
        try settings.apply(given.merging(["bootstrap.servers": bootstrap]) { $1 })
        let producer = try Producer(settings)
        let acknowledged = Mutex<[(offset: Int64, number: Int)]>([])
        var number = 0
        while !inputHasEnded() {
            let record = ProducerRecord(
                topic: topic, partition: partition, value: Array("\(partition) \(number)".utf8))
            try await producer.enqueue(record) { [number] result in
                guard case .success(let place) = result else { return }
                acknowledged.withLock { $0.append((place.offset?.rawValue ?? -1, number)) }
            }
            number += 1
            try await Task.sleep(for: .milliseconds(2))
        }
        try await producer.close()
        let all = acknowledged.withLock { $0 }
        guard all.count == number else {
            throw RecordPipe.Complaint(text: "\(number - all.count) records have failed")
        }
        for (offset, number) in all { print(offset, number) }
    }

    /// Reads a topic from its beginning while it is written, until the input has ended and all is
    /// read, then prints `PARTITION OFFSET NUMBER` of each record.
    static func follow(_ bootstrap: String, _ topic: String, _ count: Int32) async throws {
        var settings = ConsumerSettings(network: .init(bootstrap: []))
        settings.offsetReset = .none
        try settings.apply(given.merging(["bootstrap.servers": bootstrap]) { $1 })
        let consumer = try Consumer(settings)
        let partitions = (0..<count).map { TopicPartition(topic: topic, partition: $0) }
        try consumer.assign(partitions)
        for partition in partitions { try consumer.seek(partition, to: .zero) }
        var lines: [String] = []
        while !inputHasEnded() { try await take(consumer, &lines) }
        let ends = try await consumer.endOffsets(partitions)
        while try partitions.contains(where: { place in
            try consumer.position(of: place) ?? .zero < ends[place] ?? .zero
        }) {
            try await take(consumer, &lines)
        }
        await consumer.close()
        for line in lines { print(line) }
    }

    private static func take(_ consumer: Consumer, _ lines: inout [String]) async throws {
        guard let batch = try await consumer.poll(timeout: .milliseconds(200)) else { return }
        for record in batch.records {
            let words = String(decoding: record.value ?? [], as: UTF8.self).split(separator: " ")
            let number = words.count > 1 ? words[1] : "?"
            lines.append("\(record.partition) \(record.offset.rawValue) \(number)")
        }
    }

    private static func inputHasEnded() -> Bool {
        var poller = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
        return poll(&poller, 1, 0) > 0
    }
}
