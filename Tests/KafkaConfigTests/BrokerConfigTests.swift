import Testing

@testable import KafkaConfig

private let combined = """
    process.roles=broker,controller
    node.id=7
    controller.quorum.voters=7@localhost:9093
    listeners=PLAINTEXT://:9092,CONTROLLER://:9093
    controller.listener.names=CONTROLLER
    log.dirs=/d/a,/d/b
    """

private func load(
    _ text: String?, environment: [String: String] = [:], overrides: [String] = [],
    implemented: Set<String>? = nil
) throws(ConfigError) -> BrokerConfig {
    try BrokerConfig(
        file: text.map { text throws(ConfigError) in try PropertiesFile.parse(text) },
        environment: environment,
        overrides: try PropertiesFile.parse(overrides.joined(separator: "\n")),
        implemented: implemented)
}

private func failure(_ overrides: String..., file: String? = combined) -> String? {
    do {
        _ = try load(file, overrides: overrides)
        return nil
    } catch {
        return error.description
    }
}

@Suite struct BrokerConfigTests {
    @Test func withoutAFile() throws {
        let config = try load(nil)
        #expect(config.roles == [.broker, .controller])
        #expect(config.nodeID == 1)
        #expect(config.brokerListeners.map(\.port) == [9092])
        #expect(config.brokerListeners.first?.host == "localhost")
        #expect(config.controllerListeners.map(\.port) == [9093])
        #expect(config.advertisedListeners == config.brokerListeners)
        #expect(config.logDirs == ["./data"])
        #expect(config.metadataLogDir == "./data")
        #expect(config.quorumVoters.map(\.id) == [1])
        #expect(config.durability == .flushed)
        #expect(config.networkThreads == nil)
        #expect(config.memoryMax == nil)
        #expect(config.number("offsets.topic.replication.factor") == 1)
        #expect(config.number("num.io.threads") == 8)
        #expect(config.warnings == [])
        #expect(config.topicDefaults == [:])
    }

    @Test func withoutAFileOtherListenersStillHaveAController() throws {
        let config = try load(
            nil, environment: ["MARTLET_NODE_ID": "4"],
            overrides: ["listeners=PLAINTEXT://:19092", "log.dir=/x"])
        #expect(config.listeners.map(\.name) == ["PLAINTEXT", "CONTROLLER"])
        #expect(config.quorumVoters.map(\.id) == [4])
        #expect(config.nodeID == 4)
        #expect(config.logDirs == ["/x"])
    }

    @Test func commandLineBeatsEnvironmentBeatsFile() throws {
        let file = combined + "\nnum.partitions=2\nlog.retention.ms=5\nnum.io.threads=3"
        let config = try load(
            file,
            environment: [
                "MARTLET_NUM_PARTITIONS": "3", "MARTLET_NUM_IO_THREADS": "4", "PATH": "/",
            ],
            overrides: ["num.partitions=4", "log.retention.hours=1"])
        #expect(config.number("num.partitions") == 4)
        #expect(config.number("num.io.threads") == 4)
        #expect(config.topicDefaults["retention.ms"] == "3600000")
        #expect(config.staticConfigs["log.retention.ms"] == nil)
    }

    @Test(arguments: ["hours", "minutes", "ms"])
    func retentionBelowZeroIsNoLimit(unit: String) throws {
        let config = try load(combined, overrides: ["log.retention.\(unit)=-2"])
        #expect(config.topicDefaults == ["retention.ms": "-1"])
    }

    @Test func namesOfOneLayerStandSideBySide() throws {
        let config = try load(combined + "\nlog.retention.ms=5\nlog.retention.hours=1")
        #expect(config.topicDefaults == ["retention.ms": "5"])
        #expect(config.staticConfigs["log.retention.hours"] == "1")
    }

    @Test(arguments: [
        ("MARTLET_LOG_RETENTION_MS", "log.retention.ms"),
        ("MARTLET_DURABILITY", "martlet.durability"),
        ("MARTLET_MEMORY_MAX", "martlet.memory.max"),
        ("MARTLET_MARTLET_DURABILITY", "martlet.durability"),
        ("MARTLET_LISTENER_NAME_MY__NET_SSL_PROTOCOL", "listener.name.my_net.ssl.protocol"),
        (
            "MARTLET_LISTENER_NAME_PLAIN_SCRAM___SHA___256_SASL_JAAS_CONFIG",
            "listener.name.plain.scram-sha-256.sasl.jaas.config"
        ),
    ])
    func environmentNames(variable: String, key: String) {
        #expect(ConfigLayers.key(ofVariable: variable) == key)
    }

