import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore
@testable import ClientCore

/// A consumer that is told what to read, against a node.
@Suite struct ConsumerTests {
    private let world: ConsumerWorld
    private let producer: TestClient
    private static let first = TopicPartition(topic: "words", partition: 0)
    private static let second = TopicPartition(topic: "words", partition: 1)

    init() throws {
        let node = try GroupNodeTests.node()
        world = ConsumerWorld(node)
        producer = node.connect()
    }

    private func texts(_ range: Range<Int>) -> [String] { range.map { "v\($0)" } }

    private func produce(_ range: Range<Int>, to partition: Int32 = 0) throws {
        for text in texts(range) {
            try producer.produce([text], to: "words", partition: partition)
        }
    }

    @Test func everythingIsReadInOrder() throws {
        try produce(0..<5)
        try produce(5..<8, to: 1)
        let consumer = world.add()
        try consumer.core.assign([Self.first, Self.second], now: consumer.now)
        try world.run { consumer.all.count == 8 }
        #expect(consumer.values[Self.first] == texts(0..<5))
        #expect(consumer.values[Self.second] == texts(5..<8))
        try produce(8..<10)
        try world.run { consumer.all.count == 10 }
        #expect(consumer.values[Self.first] == texts(0..<5) + texts(8..<10))
        #expect(try consumer.core.position(Self.first) == Offset(7))
        #expect(consumer.core.lag(Self.first) == 0)
        #expect(consumer.errors.isEmpty)
        #expect(consumer.core.bufferedBytes == 0)
    }

    /// Brokers of earlier versions: names in the place of ids, no sessions, no epochs.
    @Test(arguments: [
        [APIKey.fetch: Int16(12)], [.fetch: 6, .listOffsets: 3, .metadata: 6],
        [.fetch: 4, .listOffsets: 1, .metadata: 4, .offsetForLeaderEpoch: 1],
    ])
    func olderBrokersAreReadFrom(_ versions: [APIKey: Int16]) throws {
        try produce(0..<3)
        let consumer = world.add(versions: versions)
        try consumer.core.assign([Self.first], now: consumer.now)
        try world.run { consumer.all.count == 3 }
        try produce(3..<5)
        try world.run { consumer.all.count == 5 }
        #expect(consumer.values[Self.first] == texts(0..<5))
    }

    @Test func readingGoesOnWhereItIsTold() throws {
        try produce(0..<6)
        let consumer = world.add { $0.offsetReset = .latest }
        try consumer.core.assign([Self.first], now: consumer.now)
        try world.run { try consumer.core.position(Self.first) == Offset(6) }
        try consumer.core.seek(Self.first, to: Offset(4))
        try world.run { consumer.all.count == 2 }
        #expect(consumer.values[Self.first] == ["v4", "v5"])
        try consumer.core.seek(Self.first, toBeginning: true)
        #expect(try consumer.core.position(Self.first) == nil)
        try world.run { consumer.all.count == 8 }
        try consumer.core.seek(Self.first, toBeginning: false)
        try world.run { try consumer.core.position(Self.first) == Offset(6) }
        #expect(throws: ClientError.self) { try consumer.core.seek(Self.second, to: .zero) }
    }

    @Test func aPausedPartitionGivesNothing() throws {
        try produce(0..<2)
        let consumer = world.add()
        try consumer.core.assign([Self.first, Self.second], now: consumer.now)
        try world.run { consumer.all.count == 2 }
        try consumer.core.setPaused(true, Self.first)
        try produce(2..<4)
        try produce(4..<5, to: 1)
        try world.run { consumer.all.count == 3 }
        try world.run(seconds: 2)
        #expect(consumer.values[Self.first] == texts(0..<2))
        try consumer.core.setPaused(false, Self.first)
        try world.run { consumer.all.count == 5 }
        #expect(consumer.values[Self.first] == texts(0..<4))
    }

