import KafkaProtocol
import KafkaRecords
import KafkaWire
import Testing

@testable import ClientCore

/// Metrics for the cluster (KIP-714), against brokers that want them.
@Suite struct TelemetryTests {
    private let telemetry = ModelTelemetry()
    private let cluster = ModelCluster(partitions: 2)

    private func driver(
        _ configure: (inout ProducerSettings) -> Void = { _ in }
    ) throws -> ProducerDriver {
        cluster.telemetry = telemetry
        let driver = try ProducerDriver(cluster, configure)
        try driver.open()
        measure(driver)
        return driver
    }

    /// The time of day is 1000 s when the model's clock begins.
    private func measure(_ driver: ProducerDriver) {
        let timestamp = 1_000_000 + driver.now.nanoseconds / 1_000_000
        _ = driver.core.takeMeasures(now: driver.now, timestamp: timestamp)
    }

    private func send(_ count: Int, _ driver: ProducerDriver) throws {
        for index in 0..<count { driver.append("\(index)", partition: Int32(index % 2)) }
        try driver.run { driver.core.bufferedBytes == 0 }
        measure(driver)
    }

    /// Has what is on its way arrive, while no time passes.
    private func settle(_ driver: ProducerDriver) throws {
        try driver.step()
        while !driver.requests.isEmpty || !driver.answers.isEmpty {
            try driver.carryRequest()
            driver.carryAnswer()
            try driver.step()
        }
    }

    private func pushed(_ count: Int, _ driver: ProducerDriver) throws -> [ModelTelemetry.Metric] {
        try driver.run(for: .seconds(600)) { telemetry.pushes.count >= count }
        try settle(driver)
        try #require(telemetry.pushes.count == count)
        return telemetry.pushes[count - 1].metrics
    }

    private func value(_ name: String, _ metrics: [ModelTelemetry.Metric]) throws -> Double {
        try #require(metrics.first { $0.name == "org.apache.kafka.producer.\(name)" }, "\(name)")
            .value
    }

    @Test func whatIsSubscribedToIsPushedAtIntervals() throws {
        let driver = try driver { $0.transactionalID = nil }
        try send(10, driver)
        let first = try pushed(1, driver)
        let began = driver.now
        #expect(telemetry.asked.map(\.clientInstanceID) == [.zero])
        let push = telemetry.pushes[0]
        #expect(push.request.clientInstanceID == telemetry.subscription.clientInstanceID)
        #expect(push.request.subscriptionID == 9)
        #expect(push.request.terminating == false)
        #expect(began.nanoseconds > 30_000_000_000 && began.nanoseconds < 91_000_000_000)
        #expect(try value("record.send.total", first) == 10)
        #expect(try value("connection.creation.total", first) >= 1)
        #expect(try value("buffer.total.bytes", first) == Double(32 << 20))
        #expect(try value("batch.size.max", first) > 50)
        let node = try #require(first.first { $0.name.hasSuffix("node.request.latency.avg") })
        #expect(["node-0", "node-1"].contains(node.labels["node_id"]))
        try send(5, driver)
        let second = try pushed(2, driver)
        let pause = driver.now - began
        #expect(pause >= .seconds(60) && pause < .seconds(61))
        #expect(try value("record.send.total", second) == 15)
        let total = try #require(second.first { $0.name.hasSuffix("record.send.total") })
        #expect(total.temporality == 2 && total.isMonotonic)
        #expect((999_999...1_000_001).contains(total.start / 1_000_000))
        #expect(total.time > total.start + 60_000_000_000)
        #expect(try value("record.send.rate", second) < 1)
        #expect(telemetry.asked.count == 1)
    }

    /// What the cluster is told, the user may ask for.
    @Test func theUserIsToldTheSame() throws {
        let driver = try driver()
        try send(10, driver)
        let sent = driver.core.metrics(now: driver.now).first {
            $0.group == "producer-metrics" && $0.name == "record-send-total"
        }
        #expect(sent?.value == 10)
    }

    @Test func deltasCountFromTheLastPushThatWasTaken() throws {
        telemetry.subscription.deltaTemporality = true
        telemetry.subscription.requestedMetrics = ["org.apache.kafka.producer.record."]
        let driver = try driver()
        try send(10, driver)
        let first = try pushed(1, driver)
        #expect(first.allSatisfy { $0.name.hasPrefix("org.apache.kafka.producer.record.") })
        #expect(try value("record.send.total", first) == 10)
        telemetry.pushErrors = [.telemetryTooLarge]
        try send(3, driver)
        _ = try pushed(2, driver)
        try send(4, driver)
        let third = try pushed(3, driver)
        #expect(try value("record.send.total", third) == 7)
        let total = try #require(third.first { $0.name.hasSuffix("record.send.total") })
        #expect(total.temporality == 1)
        #expect(total.time - total.start > 100_000_000_000)
        #expect(telemetry.asked.count == 2, "the subscription is asked for again after an error")
        #expect(telemetry.asked[1].clientInstanceID == telemetry.subscription.clientInstanceID)
    }

