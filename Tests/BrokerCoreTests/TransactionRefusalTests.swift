import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore

/// What requests within transactions are refused for, and what they may have beside it.
@Suite struct TransactionRefusalTests {
    let node: TestNode
    let client: TestClient

    init() throws {
        node = try TestNode()
        client = node.connect()
        try client.createTopic("a", partitions: 2)
    }

    private func errors(_ request: ProduceRequest, version: Int16) throws -> [KafkaError?] {
        try client.call(request, version: version).responses.flatMap(\.partitionResponses).map {
            KafkaError(rawValue: $0.errorCode)
        }
    }

    @Test func recordsOfTwoProducersInOneRequestAreRefused() throws {
        var one = try TestProducer(client, "one")
        var two = try TestProducer(client, "two")
        var request = try one.request(["x"], to: "a")
        let other = try two.request(["y"], to: "a", partition: 1)
        request.topicData[0].partitionData += other.topicData[0].partitionData
        let refused = KafkaError.invalidProducerIDMapping
        #expect(try errors(request, version: 12) == [refused, refused])
        #expect(try client.fetch("a").isEmpty)
        #expect(try client.fetch("a", partition: 1).isEmpty)
    }

    @Test func recordsOutsideOfTheTransactionMayGoWithIt() throws {
        var producer = try TestProducer(client, "tx")
        var request = try producer.request(["inside"], to: "a")
        let plain = try TestRecords.batch(["outside"], timestamp: node.clock.now.wallMs)
        request.topicData[0].partitionData.append(.init(index: 1, records: .bytes(plain)))
        #expect(try errors(request, version: 12) == [KafkaError.none, KafkaError.none])
        #expect(try client.state(of: "tx").topics.first?.partitions == [0])
        #expect(try producer.end(commits: false) == KafkaError.none)
        #expect(try client.committed("a") == [])
        #expect(try client.committed("a", partition: 1) == ["outside"])
    }

    /// An older client does not know that its last transaction may not be complete yet.
    @Test func anOlderClientTriesAgainWhileTheTransactionBeforeIsCompleted() throws {
        var producer = try TestProducer(client, "tx")
        producer.raisesEpochs = false
        #expect(try producer.add("a", [0, 1]) == [KafkaError.none, KafkaError.none])
        #expect(try producer.produce(["one"], to: "a") == KafkaError.none)
        #expect(try producer.produce(["one"], to: "a", partition: 1) == KafkaError.none)
        try node.showLeader(2, of: "a", [1])
        #expect(try producer.end(commits: true) == KafkaError.none)
        #expect(try client.state(of: "tx").transactionState == "PrepareCommit")
        #expect(try producer.produce(["two"], to: "a") == .notEnoughReplicas)
        #expect(try client.committed("a") == ["one"])
    }

    @Test func offsetsAreTakenUnseenWhereVerificationIsTurnedOff() throws {
        let node = try TestNode {
            $0.staticConfigs["transaction.partition.verification.enable"] = "false"
        }
        let client = node.connect()
        try client.createTopic("a")
        _ = try client.call(FindCoordinatorRequest(keyType: 0, coordinatorKeys: ["group"]))
        let producer = try TestProducer(client, "tx")
        let answer = try client.call(
            TxnOffsetCommitRequest(
                transactionalID: "tx", groupID: "group", producerID: producer.id,
                producerEpoch: producer.epoch,
                topics: [
                    .init(name: "a", partitions: [.init(partitionIndex: 0, committedOffset: 1)])
                ]), version: 4)
        #expect(answer.topics[0].partitions.map(\.errorCode) == [0])
        #expect(try client.state(of: "tx").transactionState == "Empty", "it was not asked")
    }

    @Test func aMarkerThatIsNotReplicatedInTimeIsTriedAgain() throws {
        var producer = try TestProducer(client, "tx")
        #expect(try producer.produce(["one"], to: "a") == KafkaError.none)
        let request = WriteTxnMarkersRequest(markers: [
            .init(
                producerID: producer.id, producerEpoch: producer.epoch, transactionResult: false,
                topics: [.init(name: "a", partitionIndexes: [0])], coordinatorEpoch: 0)
        ])
        let version = APIKey.writeTxnMarkers.validVersions.upperBound
        node.holdsFlushes = true
        try client.send(request, version: version)
        let patience = node.view.transactionSettings.markerTimeoutMs
        node.advance(ms: patience - 1)
        #expect(try client.receive(WriteTxnMarkersResponse.self, version: version) == nil)
        node.advance(ms: 1)
        let answer = try #require(
            try client.receive(WriteTxnMarkersResponse.self, version: version))
        #expect(
            answer.message.markers[0].topics[0].partitions.map(\.errorCode)
                == [KafkaError.requestTimedOut.rawValue])
        node.holdsFlushes = false
        node.flush()
        #expect(try client.committed("a") == [])
    }

    @Test func transactionsAreNotListedWhileAShardLoads() throws {
        _ = try TestProducer(client, "tx")
        let shard = try #require(node.view.transactionShard(of: "other"))
        _ = shard.beginLoading(LeaderEpoch(99))
        let answer = try client.call(ListTransactionsRequest())
        #expect(answer.errorCode == KafkaError.coordinatorLoadInProgress.rawValue)
        #expect(answer.transactionStates.isEmpty)
    }
}
