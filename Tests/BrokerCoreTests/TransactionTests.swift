import KafkaProtocol
import KafkaRecords
import KafkaWire
import Testing

@testable import BrokerCore

/// A transactional producer as a client of a `TestNode` runs it.
struct TestProducer {
    let client: TestClient
    let transactionalID: String
    private(set) var id: Int64 = -1
    private(set) var epoch: Int16 = -1
    private var sequences: [String: Int32] = [:]
    /// Lets each transaction have an epoch, and the broker add partitions (KIP-890).
    var raisesEpochs = true

    init(_ client: TestClient, _ transactionalID: String, timeoutMs: Int32 = 60000) throws {
        self.client = client
        self.transactionalID = transactionalID
        _ = try client.call(FindCoordinatorRequest(keyType: 1, coordinatorKeys: [transactionalID]))
        let answer = try client.call(
            InitProducerIDRequest(
                transactionalID: transactionalID, transactionTimeoutMs: timeoutMs), version: 5)
        #expect(KafkaError(rawValue: answer.errorCode) == KafkaError.none)
        id = answer.producerID
        epoch = answer.producerEpoch
    }

    mutating func request(
        _ values: [String], to topic: String, partition: Int32 = 0, named: Bool = true
    ) throws -> ProduceRequest {
        let sequence = sequences["\(topic)-\(partition)", default: 0]
        sequences["\(topic)-\(partition)"] = sequence + Int32(values.count)
        var options = RecordBatchBuilder.Options()
        options.producerID = ProducerID(id)
        options.producerEpoch = epoch
        options.baseSequence = sequence
        options.isTransactional = true
        let batch = try TestRecords.batch(
            values, timestamp: client.node.clock.now.wallMs, options)
        var request = TestClient.produceRequest(batch, to: topic, partition: partition)
        if named { request.transactionalID = transactionalID }
        return request
    }

    /// What becomes of a batch of these values.
    mutating func produce(
        _ values: [String], to topic: String, partition: Int32 = 0, version: Int16? = nil
    ) throws -> KafkaError? {
        let answer = try client.call(
            try request(values, to: topic, partition: partition),
            version: version ?? (raisesEpochs ? 12 : 11))
        return answer.responses.first?.partitionResponses.first
            .flatMap { KafkaError(rawValue: $0.errorCode) }
    }

    func add(_ topic: String, _ partitions: [Int32], version: Int16 = 3) throws -> [KafkaError?] {
        let answer = try client.call(
            AddPartitionsToTxnRequest(
                v3AndBelowTransactionalID: transactionalID, v3AndBelowProducerID: id,
                v3AndBelowProducerEpoch: epoch,
                v3AndBelowTopics: [.init(name: topic, partitions: partitions)]), version: version)
        return answer.resultsByTopicV3AndBelow.flatMap(\.resultsByPartition).map {
            KafkaError(rawValue: $0.partitionErrorCode)
        }
    }

    var endRequest: EndTxnRequest {
        EndTxnRequest(
            transactionalID: transactionalID, producerID: id, producerEpoch: epoch,
            committed: true)
    }

    mutating func end(commits: Bool) throws -> KafkaError? {
        var request = endRequest
        request.committed = commits
        let answer = try client.call(request, version: raisesEpochs ? 5 : 4)
        if answer.errorCode == 0, raisesEpochs {
            id = answer.producerID
            epoch = answer.producerEpoch
            sequences = [:]
        }
        return KafkaError(rawValue: answer.errorCode)
    }
}

