import KafkaProtocol
import KafkaRecords
import KafkaWire
import Testing

@testable import ClientCore

@Suite struct ProducerCoreTests {
    @Test func recordsAreWrittenAndTheirPlacesTold() throws {
        let driver = try ProducerDriver(ModelCluster(partitions: 2))
        try driver.open()
        let first = try #require(driver.append("a"))
        let second = try #require(driver.append("b"))
        try driver.run { driver.delivered.count == 2 }
        #expect(driver.cluster.values == [["a", "b"], []])
        #expect(driver.delivered[first]?.offset == Offset(0))
        #expect(driver.delivered[second]?.offset == Offset(1))
        #expect(driver.delivered[second]?.timestamp == 5)
        #expect(driver.core.bufferedBytes == 0)
    }

    @Test func aBatchLingersUntilItsTimeUnlessItIsFlushed() throws {
        let driver = try ProducerDriver(ModelCluster(partitions: 1)) {
            $0.linger = .milliseconds(50)
        }
        try driver.open()
        driver.append("a")
        try driver.run(for: .milliseconds(49)) { !driver.delivered.isEmpty }
        #expect(driver.delivered.isEmpty)
        driver.append("b")
        try driver.run(for: .milliseconds(10)) { driver.delivered.count == 2 }
        #expect(driver.cluster.logs[0].map(\.values) == [["a", "b"]])
        driver.append("c")
        driver.core.flush(waiter: 77)
        let before = driver.now
        try driver.run { driver.flushed == [77] }
        #expect(driver.now - before < .milliseconds(50))
    }

    @Test func fiveRequestsAreInFlightAndNoMore() throws {
        let driver = try ProducerDriver(ModelCluster(partitions: 1)) { $0.batchSize = 1 }
        try driver.open()
        driver.append("warm")
        try driver.run { driver.delivered.count == 1 }
        for index in 0..<20 { driver.append("\(index)") }
        try driver.step()
        #expect(driver.requests.count == 5)
        try driver.run { driver.delivered.count == 21 }
        #expect(driver.cluster.values[0].dropFirst() == (0..<20).map { "\($0)" }[...])
    }

    @Test func aBatchThatWasWrittenButNotAnsweredIsNotWrittenTwice() throws {
        let driver = try ProducerDriver(ModelCluster(partitions: 1)) { $0.batchSize = 1 }
        try driver.open()
        driver.cluster.faults = [.init(error: .requestTimedOut, writes: true), nil]
        for value in ["a", "b", "c"] { driver.append(value) }
        try driver.run { driver.delivered.count == 3 }
        #expect(driver.cluster.values == [["a", "b", "c"]])
    }

    /// In another epoch it would be written again.
    @Test func aBatchThatMayBeWrittenIsNotSentToABrokerThatLostTrack() throws {
        let driver = try ProducerDriver(ModelCluster(partitions: 1)) { $0.batchSize = 1 }
        try driver.open()
        driver.append("a")
        try driver.run { driver.delivered.count == 1 }
        driver.cluster.faults = [
            .init(error: .requestTimedOut, writes: true), .init(error: .unknownProducerID),
        ]
        let doubtful = try #require(driver.append("b"))
        try driver.run { driver.failed[doubtful] != nil }
        #expect(driver.failed[doubtful]?.kafkaError == .unknownProducerID)
        driver.append("c")
        try driver.run { driver.delivered.count == 2 }
        #expect(driver.cluster.values == [["a", "b", "c"]])
        #expect(driver.cluster.logs[0].map(\.epoch) == [0, 0, 1])
    }

    /// A broker knows five batches again: a sixth would have it forget the one in doubt.
    @Test func nothingNewIsSentWhileItMayMakeTheBrokerForgetABatchInDoubt() throws {
        let driver = try ProducerDriver(ModelCluster(partitions: 1)) { $0.batchSize = 1 }
        try driver.open()
        driver.append("warm")
        try driver.run { driver.delivered.count == 1 }
        let unanswered = ModelCluster.Fault(error: .requestTimedOut, writes: true)
        driver.cluster.faults = [unanswered, nil, nil, nil, nil, .init(error: .requestTimedOut)]
        for index in 0..<10 { driver.append("\(index)") }
        try driver.run { driver.delivered.count == 11 }
        #expect(driver.cluster.values[0].dropFirst() == (0..<10).map { "\($0)" }[...])
        #expect(Set(driver.cluster.logs[0].map(\.epoch)) == [0])
    }

    @Test func anEarlierFailureSendsAllThatFollowsAgainInOrder() throws {
        let driver = try ProducerDriver(ModelCluster(partitions: 1)) { $0.batchSize = 1 }
        try driver.open()
        driver.cluster.faults = [.init(error: .notEnoughReplicas)]
        for index in 0..<8 { driver.append("\(index)") }
        try driver.run { driver.delivered.count == 8 }
        #expect(driver.cluster.values[0] == (0..<8).map { "\($0)" })
        #expect(Set(driver.cluster.logs[0].map(\.epoch)) == [0])
    }

