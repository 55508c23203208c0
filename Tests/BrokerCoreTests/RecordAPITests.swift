import KafkaProtocol
import KafkaRecords
import KafkaWire
import LogStorage
import Testing

@testable import BrokerCore

/// Produce, Fetch, ListOffsets, OffsetForLeaderEpoch, DeleteRecords, InitProducerId,
/// DescribeProducers.
@Suite struct RecordAPITests {
    private func code(_ raw: Int16) -> KafkaError? { KafkaError(rawValue: raw) }

    // MARK: Produce

    private func produce(
        _ client: TestClient, _ batch: [UInt8], to topic: String = "words", partition: Int32 = 0,
        acks: Int16 = -1, version: Int16 = 12
    ) throws -> KafkaError? {
        let request = TestClient.produceRequest(
            batch, to: topic, partition: partition, acks: acks)
        let response = try client.call(request, version: version)
        return code(response.responses[0].partitionResponses[0].errorCode)
    }

    /// A message of format 1: offset, size, CRC, magic, attributes, timestamp, no key, a value.
    private static let oldMessage: [UInt8] =
        Array(repeating: 0, count: 11) + [23, 0, 0, 0, 0, 1, 0]
        + Array(repeating: 0, count: 8) + [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1, 0x78]

    @Test func eachFlawOfAProduceRequestHasItsCode() throws {
        let client = try TestNode().connect()
        try client.createTopic("words")
        try client.createTopic("__consumer_offsets")
        let good = try TestRecords.batch(["x"])
        #expect(try produce(client, good, to: "missing") == .unknownTopicOrPartition)
        #expect(try produce(client, good, partition: 1) == .unknownTopicOrPartition)
        #expect(try produce(client, good, partition: -1) == .unknownTopicOrPartition)
        #expect(try produce(client, good, acks: 2) == .invalidRequiredAcks)
        #expect(try produce(client, good, to: "__consumer_offsets") == .invalidTopicException)
        #expect(try produce(client, []) == .invalidRecord)
        #expect(try produce(client, Array(good.dropLast())) == .corruptMessage)
        var flipped = good
        flipped[flipped.count - 1] ^= 1
        #expect(try produce(client, flipped) == .corruptMessage)
        #expect(try produce(client, good + good) == .invalidRecord)
        #expect(try produce(client, Self.oldMessage) == .invalidRecord)
        var unknown = good
        unknown[16] = 3
        #expect(try produce(client, unknown) == .corruptMessage)
        let zstd = try TestRecords.batch(["x"], .init(compression: .zstd))
        #expect(try produce(client, zstd, version: 6) == .unsupportedCompressionType)
        #expect(try produce(client, zstd, version: 7) == KafkaError.none)
        #expect(try produce(client, good) == KafkaError.none)
    }

    @Test func topicsAreNamedByIDFromVersion13() throws {
        let client = try TestNode().connect()
        let id = try client.createTopic("words")
        func produce(_ id: KafkaUUID) throws -> KafkaError? {
            var request = TestClient.produceRequest(try TestRecords.batch(["x"]), to: "")
            request.topicData[0].topicID = id
            let response = try client.call(request, version: 13)
            return code(response.responses[0].partitionResponses[0].errorCode)
        }
        #expect(try produce(id) == KafkaError.none)
        #expect(try produce(KafkaUUID(high: 8, low: 8)) == .unknownTopicID)
    }

