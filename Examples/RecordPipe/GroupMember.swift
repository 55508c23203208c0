import MartletClient
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A member of a group that commits each batch it reads before the next, and tells all it does: a
/// line of JSON for each event, with the machine's monotonic time.
enum GroupMember {
    private static let isStopping = Atomic(false)

    static func run(
        _ bootstrap: String, group: String, _ topic: String, _ given: [String: String]
    ) async throws {
        var settings = ConsumerSettings(network: .init(bootstrap: []))
        settings.offsetReset = .earliest
        settings.group = GroupSettings(id: group)
        settings.group?.commitsAutomatically = false
        settings.group?.sessionTimeout = .seconds(10)
        settings.group?.heartbeatInterval = .milliseconds(500)
        try settings.apply(given.merging(["bootstrap.servers": bootstrap]) { $1 })
        signal(SIGTERM) { _ in GroupMember.isStopping.store(true, ordering: .relaxed) }
        let consumer = try Consumer(settings)
        try consumer.subscribe(to: [topic]) { event in tell(event) }
        while !isStopping.load(ordering: .relaxed) {
            guard let batch = try await consumer.poll(timeout: .milliseconds(100)) else { continue }
            await commit(batch, consumer)
        }
        await consumer.close()
        say("left", "")
    }

    private static func commit(_ batch: ConsumerBatch, _ consumer: Consumer) async {
        guard let first = batch.records.first, let last = batch.records.last else { return }
        let partition = batch.partition.partition
        let range = "\(first.offset.rawValue),\(last.offset.rawValue)"
        let ends = ",\"ends\":{\"\(partition)\":\(batch.nextOffset.rawValue)}"
        say("read", ",\"ranges\":[[\(partition),\(range)]]")
        say("committing", ends)
        do {
            let offset = CommittedOffset(batch.nextOffset, leaderEpoch: batch.leaderEpoch)
            try await consumer.commit([batch.partition: offset])
            say("committed", ends)
        } catch {
            say("refused", "")
        }
    }

    private static func tell(_ event: RebalanceEvent) {
        switch event {
        case .assigned(let partitions): say("assigned", numbers(partitions))
        case .revoked(let partitions): say("revoked", numbers(partitions))
        case .lost(let partitions): say("lost", numbers(partitions))
        }
    }

    private static func numbers(_ partitions: [TopicPartition]) -> String {
        let numbers = partitions.map { String($0.partition) }.joined(separator: ",")
        return ",\"partitions\":[\(numbers)]"
    }

    /// Writes a whole line at once: events come from more than one task.
    private static func say(_ what: String, _ details: String) {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let seconds = Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        let line = Array("{\"t\":\(seconds),\"do\":\"\(what)\"\(details)}\n".utf8)
        _ = write(1, line, line.count)
    }
}