    @Test(arguments: [KafkaError.unknownProducerID, .outOfOrderSequenceNumber])
    func aBrokerThatLostTrackGetsANewEpoch(error: KafkaError) throws {
        let driver = try ProducerDriver(ModelCluster(partitions: 1)) { $0.batchSize = 1 }
        try driver.open()
        driver.append("a")
        try driver.run { driver.delivered.count == 1 }
        driver.cluster.faults = [.init(error: error)]
        driver.append("b")
        driver.append("c")
        try driver.run { driver.delivered.count == 3 }
        #expect(driver.cluster.values == [["a", "b", "c"]])
        #expect(driver.cluster.logs[0].map(\.epoch) == [0, 1, 1])
        #expect(driver.cluster.logs[0].map(\.sequence) == [0, 0, 1])
    }

    @Test func aRefusedBatchFailsAloneAndTheNextOnesGoOn() throws {
        let driver = try ProducerDriver(ModelCluster(partitions: 1)) { $0.batchSize = 1 }
        try driver.open()
        driver.cluster.faults = [.init(error: .messageTooLarge)]
        let bad = try #require(driver.append("bad"))
        for value in ["b", "c"] { driver.append(value) }
        try driver.run { driver.delivered.count == 2 }
        #expect(driver.failed[bad]?.kafkaError == .messageTooLarge)
        #expect(driver.failed[bad]?.isRetriable == false)
        #expect(driver.cluster.values == [["b", "c"]])
    }

    @Test func aLeaderThatMovesIsFollowed() throws {
        let driver = try ProducerDriver(ModelCluster(partitions: 1)) { $0.batchSize = 1 }
        try driver.open()
        driver.append("a")
        try driver.run { driver.delivered.count == 1 }
        driver.cluster.moveLeader(0)
        for value in ["b", "c"] { driver.append(value) }
        try driver.run { driver.delivered.count == 3 }
        #expect(driver.cluster.values == [["a", "b", "c"]])
    }

    @Test func whatCannotBeDeliveredFailsInItsTimeAndNotBefore() throws {
        let driver = try ProducerDriver(ModelCluster(partitions: 1)) {
            $0.network.requestTimeout = .seconds(2)
            $0.deliveryTimeout = .seconds(3)
        }
        try driver.open()
        driver.isUnreachable = true
        for id in driver.connections { driver.drop(id) }
        let start = driver.now
        let waiter = try #require(driver.append("a"))
        try driver.run { driver.failed[waiter] != nil }
        #expect(driver.now - start >= .seconds(3) && driver.now - start < .milliseconds(3100))
        guard case .timedOut = driver.failed[waiter] else {
            Issue.record("\(String(describing: driver.failed[waiter]))")
            return
        }
        #expect(driver.core.bufferedBytes == 0)
        driver.isUnreachable = false
        driver.append("b")
        try driver.run { driver.delivered.count == 1 }
        #expect(driver.cluster.values == [["b"]])
    }

    @Test func aRequestWithoutAnAnswerEndsItsConnection() throws {
        let driver = try ProducerDriver(ModelCluster(partitions: 1)) {
            $0.network.requestTimeout = .seconds(2)
        }
        try driver.open()
        driver.append("warm")
        try driver.run { driver.delivered.count == 1 }
        driver.append("a")
        try driver.step()
        driver.requests = []
        let start = driver.now
        try driver.run { driver.delivered.count == 2 }
        #expect(driver.now - start >= .seconds(2))
        #expect(driver.cluster.values == [["warm", "a"]])
    }

    @Test func memoryIsBoundedAndWaitersAreResumed() throws {
        let driver = try ProducerDriver(ModelCluster(partitions: 1)) { $0.bufferMemory = 300 }
        try driver.open()
        var count = 0
        while driver.append("0123456789") != nil { count += 1 }
        #expect(count > 1 && driver.core.bufferedBytes <= 300 + RecordBatchHeader.byteCount)
        let record = ProducerRecord(topic: "t", value: [1])
        driver.core.waitForRoom(record, waiter: 99, now: driver.now)
        try driver.run { driver.resumed[99] != nil }
        #expect(driver.resumed[99] == .some(nil))
        #expect(driver.append("x") != nil)
    }

