import KafkaProtocol
import KafkaRecords
import KafkaWire

/// A consumer of one partition, that checks what it reads: no gap, no second value at an offset,
/// each producer's records in order and once.
final class ReadWorkload {
    private let world: SimulatedWorld
    private let client: SimulatedClient
    private let key: PartitionKey
    private(set) var position: Int64 = 0
    private(set) var found: [Int64: RecordID] = [:]
    private(set) var start: Int64 = 0
    private var lastOf: [UInt16: (number: UInt32, offset: Int64)] = [:]
    /// Set for a reader that stops once it has read up to the end of the log.
    private var onEnd: ((ReadWorkload) -> Void)?
    /// How often it still comes back for what is known to have been committed.
    private var patience = 50
    private var isStopped = false

    init(
        _ world: SimulatedWorld, _ name: String, _ key: PartitionKey,
        onEnd: ((ReadWorkload) -> Void)? = nil
    ) {
        self.world = world
        self.key = key
        self.onEnd = onEnd
        client = SimulatedClient(world, name)
    }

    /// Reads a partition once more with a fresh reader, and compares with what clients were told.
    static func check(
        _ key: PartitionKey, in world: SimulatedWorld,
        then done: @escaping ([Int64: RecordID]) -> Void
    ) {
        ReadWorkload(world, "final-\(key)", key) { reader in
            let faults = world.history.check(reader.found, from: reader.start, of: key)
            for fault in faults.prefix(3) { world.violation(fault) }
            done(reader.found)
        }.poll()
    }

    func stop() { isStopped = true }

    private func request(maxBytes: Int32, waitMs: Int32) -> FetchRequest {
        FetchRequest(
            maxWaitMs: waitMs, minBytes: 1, maxBytes: 1 << 20,
            topics: [
                .init(
                    topic: key.topic,
                    partitions: [
                        .init(
                            partition: key.partition,
                            currentLeaderEpoch: client.leaderEpoch(of: key), fetchOffset: position,
                            partitionMaxBytes: maxBytes)
                    ])
            ])
    }

    /// Asks any broker, which may not know yet who leads: it must not answer from what it has, and
    /// tell the reader that what it has read is not there (KIP-320).
    private func probe() {
        let epoch = client.leaderEpoch(of: key)
        guard let id = world.operators.pick(world.options.topology.brokers),
            let life = world.node(id)?.generation
        else { return }
        client.call(request(maxBytes: 1000, waitMs: 0), version: 12, to: .node(id)) {
            [self] answer in
            let code = answer?.message.responses.first?.partitions.first?.errorCode
            guard let code, let error = KafkaError(rawValue: code),
                error == .none || error == .offsetOutOfRange,
                // What another process of the node said, before it ended, was right for that one.
                let node = world.node(id), node.generation == life,
                let image = node.process?.view.image,
                let known = image.topics[key.topic]?[key.partition]?.leaderEpoch, known < epoch
            else { return }
            world.violation(
                "\(key): node \(id) answers \(error.name) in epoch \(epoch), and knows \(known)")
        }
    }

    func poll() {
        guard !isStopped else { return }
        if world.options.hasOperators, !world.isHealed, world.operators.chance(5) { probe() }
        let request = request(maxBytes: Int32(world.draw(1...60_000)), waitMs: 500)
        client.call(request, version: 12, to: .leader(key)) { [self] answer in
            guard let answer, let data = answer.message.responses.first?.partitions.first else {
                return again()
            }
            switch KafkaError(rawValue: data.errorCode) ?? .unknownServerError {
            case .none: take(data, answer)
            case .offsetOutOfRange: findStart()
            case .unknownTopicOrPartition, .notLeaderOrFollower, .kafkaStorageError,
                .leaderNotAvailable, .fencedLeaderEpoch, .unknownLeaderEpoch, .offsetNotAvailable:
                client.forgetRoutes()
                again()
            case let error:
                world.violation("\(key): fetch at \(position): \(error.name)")
                again()
            }
        }
    }

    private func again() {
        world.scheduler.after(world.draw(5...300) * 1_000_000) { [self] in poll() }
    }

    private func take(
        _ data: FetchResponse.PartitionData, _ answer: SimulatedClient.Answer<FetchResponse>
    ) {
        world.history.countOperation()
        let before = position
        for record in client.records(data.records, of: answer)
        where record.offset.rawValue >= position {
            take(record, highWatermark: data.highWatermark)
        }
        if position >= data.highWatermark, let onEnd {
            patience -= 1
            if position >= world.checker.committed(key) || patience < 0 {
                self.onEnd = nil
                isStopped = true
                return onEnd(self)
            }
        }
        if position == before { again() } else { poll() }
    }

    private func take(_ record: Record, highWatermark: Int64) {
        let offset = record.offset.rawValue
        if offset > position && position > start {
            world.violation("\(key): offset \(position) is followed by \(offset)")
        }
        if offset >= highWatermark {
            world.violation("\(key): offset \(offset) is read above the high watermark")
        }
        position = offset + 1
        guard let id = RecordID(record.value) else {
            return world.violation("\(key): offset \(offset) has a value that nobody wrote")
        }
        found[offset] = id
        if let fault = world.history.see(id, at: offset, of: key) { world.violation(fault) }
        if let last = lastOf[id.producer], id.number != last.number + 1, !mayComeAgain(last.offset)
        {
            world.violation(
                "\(key): offset \(offset) has \(id) after \(id.producer)/\(last.number)")
        }
        lastOf[id.producer] = (id.number, offset)
    }

    /// Whether a producer may be unknown that wrote there last: a replica that was away while all
    /// of its records were deleted begins anew behind them, and never hears of it (as in Kafka).
    private func mayComeAgain(_ offset: Int64) -> Bool {
        world.history.mayBeDeleted(before: offset + 1, of: key)
    }

    /// What it read from may have been deleted; anything else means that records are gone.
    private func findStart() {
        let request = ListOffsetsRequest(
            replicaID: -1,
            topics: [
                .init(
                    name: key.topic,
                    partitions: [
                        .init(
                            partitionIndex: key.partition,
                            currentLeaderEpoch: client.leaderEpoch(of: key), timestamp: -2)
                    ])
            ])
        client.call(request, version: 6, to: .leader(key)) { [self] answer in
            guard let found = answer?.message.topics.first?.partitions.first, found.errorCode == 0
            else {
                client.forgetRoutes()
                return again()
            }
            if found.offset <= position {
                // Another leader may not know of the deletion yet.
                if world.history.mayBeDeleted(before: position + 1, of: key) { return again() }
                world.violation("\(key): offset \(position) was there and is out of range now")
            } else if !world.history.mayBeDeleted(before: found.offset, of: key) {
                world.violation("\(key): the log begins at \(found.offset), and nobody deleted")
            }
            position = found.offset
            start = found.offset
            lastOf = [:]
            again()
        }
    }
}
