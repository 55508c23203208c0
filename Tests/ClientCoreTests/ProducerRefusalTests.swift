import KafkaProtocol
import KafkaRecords
import KafkaWire
import Testing

@testable import ClientCore

/// What a producer does not take, and what it tells of what brokers do not.
@Suite struct ProducerRefusalTests {
    private func append(
        _ record: ProducerRecord, _ driver: ProducerDriver
    ) -> ClientError? {
        let outcome = driver.core.append(record, handler: nil, timestamp: 5, now: driver.now)
        if case .refused(let error) = outcome { return error } else { return nil }
    }

    // MARK: Records

    @Test func recordsThatCanNeverBeSentAreRefused() throws {
        let driver = try ProducerDriver(ModelCluster(partitions: 2)) { $0.maxRequestSize = 200 }
        #expect(driver.core.partitionCount(of: "t") == nil)
        try driver.open()
        #expect(driver.core.partitionCount(of: "t") == 2)
        let room = 200 - RecordBatchHeader.byteCount
        func record(_ size: Int) -> ProducerRecord {
            ProducerRecord(topic: "t", partition: 0, value: Array(repeating: 1, count: size))
        }
        let fits = room - record(0).estimatedSize
        #expect(append(record(fits), driver) == nil)
        #expect(
            append(record(fits + 1), driver) == .recordTooLarge(bytes: room + 1, limit: 200))
        for partition: Int32 in [2, -1] {
            let error = append(ProducerRecord(topic: "t", partition: partition, value: []), driver)
            #expect(error == .invalidRecord("t has no partition \(partition)"))
        }
    }

    @Test func recordsOfTextAreUTF8() {
        let record = ProducerRecord(topic: "t", key: "ключ", value: "é")
        #expect(record.key == Array("ключ".utf8) && record.value == [0xC3, 0xA9])
        #expect(ProducerRecord(topic: "t", value: "v").key == nil)
    }

    /// KIP-480, KIP-794: a batch's worth goes to one partition, and none to one without a leader.
    @Test func recordsWithoutAKeyStayTogether() throws {
        let cluster = ModelCluster(partitions: 4)
        cluster.leaders[2] = -1
        let driver = try ProducerDriver(cluster) { $0.batchSize = 400 }
        try driver.open()
        for index in 0..<400 {
            driver.append("\(index)", partition: nil)
            if index % 20 == 0 { try driver.run { driver.core.bufferedBytes == 0 } }
        }
        try driver.run { driver.delivered.count == 400 }
        #expect(cluster.values[2].isEmpty)
        #expect([0, 1, 3].allSatisfy { cluster.values[$0].count > 20 })
        // A record seldom goes elsewhere than the one before it.
        let order = cluster.values.enumerated().flatMap { partition, values in
            values.compactMap { Int($0) }.map { ($0, partition) }
        }.sorted { $0.0 < $1.0 }
        let moves = zip(order, order.dropFirst()).count { $0.1 != $1.1 }
        #expect(moves > 5 && moves < 60)
    }

    @Test func aWaitForRoomEndsWithMaxBlock() throws {
        let driver = try ProducerDriver(ModelCluster(partitions: 1)) {
            $0.bufferMemory = 200
            $0.maxBlock = .seconds(3)
        }
        try driver.open()
        driver.isUnreachable = true
        for id in driver.connections { driver.drop(id) }
        while driver.append("0123456789") != nil {}
        let record = ProducerRecord(topic: "t", value: Array(repeating: 1, count: 50))
        driver.core.waitForRoom(record, waiter: 9, now: driver.now)
        let began = driver.now
        try driver.run { driver.resumed[9] != nil }
        #expect(driver.resumed[9] == .timedOut("waiting for room in buffer.memory"))
        #expect(driver.now - began >= .seconds(3) && driver.now - began < .milliseconds(3_100))
    }

    // MARK: Settings

    @Test func settingsThatCannotBeAreRefused() throws {
        let wrong: [(key: String, set: (inout ProducerSettings) -> Void)] = [
            ("batch.size", { $0.batchSize = -1 }),
            ("max.request.size", { $0.maxRequestSize = 0 }),
            ("buffer.memory", { $0.bufferMemory = 0 }),
            ("max.in.flight.requests.per.connection", { $0.network.maxInFlight = 0 }),
            ("linger.ms", { $0.linger = .milliseconds(-1) }),
            ("transactional.id", { $0.transactionalID = "" }),
            (
                "transaction.timeout.ms",
                {
                    $0.transactionalID = "bird"
                    $0.transactionTimeout = .zero
                }
            ),
            (
                "compression.zstd.level",
                {
                    $0.compression = .zstd
                    $0.compressionLevel = 99
                }
            ),
            (
                "compression.snappy.level",
                {
                    $0.compression = .snappy
                    $0.compressionLevel = 1
                }
            ),
        ]
        for (wanted, set) in wrong {
            let error = #expect(throws: ClientError.self, "\(wanted)") {
                try ProducerDriver(ModelCluster(partitions: 1), set)
            }
            guard case .invalidSetting(let key, _, _)? = error else { continue }
            #expect(key == wanted)
        }
    }

    // MARK: Brokers that do not serve

    @Test(arguments: [APIKey.produce, .initProducerID])
    func whatBrokersDoNotServeEndsTheProducer(key: APIKey) throws {
        let cluster = ModelCluster(partitions: 1)
        cluster.withheld = [0: [key], 1: [key]]
        let driver = try ProducerDriver(cluster)
        try driver.open()
        let waiter = try #require(driver.append("a"))
        try driver.run(for: .seconds(5)) { driver.failed[waiter] != nil }
        guard case .unsupportedRequest(key, _) = driver.failed[waiter] else {
            Issue.record("\(String(describing: driver.failed[waiter]))")
            return
        }
        #expect(append(ProducerRecord(topic: "t", value: []), driver) == driver.failed[waiter])
        #expect(driver.connections.isEmpty)
    }

    /// The batches of one request cannot be sent, while those of another one are ready.
    @Test(arguments: [Int32(0), 1])
    func oneBrokerThatDoesNotServeEndsTheRequestsToOthers(broker: Int32) throws {
        let cluster = ModelCluster(partitions: 2)
        cluster.withheld = [broker: [.produce]]
        let driver = try ProducerDriver(cluster) { $0.isIdempotent = false }
        try driver.open()
        let brokers = (0..<2).map { NodeKey.broker(BrokerID($0)) }
        try driver.run {
            // Those that are not ready are connected to.
            brokers.map { driver.core.network.isReady($0, now: driver.now) } == [true, true]
        }
        let waiters = (0..<2).compactMap { driver.append("a", partition: $0) }
        try driver.run(for: .seconds(5)) { driver.failed.count + driver.delivered.count == 2 }
        let failed = try #require(driver.failed[waiters[Int(broker)]])
        #expect(failed == .unsupportedRequest(.produce, broker: "broker \(broker)"))
        #expect(driver.connections.isEmpty)
    }

    @Test(arguments: [
        APIKey.initProducerID, .addPartitionsToTxn, .addOffsetsToTxn, .txnOffsetCommit, .endTxn,
    ])
    func whatCoordinatorsDoNotServeEndsTransactions(key: APIKey) throws {
        let cluster = ModelCluster(partitions: 1)
        cluster.transactions.level = 1
        cluster.withheld = [0: [key], 1: [key]]
        let driver = try ProducerDriver(cluster) { $0.transactionalID = "bird" }
        try driver.open()
        var error = try driver.begin()
        if error == nil {
            driver.append("a")
            _ = driver.sendOffsets([0: 5], ConsumerGroupMetadata(groupID: "g"))
            error = try driver.end(commits: true)
        }
        guard case .unsupportedRequest(key, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try driver.begin() == error && cluster.committed == [[]])
    }

    // MARK: Epochs

    /// KIP-360: past the last epoch a producer goes on under another id.
    @Test func afterTheLastEpochComesAnotherProducer() throws {
        let driver = try ProducerDriver(ModelCluster(partitions: 1)) { $0.batchSize = 1 }
        try driver.open()
        driver.core.identity = .known(ProducerID(7), epoch: .max)
        driver.append("a")
        try driver.run { driver.delivered.count == 1 }
        driver.cluster.faults = [.init(error: .unknownProducerID)]
        driver.append("b")
        driver.append("c")
        try driver.run { driver.delivered.count == 3 }
        #expect(driver.cluster.values == [["a", "b", "c"]])
        let log = driver.cluster.logs[0]
        #expect(log.map(\.epoch) == [.max, 0, 0] && log.map(\.sequence) == [0, 0, 1])
        #expect(log[0].producerID == 7 && log[1].producerID != 7)
    }
}