    @Test(arguments: [CompressionType.gzip, .snappy, .lz4, .zstd])
    func pushesAreCompressedAsTheBrokerLikesBest(type: CompressionType) throws {
        telemetry.subscription.acceptedCompressionTypes = [77, type.rawValue, 1]
        let driver = try driver()
        try send(1, driver)
        #expect(try value("record.send.total", pushed(1, driver)) == 1)
        #expect(telemetry.pushes[0].request.compressionType == type.rawValue)
        telemetry.pushErrors = [.unsupportedCompressionType]
        telemetry.subscription.acceptedCompressionTypes = [type.rawValue]
        _ = try pushed(2, driver)
        _ = try pushed(3, driver)
        #expect(telemetry.pushes[2].request.compressionType == 0)
    }

    @Test func aSubscriptionThatHasChangedIsAskedForAtOnce() throws {
        let driver = try driver()
        _ = try pushed(1, driver)
        telemetry.pushErrors = [.unknownSubscriptionID]
        telemetry.subscription.subscriptionID = 10
        _ = try pushed(2, driver)
        let before = driver.now
        try driver.run { telemetry.asked.count == 2 }
        #expect(driver.now - before < .seconds(1))
        _ = try pushed(3, driver)
        #expect(telemetry.pushes[2].request.subscriptionID == 10)
    }

    @Test func nothingIsPushedWhenNothingIsWanted() throws {
        telemetry.subscription.requestedMetrics = []
        let driver = try driver()
        try driver.run(for: .seconds(150)) { false }
        #expect(telemetry.pushes.isEmpty)
        #expect(telemetry.asked.count == 3)
    }

    @Test(arguments: [KafkaError.invalidRequest, .unsupportedVersion, .invalidRecord])
    func aRefusalEndsIt(error: KafkaError) throws {
        let driver = try driver()
        telemetry.pushErrors = [error]
        _ = try pushed(1, driver)
        try driver.run(for: .seconds(600)) { false }
        #expect(telemetry.pushes.count == 1 && telemetry.asked.count == 1)
        driver.append("goes on")
        try driver.run { driver.core.bufferedBytes == 0 }
        #expect(cluster.values[0] == ["goes on"])
    }

    @Test func aBrokerThatIsOverTaxedIsLeftAloneForAnInterval() throws {
        telemetry.subscriptionErrors = [.throttlingQuotaExceeded]
        let driver = try driver()
        try driver.run(for: .seconds(299)) { false }
        #expect(telemetry.asked.count == 1)
        _ = try pushed(1, driver)
        #expect(telemetry.asked.count == 2)
    }

    @Test func theLastPushIsSentBeforeTheEnd() throws {
        let driver = try driver()
        try send(2, driver)
        let waits = driver.core.telemetry.finish(now: driver.now)
        #expect(waits)
        _ = try pushed(1, driver)
        #expect(telemetry.pushes[0].request.terminating)
        #expect(try value("record.send.total", telemetry.pushes[0].metrics) == 2)
        #expect(!driver.core.telemetry.isFinishing)
        try driver.run(for: .seconds(600)) { false }
        #expect(telemetry.pushes.count == 1)
    }

    @Test func theEndDoesNotWaitForBrokersThatAreGone() throws {
        let driver = try driver()
        try send(1, driver)
        driver.isUnreachable = true
        for id in driver.connections { driver.drop(id) }
        let waits = driver.core.telemetry.finish(now: driver.now)
        #expect(waits)
        try driver.step()
        #expect(!driver.core.telemetry.isFinishing)
    }

    @Test func aPushIsCutToWhatTheBrokerTakes() throws {
        telemetry.subscription.telemetryMaxBytes = 900
        let driver = try driver()
        try send(1, driver)
        _ = try pushed(1, driver)
        #expect(telemetry.pushes[0].request.metrics.count <= 900)
        #expect(!telemetry.pushes[0].metrics.isEmpty)
    }

    @Test func theInstanceIDIsTold() throws {
        let driver = try driver { $0.transactionalID = "bird" }
        driver.core.telemetry.waitForInstanceID(1, until: driver.now + .seconds(10))
        try settle(driver)
        let known = driver.core.telemetry.takeAnswers()
        #expect(known.map(\.id) == [1])
        #expect(try known.first?.result.get() == telemetry.subscription.clientInstanceID)
        _ = try pushed(1, driver)
        #expect(telemetry.pushes[0].resource == ["transactional_id": "bird"])
    }