    @Test func aReaderThatStallsStopsTheFetching() throws {
        for number in 0..<8 {
            try producer.produce([String(repeating: "x", count: 500 + number)], to: "words")
        }
        let consumer = world.add {
            $0.bufferBytes = 1500
            $0.partitionMaxBytes = 700
        }
        consumer.isIdle = true
        try consumer.core.assign([Self.first], now: consumer.now)
        try world.run(seconds: 5)
        #expect((1...2200).contains(consumer.core.bufferedBytes))
        consumer.isIdle = false
        try world.run { consumer.all.count == 8 }
        #expect(consumer.core.bufferedBytes == 0)
    }

    @Test func offsetsAreFoundByTime() throws {
        try produce(0..<2)
        world.node.advance(ms: 1000)
        let time = world.node.clock.now.wallMs
        try produce(2..<3)
        let consumer = world.add()
        for (waiter, timestamp) in [(UInt64(1), time), (2, -1), (3, -2), (4, time + 5000)] {
            consumer.core.lookUp([Self.first: timestamp], waiter: waiter, now: consumer.now)
        }
        consumer.core.findPartitions(of: "words", waiter: 1, now: consumer.now)
        try world.run { consumer.offsets.count == 4 && consumer.partitions.count == 1 }
        #expect(try consumer.offsets[1]?.get()[Self.first]?.offset == Offset(2))
        #expect(try consumer.offsets[1]?.get()[Self.first]?.timestamp == time)
        #expect(try consumer.offsets[2]?.get()[Self.first]?.offset == Offset(3))
        #expect(try consumer.offsets[3]?.get()[Self.first]?.offset == Offset(0))
        let late = try #require(try consumer.offsets[4]?.get()[Self.first])
        #expect(late.offset == nil)
        #expect(try consumer.partitions[1]?.get() == [0, 1])
    }

