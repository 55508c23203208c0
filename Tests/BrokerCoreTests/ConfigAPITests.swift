import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore

/// Configs that change while the node runs, and what describes them.
@Suite struct ConfigAPITests {
    private enum Kind {
        static let topic: Int8 = 2
        static let broker: Int8 = 4
    }

    private func set(
        _ client: TestClient, _ type: Int8, _ name: String, _ key: String, _ value: String?,
        validateOnly: Bool = false
    ) throws -> KafkaError? {
        let request = IncrementalAlterConfigsRequest(
            resources: [
                .init(
                    resourceType: type, resourceName: name,
                    configs: [.init(name: key, configOperation: value == nil ? 1 : 0, value: value)]
                )
            ], validateOnly: validateOnly)
        return KafkaError(rawValue: try client.call(request).responses[0].errorCode)
    }

    private func describe(
        _ client: TestClient, _ type: Int8, _ name: String, _ keys: [String]?
    ) throws -> DescribeConfigsResponse.DescribeConfigsResult {
        let request = DescribeConfigsRequest(
            resources: [
                .init(resourceType: type, resourceName: name, configurationKeys: keys)
            ], includeSynonyms: true)
        return try client.call(request).results[0]
    }

    private func logConfig(_ node: TestNode) throws -> (maxMessageBytes: Int, retentionMs: Int64) {
        let cell = try #require(node.view.topic(named: "words")?[0])
        return cell.locked { ($0.log.config.maxMessageBytes, $0.log.config.retentionMs) }
    }

    @Test func theNearestLayerWins() throws {
        let node = try TestNode { $0.staticConfigs["log.retention.hours"] = "1" }
        let client = node.connect()
        try client.createTopic("words")
        #expect(try logConfig(node).retentionMs == 3_600_000)
        let steps: [(Int8, String, String, String?, Int64)] = [
            (Kind.broker, "", "log.retention.ms", "2000", 2000),
            (Kind.topic, "words", "retention.ms", "4000", 4000),
            (Kind.broker, "", "log.retention.ms", "3000", 4000),
            (Kind.topic, "words", "retention.ms", nil, 3000),
            (Kind.broker, "", "log.retention.ms", nil, 3_600_000),
        ]
        for (type, name, key, value, expected) in steps {
            #expect(try set(client, type, name, key, value) == KafkaError.none)
            #expect(try logConfig(node).retentionMs == expected)
        }
    }

    @Test func aBrokersOwnConfigBeatsThatOfAll() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words")
        #expect(try set(client, Kind.broker, "1", "message.max.bytes", "500") == KafkaError.none)
        #expect(try set(client, Kind.broker, "", "message.max.bytes", "700") == KafkaError.none)
        #expect(try logConfig(node).maxMessageBytes == 500)
        let large = TestClient.produceRequest(
            try TestRecords.batch([String(repeating: "x", count: 600)]), to: "words")
        let refused = try client.call(large, version: 12).responses[0].partitionResponses[0]
        #expect(KafkaError(rawValue: refused.errorCode) == .messageTooLarge)
        let entry = try #require(
            try describe(client, Kind.broker, "1", ["message.max.bytes"]).configs.first)
        #expect(entry.value == "500" && entry.configSource == 2)
        #expect(entry.synonyms.map(\.value) == ["500", "700", "1048588"])
        #expect(entry.synonyms.map(\.source) == [2, 3, 5])
        #expect(try set(client, Kind.broker, "1", "message.max.bytes", nil) == KafkaError.none)
        #expect(try logConfig(node).maxMessageBytes == 700)
        let next = try node.restarted()
        #expect(try logConfig(next).maxMessageBytes == 700)
    }

    @Test(arguments: [
        (Int8(4), "1", "num.io.threads", "16", KafkaError.invalidRequest),
        (4, "1", "log.dirs", "/elsewhere", .invalidRequest),
        (4, "2", "message.max.bytes", "500", .brokerIDNotRegistered),
        (4, "x", "message.max.bytes", "500", .invalidRequest),
        (4, "1", "message.max.bytes", "-5", .invalidRequest),
        (2, "words", "retention.ms", "soon", .invalidConfig),
        (2, "words", "no.such.key", "1", .invalidConfig),
        (2, "missing", "retention.ms", "1", .unknownTopicOrPartition),
        (2, "", "retention.ms", "1", .invalidRequest),
        (99, "x", "retention.ms", "1", .invalidRequest),
    ])
    func aChangeThatCannotBeIsRefused(
        type: Int8, name: String, key: String, value: String, error: KafkaError
    ) throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words")
        let before = node.controller.controller.image.configs.resources
        #expect(try set(client, type, name, key, value) == error)
        #expect(node.controller.controller.image.configs.resources == before)
    }

    @Test func validateOnlyChangesNothing() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words")
        let before = try logConfig(node).retentionMs
        #expect(
            try set(client, Kind.topic, "words", "retention.ms", "5", validateOnly: true)
                == KafkaError.none)
        #expect(try logConfig(node).retentionMs == before)
        #expect(
            try set(client, Kind.topic, "words", "retention.ms", "x", validateOnly: true)
                == .invalidConfig)
    }

    @Test func describedKeysAreThoseAskedFor() throws {
        let client = try TestNode().connect()
        try client.createTopic("words")
        #expect(try describe(client, Kind.topic, "words", nil).configs.count > 20)
        #expect(try describe(client, Kind.topic, "words", []).configs.isEmpty)
        let some = try describe(client, Kind.topic, "words", ["retention.ms", "no.such.key"])
        #expect(some.configs.map(\.name) == ["retention.ms"])
        let missing = try describe(client, Kind.topic, "missing", nil)
        #expect(KafkaError(rawValue: missing.errorCode) == .unknownTopicOrPartition)
    }

    @Test func cordonedDirectoriesTakeNoNewPartitions() throws {
        let node = try TestNode(directories: ["/a", "/b"])
        let client = node.connect()
        #expect(try set(client, Kind.broker, "1", "cordoned.log.dirs", "/b") == KafkaError.none)
        try client.createTopic("words", partitions: 3)
        let cells = node.view.topic(named: "words")?.partitions.compactMap { $0?.logDirectory }
        #expect(cells == ["/a", "/a", "/a"])
        let described = try client.call(DescribeLogDirsRequest(topics: nil))
        #expect(described.results.map(\.isCordoned) == [false, true])
        #expect(try set(client, Kind.broker, "1", "cordoned.log.dirs", nil) == KafkaError.none)
        try client.createTopic("more")
        #expect(node.view.topic(named: "more")?[0]?.logDirectory == "/b")
    }

    @Test func retentionFollowsAChangeOfConfig() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words", configs: ["segment.bytes": "1048576"])
        for index in 0..<3 {
            try client.produce([String(repeating: "x", count: 900_000)], to: "words")
            #expect(index < 3)
        }
        node.advance(ms: 10_000)
        #expect(try set(client, Kind.topic, "words", "retention.ms", "5000") == KafkaError.none)
        node.maintain { $0.applyRetention(now: node.clock.now.wallMs) }
        let request = TestClient.fetchRequest("words")
        let answer = try client.call(request, version: 12).responses[0].partitions[0]
        #expect(KafkaError(rawValue: answer.errorCode) == .offsetOutOfRange)
    }
}
