import KafkaProtocol
import KafkaRecords
import KafkaWire

/// An idempotent producer with `acks=all` and five requests in flight, that tries until it is told.
///
/// Each record must then be in the log once, in the order of its making (KIP-98).
final class ProduceWorkload {
    private struct Batch {
        /// How many batches of the partition were made before it.
        var place: Int
        var sequence: Int32
        var ids: [RecordID]
        var isSent = false
        /// Sent before without a known outcome.
        var attempts = 0
    }
    private let world: SimulatedWorld
    private let client: SimulatedClient
    private let number: UInt16
    private let topic: String
    /// How many batches are to be made, and how many there are.
    private let target: Int
    private var made = 0
    /// When the next may be made.
    private var nextMake: Int64 = 0
    private var isPausing = false
    private var producerID: Int64 = -1
    private var epoch: Int16 = -1
    private var counters: [Int32: UInt32] = [:]
    private var batches: [Int32: Int] = [:]
    /// Unresolved batches by partition, oldest first.
    private var queues: [Int32: [Batch]] = [:]
    /// After a failure nothing is sent until all that is in flight has come back.
    private var isRecovering = false
    private var isWaiting = false

    private static let maxInFlight = 5
    private static let maxWaiting = 20

    init(_ world: SimulatedWorld, number: UInt16, topic: String, batches: Int) {
        self.world = world
        self.number = number
        self.topic = topic
        self.target = batches
        client = SimulatedClient(world, "producer-\(number)")
    }