    @Test func otherVariablesAreLeftAlone() {
        #expect(ConfigLayers.key(ofVariable: "MARTLET_") == nil)
        #expect(ConfigLayers.key(ofVariable: "KAFKA_NODE_ID") == nil)
    }

    @Test func oneWarningNamesAllUnknownKeys() throws {
        let config = try load(
            combined + "\nzookeeper.connect=x\nadvertised.host.name=y\nrsm.config.bucket=z\n"
                + "log.cleaner.threads=2\nlistener.name.plaintext.ssl.protocol=TLSv1.3\n"
                + "leader.replication.throttled.rate=1",
            implemented: [
                "process.roles", "node.id", "controller.quorum.voters", "listeners",
                "controller.listener.names", "log.dirs",
            ])
        #expect(
            config.warnings == [
                "These config keys are not known and are ignored: "
                    + "advertised.host.name, zookeeper.connect",
                "These config keys are known but have no effect in Martlet yet: "
                    + "listener.name.plaintext.ssl.protocol, log.cleaner.threads",
                "These config keys can only be set dynamically and are ignored: "
                    + "leader.replication.throttled.rate",
            ])
    }

    @Test func requiredKeysAndBrokerID() throws {
        #expect(
            failure(file: "process.roles=broker")
                == "Missing required configuration \"node.id\" which has no default value.")
        let old = combined.replacing("node.id", with: "broker.id")
        #expect(try load(old).nodeID == 7)
        #expect(failure(file: combined + "\nbroker.id=8")?.contains("same value") == true)
        #expect(failure(file: combined + "\nbroker.id=7") == nil)
    }

    @Test func valueOutOfRangeNamesKeyValueAndRange() {
        #expect(
            failure("num.partitions=0")
                == "Invalid value 0 for configuration num.partitions: Value must be at least 1")
    }
}

@Suite struct ListenerTests {
    @Test func protocolsAndAdvertisedAddresses() throws {
        let config = try load(
            combined,
            overrides: [
                "listeners=in://:9092,out://[::]:9094,CONTROLLER://0.0.0.0:9093",
                "listener.security.protocol.map=IN:PLAINTEXT, OUT:SASL_SSL,CONTROLLER:PLAINTEXT",
                "inter.broker.listener.name=in", "advertised.listeners=IN://a:1,OUT://b.c:2",
            ])
        #expect(config.listeners.map(\.name) == ["IN", "OUT", "CONTROLLER"])
        #expect(config.listeners[0].host == nil)
        #expect(config.listeners[1].host == "::")
        #expect(config.listeners[1].securityProtocol == .saslSSL)
        #expect(config.advertisedListeners.map(\.port) == [1, 2])
        #expect(config.interBrokerListenerName == "IN")
        #expect(config.advertisedControllerListeners.map(\.host) == ["localhost"])
    }

    @Test(arguments: [
        "listeners=PLAINTEXT://:9092,CONTROLLER://:9092", "listeners=PLAINTEXT://:9092",
        "listeners=PLAINTEXT://:9092,PLAINTEXT://:9094,CONTROLLER://:9093",
        "listeners=PLAINTEXT://:65536,CONTROLLER://:9093", "listeners=PLAINTEXT,CONTROLLER://:9093",
        "listeners=PLAINTEXT://a/b:9092,CONTROLLER://:9093", "listeners=CONTROLLER://:9093",
        "listeners=OTHER://:9092,CONTROLLER://:9093", "listeners=",
        "listeners=PLAINTEXT://1.2.3.4:9092,CONTROLLER://1.2.3.5:9092",
        "advertised.listeners=PLAINTEXT://0.0.0.0:9092", "advertised.listeners=SSL://a:1",
        "inter.broker.listener.name=SSL", "inter.broker.listener.name=NONE",
        "inter.broker.listener.name=PLAINTEXT\nsecurity.inter.broker.protocol=SSL",
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT",
        "listener.security.protocol.map=PLAINTEXT:TLS",
        "listener.security.protocol.map=A:SSL,a:SSL",
    ])
    func refused(overrides: String) {
        #expect(failure(overrides) != nil)
    }

