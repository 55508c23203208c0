import Testing

@testable import ClientCore

/// Settings by their names in Kafka.
@Suite struct PropertyNameTests {
    private let bootstrap = ["bootstrap.servers": "b:9092"]

    @Test func namesThatNobodyKnowsAreTold() throws {
        let misspelt = bootstrap.merging(["linger.millis": "5"]) { $1 }
        #expect(
            throws: ClientError.invalidSetting(
                key: "linger.millis", value: "5", reason: "this client has no such setting")
        ) { try ProducerSettings(properties: misspelt) }
        let near = bootstrap.merging(["fetch.min.byte": "1"]) { $1 }
        let error = #expect(throws: ClientError.self) { try ConsumerSettings(properties: near) }
        #expect("\(error as Any)".contains("did you mean fetch.min.bytes?"))
        // Those of another kind of client are not known either.
        #expect(throws: ClientError.self) {
            try AdminSettings(properties: bootstrap.merging(["acks": "all"]) { $1 })
        }
        var lenient = ProducerSettings(network: NetworkSettings(bootstrap: []))
        try lenient.apply(misspelt)
    }

    @Test func whatIsCodeHereIsSaidToBe() throws {
        let given = bootstrap.merging(["interceptor.classes": "org.Example"]) { $1 }
        let error = #expect(throws: ClientError.self) { try ProducerSettings(properties: given) }
        #expect("\(error as Any)".contains("interceptors to the client's init"))
    }

    @Test func namesOfKafkaAreTaken() throws {
        let given = bootstrap.merging([
            "key.deserializer": "x", "group.id": "g", "metadata.recovery.strategy": "none",
            "metadata.recovery.rebootstrap.trigger.ms": "7", "enable.metrics.push": "false",
        ]) { $1 }
        let settings = try ConsumerSettings(properties: given)
        #expect(settings.group?.id == "g" && !settings.network.rebootstraps)
        #expect(settings.network.rebootstrapTrigger == .milliseconds(7))
        #expect(!settings.network.pushesMetrics)
        #expect(throws: ClientError.self) { try ConsumerSettings(properties: ["group.id": "g"]) }
    }

    /// KIP-1102: brokers that are there, and give no metadata, are forgotten in time.
    @Test(arguments: [true, false])
    func brokersThatGiveNoMetadataAreForgotten(rebootstraps: Bool) throws {
        let cluster = ModelCluster(partitions: 1)
        let driver = try ProducerDriver(cluster) {
            $0.network.rebootstraps = rebootstraps
            $0.network.rebootstrapTrigger = .seconds(20)
            $0.network.metadataMaxAge = .seconds(1)
        }
        try driver.open()
        cluster.metadataError = .unknownServerError
        let began = driver.now
        let asked = cluster.seen.count
        var first: ClientInstant?
        try driver.run(for: .seconds(60)) {
            let hasBegunAnew = driver.core.network.nodes.keys.contains(.bootstrap(0))
            if hasBegunAnew, first == nil { first = driver.now }
            return first != nil
        }
        // Refusals are waited out, however old the metadata has become.
        #expect(cluster.seen.count - asked < 100)
        if rebootstraps {
            let pause = try #require(first) - began
            #expect(pause >= .seconds(19) && pause < .seconds(25))
        } else {
            #expect(first == nil)
        }
    }
}