    @Test func waitsForTheInstanceIDEnd() throws {
        let driver = try ProducerDriver(cluster)
        driver.isUnreachable = true
        driver.core.telemetry.waitForInstanceID(1, until: driver.now + .seconds(10))
        try driver.run(for: .seconds(11)) { false }
        let late = driver.core.telemetry.takeAnswers()
        #expect(late.first?.result == .failure(.timedOut("the client's instance id")))
        driver.core.telemetry.waitForInstanceID(2, until: driver.now + .seconds(30))
        driver.isUnreachable = false
        try driver.run(for: .seconds(20)) { false }
        let refused = driver.core.telemetry.takeAnswers().first?.result
        guard case .failure(.unsupportedRequest(.getTelemetrySubscriptions, _)) = refused else {
            Issue.record("\(String(describing: refused))")
            return
        }
        let off = try ProducerDriver(cluster) { $0.network.pushesMetrics = false }
        off.core.telemetry.waitForInstanceID(3, until: off.now + .seconds(10))
        let disabled = off.core.telemetry.takeAnswers().first?.result
        #expect(disabled == .failure(.invalidState("enable.metrics.push is false")))
    }

    /// What a broker says of quotas in any answer mutes its connection.
    @Test func silenceIsKeptForQuotas() throws {
        telemetry.subscription.throttleTimeMs = 5_000
        telemetry.subscription.requestedMetrics = []
        cluster.telemetry = telemetry
        let driver = try ProducerDriver(cluster)
        try driver.open()
        try driver.run { telemetry.asked.count == 1 }
        let before = driver.now
        for partition: Int32 in 0...1 { driver.append("late", partition: partition) }
        try driver.run { driver.core.bufferedBytes == 0 }
        #expect(driver.now - before > .milliseconds(4_500))
    }

    @Test func anInstanceIDThatIsKnownIsToldAtOnce() throws {
        let driver = try driver()
        try driver.run { driver.core.telemetry.instanceID != nil }
        driver.core.telemetry.waitForInstanceID(1, until: driver.now)
        #expect(
            driver.core.telemetry.takeAnswers().map(\.result)
                == [.success(telemetry.subscription.clientInstanceID)])
    }

    /// Averages and rates are of the spans that deltas are told of, and so begin with the first.
    @Test func deltasBeginWhenTheyAreFirstAskedFor() throws {
        let driver = try driver()
        try send(10, driver)
        #expect(try value("record.send.total", pushed(1, driver)) == 10)
        try send(3, driver)
        telemetry.subscription.deltaTemporality = true
        telemetry.pushErrors = [.unknownSubscriptionID]
        _ = try pushed(2, driver)
        try driver.run { telemetry.asked.count == 2 }
        try settle(driver)
        try send(4, driver)
        let third = try pushed(3, driver)
        #expect(try value("record.send.total", third) == 4)
    }

    @Test func aSubscriptionWithoutAnIDEndsIt() throws {
        telemetry.subscription.clientInstanceID = .zero
        cluster.telemetry = telemetry
        let driver = try ProducerDriver(cluster)
        driver.core.telemetry.waitForInstanceID(1, until: driver.now + .seconds(10))
        try driver.run(for: .seconds(400)) { false }
        #expect(telemetry.asked.count == 1 && telemetry.pushes.isEmpty)
        let error = ClientError.malformedResponse(
            "GetTelemetrySubscriptions gives no instance id")
        #expect(driver.core.telemetry.takeAnswers().map(\.result) == [.failure(error)])
    }

    /// A push that is under way is not the last one: what came since goes after it.
    @Test func theEndWaitsForThePushThatIsUnderWay() throws {
        let driver = try driver()
        try driver.run(for: .seconds(100)) {
            driver.core.telemetry.state == .pushing(isLast: false)
        }
        try driver.step()
        try #require(driver.core.telemetry.state == .pushing(isLast: false))
        let waits = driver.core.telemetry.finish(now: driver.now)
        #expect(waits && driver.core.telemetry.isFinishing)
        _ = try pushed(2, driver)
        #expect(telemetry.pushes.map(\.request.terminating) == [false, true])
        #expect(!driver.core.telemetry.isFinishing)
    }

    @Test func withoutASubscriptionTheEndWaitsForNothing() throws {
        let driver = try ProducerDriver(cluster)
        let waits = driver.core.telemetry.finish(now: driver.now)
        #expect(!waits)
        cluster.telemetry = telemetry
        try driver.open()
        try driver.run(for: .seconds(400)) { false }
        #expect(telemetry.asked.isEmpty)
    }
}