/// What a producer makes of the details of a refusal.
@Suite struct ProduceAnswerTests {
    private let cluster = ScriptedCluster()

    init() {
        cluster.add("t", leaders: [0])
        cluster.on(InitProducerIDRequest.self) { _, _ in
            InitProducerIDResponse(producerID: 5, producerEpoch: 0)
        }
    }

    private func answer(
        endpoints: [ProduceResponse.NodeEndpoint] = [],
        _ part: @escaping (Int32) -> ProduceResponse.PartitionProduceResponse
    ) {
        cluster.on(ProduceRequest.self) { request, call in
            ProduceResponse(
                responses: request.topicData.map {
                    .init(
                        name: $0.name, topicID: $0.topicID, partitionResponses: [part(call.node)])
                }, nodeEndpoints: endpoints)
        }
    }

    /// Sends one record; its end is told as an error, or `nil` for a success.
    private func send() throws -> ClientError? {
        var settings = ProducerSettings(
            network: NetworkSettings(bootstrap: ScriptedCluster.bootstrap))
        settings.network.pushesMetrics = false
        settings.linger = .zero
        let driver = ScriptedDriver(cluster, try ProducerCore(settings, seed: 1))
        driver.core.waitForTopic("t", waiter: 1, now: driver.now)
        try driver.run { !driver.outputs.isEmpty }
        _ = driver.core.append(
            ProducerRecord(topic: "t", value: [1]), handler: RecordHandler { _ in }, timestamp: 5,
            now: driver.now)
        try driver.run { driver.outputs.count == 2 }
        switch try #require(driver.outputs.last) {
        case .delivered: return nil
        case .failed(let error, _, 1, _): return error
        default:
            Issue.record("neither written nor failed")
            return nil
        }
    }

    /// KIP-951; an address that cannot be is none.
    @Test(arguments: [Int32(9092), 70_000])
    func theNewLeaderOfARefusalIsFollowed(port: Int32) throws {
        let isUsable = port == 9092
        answer(endpoints: [.init(nodeID: 2, host: "b2", port: port)]) { [cluster] node in
            // The metadata will have the new leader only once it was asked for again.
            if !isUsable { cluster.add("t", leaders: [1], epoch: 5) }
            return .init(
                errorCode: node == 0 ? KafkaError.notLeaderOrFollower.code : 0,
                currentLeader: .init(leaderID: 2, leaderEpoch: 5))
        }
        #expect(try send() == nil)
        #expect(cluster.nodes(.produce) == (isUsable ? [0, 2] : [0, 1]))
        #expect(cluster.count(.metadata) == (isUsable ? 1 : 2))
    }

    /// A broker that does not know yet that the leader is back has no address for it.
    @Test func aLeaderWithoutAnAddressIsAskedForAgain() throws {
        cluster.brokers = [0]
        cluster.add("t", leaders: [1])
        cluster.on(MetadataRequest.self) { [cluster] _, _ in
            let before = cluster.metadata
            cluster.brokers = [0, 1]
            return before
        }
        answer { _ in .init() }
        #expect(try send() == nil)
        #expect(cluster.nodes(.produce) == [1])
        #expect(cluster.count(.metadata) == 2)
    }

    /// KIP-467: which record of a batch the broker does not take, and why.
    @Test func theRecordThatSpoilsABatchIsNamed() throws {
        answer { _ in
            .init(
                errorCode: KafkaError.invalidRecord.code,
                recordErrors: [.init(batchIndex: 3, batchIndexErrorMessage: "it has no key")],
                errorMessage: "the batch is refused")
        }
        #expect(
            try send()
                == .broker(.invalidRecord, message: "record 3 of its batch: it has no key"))
        answer { _ in
            .init(
                errorCode: KafkaError.invalidRecord.code,
                recordErrors: [.init(batchIndex: 3)], errorMessage: "the batch is refused")
        }
        #expect(try send() == .broker(.invalidRecord, message: "the batch is refused"))
    }
}
