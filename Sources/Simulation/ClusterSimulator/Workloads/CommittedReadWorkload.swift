import KafkaProtocol
import KafkaWire

/// Reads a partition once from its begin to its end as a `read_committed` consumer, when nothing
/// writes any more; waits for transactions that are still open to be ended by their coordinator.
final class CommittedReadWorkload {
    private let world: SimulatedWorld
    private let client: SimulatedClient
    private let key: PartitionKey
    private var position: Int64 = 0
    private var found: [RecordID] = []
    private let done: ([RecordID]) -> Void

    init(
        _ world: SimulatedWorld, _ key: PartitionKey, done: @escaping ([RecordID]) -> Void
    ) {
        self.world = world
        self.key = key
        self.done = done
        client = SimulatedClient(world, "committed-\(key)")
    }

    func poll() {
        let request = FetchRequest(
            maxWaitMs: 500, minBytes: 1, maxBytes: 1 << 20, isolationLevel: 1,
            topics: [
                .init(
                    topic: key.topic,
                    partitions: [
                        .init(
                            partition: key.partition, fetchOffset: position,
                            partitionMaxBytes: 20_000)
                    ])
            ])
        client.call(request, version: 12, to: .leader(key)) { [self] answer in
            guard let answer, let data = answer.message.responses.first?.partitions.first,
                data.errorCode == 0
            else { return again() }
            let (records, next) = client.committedRecords(data, of: answer, from: position)
            world.trace.note(
                world.scheduler.now,
                "\(key): node \(answer.node) gives \(position) to \(next), aborted "
                    + "\((data.abortedTransactions ?? []).map(\.firstOffset))")
            for record in records {
                guard let id = RecordID(record.value) else {
                    world.violation("\(key): offset \(record.offset) has a value nobody wrote")
                    continue
                }
                found.append(id)
            }
            let isAtEnd = next >= data.highWatermark && data.lastStableOffset == data.highWatermark
            let isStuck = next == position
            position = next
            if isAtEnd { return done(found) }
            if isStuck { again() } else { poll() }
        }
    }

    private func again() {
        client.forgetRoutes()
        world.scheduler.after(world.draw(50...500) * 1_000_000) { [self] in poll() }
    }
}
