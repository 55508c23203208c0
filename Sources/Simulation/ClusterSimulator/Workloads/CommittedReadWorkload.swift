import KafkaProtocol
import KafkaWire

/// Reads a partition from its begin on as a `read_committed` consumer: once to its end, when
/// nothing writes any more, and waits for transactions that are still open to be ended by their
/// coordinator; or follows it while it is written.
final class CommittedReadWorkload {
    private let world: SimulatedWorld
    private let client: SimulatedClient
    private let key: PartitionKey
    private var position: Int64 = 0
    private(set) var found: [RecordID] = []
    /// `nil` for one that follows.
    private let done: (([RecordID]) -> Void)?
    private var isStopped = false

    init(
        _ world: SimulatedWorld, _ key: PartitionKey, done: (([RecordID]) -> Void)? = nil
    ) {
        self.world = world
        self.key = key
        self.done = done
        client = SimulatedClient(world, "committed-\(key)")
    }

    func stop() { isStopped = true }

    func poll() {
        guard !isStopped else { return }
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
            guard !isStopped else { return }
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
            let isAtEnd =
                next >= max(data.highWatermark, world.checker.committed(key))
                && data.lastStableOffset == data.highWatermark
            let isStuck = next == position
            position = next
            if isAtEnd, let done { return done(found) }
            if isAtEnd || isStuck { again() } else { poll() }
        }
    }

    private func again() {
        client.forgetRoutes()
        world.scheduler.after(world.draw(50...500) * 1_000_000) { [self] in poll() }
    }
}