extension TestClient {
    /// What a reader of committed data reads in one fetch, aborted records left out.
    func committed(_ topic: String, partition: Int32 = 0) throws -> [String?] {
        let answer = try exchange(
            Self.fetchRequest(topic, partition: partition, readCommitted: true), version: 12)
        let data = try #require(answer.message.responses.first?.partitions.first)
        var aborted = data.abortedTransactions ?? []
        var texts: [String?] = []
        guard case .inFrame(let range) = data.records else { return [] }
        let bytes = Array(answer.body[range])
        var open: Set<Int64> = []
        var batches = BatchIterator(bytes.span.bytes)
        while let batch = try batches.next() {
            let producer = batch.header.producerID.rawValue
            let begun = aborted.filter { $0.firstOffset <= batch.header.baseOffset.rawValue }
            aborted.removeAll { $0.firstOffset <= batch.header.baseOffset.rawValue }
            open.formUnion(begun.map(\.producerID))
            if batch.header.isControl {
                open.remove(producer)
            } else if !batch.header.isTransactional || !open.contains(producer) {
                texts += try BatchReader.records(
                    bytes.span.bytes, at: batch.range.lowerBound, limit: 1 << 20
                ).map(\.text)
            }
        }
        return texts
    }

    func state(of id: String) throws -> DescribeTransactionsResponse.TransactionState {
        let answer = try call(DescribeTransactionsRequest(transactionalIDs: [id]))
        return try #require(answer.transactionStates.first)
    }

    /// The last stable offset, as ListOffsets tells it.
    func stableOffset(_ topic: String, partition: Int32 = 0) throws -> Int64? {
        let answer = try call(
            ListOffsetsRequest(
                replicaID: -1, isolationLevel: 1,
                topics: [
                    .init(
                        name: topic,
                        partitions: [.init(partitionIndex: partition, timestamp: -1)])
                ]), version: 7)
        return answer.topics.first?.partitions.first?.offset
    }
}

/// Transactions over the wire: producers, coordinator, markers and readers in one node.
@Suite struct TransactionTests {
    let node: TestNode
    let client: TestClient

    init() throws {
        node = try TestNode()
        client = node.connect()
        try client.createTopic("a", partitions: 2)
    }

    // MARK: Outcomes

    @Test func whatIsCommittedIsReadAndWhatIsAbortedIsNot() throws {
        var producer = try TestProducer(client, "tx")
        #expect(try producer.produce(["one"], to: "a") == KafkaError.none)
        #expect(try producer.produce(["two"], to: "a", partition: 1) == KafkaError.none)
        #expect(try client.committed("a") == [])
        #expect(try client.stableOffset("a") == 0)
        #expect(try client.fetch("a").map(\.text) == ["one"])
        #expect(try producer.end(commits: true) == KafkaError.none)
        #expect(try client.committed("a") == ["one"])
        #expect(try client.committed("a", partition: 1) == ["two"])
        #expect(try producer.produce(["gone"], to: "a") == KafkaError.none)
        #expect(try producer.end(commits: false) == KafkaError.none)
        #expect(try producer.produce(["three"], to: "a") == KafkaError.none)
        #expect(try producer.end(commits: true) == KafkaError.none)
        #expect(try client.committed("a") == ["one", "three"])
        #expect(try client.stableOffset("a") == 6)
        #expect(try client.state(of: "tx").transactionState == "CompleteCommit")
    }

