import ClientCore
import KafkaProtocol
import KafkaRecords
import KafkaWire
import MartletClient
import Testing

@Suite(.cluster, .timeLimit(.minutes(2))) struct ConsumerTests {
    /// A topic with so many records in its partition 0, and that partition.
    private func produce(_ count: Int, value: Int = 10) async throws -> TopicPartition {
        let cluster = try testCluster()
        let topic = try await cluster.topic()
        let producer = try Producer(bootstrap: cluster.bootstrap)
        for index in 0..<count {
            try await producer.enqueue(
                ProducerRecord(
                    topic: topic, partition: 0,
                    value: Array("\(index)".utf8) + [UInt8](repeating: 32, count: value),
                    timestamp: Int64(1000 + index)))
        }
        try await producer.close()
        return TopicPartition(topic: topic, partition: 0)
    }

    private func next(_ consumer: Consumer) async throws -> Offset? {
        for try await record in consumer.records { return record.offset }
        return nil
    }

    @Test func seekingPositionsAndQuestions() async throws {
        let partition = try await produce(100)
        let consumer = try Consumer(bootstrap: testCluster().bootstrap) {
            $0.offsetReset = .earliest
        }
        #expect(try await consumer.partitions(of: partition.topic).count == 3)
        try consumer.assign([partition])
        #expect(consumer.assignment == [partition])
        #expect(try await next(consumer) == Offset(0))
        try consumer.seek(partition, to: Offset(42))
        #expect(try consumer.position(of: partition) == Offset(42))
        var records = consumer.records.makeAsyncIterator()
        for offset in 42..<50 { #expect(try await records.next()?.offset == Offset(Int64(offset))) }
        #expect(try consumer.position(of: partition) == Offset(49))
        #expect(consumer.lag(of: partition) == 51)
        try consumer.seekToBeginning([partition])
        #expect(try await next(consumer) == Offset(0))
        #expect(try await consumer.endOffsets([partition]) == [partition: Offset(100)])
        #expect(try await consumer.beginningOffsets([partition]) == [partition: Offset(0)])
        let found = try await consumer.offsets(for: [partition: 1050])
        #expect(found[partition]?.offset == Offset(50) && found[partition]?.timestamp == 1050)
        #expect(try await consumer.offsets(for: [partition: 5000])[partition]?.offset == nil)
        await consumer.close()
        #expect(try await next(consumer) == nil)
    }

    @Test func leavingTheLoopLosesNothing() async throws {
        let partition = try await produce(100)
        let consumer = try Consumer(bootstrap: testCluster().bootstrap) {
            $0.offsetReset = .earliest
        }
        try consumer.assign([partition])
        for offset in 0..<3 { #expect(try await next(consumer) == Offset(Int64(offset))) }
        #expect(try consumer.position(of: partition) == Offset(2))
        // The rest of the batch, and after it another, begin with what was not read.
        let rest = try await consumer.poll(timeout: .seconds(30))
        #expect(rest?.records.first?.offset == Offset(3))
        #expect(try consumer.position(of: partition) == Offset(3))
        let after = try #require(rest?.nextOffset)
        if after < Offset(100) { #expect(try await next(consumer) == after) }
        await consumer.close()
    }

    @Test func aSoughtPartitionGivesNothingOfTheBatchBefore() async throws {
        let partition = try await produce(100)
        let consumer = try Consumer(bootstrap: testCluster().bootstrap) {
            $0.offsetReset = .earliest
        }
        try consumer.assign([partition])
        var records = consumer.records.makeAsyncIterator()
        #expect(try await records.next()?.offset == Offset(0))
        try consumer.seek(partition, to: Offset(90))
        #expect(try await records.next()?.offset == Offset(90))
        await consumer.close()
    }

    @Test(arguments: [CompressionType.none, .gzip, .zstd, .lz4, .snappy])
    func recordsAreReadWhereTheyLie(compression: CompressionType) async throws {
        let cluster = try testCluster()
        let topic = try await cluster.topic()
        let partition = TopicPartition(topic: topic, partition: 0)
        let producer = try Producer(bootstrap: cluster.bootstrap) { $0.compression = compression }
        let headers = [
            RecordHeader(key: "a", value: [1, 2]), RecordHeader(key: "", value: nil),
        ]
        let sent = [
            ProducerRecord(topic: topic, partition: 0, key: [9], value: [7, 8], headers: headers),
            ProducerRecord(topic: topic, partition: 0, key: nil, value: nil),
            ProducerRecord(topic: topic, partition: 0, key: [], value: []),
        ]
        for record in sent { try await producer.enqueue(record) }
        try await producer.close()
        let consumer = try Consumer(bootstrap: testCluster().bootstrap) {
            $0.offsetReset = .earliest
        }
        try consumer.assign([partition])
        var seen: [ConsumerRecord] = []
        for try await record in consumer.records {
            seen.append(record)
            if seen.count == sent.count { break }
        }
        for (record, wanted) in zip(seen, sent) {
            #expect(record.key == wanted.key && record.value == wanted.value)
            #expect(record.headers == wanted.headers)
            #expect(record.keySize == wanted.key?.count)
            #expect(record.withValue { $0.count } == wanted.value?.count)
        }
        #expect(Set(seen).count == 3 && seen[0] == seen[0])
        await consumer.close()
    }

    @Test func aPausedPartitionGivesNothingUntilItIsResumed() async throws {
        let partition = try await produce(10)
        let consumer = try Consumer(bootstrap: testCluster().bootstrap) {
            $0.offsetReset = .earliest
        }
        try consumer.assign([partition])
        try consumer.pause([partition])
        #expect(try await consumer.poll(timeout: .milliseconds(200)) == nil)
        try consumer.resume([partition])
        let batch = try await consumer.poll(timeout: .seconds(30))
        #expect(batch?.records.first?.offset == .zero)
        await consumer.close()
    }

    @Test func anOffsetOutOfRangeIsToldOrReset() async throws {
        let partition = try await produce(10)
        let strict = try Consumer(bootstrap: testCluster().bootstrap) { $0.offsetReset = .none }
        try strict.assign([partition])
        try strict.seek(partition, to: Offset(11))
        await #expect(throws: ClientError.self) { _ = try await next(strict) }
        await strict.close()
        let lenient = try Consumer(bootstrap: testCluster().bootstrap) {
            $0.offsetReset = .earliest
        }
        try lenient.assign([partition])
        try lenient.seek(partition, to: Offset(11))
        #expect(try await next(lenient) == Offset(0))
        await lenient.close()
    }

    @Test func aReaderThatStallsStopsTheFetching() async throws {
        let partition = try await produce(3000, value: 1000)
        let consumer = try Consumer(bootstrap: testCluster().bootstrap) {
            $0.offsetReset = .earliest
            $0.bufferBytes = 200_000
            $0.partitionMaxBytes = 100_000
        }
        try consumer.assign([partition])
        var expected: Int64 = 0
        for try await record in consumer.records {
            #expect(record.offset == Offset(expected))
            // A batch may be larger than the limit, so one more may have come.
            if expected == 5 { #expect(consumer.bufferedBytes <= 320_000) }
            expected += 1
            if expected == 3000 { break }
        }
        await consumer.close()
    }

    @Test func aTopicThatIsNotThereIsTold() async throws {
        let topic = try testCluster().name("no")
        let consumer = try Consumer(bootstrap: testCluster().bootstrap) {
            $0.network.createsTopics = false
            $0.apiTimeout = .seconds(4)
        }
        await #expect(throws: ClientError.broker(.unknownTopicOrPartition, message: topic)) {
            try await consumer.assign(topic: topic)
        }
        await consumer.close()
    }

    @Test func aCancelledReaderEnds() async throws {
        let partition = try await produce(1)
        let consumer = try Consumer(bootstrap: testCluster().bootstrap)
        try consumer.assign([partition])
        let reading = Task { try await next(consumer) }
        reading.cancel()
        #expect(try await reading.value == nil)
        await consumer.close()
    }
}