    @Test(arguments: [
        "listeners=PLAINTEXT://:0,CONTROLLER://:0", "listeners=PLAINTEXT://:65535,CONTROLLER://:1",
        "listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://[::1]:9092",
        "advertised.listeners=PLAINTEXT://a:1",
    ])
    func accepted(overrides: String) {
        #expect(failure(overrides) == nil)
    }
}

@Suite struct ConsistencyTests {
    @Test(arguments: [
        "log.roll.ms=0", "log.roll.jitter.ms=-1", "log.retention.ms=0", "log.retention.minutes=0",
        "log.retention.hours=0", "log.cleaner.dedupe.buffer.size=1048576",
        "log.cleaner.threads=0", "cordoned.log.dirs=/x", "cordoned.log.dirs=*,/d/a",
        "replica.fetch.wait.max.ms=30001", "controller.quorum.voters=8@a:1",
        "controller.quorum.voters=", "queued.max.request.bytes=104857599",
        "max.connections.per.ip=0", "max.connections.per.ip.overrides=a",
        "connection.failed.authentication.delay.ms=600000",
        "log.cleaner.min.compaction.lag.ms=2\nlog.cleaner.max.compaction.lag.ms=1",
        "martlet.durability=maybe", "process.roles=", "process.roles=observer",
    ])
    func refused(overrides: String) {
        #expect(failure(overrides) != nil)
    }

    @Test(arguments: [
        "log.roll.ms=1", "log.retention.ms=-1", "log.retention.ms=1",
        "log.cleaner.dedupe.buffer.size=1048577", "cordoned.log.dirs=*", "cordoned.log.dirs=/d/b",
        "replica.fetch.wait.max.ms=30000", "queued.max.request.bytes=104857600",
        "max.connections.per.ip=0\nmax.connections.per.ip.overrides=a:1",
        "connection.failed.authentication.delay.ms=599999",
        "controller.quorum.voters=\ncontroller.quorum.bootstrap.servers=a:9093",
        "martlet.durability=replicated",
    ])
    func accepted(overrides: String) {
        #expect(failure(overrides) == nil)
    }

    @Test func rolesDecideOverListenersAndVoters() {
        let broker = [
            "process.roles=broker", "controller.quorum.voters=8@a:9093",
            "listeners=PLAINTEXT://:9092",
        ].joined(separator: "\n")
        #expect(failure(broker) == nil)
        #expect(failure(broker + "\ncontroller.quorum.voters=7@a:9093") != nil)
        #expect(failure(broker + "\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093") != nil)
        #expect(failure(broker + "\ncontroller.quorum.auto.join.enable=true") != nil)
        #expect(failure("process.roles=controller") != nil)
        #expect(failure("process.roles=controller\nlisteners=CONTROLLER://:9093") == nil)
    }

    @Test func aBrokerAloneTalksToOneControllerListener() throws {
        let broker = """
            process.roles=broker
            node.id=7
            controller.quorum.voters=1@localhost:9093
            listeners=PLAINTEXT://:9092
            """
        let config = try load(
            broker, overrides: ["controller.listener.names=CONTROLLER,OTHER"])
        #expect(
            config.warnings == [
                "Only the first of controller.listener.names counts on a node that is no "
                    + "controller: CONTROLLER"
            ])
        let one = try load(broker, overrides: ["controller.listener.names=CONTROLLER"])
        #expect(one.warnings == [])
    }

    /// KIP-103.
    @Test func protocolsHaveKafkasCodes() {
        #expect(SecurityProtocol.allCases.map(\.code) == [0, 1, 2, 3])
    }

    @Test func oddButLegalIsWarnedAbout() throws {
        let config = try load(combined, overrides: ["broker.heartbeat.interval.ms=5000"])
        #expect(config.warnings.count == 1)
        #expect(config.warnings.first?.contains("broker.session.timeout.ms") == true)
        #expect(try load(combined, overrides: ["broker.heartbeat.interval.ms=4500"]).warnings == [])
    }
}
