import ClientCore
import KafkaRecords
import KafkaWire
import MartletClient
import Synchronization
import Testing

@Suite(.cluster, .timeLimit(.minutes(2))) struct ProducerTests {
    @Test func whatIsSentIsReadBack() async throws {
        let cluster = try testCluster()
        let topic = try await cluster.topic()
        let producer = try Producer(bootstrap: cluster.bootstrap)
        let record = ProducerRecord(
            topic: topic, partition: 1, key: [1, 2], value: [3],
            headers: [.init(key: "h", value: nil), .init(key: "", value: [9])], timestamp: 1234)
        let place = try await producer.send(record)
        #expect(place.topic == topic && place.partition == 1 && place.offset == .zero)
        #expect(place.timestamp == 1234)
        #expect(try await producer.send(record).offset == Offset(1))
        try await producer.close()

        let consumer = try Consumer(bootstrap: cluster.bootstrap) { $0.offsetReset = .earliest }
        try await consumer.assign(topic: topic)
        var seen: [ConsumerRecord] = []
        for try await record in consumer.records {
            seen.append(record)
            if seen.count == 2 { break }
        }
        #expect(seen.map(\.offset) == [Offset(0), Offset(1)])
        #expect(seen.allSatisfy { $0.key == [1, 2] && $0.value == [3] && $0.timestamp == 1234 })
        #expect(seen[0].headers == record.headers && seen[0].leaderEpoch == 0)
        await consumer.close()
    }

    @Test(arguments: CompressionType.allCases)
    func everyCodecIsReadBackInOrder(codec: CompressionType) async throws {
        let cluster = try testCluster()
        let topic = try await cluster.topic()
        let producer = try Producer(bootstrap: cluster.bootstrap) { $0.compression = codec }
        for index in 0..<5000 {
            try await producer.enqueue(
                ProducerRecord(topic: topic, key: "k\(index % 10)", value: "value \(index)"))
        }
        try await producer.close()
        let consumer = try Consumer(bootstrap: cluster.bootstrap) { $0.offsetReset = .earliest }
        try await consumer.assign(topic: topic)
        var byKey: [String: [Int]] = [:]
        var count = 0
        for try await batch in consumer.batches {
            for record in batch.records {
                let key = String(decoding: record.key ?? [], as: UTF8.self)
                let text = String(decoding: record.value ?? [], as: UTF8.self)
                byKey[key, default: []].append(Int(text.dropFirst(6)) ?? -1)
                count += 1
            }
            if count >= 5000 { break }
        }
        #expect(count == 5000)
        for index in 0..<10 {
            #expect(byKey["k\(index)"] == Array(stride(from: index, to: 5000, by: 10)))
        }
        await consumer.close()
    }

    @Test func recordsWaitForRoomAndNoneIsLost() async throws {
        let cluster = try testCluster()
        let topic = try await cluster.topic(partitions: 1)
        let producer = try Producer(bootstrap: cluster.bootstrap) { $0.bufferMemory = 20_000 }
        let ends = Mutex<[Int64]>([])
        for _ in 0..<2000 {
            try await producer.enqueue(
                ProducerRecord(topic: topic, value: [UInt8](repeating: 7, count: 100))
            ) { result in
                if let offset = try? result.get().offset {
                    ends.withLock { $0.append(offset.rawValue) }
                }
            }
        }
        try await producer.flush()
        #expect(ends.withLock { $0 } == Array(0..<2000))
        try await producer.close()
    }

    @Test func aClosedProducerAndATooLargeRecordAreRefused() async throws {
        let cluster = try testCluster()
        let topic = try await cluster.topic()
        let producer = try Producer(bootstrap: cluster.bootstrap) { $0.maxRequestSize = 1000 }
        _ = try await producer.send("fits", to: topic)
        await #expect(throws: ClientError.recordTooLarge(bytes: 1012, limit: 1000)) {
            _ = try await producer.send(
                ProducerRecord(topic: topic, value: [UInt8](repeating: 0, count: 1000)))
        }
        await #expect(throws: ClientError.self) {
            _ = try await producer.send(ProducerRecord(topic: topic, partition: 3, value: []))
        }
        try await producer.close()
        await #expect(throws: ClientError.closed) { _ = try await producer.send("x", to: topic) }
    }

    @Test func aClusterThatIsNotThereIsToldInTime() async throws {
        let producer = try Producer(bootstrap: "127.0.0.1:1") { $0.maxBlock = .milliseconds(300) }
        var error: ClientError?
        repeat {
            error = await #expect(throws: ClientError.self) {
                _ = try await producer.send("x", to: "t")
            }
            // On a busy machine the first attempt to connect may take longer than the call.
        } while error == .timedOut("metadata of topic t")
        let refused = "cannot connect to 127.0.0.1:1: Connection refused"
        #expect(error == .timedOut("metadata of topic t; bootstrap server 1: \(refused)"))
        await producer.abandon()
    }
}