    @Test func whatIsNotThereIsSaidInTheEnd() throws {
        let nowhere = TopicPartition(topic: "nowhere", partition: 0)
        let consumer = world.add {
            $0.apiTimeout = .seconds(5)
            $0.network.createsTopics = false
        }
        consumer.core.lookUp([nowhere: -1], waiter: 1, now: consumer.now)
        consumer.core.findPartitions(of: "nowhere", waiter: 1, now: consumer.now)
        try world.run { consumer.offsets.count == 1 && consumer.partitions.count == 1 }
        #expect(throws: ClientError.self) { try consumer.offsets[1]?.get() }
        #expect(throws: ClientError.broker(.unknownTopicOrPartition, message: "nowhere")) {
            try consumer.partitions[1]?.get()
        }
    }

    @Test func anOffsetOutOfRangeIsResetOrTold() throws {
        try produce(0..<3)
        let bold = world.add()
        try bold.core.assign([Self.first], now: bold.now)
        try bold.core.seek(Self.first, to: Offset(100))
        let careful = world.add { $0.offsetReset = .none }
        try careful.core.assign([Self.first, Self.second], now: careful.now)
        try careful.core.seek(Self.first, to: Offset(100))
        try world.run { bold.all.count == 3 && !careful.errors.isEmpty }
        guard case .offsetOutOfRange? = careful.errors.first else {
            Issue.record("another error: \(careful.errors)")
            return
        }
        try careful.core.seek(Self.first, to: Offset(2))
        try world.run { careful.all == ["v2"] }
    }

    /// A leader says that it is none, and a session is forgotten: both pass.
    @Test(arguments: [
        KafkaError.notLeaderOrFollower, .fetchSessionIDNotFound, .invalidFetchSessionEpoch,
    ])
    func aRefusedFetchIsMadeAgain(_ error: KafkaError) throws {
        try produce(0..<2)
        let consumer = world.add()
        var refusals = 0
        consumer.distort = { key, version, body in
            guard key == .fetch, refusals < 3 else { return body }
            refusals += 1
            return try edited(FetchResponse.self, body, version) { answer in
                if error == .notLeaderOrFollower {
                    for topic in answer.responses.indices {
                        for part in answer.responses[topic].partitions.indices {
                            answer.responses[topic].partitions[part].errorCode = error.code
                            answer.responses[topic].partitions[part].records = .null
                        }
                    }
                } else {
                    answer.errorCode = error.code
                    answer.responses = []
                }
            }
        }
        try consumer.core.assign([Self.first], now: consumer.now)
        try world.run { consumer.all.count == 2 }
        #expect(refusals == 3)
        #expect(consumer.errors.isEmpty)
    }

    @Test func aRefusalThatStaysIsTold() throws {
        try produce(0..<2)
        let consumer = world.add()
        consumer.distort = { key, version, body in
            guard key == .fetch else { return body }
            return try edited(FetchResponse.self, body, version) { answer in
                for topic in answer.responses.indices {
                    for part in answer.responses[topic].partitions.indices {
                        answer.responses[topic].partitions[part].errorCode =
                            KafkaError.topicAuthorizationFailed.code
                        answer.responses[topic].partitions[part].records = .null
                    }
                }
            }
        }
        try consumer.core.assign([Self.first], now: consumer.now)
        try world.run { !consumer.errors.isEmpty }
        #expect(consumer.errors.first?.kafkaError == .topicAuthorizationFailed)
        try world.run(seconds: 5)
        #expect(consumer.errors.count == 1)
    }

    @Test func brokenConnectionsAndNonsenseAreSurvived() throws {
        try produce(0..<4)
        let consumer = world.add()
        var number = 0
        consumer.distort = { key, _, body in
            guard key == .fetch || key == .listOffsets || key == .metadata else { return body }
            number += 1
            return number % 3 == 1 ? nil : number % 5 == 2 ? [1, 2, 3] : body
        }
        try consumer.core.assign([Self.first], now: consumer.now)
        try world.run(seconds: 120) { consumer.all.count == 4 }
        #expect(consumer.values[Self.first] == texts(0..<4))
    }

    /// After an election the new leader's log may be shorter (KIP-320).
    @Test(arguments: [OffsetReset.earliest, .none])
    func aLogThatWasCutIsNoticed(_ reset: OffsetReset) throws {
        try produce(0..<6)
        let consumer = world.add {
            $0.offsetReset = reset
            $0.network.metadataMaxAge = .seconds(1)
        }
        try consumer.core.assign([Self.first], now: consumer.now)
        if reset == .none { try consumer.core.seek(Self.first, to: .zero) }
        try world.run { consumer.all.count == 6 }
        consumer.distort = { key, version, body in
            switch key {
            case .metadata:
                return try edited(MetadataResponse.self, body, version) { answer in
                    for topic in answer.topics.indices {
                        for part in answer.topics[topic].partitions.indices {
                            answer.topics[topic].partitions[part].leaderEpoch += 1
                        }
                    }
                }
            case .offsetForLeaderEpoch:
                return try edited(OffsetForLeaderEpochResponse.self, body, version) { answer in
                    answer.topics[0].partitions[0].errorCode = 0
                    answer.topics[0].partitions[0].leaderEpoch = 0
                    answer.topics[0].partitions[0].endOffset = 4
                }
            default: return body
            }
        }
        if reset == .none {
            try world.run { !consumer.errors.isEmpty }
            guard case .logTruncated? = consumer.errors.first else {
                Issue.record("another error: \(consumer.errors)")
                return
            }
        } else {
            try world.run { try consumer.core.position(Self.first) == Offset(4) }
            #expect(consumer.asked.contains(.offsetForLeaderEpoch))
        }
    }

    @Test func theEndEndsAllThatIsAsked() throws {
        let consumer = world.add(group: "g")
        try world.run(seconds: 1)
        consumer.isHalted = true
        consumer.core.lookUp([Self.first: -1], waiter: 1, now: consumer.now)
        consumer.core.findPartitions(of: "words", waiter: 2, now: consumer.now)
        try consumer.core.commit(
            [Self.first: CommittedOffset(Offset(1))], waiter: 3, now: consumer.now)
        try consumer.core.fetchCommitted([Self.first], waiter: 4, now: consumer.now)
        consumer.core.shutDown(now: consumer.now)
        consumer.isHalted = false
        _ = try consumer.step()
        #expect(consumer.offsets[1] == .failure(.closed))
        #expect(consumer.partitions[2] == .failure(.closed))
        #expect(consumer.commits[3] == .some(.closed))
        #expect(consumer.committed[4] == .failure(.closed))
        #expect(consumer.core.nextWake == nil)
    }
}
