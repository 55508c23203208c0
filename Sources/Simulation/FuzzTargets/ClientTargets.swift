import ClientCore
import KafkaProtocol
import KafkaWire

/// The client cores against a broker that answers whatever the input says.
let clientTargets = [
    FuzzTarget("client-producer", fuzzProducer), FuzzTarget("client-consumer", fuzzConsumer),
]

private let topicID = KafkaUUID(high: 3, low: 4)
private let address = BrokerAddress(host: "b", port: 9092)

private func fuzzProducer(_ bytes: RawSpan) {
    var input = FuzzInput(bytes)
    let flags = input.byte()
    var settings = ProducerSettings(network: NetworkSettings(bootstrap: [address]))
    if flags & 1 == 1 { settings.transactionalID = "x" }
    if flags & 16 != 0 { settings.network.sasl = .plain(username: "u", password: "p") }
    guard var producer = try? ProducerCore(settings, seed: 1) else { return }
    var broker = HostileBroker()
    if flags & 1 == 1 { producer.prepareTransactions(waiter: 1, now: broker.now) }
    producer.waitForTopic("t", waiter: 2, now: broker.now)
    for round in 0..<24 where !input.isAtEnd {
        broker.serve(&producer, &input)
        let now = broker.now
        switch input.byte() & 7 {
        case 0: producer.flush(waiter: UInt64(100 + round))
        case 1 where flags & 1 == 1: producer.beginTransaction(waiter: 3, now: now)
        case 2 where flags & 1 == 1:
            producer.endTransaction(commits: round & 1 == 0, waiter: 4, now: now)
        default:
            _ = producer.append(
                ProducerRecord(topic: "t", value: [UInt8(round)]),
                handler: RecordHandler { _ in }, timestamp: 0, now: now)
        }
    }
    producer.shutDown(now: broker.now)
    _ = producer.takeOutputs()
    require(producer.bufferedBytes == 0, "records of a closed producer did not end")
}

private func fuzzConsumer(_ bytes: RawSpan) {
    var input = FuzzInput(bytes)
    let flags = input.byte()
    var settings = ConsumerSettings(network: NetworkSettings(bootstrap: [address]))
    settings.offsetReset = .earliest
    if flags & 1 == 1 { settings.isolation = .readCommitted }
    if flags & 6 != 0 {
        settings.group = GroupSettings(id: "g")
        if flags & 4 != 0 { settings.group?.groupProtocol = .consumer }
    }
    if flags & 16 != 0 { settings.network.sasl = .plain(username: "u", password: "p") }
    settings.maxBatchBytes = 1 << 20
    var consumer = ConsumerCore(settings, seed: 1)
    var broker = HostileBroker()
    let partitions = (0..<2).map { TopicPartition(topic: "t", partition: $0) }
    if flags & 6 != 0, flags & 8 != 0 {
        _ = try? consumer.subscribe(.topics(["t"]), now: broker.now)
    } else {
        _ = try? consumer.assign(partitions, now: broker.now)
    }
    for _ in 0..<24 where !input.isAtEnd {
        for output in broker.serve(&consumer, &input) {
            if case .rebalance(_, let ticket?) = output {
                consumer.finishRebalance(ticket, now: broker.now)
            }
        }
        readAll(&consumer, settings)
    }
    consumer.shutDown(now: broker.now)
    readAll(&consumer, settings)
    require(consumer.bufferedBytes == 0, "bytes of a closed consumer are still counted")
}

private func readAll(_ consumer: inout ConsumerCore, _ settings: ConsumerSettings) {
    while consumer.takeError() != nil {}
    while let chunk = consumer.takeChunk() {
        var reader = ChunkReader(chunk, settings)
        var position = Offset(-1)
        while let batch = (try? reader.next()) ?? nil {
            require(batch.nextOffset >= position, "a reader goes back")
            position = batch.nextOffset
            consumer.consumed(
                batch.partition, generation: batch.generation, to: batch.nextOffset,
                epoch: batch.leaderEpoch)
        }
        consumer.release(chunk)
    }
}

/// Accepts connections and answers requests in their order: as a broker of two partitions would,
/// or with the bytes of the input.
private struct HostileBroker {
    private(set) var now = ClientInstant(nanoseconds: 0)

    /// One round: has the machine do what is due, and answers its requests.
    @discardableResult
    mutating func serve<Machine: ClientMachine>(
        _ machine: inout Machine, _ input: inout FuzzInput
    ) -> [Machine.Output] {
        now = now + .milliseconds(Int64(input.byte()) * 4)
        machine.advance(now: now)
        var left = 32
        var effects = machine.takeEffects()
        while !effects.isEmpty, left > 0 {
            for effect in effects {
                left -= 1
                if let event = event(effect, &input) { machine.handle(event, now: now) }
            }
            machine.advance(now: now)
            effects = machine.takeEffects()
        }
        return machine.takeOutputs()
    }

    private func event(
        _ effect: ConnectionEffect, _ input: inout FuzzInput
    ) -> ConnectionEvent? {
        switch effect {
        case .connect(let id, _): return .connected(id)
        case .close(let id): return .closed(id, reason: "asked")
        case .fetchCredentials(let id, _):
            return .credentials(id, .success(.plain(username: "u", password: "p")))
        case .send(let id, let frame):
            guard let answer = answer(frame.bytes, &input) else {
                return .closed(id, reason: "hung up")
            }
            return .received(id, answer)
        }
    }

    /// The answer to a frame: a byte of the input says by whom it is made.
    private func answer(_ frame: [UInt8], _ input: inout FuzzInput) -> [UInt8]? {
        // Bytes have no padding.
        var reader = unsafe WireReader(frame.span.bytes)
        do throws(WireError) {
            _ = try reader.readInt32()
            guard let key = APIKey(rawValue: try reader.readInt16()) else { return nil }
            let version = try reader.readInt16()
            let correlation = try reader.readInt32()
            let mode = input.byte()
            if mode == 0xFF { return nil }
            if mode == 0xFE { return input.piece() }
            var writer = WireWriter()
            try ResponseHeader(correlationID: correlation)
                .encode(to: &writer, version: key.responseHeaderVersion(for: version))
            if mode < 0xF0, let usual = usual(key) {
                try usual.encode(to: &writer, version: version)
            } else {
                writer.writeRaw(input.piece())
            }
            return writer.toArray()
        } catch {
            require(false, "a request of ours cannot be read: \(error)")
            return nil
        }
    }

    /// What a broker answers that is all right; for the other APIs the input answers.
    private func usual(_ key: APIKey) -> (any KafkaMessage)? {
        switch key {
        case .apiVersions:
            return ApiVersionsResponse(
                apiKeys: APIKey.allCases.map {
                    .init(
                        apiKey: $0.rawValue, minVersion: $0.validVersions.lowerBound,
                        maxVersion: $0.validVersions.upperBound)
                })
        case .metadata:
            let partitions = (0..<2).map { index in
                MetadataResponse.MetadataResponsePartition(
                    partitionIndex: index, leaderID: 1, leaderEpoch: 0, replicaNodes: [1],
                    isrNodes: [1])
            }
            return MetadataResponse(
                brokers: [.init(nodeID: 1, host: "b", port: 9092)], controllerID: 1,
                topics: [.init(name: "t", topicID: topicID, partitions: partitions)])
        default: return nil
        }
    }
}