    @Test func olderClientsAddPartitionsThemselves() throws {
        var producer = try TestProducer(client, "tx")
        producer.raisesEpochs = false
        // Not added: the broker finds out before anything is written (KIP-890).
        #expect(try producer.produce(["lost"], to: "a") == .transactionAbortable)
        #expect(try producer.produce(["lost"], to: "a", version: 10) == .invalidTxnState)
        #expect(try client.fetch("a").isEmpty)
        #expect(
            try producer.add("a", [0, 9]) == [.operationNotAttempted, .unknownTopicOrPartition])
        var next = try TestProducer(client, "tx")
        next.raisesEpochs = false
        #expect(try next.add("a", [0, 1]) == [KafkaError.none, KafkaError.none])
        #expect(try next.produce(["one"], to: "a") == KafkaError.none)
        #expect(try next.end(commits: true) == KafkaError.none)
        #expect(try client.committed("a") == ["one"])
        #expect(try producer.add("a", [0]) == [.producerFenced])
        #expect(try producer.add("a", [0], version: 1) == [.invalidProducerEpoch])
    }

    @Test func verificationCanBeTurnedOff() throws {
        let node = try TestNode {
            $0.staticConfigs["transaction.partition.verification.enable"] = "false"
        }
        let client = node.connect()
        try client.createTopic("a")
        var producer = try TestProducer(client, "tx")
        #expect(try producer.produce(["one"], to: "a", version: 11) == KafkaError.none)
    }

    @Test func transactionalRecordsNeedATransactionalID() throws {
        var producer = try TestProducer(client, "tx")
        let request = try producer.request(["one"], to: "a", named: false)
        let answer = try client.call(request, version: 12)
        #expect(
            answer.responses[0].partitionResponses[0].errorCode
                == KafkaError.transactionalIDAuthorizationFailed.rawValue)
    }

    @Test func aZombieIsFencedEverywhere() throws {
        var zombie = try TestProducer(client, "tx")
        #expect(try zombie.produce(["open"], to: "a") == KafkaError.none)
        let answer = try client.call(
            InitProducerIDRequest(transactionalID: "tx", transactionTimeoutMs: 60000), version: 5)
        #expect(answer.errorCode == KafkaError.concurrentTransactions.rawValue)
        var next = try TestProducer(client, "tx")
        #expect(try zombie.produce(["late"], to: "a") == .invalidProducerEpoch)
        #expect(try zombie.produce(["late"], to: "a", partition: 1) == .invalidProducerEpoch)
        #expect(try zombie.end(commits: true) == .producerFenced)
        #expect(try next.produce(["new"], to: "a") == KafkaError.none)
        #expect(try next.end(commits: true) == KafkaError.none)
        #expect(try client.committed("a") == ["new"])
    }

    @Test func theCoordinatorAbortsWhatIsOverItsTime() throws {
        var producer = try TestProducer(client, "tx", timeoutMs: 12000)
        #expect(try producer.produce(["slow"], to: "a") == KafkaError.none)
        node.advance(ms: 10000)
        #expect(try client.state(of: "tx").transactionState == "Ongoing")
        node.advance(ms: 10000)
        #expect(try client.state(of: "tx").transactionState == "CompleteAbort")
        #expect(try client.stableOffset("a") == 2)
        #expect(try client.committed("a") == [])
        #expect(try producer.produce(["late"], to: "a") == .invalidProducerEpoch)
    }

    // MARK: Waiting

    @Test func requestsKeepTheirOrderWhileTheCoordinatorIsAsked() throws {
        var producer = try TestProducer(client, "tx")
        node.holdsFlushes = true
        let first = try client.send(try producer.request(["one"], to: "a"), version: 12)
        let second = try client.send(try producer.request(["two"], to: "a"), version: 12)
        #expect(try node.connect().fetch("a").isEmpty)
        node.holdsFlushes = false
        node.flush()
        for (correlation, offset) in [(first, 0), (second, 1)] {
            let answer = try #require(
                try client.receive(ProduceResponse.self, version: 12, correlation: correlation))
            #expect(answer.message.responses[0].partitionResponses[0].baseOffset == offset)
        }
        #expect(try producer.end(commits: true) == KafkaError.none)
        #expect(try client.committed("a") == ["one", "two"])
    }

    @Test func whatWaitsForTheCoordinatorIsCountedAsMemory() throws {
        var producer = try TestProducer(client, "tx")
        let most = LoopLimits().heldBytesPerConnection
        node.holdsFlushes = true
        let half = String(repeating: "x", count: most / 2)
        try client.send(try producer.request([half], to: "a"), version: 12)
        #expect(!node.paused.contains(client.id))
        try client.send(try producer.request([half], to: "a"), version: 12)
        #expect(node.paused.contains(client.id))
        node.holdsFlushes = false
        node.flush()
        #expect(!node.paused.contains(client.id))
        #expect(try client.receive(ProduceResponse.self, version: 12) != nil)
        #expect(try client.receive(ProduceResponse.self, version: 12) != nil)
    }

    @Test func aClientThatLeavesWhileItWaitsHarmsNobody() throws {
        var producer = try TestProducer(client, "tx")
        let other = node.connect()
        node.holdsFlushes = true
        try client.send(try producer.request(["one"], to: "a"), version: 12)
        try client.send(try producer.request(["two"], to: "a"), version: 12)
        client.disconnect()
        node.holdsFlushes = false
        node.flush()
        // The next producer of the id has what the first began aborted.
        _ = try other.call(
            InitProducerIDRequest(transactionalID: "tx", transactionTimeoutMs: 60000), version: 5)
        #expect(try other.committed("a") == [])
        #expect(try other.stableOffset("a") == 2)
    }

    // MARK: Faults

    /// The markers are written again after a crash at any step between the decision and its end.
    @Test(arguments: [true, false], [0, 1, 2])
    func aDecisionOutlivesAPowerCut(commits: Bool, steps: Int) throws {
        var producer = try TestProducer(client, "tx")
        #expect(try producer.produce(["one"], to: "a") == KafkaError.none)
        #expect(try producer.produce(["two"], to: "a", partition: 1) == KafkaError.none)
        node.holdsFlushes = true
        var request = producer.endRequest
        request.committed = commits
        try client.send(request, version: 5)
        for _ in 0..<steps { node.flush() }
        let isAnswered = try client.receive(EndTxnResponse.self, version: 5) != nil
        #expect(isAnswered == (steps > 0))
        let restarted = try node.restartedAfterPowerCut()
        let next = restarted.connect()
        if steps == 0 {
            // Nothing was decided: the transaction is open, and its producer goes on.
            #expect(try next.state(of: "tx").transactionState == "Ongoing")
            #expect(try next.call(request, version: 5).errorCode == 0)
        }
        let state = try next.state(of: "tx")
        #expect(state.transactionState == (commits ? "CompleteCommit" : "CompleteAbort"))
        #expect(try next.committed("a") == (commits ? ["one"] : []))
        #expect(try next.committed("a", partition: 1) == (commits ? ["two"] : []))
        // The retry of an end whose answer was lost.
        if steps > 0 {
            let again = try next.call(request, version: 5)
            #expect(again.errorCode == 0 && again.producerEpoch == producer.epoch + 1)
        }
    }

    @Test func aTopicThatIsDeletedHoldsNothingUp() throws {
        try client.createTopic("b")
        var producer = try TestProducer(client, "tx")
        #expect(try producer.produce(["one"], to: "a") == KafkaError.none)
        #expect(try producer.produce(["two"], to: "b") == KafkaError.none)
        _ = try client.call(
            DeleteTopicsRequest(topics: [.init(name: "b")], timeoutMs: 1000), version: 6)
        #expect(try producer.end(commits: true) == KafkaError.none)
        #expect(try client.state(of: "tx").transactionState == "CompleteCommit")
        #expect(try client.committed("a") == ["one"])
    }

    /// As Java's producer asks: first the group joins, then its coordinator is looked for.
    @Test func aGroupJoinsBeforeAnybodyHasLookedForItsCoordinator() throws {
        var producer = try TestProducer(client, "tx")
        producer.raisesEpochs = false
        let added = try client.call(
            AddOffsetsToTxnRequest(
                transactionalID: "tx", producerID: producer.id, producerEpoch: producer.epoch,
                groupID: "group"))
        #expect(added.errorCode == 0)
        _ = try client.call(FindCoordinatorRequest(keyType: 0, coordinatorKeys: ["group"]))
        let committed = try client.call(
            TxnOffsetCommitRequest(
                transactionalID: "tx", groupID: "group", producerID: producer.id,
                producerEpoch: producer.epoch,
                topics: [
                    .init(name: "a", partitions: [.init(partitionIndex: 0, committedOffset: 7)])
                ]), version: 3)
        #expect(committed.topics.first?.partitions.first?.errorCode == 0)
        #expect(try producer.end(commits: true) == KafkaError.none)
        #expect(try client.state(of: "tx").transactionState == "CompleteCommit")
        let answer = try client.call(
            OffsetFetchRequest(
                groups: [
                    .init(groupID: "group", topics: [.init(name: "a", partitionIndexes: [0])])
                ]), version: 8)
        #expect(answer.groups.first?.topics.first?.partitions.first?.committedOffset == 7)
    }

    @Test func offsetsPartitionsGetTheirMarkersToo() throws {
        _ = try client.call(FindCoordinatorRequest(keyType: 0, coordinatorKeys: ["group"]))
        var producer = try TestProducer(client, "tx")
        producer.raisesEpochs = false
        let added = try client.call(
            AddOffsetsToTxnRequest(
                transactionalID: "tx", producerID: producer.id, producerEpoch: producer.epoch,
                groupID: "group"))
        #expect(added.errorCode == 0)
        #expect(try client.state(of: "tx").topics.map(\.topic) == ["__consumer_offsets"])
        #expect(try producer.end(commits: true) == KafkaError.none)
        #expect(try client.state(of: "tx").transactionState == "CompleteCommit")
    }

    @Test func offsetsJoinATransactionAndCountWhenItCommits() throws {
        _ = try client.call(FindCoordinatorRequest(keyType: 0, coordinatorKeys: ["group"]))
        var producer = try TestProducer(client, "tx")
        func commit(_ offset: Int64, version: Int16) throws -> KafkaError? {
            let answer = try client.call(
                TxnOffsetCommitRequest(
                    transactionalID: "tx", groupID: "group", producerID: producer.id,
                    producerEpoch: producer.epoch,
                    topics: [
                        .init(
                            name: "a",
                            partitions: [.init(partitionIndex: 0, committedOffset: offset)])
                    ]), version: version)
            return answer.topics.first?.partitions.first.flatMap {
                KafkaError(rawValue: $0.errorCode)
            }
        }
        func committed() throws -> Int64? {
            let answer = try client.call(
                OffsetFetchRequest(
                    groups: [
                        .init(
                            groupID: "group",
                            topics: [.init(name: "a", partitionIndexes: [0])])
                    ]), version: 8)
            return answer.groups.first?.topics.first?.partitions.first?.committedOffset
        }
        // An older client has to add the group first.
        #expect(try commit(1, version: 4) == .transactionAbortable)
        #expect(try commit(1, version: 3) == .invalidTxnState)
        #expect(try commit(5, version: 5) == KafkaError.none)
        #expect(try committed() == -1)
        #expect(try producer.end(commits: true) == KafkaError.none)
        #expect(try committed() == 5)
        #expect(try commit(9, version: 5) == KafkaError.none)
        #expect(try producer.end(commits: false) == KafkaError.none)
        #expect(try committed() == 5)
        let zombie = producer
        producer = try TestProducer(client, "tx")
        let next = producer
        producer = zombie
        #expect(try commit(7, version: 5) == .invalidProducerEpoch)
        producer = next
        #expect(try commit(7, version: 5) == KafkaError.none)
    }

    // MARK: Views and repair

    @Test func transactionsAreListedAndDescribed() throws {
        var one = try TestProducer(client, "tx-1")
        _ = try TestProducer(client, "tx-2")
        #expect(try one.produce(["one"], to: "a", partition: 1) == KafkaError.none)
        func list(_ request: ListTransactionsRequest) throws -> [String] {
            let answer = try client.call(request)
            #expect(answer.errorCode == 0)
            return answer.transactionStates.map(\.transactionalID).sorted()
        }
        #expect(try list(ListTransactionsRequest()) == ["tx-1", "tx-2"])
        #expect(try list(ListTransactionsRequest(stateFilters: ["Ongoing"])) == ["tx-1"])
        #expect(try list(ListTransactionsRequest(stateFilters: ["Nonsense"])) == [])
        #expect(try list(ListTransactionsRequest(producerIDFilters: [one.id])) == ["tx-1"])
        #expect(try list(ListTransactionsRequest(transactionalIDPattern: ".*2")) == ["tx-2"])
        #expect(try list(ListTransactionsRequest(transactionalIDPattern: "tx")) == [])
        #expect(
            try client.call(ListTransactionsRequest(transactionalIDPattern: "(")).errorCode
                == KafkaError.invalidRegularExpression.rawValue)
        #expect(
            try client.call(ListTransactionsRequest(stateFilters: ["Nonsense"]))
                .unknownStateFilters == ["Nonsense"])
        let state = try client.state(of: "tx-1")
        #expect(state.transactionTimeoutMs == 60000)
        #expect(state.topics.first?.partitions == [1])
        #expect(
            try client.state(of: "nobody").errorCode
                == KafkaError.transactionalIDNotFound.rawValue)
    }

    @Test func aHangingTransactionIsFoundAndAborted() throws {
        let node = try TestNode {
            $0.staticConfigs["transaction.partition.verification.enable"] = "false"
        }
        let client = node.connect()
        try client.createTopic("a")
        var producer = try TestProducer(client, "tx")
        // The coordinator was never told: no end of its will reach the partition.
        #expect(try producer.produce(["stuck"], to: "a", version: 11) == KafkaError.none)
        producer.raisesEpochs = false
        #expect(try producer.end(commits: true) == .invalidTxnState)
        #expect(try client.stableOffset("a") == 0)
        let described = try client.call(
            DescribeProducersRequest(topics: [.init(name: "a", partitionIndexes: [0])]))
        let found = try #require(described.topics.first?.partitions.first?.activeProducers.first)
        #expect(found.producerID == producer.id && found.currentTxnStartOffset == 0)
        let written = try client.call(
            WriteTxnMarkersRequest(markers: [
                .init(
                    producerID: found.producerID, producerEpoch: Int16(found.producerEpoch),
                    transactionResult: false,
                    topics: [.init(name: "a", partitionIndexes: [0, 7])],
                    coordinatorEpoch: found.coordinatorEpoch)
            ]))
        let results = try #require(written.markers.first?.topics.first?.partitions)
        #expect(
            results.map { KafkaError(rawValue: $0.errorCode) }
                == [KafkaError.none, .unknownTopicOrPartition])
        #expect(try client.stableOffset("a") == 2)
        #expect(try client.committed("a") == [])
    }

    @Test func badRequestsAreTold() throws {
        _ = try TestProducer(client, "tx")
        func initialize(_ request: InitProducerIDRequest) throws -> KafkaError? {
            KafkaError(rawValue: try client.call(request, version: 5).errorCode)
        }
        #expect(
            try initialize(.init(transactionalID: "", transactionTimeoutMs: 1)) == .invalidRequest)
        #expect(
            try initialize(.init(transactionalID: "tx", transactionTimeoutMs: 900_001))
                == .invalidTransactionTimeout)
        #expect(
            try initialize(
                .init(
                    transactionalID: "tx", transactionTimeoutMs: 1, producerID: 5,
                    producerEpoch: -1)) == .invalidRequest)
        #expect(
            try initialize(
                .init(
                    transactionalID: "tx", transactionTimeoutMs: 1, producerID: 99_999,
                    producerEpoch: 1)) == .producerFenced)
        let ended = try client.call(
            EndTxnRequest(transactionalID: "", producerID: 0, producerEpoch: 0, committed: true))
        #expect(ended.errorCode == KafkaError.invalidRequest.rawValue)
    }
}