    @Test func acksZeroHasNoAnswerAndErrorsCloseTheConnection() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words")
        let good = try TestRecords.batch(["x"])
        try client.send(TestClient.produceRequest(good, to: "words", acks: 0), version: 12)
        #expect(try client.receive(ProduceResponse.self, version: 12) == nil)
        #expect(try client.fetch("words").map(\.text) == ["x"])
        try client.send(TestClient.produceRequest(good, to: "missing", acks: 0), version: 12)
        #expect(client.closeReason?.contains("UNKNOWN_TOPIC_OR_PARTITION") == true)
    }

    @Test func acksAllTimesOut() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words")
        node.holdsFlushes = true
        try client.send(
            TestClient.produceRequest(try TestRecords.batch(["x"]), to: "words"), version: 12)
        node.advance(ms: 999)
        #expect(try client.receive(ProduceResponse.self, version: 12) == nil)
        node.advance(ms: 1)
        let answer = try #require(try client.receive(ProduceResponse.self, version: 12))
        #expect(
            code(answer.message.responses[0].partitionResponses[0].errorCode) == .requestTimedOut)
    }

    @Test func anIdempotentProducerIsNeverDoubled() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words")
        let made = try client.call(InitProducerIDRequest(transactionalID: nil))
        #expect(made.errorCode == 0 && made.producerEpoch == 0)
        func batch(_ sequence: Int32) throws -> [UInt8] {
            try TestRecords.batch(
                ["s\(sequence)"],
                .init(
                    producerID: ProducerID(made.producerID), producerEpoch: made.producerEpoch,
                    baseSequence: sequence))
        }
        #expect(try produce(client, batch(0)) == KafkaError.none)
        #expect(try produce(client, batch(1)) == KafkaError.none)
        #expect(try produce(client, batch(1)) == KafkaError.none)
        #expect(try produce(client, batch(3)) == .outOfOrderSequenceNumber)
        let next = try node.restartedAfterPowerCut()
        #expect(try produce(next.connect(), batch(1)) == KafkaError.none)
        #expect(try produce(next.connect(), batch(2)) == KafkaError.none)
        #expect(try next.connect().fetch("words").map(\.text) == ["s0", "s1", "s2"])
        let described = try next.connect().call(
            DescribeProducersRequest(topics: [.init(name: "words", partitionIndexes: [0, 1])]))
        let partitions = described.topics[0].partitions
        #expect(partitions[0].activeProducers.map(\.lastSequence) == [2])
        #expect(code(partitions[1].errorCode) == .unknownTopicOrPartition)
        // Ids never come twice, whatever happened.
        let other = try next.connect().call(InitProducerIDRequest(transactionalID: nil))
        #expect(other.producerID > made.producerID)
    }

    // MARK: Fetch

    private func fetchCode(_ client: TestClient, _ request: FetchRequest) throws -> KafkaError? {
        code(try client.call(request, version: 12).responses[0].partitions[0].errorCode)
    }

    @Test func offsetsOutOfRangeAreTold() throws {
        let client = try TestNode().connect()
        try client.createTopic("words")
        try client.produce(["a", "b"], to: "words")
        #expect(
            try fetchCode(client, TestClient.fetchRequest("words", from: 3)) == .offsetOutOfRange)
        #expect(
            try fetchCode(client, TestClient.fetchRequest("words", from: -1)) == .offsetOutOfRange)
        #expect(try fetchCode(client, TestClient.fetchRequest("words", from: 2)) == KafkaError.none)
        var fenced = TestClient.fetchRequest("words")
        let epoch = try client.call(MetadataRequest(topics: nil)).topics[0].partitions[0]
            .leaderEpoch
        fenced.topics[0].partitions[0].currentLeaderEpoch = epoch + 1
        #expect(try fetchCode(client, fenced) == .unknownLeaderEpoch)
    }

    /// A partition that does not exist must not make its client ask without a pause.
    @Test func anUnknownPartitionDoesNotCutTheWaitShort() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words")
        var request = TestClient.fetchRequest("words", maxWaitMs: 500)
        request.topics += TestClient.fetchRequest("missing").topics
        try client.send(request, version: 12)
        #expect(try client.receive(FetchResponse.self, version: 12) == nil)
        node.advance(ms: 500)
        let answer = try #require(try client.receive(FetchResponse.self, version: 12))
        #expect(
            answer.message.responses.map { code($0.partitions[0].errorCode) }
                == [KafkaError.none, .unknownTopicOrPartition])
        // With nothing else to wait for the answer comes at once.
        let alone = TestClient.fetchRequest("missing", maxWaitMs: 500)
        #expect(try fetchCode(client, alone) == .unknownTopicOrPartition)
    }

    @Test func moreBytesThanFitAreNotWaitedFor() throws {
        let client = try TestNode().connect()
        try client.createTopic("words")
        try client.produce([String(repeating: "x", count: 300)], to: "words")
        var request = TestClient.fetchRequest("words", maxWaitMs: 5000, minBytes: 1_000_000)
        request.maxBytes = 100
        #expect(try fetchCode(client, request) == KafkaError.none)
    }

    @Test func aSessionTellsOnlyWhatIsNew() throws {
        let client = try TestNode().connect()
        let id = try client.createTopic("words", partitions: 3)
        func request(_ session: Int32, _ epoch: Int32, _ partitions: [Int32]) -> FetchRequest {
            FetchRequest(
                minBytes: 0, maxBytes: 1 << 20, sessionID: session, sessionEpoch: epoch,
                topics: [
                    .init(
                        topicID: id,
                        partitions: partitions.map {
                            .init(partition: $0, partitionMaxBytes: 1 << 20)
                        })
                ].filter { !$0.partitions.isEmpty })
        }
        let first = try client.call(request(0, 0, [0, 1, 2]), version: 16)
        #expect(first.sessionID != 0)
        #expect(first.responses[0].partitions.count == 3)
        let session = first.sessionID
        #expect(try client.call(request(session, 1, []), version: 16).responses.isEmpty)
        try client.produce(["x"], to: "words", partition: 1)
        let second = try client.call(request(session, 2, []), version: 16)
        #expect(second.responses.flatMap(\.partitions).map(\.partitionIndex) == [1])
        let stale = try client.call(request(session, 2, []), version: 16)
        #expect(code(stale.errorCode) == .invalidFetchSessionEpoch)
        let byName = try client.call(request(session, 3, []), version: 12)
        #expect(code(byName.errorCode) == .fetchSessionTopicIDError)
        // A session that forgets all its partitions ends.
        var last = request(session, 3, [])
        last.forgottenTopicsData = [.init(topicID: id, partitions: [0, 1, 2])]
        #expect(try client.call(last, version: 16).sessionID == 0)
        let gone = try client.call(request(session, 4, []), version: 16)
        #expect(code(gone.errorCode) == .fetchSessionIDNotFound)
    }

    @Test func aSessionOfNothingIsNone() throws {
        let client = try TestNode().connect()
        let answer = try client.call(FetchRequest(sessionID: 0, sessionEpoch: 0), version: 16)
        #expect(answer.errorCode == 0 && answer.sessionID == 0 && answer.responses.isEmpty)
    }

    // MARK: Offsets

    /// The latest offset of `words` that a client is told, or `nil` while it waits.
    private func latest(_ client: TestClient) throws -> Int64? {
        try client.receive(ListOffsetsResponse.self, version: 7)?.message.topics.first?
            .partitions.first?.offset
    }

    @Test func whatIsWrittenCountsForTheLatestOffsetOnceItIsSynced() throws {
        let node = try TestNode()
        let writer = node.connect()
        let reader = node.connect()
        try writer.createTopic("words")
        let request = ListOffsetsRequest(
            replicaID: -1,
            topics: [.init(name: "words", partitions: [.init(partitionIndex: 0, timestamp: -1)])])
        node.holdsFlushes = true
        try writer.produce(["a"], to: "words", acks: 1)
        try reader.send(request, version: 7)
        #expect(try latest(reader) == nil)
        node.flush()
        #expect(try latest(reader) == 1)
        // A disk that takes long is not waited for beyond a second.
        try writer.produce(["b"], to: "words", acks: 1)
        try reader.send(request, version: 7)
        node.advance(ms: 999)
        #expect(try latest(reader) == nil)
        node.advance(ms: 1)
        #expect(try latest(reader) == 1)
        node.flush()
        #expect(try latest(reader) == nil)
    }

    @Test func whatMayNotBeAskedIsRefused() throws {
        let client = try TestNode().connect()
        try client.createTopic("words")
        try client.createTopic("__consumer_offsets")
        let epochs = try client.call(
            OffsetForLeaderEpochRequest(
                topics: [.init(topic: "words", partitions: [.init(partition: 9, leaderEpoch: 0)])]))
        #expect(code(epochs.topics[0].partitions[0].errorCode) == .unknownTopicOrPartition)
        let producers = try client.call(
            DescribeProducersRequest(topics: [.init(name: "a b", partitionIndexes: [0])]))
        #expect(code(producers.topics[0].partitions[0].errorCode) == .invalidTopicException)
        #expect(producers.topics[0].partitions[0].errorMessage?.isEmpty == false)
        let deleted = try client.call(
            DeleteRecordsRequest(
                topics: [
                    .init(
                        name: "__consumer_offsets",
                        partitions: [.init(partitionIndex: 0, offset: 0)])
                ], timeoutMs: 1000))
        #expect(code(deleted.topics[0].partitions[0].errorCode) == .invalidTopicException)
    }

    private func list(
        _ client: TestClient, _ timestamps: [Int64], version: Int16? = nil, partition: Int32 = 0
    ) throws -> [ListOffsetsResponse.ListOffsetsPartitionResponse] {
        let version = version ?? APIKey.listOffsets.validVersions.upperBound
        return try timestamps.map { timestamp in
            let request = ListOffsetsRequest(
                topics: [
                    .init(
                        name: "words",
                        partitions: [.init(partitionIndex: partition, timestamp: timestamp)])
                ])
            return try client.call(request, version: version).topics[0].partitions[0]
        }
    }

    @Test func everySpecialTimestampIsAnswered() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words")
        let start = node.clock.now.wallMs
        for (index, late) in [0, 30, 20].enumerated() {
            let batch = try TestRecords.batch(["r\(index)"], timestamp: start + Int64(late))
            #expect(try produce(client, batch) == KafkaError.none)
        }
        let all: [Int64] = [-1, -2, -3, -4, -5, -6, start + 1, start + 25, start + 31]
        let found = try list(client, all)
        #expect(found.map(\.errorCode) == all.map { _ in 0 })
        #expect(found.map(\.offset) == [3, 0, 1, 0, -1, -1, 1, 1, -1])
        #expect(found[2].timestamp == start + 30 && found[6].timestamp == start + 30)
        #expect(found[8].timestamp == -1)
        // Each has a version that it came with.
        let firsts: [(Int64, Int16)] = [(-3, 7), (-4, 8), (-5, 9), (-6, 11)]
        for (timestamp, first) in firsts {
            let before = try list(client, [timestamp], version: first - 1)[0]
            #expect(code(before.errorCode) == .unsupportedVersion)
            #expect(try list(client, [timestamp], version: first)[0].errorCode == 0)
        }
        #expect(code(try list(client, [-7])[0].errorCode) == .unsupportedVersion)
        #expect(code(try list(client, [-1], partition: 9)[0].errorCode) == .unknownTopicOrPartition)
    }

    @Test func aPartitionAskedForTwiceIsRefused() throws {
        let client = try TestNode().connect()
        try client.createTopic("words", partitions: 2)
        let request = ListOffsetsRequest(
            topics: [
                .init(
                    name: "words",
                    partitions: [0, 0, 1].map { .init(partitionIndex: $0, timestamp: -1) })
            ])
        let answer = try client.call(request).topics[0].partitions
        #expect(answer.map(\.partitionIndex) == [0, 1])
        #expect(answer.map { code($0.errorCode) } == [.invalidRequest, KafkaError.none])
    }

    @Test func epochsEndWhereTheNextBegins() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words")
        try client.produce(["a", "b"], to: "words")
        let first = try client.call(MetadataRequest(topics: nil)).topics[0].partitions[0]
            .leaderEpoch
        let next = try node.restarted().connect()
        try next.produce(["c"], to: "words")
        let second = try next.call(MetadataRequest(topics: nil)).topics[0].partitions[0].leaderEpoch
        #expect(second > first)
        func end(_ epoch: Int32, current: Int32 = -1) throws
            -> OffsetForLeaderEpochResponse.EpochEndOffset
        {
            let request = OffsetForLeaderEpochRequest(
                topics: [
                    .init(
                        topic: "words",
                        partitions: [
                            .init(partition: 0, currentLeaderEpoch: current, leaderEpoch: epoch)
                        ])
                ])
            return try next.call(request).topics[0].partitions[0]
        }
        #expect(try end(first).endOffset == 2)
        #expect(try end(second).endOffset == 3)
        #expect(try end(second + 1).endOffset == -1)
        #expect(code(try end(first, current: second - 1).errorCode) == .fencedLeaderEpoch)
        #expect(code(try end(first, current: second + 1).errorCode) == .unknownLeaderEpoch)
    }

    @Test func deletedRecordsNeverComeBack() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words")
        try client.createTopic("compacted", configs: ["cleanup.policy": "compact"])
        try client.createTopic("kept", configs: ["cleanup.policy": ""])
        try client.produce(["a", "b", "c"], to: "words")
        func delete(_ offset: Int64, of topic: String = "words") throws
            -> DeleteRecordsResponse.DeleteRecordsPartitionResult
        {
            let request = DeleteRecordsRequest(
                topics: [
                    .init(name: topic, partitions: [.init(partitionIndex: 0, offset: offset)])
                ], timeoutMs: 1000)
            return try client.call(request).topics[0].partitions[0]
        }
        #expect(code(try delete(4).errorCode) == .offsetOutOfRange)
        #expect(code(try delete(-2).errorCode) == .offsetOutOfRange)
        #expect(code(try delete(0, of: "missing").errorCode) == .unknownTopicOrPartition)
        #expect(code(try delete(0, of: "compacted").errorCode) == .policyViolation)
        #expect(code(try delete(0, of: "kept").errorCode) == KafkaError.none)
        #expect(try delete(2).lowWatermark == 2)
        // A lower offset changes nothing.
        #expect(try delete(1).lowWatermark == 2)
        let next = try node.restartedAfterPowerCut().connect()
        #expect(try fetchCode(next, TestClient.fetchRequest("words", from: 1)) == .offsetOutOfRange)
        #expect(try next.fetch("words", from: 2).map(\.text) == ["c"])
        #expect(try delete(-1).lowWatermark == 3)
        let last = try node.restarted().connect()
        #expect(try fetchCode(last, TestClient.fetchRequest("words", from: 2)) == .offsetOutOfRange)
    }

    /// Checkpoints go by name: what they say of a deleted topic is not true of the next one.
    @Test(arguments: [false, true]) func aTopicOfADeletedOnesNameBeginsAnew(
        isKilledBetween: Bool
    ) throws {
        var node = try TestNode()
        let client = node.connect()
        try client.createTopic("words")
        try client.produce((0..<20).map { "old \($0)" }, to: "words")
        let request = DeleteRecordsRequest(
            topics: [.init(name: "words", partitions: [.init(partitionIndex: 0, offset: 15)])],
            timeoutMs: 1000)
        #expect(try client.call(request).topics[0].partitions[0].lowWatermark == 15)
        for kind in OffsetCheckpoint.Kind.allCases {
            node.maintain { $0.checkpoint(kind) }
        }
        _ = try client.call(
            DeleteTopicsRequest(topics: [.init(name: "words")], timeoutMs: 1000))
        if isKilledBetween { node = try node.restartedAfterKill() }
        let next = node.connect()
        try next.createTopic("words")
        for kind in OffsetCheckpoint.Kind.allCases {
            let file = OffsetCheckpoint(kind, in: "/data", fileSystem: node.fileSystem)
            #expect(try file.read()[TopicPartition(topic: "words", partition: 0)] == nil)
        }
        #expect(try next.produce(["new"], to: "words") == 0)
        let last = try node.restartedAfterPowerCut().connect()
        #expect(try last.fetch("words").map(\.text) == ["new"])
    }
}