    @Test func waitsEndWithMaxBlock() throws {
        let cluster = ModelCluster(partitions: 1)
        cluster.topicError = .unknownTopicOrPartition
        let driver = try ProducerDriver(cluster) { $0.maxBlock = .seconds(4) }
        let start = driver.now
        driver.core.waitForTopic("t", waiter: 9, now: driver.now)
        try driver.run { driver.resumed[9] != nil }
        #expect(driver.resumed[9]??.kafkaError == .unknownTopicOrPartition)
        #expect(driver.now - start >= .seconds(4))
        cluster.topicError = .topicAuthorizationFailed
        driver.core.waitForTopic("t", waiter: 10, now: driver.now)
        try driver.run(for: .seconds(2)) { driver.resumed[10] != nil }
        #expect(driver.resumed[10]??.kafkaError == .topicAuthorizationFailed)
    }

    @Test func oldBrokersGetTheirVersions() throws {
        let cluster = ModelCluster(partitions: 2)
        cluster.versionLimits = [.produce: 7, .metadata: 5, .initProducerID: 0]
        let driver = try ProducerDriver(cluster)
        try driver.open()
        driver.append("a", partition: 0)
        driver.append("b", partition: 1)
        try driver.run { driver.delivered.count == 2 }
        #expect(cluster.values == [["a"], ["b"]])
    }

    @Test func withoutAcksRecordsEndWhenTheyAreSent() throws {
        let driver = try ProducerDriver(ModelCluster(partitions: 1)) {
            $0.acks = .none
            $0.isIdempotent = false
        }
        try driver.open()
        let waiter = try #require(driver.append("a"))
        try driver.run { driver.delivered.count == 1 }
        #expect(driver.delivered[waiter]?.offset == nil)
        while !driver.requests.isEmpty { try driver.carryRequest() }
        #expect(driver.cluster.values == [["a"]])
    }

    @Test func closingFailsWhatHasNotEnded() throws {
        let driver = try ProducerDriver(ModelCluster(partitions: 1)) { $0.linger = .seconds(9) }
        try driver.open()
        let waiter = try #require(driver.append("a"))
        driver.core.shutDown(now: driver.now)
        try driver.step()
        #expect(driver.failed[waiter] == .closed)
        #expect(driver.append("b") == nil)
        #expect(driver.connections.isEmpty)
    }

    @Test func settingsThatContradictAreRefused() throws {
        let cluster = ModelCluster(partitions: 1)
        #expect(throws: ClientError.self) { try ProducerDriver(cluster) { $0.acks = .leader } }
        #expect(throws: ClientError.self) {
            try ProducerDriver(cluster) { $0.network.maxInFlight = 6 }
        }
        #expect(throws: ClientError.self) {
            try ProducerDriver(cluster) { $0.deliveryTimeout = .seconds(1) }
        }
    }

    /// Whatever happens on the way: what was acknowledged is there, once and in order.
    @Test(arguments: 1...150)
    func noRecordIsLostDoubledOrOutOfOrder(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let cluster = ModelCluster(partitions: 3)
        let driver = try ProducerDriver(cluster, seed: seed) {
            $0.batchSize = 40
            $0.network.requestTimeout = .seconds(2)
            $0.deliveryTimeout = seed % 3 == 0 ? .seconds(4) : .seconds(500)
        }
        try driver.open()
        var sent: [UInt64: (partition: Int32, value: String)] = [:]
        for step in 0..<600 {
            switch Int.random(in: 0..<12, using: &random) {
            case 0..<4:
                let partition = Int32.random(in: 0..<3, using: &random)
                if let waiter = driver.append("\(step)", partition: partition) {
                    sent[waiter] = (partition, "\(step)")
                }
            case 4..<7: try driver.carryRequest()
            case 7..<10: driver.carryAnswer()
            case 10:
                let errors: [KafkaError] = [
                    .notEnoughReplicas, .requestTimedOut, .unknownProducerID, .messageTooLarge,
                ]
                let error = errors[Int.random(in: 0..<4, using: &random)]
                let writes = error == .requestTimedOut && Bool.random(using: &random)
                cluster.faults.append(.init(error: error, writes: writes))
            default:
                if Bool.random(using: &random), let id = driver.connections.first {
                    driver.drop(id)
                } else if Bool.random(using: &random) {
                    cluster.moveLeader(Int.random(in: 0..<3, using: &random))
                } else {
                    driver.now = driver.now + .milliseconds(Int.random(in: 1...900, using: &random))
                }
            }
            try driver.step()
        }
        cluster.faults = []
        try driver.run(for: .seconds(600)) {
            driver.delivered.count + driver.failed.count == sent.count
        }
        #expect(driver.delivered.count + driver.failed.count == sent.count)
        for partition in 0..<3 {
            let log = cluster.values[partition].compactMap { Int($0) }
            #expect(log == log.sorted() && Set(log).count == log.count, "seed \(seed): \(log)")
        }
        for (waiter, record) in sent where driver.delivered[waiter] != nil {
            #expect(cluster.values[Int(record.partition)].contains(record.value))
        }
    }
}
