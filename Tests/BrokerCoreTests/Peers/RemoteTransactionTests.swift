import ClusterController
import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore

extension TestNode {
    /// Lets the event loops see another broker, at other:9092, as the leader of partitions.
    func showLeader(_ broker: Int32, of topic: String, _ partitions: [Int32]) throws {
        var image = view.image
        var delta = MetadataDelta()
        try image.replay(
            .registerBrokerRecord(
                RegisterBrokerRecord(
                    brokerID: broker,
                    endPoints: [.init(name: "PLAINTEXT", host: "other", port: 9092)],
                    fenced: false)),
            noting: &delta)
        let id = try #require(image.topics[topic]?.id)
        for partition in partitions {
            try image.replay(
                .partitionChangeRecord(
                    PartitionChangeRecord(
                        partitionID: partition, topicID: id, isr: [broker], leader: broker,
                        replicas: [broker])),
                noting: &delta)
        }
        // A shard that is not in charge any more stays, idle.
        if topic == TopicName.transactionState {
            for partition in partitions {
                _ = view.coordinators.transactions[partition]?.deactivate()
            }
        }
        let changed = BrokerView(
            controller: Controller(image: image, settings: view.controller.settings),
            activeController: view.activeController, imageOffset: view.imageOffset,
            settings: view.settings, directories: view.directories,
            topics: controller.table.topics, idsByName: controller.table.idsByName,
            coordinators: view.coordinators)
        for loop in loops { loop.published(changed) }
    }
}

extension PeerOutcome {
    static func answer(_ message: some KafkaResponse, version: Int16) throws -> PeerOutcome {
        .answered(version: version, body: try message.encoded(version: version))
    }
}

/// Transactions whose partitions or coordinator are on another broker.
@Suite struct RemoteTransactionTests {
    let node: TestNode
    let client: TestClient

    init() throws {
        node = try TestNode()
        client = node.connect()
        try client.createTopic("a", partitions: 3)
    }

    private func markers(
        _ sent: (loop: Int32?, request: PeerRequest)
    ) throws -> WriteTxnMarkersRequest {
        #expect(sent.request.node == BrokerID(2))
        #expect(sent.request.to == PeerEndpoint(host: "other", port: 9092))
        return try #require(sent.request.message as? WriteTxnMarkersRequest)
    }

    private func written(
        _ request: WriteTxnMarkersRequest, _ error: KafkaError
    ) throws -> PeerOutcome {
        let answer = WriteTxnMarkersResponse(
            markers: request.markers.map { marker in
                .init(
                    producerID: marker.producerID,
                    topics: marker.topics.map { topic in
                        .init(
                            name: topic.name,
                            partitions: topic.partitionIndexes.map {
                                .init(partitionIndex: $0, errorCode: error.rawValue)
                            })
                    })
            })
        return try .answer(answer, version: 2)
    }

    @Test func markersGoToWhoeverLeadsUntilTheyAreWritten() throws {
        var producer = try TestProducer(client, "tx")
        for partition in 0..<3 as Range<Int32> {
            #expect(
                try producer.produce(["one"], to: "a", partition: partition) == KafkaError.none)
        }
        try node.showLeader(2, of: "a", [1, 2])
        #expect(try producer.end(commits: true) == KafkaError.none)
        #expect(try client.state(of: "tx").transactionState == "PrepareCommit")
        var sent = node.takePeerRequests()
        #expect(sent.count == 1)
        var request = try markers(sent[0])
        #expect(request.markers.count == 1)
        let marker = try #require(request.markers.first)
        #expect(marker.producerID == producer.id && marker.transactionResult)
        #expect(marker.topics.first?.partitionIndexes == [1, 2])