    /// All batches are acknowledged.
    var isDone: Bool { made >= target && queues.values.allSatisfy(\.isEmpty) }
    var state: String {
        "producer \(number): \(made) of \(target) made, unresolved "
            + "\(queues.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.count)" }), "
            + "in flight \(client.inFlight), id \(producerID)"
    }

    func start() {
        client.call(
            InitProducerIDRequest(transactionalID: nil, transactionTimeoutMs: 60_000), version: 4
        ) {
            [self] answer in
            guard let message = answer?.message, message.errorCode == 0 else {
                return again { [self] in start() }
            }
            producerID = message.producerID
            world.trace.note(world.scheduler.now, "producer \(number) has the id \(producerID)")
            epoch = message.producerEpoch
            pump()
        }
    }

    private func again(_ action: @escaping () -> Void) {
        world.scheduler.after(world.draw(20...400) * 1_000_000, action)
    }

    private func pump() {
        guard !isRecovering else { return }
        while client.inFlight < Self.maxInFlight {
            if let (partition, index) = unsent() {
                send(partition, index)
            } else if made < target, queues.values.reduce(0, { $0 + $1.count }) < Self.maxWaiting {
                guard world.scheduler.now >= nextMake else { return pause() }
                make()
                nextMake = world.scheduler.now + world.pause(of: target)
            } else {
                return
            }
        }
    }

    /// Goes on when the next batch may be made.
    private func pause() {
        guard !isPausing else { return }
        isPausing = true
        world.scheduler.at(nextMake) { [self] in
            isPausing = false
            pump()
        }
    }

    /// The next batch to send. While a partition's oldest is tried again, nothing is sent behind
    /// it: a broker knows the last five batches again, and no earlier one. Nor behind the first of
    /// all: a broker that refuses it may take the next as the first. A later batch may have been
    /// answered on another connection, so what counts is how many there are since the oldest.
    private func unsent() -> (Int32, Int)? {
        for (partition, queue) in queues.sorted(by: { $0.key < $1.key }) {
            if let first = queue.first, first.sequence == 0, first.isSent { continue }
            if let first = queue.first, first.attempts > 0 {
                if !first.isSent { return (partition, 0) }
                if first.attempts > 1 { continue }
            }
            if let index = queue.firstIndex(where: { !$0.isSent }),
                queue[index].place - queue[0].place < Self.maxInFlight
            {
                return (partition, index)
            }
        }
        return nil
    }

    private func make() {
        let partition = Int32(world.draw(0...Int64(world.options.partitions - 1)))
        let count = Int(world.draw(1...Int64(world.options.recordsPerBatch)))
        let first = counters[partition] ?? 0
        let ids = (0..<count).map { RecordID(producer: number, number: first + UInt32($0)) }
        counters[partition] = first + UInt32(count)
        queues[partition, default: []].append(
            Batch(place: batches[partition] ?? 0, sequence: Int32(first), ids: ids))
        batches[partition, default: 0] += 1
        made += 1
    }

    private func send(_ partition: Int32, _ index: Int) {
        queues[partition]?[index].isSent = true
        queues[partition]?[index].attempts += 1
        guard let batch = queues[partition]?[index] else { return }
        let request = ProduceRequest(
            acks: -1, timeoutMs: 5000,
            topicData: [
                .init(
                    name: topic,
                    partitionData: [.init(index: partition, records: .bytes(encode(batch)))])
            ])
        let key = PartitionKey(topic: topic, partition: partition)
        client.call(request, version: 12, to: .leader(key)) { [self] answer in
            let result = answer?.message.responses.first?.partitionResponses.first
            if let result { client.heard(of: result.currentLeader.leaderEpoch, of: key) }
            resolve(partition, batch.sequence, result)
        }
    }

    private func encode(_ batch: Batch) -> [UInt8] {
        var builder = RecordBatchBuilder(
            .init(
                producerID: ProducerID(producerID), producerEpoch: epoch,
                baseSequence: batch.sequence))
        for id in batch.ids {
            builder.append(
                timestamp: world.wallMs, key: nil,
                value: id.bytes(padding: Int(id.number % 97)))
        }
        do throws(CompressionError) {
            return try builder.finish()
        } catch {
            preconditionFailure("an uncompressed batch cannot fail: \(error)")
        }
    }

    private func resolve(
        _ partition: Int32, _ sequence: Int32,
        _ result: ProduceResponse.PartitionProduceResponse?
    ) {
        guard let index = queues[partition]?.firstIndex(where: { $0.sequence == sequence }) else {
            return world.violation("producer \(number): an answer twice, sequence \(sequence)")
        }
        let key = PartitionKey(topic: topic, partition: partition)
        let error = result.map { KafkaError(rawValue: $0.errorCode) ?? .unknownServerError }
        world.trace.note(
            world.scheduler.now,
            "producer \(number) to \(key), sequence \(sequence): "
                + "\(error?.name ?? "-") at \(result?.baseOffset ?? -1)")
        switch error {
        case KafkaError.none?:
            let batch = queues[partition]?.remove(at: index)
            acknowledge(batch?.ids ?? [], at: result?.baseOffset ?? -1, key)
        case .duplicateSequenceNumber?:
            let batch = queues[partition]?.remove(at: index)
            for id in batch?.ids ?? [] { world.history.acknowledgeSomewhere(id, of: key) }
            world.history.countOperation()
        case .outOfOrderSequenceNumber? where index > 0: recover(partition, index)
        case nil, .notLeaderOrFollower?, .unknownTopicOrPartition?, .requestTimedOut?,
            .kafkaStorageError?, .notEnoughReplicas?, .notEnoughReplicasAfterAppend?,
            .leaderNotAvailable?:
            recover(partition, index)
        case let error?:
            world.violation(
                "\(key): producer \(number), sequence \(sequence): \(error.name), "
                    + (result?.errorMessage ?? "")
            )
            recover(partition, index)
        }
        if isRecovering && client.inFlight == 0 { resend() }
        pump()
    }

    private func acknowledge(_ ids: [RecordID], at base: Int64, _ key: PartitionKey) {
        world.history.countOperation()
        for (delta, id) in ids.enumerated() {
            let offset = base + Int64(delta)
            if let fault = world.history.acknowledge(id, at: offset, of: key) {
                world.violation(fault)
            }
        }
    }

    private func recover(_ partition: Int32, _ index: Int) {
        queues[partition]?[index].isSent = false
        isRecovering = true
        client.forgetRoutes()
    }

    /// Sends everything again, in order.
    private func resend() {
        guard !isWaiting else { return }
        isWaiting = true
        again { [self] in
            isWaiting = false
            isRecovering = false
            for partition in queues.keys {
                for index in queues[partition]?.indices ?? 0..<0 {
                    queues[partition]?[index].isSent = false
                }
            }
            pump()
        }
    }
}
