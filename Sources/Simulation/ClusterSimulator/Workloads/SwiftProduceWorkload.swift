import ClientCore
import KafkaWire

/// A program with the production producer, idempotent and with `acks=all`: each record that it
/// hands over ends once, and is in the log once, in the order of its making.
final class SwiftProduceWorkload {
    private struct Place: Hashable {
        var id: RecordID
        var key: PartitionKey
    }

    private unowned let world: SimulatedWorld
    private let number: UInt16
    private let topic: String
    private let target: Int
    private var shell: ClientShell<ProducerCore>!
    /// Records that were handed over and have not ended.
    private var open: Set<Place> = []
    /// What waits for room, or for the topic to be known.
    private var blocked: (record: ProducerRecord, place: Place)?
    private var made = 0
    /// How many records each partition has been given.
    private(set) var counts: [Int32: UInt32] = [:]

    init(_ world: SimulatedWorld, number: UInt16, topic: String) {
        self.world = world
        self.number = number
        self.topic = topic
        target = world.options.clients.records
        var network = NetworkSettings(bootstrap: ClientShell<ProducerCore>.bootstrap(world))
        network.clientID = "swift-\(number)"
        network.requestTimeout = .seconds(10)
        var settings = ProducerSettings(network: network)
        settings.linger = .milliseconds(world.options.clients.lingerMs)
        settings.batchSize = 300
        settings.bufferMemory = 4000
        settings.deliveryTimeout = .seconds(600)
        shell = ClientShell(world, settings) { [unowned self] in take($0) }
    }

    var isDone: Bool { made >= target && open.isEmpty && blocked == nil }
    var state: String {
        "Swift producer \(number): \(made) of \(target) made, \(open.count) open"
            + (blocked == nil ? "" : ", blocked")
    }

    func start() { make() }

    /// Hands over the next records, and comes again.
    private func make() {
        guard made < target else { return }
        for _ in 0..<min(Int(world.draw(1...5)), target - made) where blocked == nil {
            let partition = Int32(world.draw(0...Int64(world.options.clients.partitions - 1)))
            let count = counts[partition] ?? 0
            let id = RecordID(producer: number, number: count)
            counts[partition] = count + 1
            made += 1
            handOver(
                ProducerRecord(
                    topic: topic, partition: partition,
                    value: id.bytes(padding: Int(count % 97))),
                Place(id: id, key: PartitionKey(topic: topic, partition: partition)))
        }
        guard blocked == nil else { return }
        world.scheduler.after(1_000_000 + world.pause(of: target / 3)) { [weak self] in
            self?.make()
        }
    }

    private func handOver(_ record: ProducerRecord, _ place: Place) {
        let workload = UncheckedReference(self)
        let outcome = shell.enter { core, now in
            let outcome = core.append(
                record, handler: RecordHandler { workload.value.end(place, $0) },
                timestamp: world.wallMs, now: now)
            switch outcome {
            case .full: core.waitForRoom(record, waiter: 1, now: now)
            case .topicUnknown: core.waitForTopic(topic, waiter: 1, now: now)
            case .appended, .refused: break
            }
            return outcome
        }
        switch outcome {
        case .appended: open.insert(place)
        case .full, .topicUnknown: blocked = (record, place)
        case .refused(let error):
            world.violation("\(place.key): \(place.id) is refused: \(error)")
        }
    }

    private func take(_ output: ProducerCore.Output) {
        switch output {
        case .delivered(let deliveries): deliveries.tell()
        case .failed(let error, _, _, let handlers):
            for handler in handlers { handler.end(.failure(error)) }
        case .resumed(_, let error):
            if let error { world.trace.tell(world.scheduler.now, "producer \(number): \(error)") }
            guard let (record, place) = blocked.take() else { return }
            handOver(record, place)
            if blocked == nil { make() }
        case .flushed, .transaction: break
        }
    }

    private func end(_ place: Place, _ result: Result<RecordMetadata, ClientError>) {
        let (id, key) = (place.id, place.key)
        guard open.remove(place) != nil else {
            return world.violation("\(key): \(id) of a Swift producer ends twice")
        }
        world.history.countOperation()
        do throws(ClientError) {
            guard let offset = try result.get().offset, offset.rawValue >= 0 else {
                return world.history.acknowledgeSomewhere(id, of: key)
            }
            if let fault = world.history.acknowledge(id, at: offset.rawValue, of: key) {
                world.violation(fault)
            }
        } catch {
            world.violation("\(key): \(id) of a Swift producer fails: \(error)")
        }
    }
}