        for outcome in [
            try written(request, .notLeaderOrFollower), .failed(.closed("reset")),
            .failed(.timedOut), try .answer(WriteTxnMarkersResponse(), version: 2),
        ] {
            node.answerPeer(sent[0], outcome)
            #expect(node.takePeerRequests().isEmpty, "there is a pause first")
            node.advance(ms: 100)
            sent = node.takePeerRequests()
            try #require(sent.count == 1)
            request = try markers(sent[0])
        }
        node.answerPeer(sent[0], try written(request, .none))
        #expect(try client.state(of: "tx").transactionState == "CompleteCommit")
    }

    /// So many producers write to a partition that another broker leads by the time they end: the
    /// requests for it that are sent at once.
    private func endTransactions(
        _ count: Int, commits: Bool
    ) throws -> [(loop: Int32?, request: PeerRequest)] {
        var producers: [TestProducer] = []
        for number in 0..<count {
            var producer = try TestProducer(client, "tx-\(number)")
            #expect(try producer.produce(["one"], to: "a", partition: 1) == KafkaError.none)
            producers.append(producer)
        }
        try node.showLeader(2, of: "a", [1])
        for index in producers.indices { _ = try producers[index].end(commits: commits) }
        let sent = node.takePeerRequests()
        #expect(sent.count == MarkerOutbox.maxInFlight)
        return sent
    }

    @Test func markersThatWaitGoInOneRequest() throws {
        let count = MarkerOutbox.maxInFlight + 3
        let sent = try endTransactions(count, commits: false)
        node.answerPeer(sent[0], try written(try markers(sent[0]), .none))
        let rest = node.takePeerRequests()
        #expect(rest.count == 1)
        #expect(try markers(rest[0]).markers.count == 3)
        for one in sent.dropFirst() + rest {
            node.answerPeer(one, try written(try markers(one), .none))
        }
        for number in 0..<count {
            #expect(try client.state(of: "tx-\(number)").transactionState == "CompleteAbort")
        }
    }

    /// The broker that led is gone from the metadata before the rest was sent to it.
    @Test func markersForABrokerThatIsGoneGoToTheNextLeader() throws {
        let count = MarkerOutbox.maxInFlight + 2
        let sent = try endTransactions(count, commits: true)
        for loop in node.loops { loop.published(node.view) }
        for one in sent { node.answerPeer(one, .failed(.closed("gone"))) }
        #expect(node.takePeerRequests().isEmpty)
        node.advance(ms: 100)
        #expect(node.takePeerRequests().isEmpty, "the partition is led here")
        for number in 0..<count {
            #expect(try client.state(of: "tx-\(number)").transactionState == "CompleteCommit")
        }
        #expect(try client.committed("a", partition: 1).count == count)
    }

    /// Between two questions the coordinator moves to this node, which has not loaded it yet.
    @Test func aCoordinatorThatMovesMeanwhileIsAskedWhereItIs() throws {
        var producer = try TestProducer(client, "tx")
        let partitions = try #require(node.view.image.topics[TopicName.transactionState])
        try node.showLeader(
            2, of: TopicName.transactionState, partitions.partitions.map(\.id))
        try client.send(try producer.request(["one"], to: "a"), version: 12)
        let sent = node.takePeerRequests()
        try #require(sent.count == 1)
        let busy = AddPartitionsToTxnResponse(resultsByTransaction: [
            .init(
                transactionalID: "tx",
                topicResults: [
                    .init(
                        name: "a",
                        resultsByPartition: [
                            .init(
                                partitionIndex: 0,
                                partitionErrorCode: KafkaError.concurrentTransactions.rawValue)
                        ])
                ])
        ])
        node.answerPeer(sent[0], try .answer(busy, version: 5))
        for loop in node.loops { loop.published(node.view) }
        node.advance(ms: 20)
        #expect(node.takePeerRequests().isEmpty)
        let produced = try #require(
            try client.receive(ProduceResponse.self, version: 12)?.message.responses.first?
                .partitionResponses.first)
        #expect(produced.errorCode == KafkaError.notEnoughReplicas.rawValue)
    }

    @Test func partitionsJoinATransactionOfAnotherBroker() throws {
        var producer = try TestProducer(client, "tx")
        let partitions = try #require(node.view.image.topics[TopicName.transactionState])
        try node.showLeader(
            2, of: TopicName.transactionState, partitions.partitions.map(\.id))
        let request = try producer.request(["one"], to: "a")
        try client.send(request, version: 12)
        func question() throws -> (loop: Int32?, request: PeerRequest) {
            let sent = node.takePeerRequests()
            try #require(sent.count == 1)
            let asked = try #require(sent[0].request.message as? AddPartitionsToTxnRequest)
            let transaction = try #require(asked.transactions.first)
            #expect(transaction.transactionalID == "tx" && !transaction.verifyOnly)
            #expect(transaction.topics.first?.partitions == [0])
            return sent[0]
        }
        func answer(_ error: KafkaError) throws -> PeerOutcome {
            try .answer(
                AddPartitionsToTxnResponse(resultsByTransaction: [
                    .init(
                        transactionalID: "tx",
                        topicResults: [
                            .init(
                                name: "a",
                                resultsByPartition: [
                                    .init(partitionIndex: 0, partitionErrorCode: error.rawValue)
                                ])
                        ])
                ]), version: 5)
        }
        node.answerPeer(try question(), try answer(.concurrentTransactions))
        #expect(node.takePeerRequests().isEmpty)
        node.advance(ms: 20)
        node.answerPeer(try question(), try answer(.none))
        let produced = try #require(
            try client.receive(ProduceResponse.self, version: 12)?.message.responses.first?
                .partitionResponses.first)
        #expect(produced.errorCode == KafkaError.none.rawValue)
    }

    @Test func aCoordinatorThatIsNotReachedMakesTheProducerTryAgain() throws {
        var producer = try TestProducer(client, "tx")
        let partitions = try #require(node.view.image.topics[TopicName.transactionState])
        try node.showLeader(
            2, of: TopicName.transactionState, partitions.partitions.map(\.id))
        try client.send(try producer.request(["one"], to: "a"), version: 12)
        let sent = node.takePeerRequests()
        try #require(sent.count == 1)
        node.answerPeer(sent[0], .failed(.unreachable("refused")))
        let produced = try #require(
            try client.receive(ProduceResponse.self, version: 12)?.message.responses.first?
                .partitionResponses.first)
        #expect(produced.errorCode == KafkaError.notEnoughReplicas.rawValue)
    }
}
