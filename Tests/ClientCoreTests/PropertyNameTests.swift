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

    @Test func eachKindOfClientTakesItsOwn() throws {
        let producer = try ProducerSettings(
            properties: bootstrap.merging(["partitioner": "consistent_random"]) { $1 })
        #expect(producer.partitioning == .crc32)
        let admin = try AdminSettings(properties: ["bootstrap.controllers": "c:9093"])
        #expect(admin.network.asksControllers)
        #expect(throws: ClientError.self) { try AdminSettings(properties: [:]) }
        #expect(throws: ClientError.self) {
            try ProducerSettings(properties: ["bootstrap.controllers": "c:9093"])
        }
    }

    /// A value that cannot be, and what is said of it.
    struct Refused: Sendable, CustomTestStringConvertible {
        var key: String
        var value: String
        var reason: String
        var testDescription: String { "\(key)=\(value)" }
        init(_ key: String, _ value: String, _ reason: String) {
            (self.key, self.value, self.reason) = (key, value, reason)
        }
    }

    @Test(arguments: [
        Refused("batch.size", "-1", "give a number from 0 to 2147483647"),
        Refused("max.request.size", "0", "give a number from 1 to 2147483647"),
        Refused("buffer.memory", "much", "give a number from 1 to 2147483647"),
        Refused("linger.ms", "-1", "give milliseconds"),
        Refused("enable.idempotence", "yes", "give true or false"),
        Refused("acks", "2", "give all, 1 or 0"),
        Refused("compression.type", "zip", "give none, gzip, snappy, lz4 or zstd"),
        Refused("compression.none.level", "high", "give a number"),
        Refused("partitioner", "random", "give murmur2_random or consistent_random"),
        Refused("bootstrap.servers", "b", "'b' is not host:port"),
        Refused("bootstrap.servers", " , ", "give at least one host:port"),
    ])
    func valuesOfProducersAreChecked(refused: Refused) throws {
        var settings = ProducerSettings(network: NetworkSettings(bootstrap: []))
        #expect(
            throws: ClientError.invalidSetting(
                key: refused.key, value: refused.value, reason: refused.reason)
        ) { try settings.apply([refused.key: refused.value]) }
    }

    @Test(arguments: [
        Refused("group.protocol", "modern", "give classic or consumer"),
        Refused(
            "partition.assignment.strategy", "range,fair",
            "give range, roundrobin, sticky or cooperative-sticky"),
        Refused("partition.assignment.strategy", "", "give at least one"),
        Refused(
            "isolation.level", "serializable", "give read_committed or read_uncommitted"),
        Refused("auto.offset.reset", "middle", "give earliest, latest or none"),
        Refused("metadata.recovery.strategy", "hope", "give rebootstrap or none"),
    ])
    func valuesOfConsumersAreChecked(refused: Refused) throws {
        var settings = ConsumerSettings(network: NetworkSettings(bootstrap: []))
        #expect(
            throws: ClientError.invalidSetting(
                key: refused.key, value: refused.value, reason: refused.reason)
        ) { try settings.apply(["group.id": "g", refused.key: refused.value]) }
    }

    @Test func addressesAreReadAndOrdered() throws {
        let list = try BrokerAddress.list(" b:2, PLAINTEXT://a:9092 ,[::1]:1,b:1")
        #expect(list.sorted().map(\.description) == ["[::1]:1", "a:9092", "b:1", "b:2"])
        for text in ["b:0", "b:65536", ":9092", "b", "[]:1"] {
            #expect(throws: ClientError.self) { try BrokerAddress.list(text) }
        }
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
