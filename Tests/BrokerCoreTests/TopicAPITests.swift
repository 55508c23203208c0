import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore

/// Metadata, CreateTopics, DeleteTopics, CreatePartitions and what describes them.
@Suite struct TopicAPITests {
    @Test func metadataKnowsTopicsByNameAndID() throws {
        let client = try TestNode().connect()
        let id = try client.createTopic("words", partitions: 2)
        for version in APIKey.metadata.validVersions {
            let request = MetadataRequest(
                topics: [.init(name: "words")], allowAutoTopicCreation: version >= 4 ? false : true)
            let topic = try #require(try client.call(request, version: version).topics.first)
            #expect(topic.errorCode == 0 && topic.name == "words" && topic.partitions.count == 2)
            if version >= 10 { #expect(topic.topicID == id) }
        }
        let byID = try client.call(MetadataRequest(topics: [.init(topicID: id, name: nil)]))
        #expect(byID.topics.map(\.name) == ["words"])
        let unknown = KafkaUUID(high: 7, low: 7)
        let none = try client.call(MetadataRequest(topics: [.init(topicID: unknown, name: nil)]))
        #expect(none.topics.map(\.errorCode) == [KafkaError.unknownTopicID.rawValue])
    }

    @Test func nullMeansAllTopicsAndEmptyNone() throws {
        let client = try TestNode().connect()
        try client.createTopic("a")
        try client.createTopic("b")
        #expect(try client.call(MetadataRequest(topics: nil)).topics.count == 2)
        #expect(try client.call(MetadataRequest(topics: [])).topics.isEmpty)
        #expect(try client.call(MetadataRequest(topics: []), version: 0).topics.count == 2)
    }

    @Test func topicsAreCreatedWhenAskedFor() throws {
        let node = try TestNode()
        let client = node.connect()
        let request = MetadataRequest(topics: [.init(name: "made"), .init(name: "bad name")])
        let response = try client.call(request)
        let codes = Dictionary(
            uniqueKeysWithValues: response.topics.map { ($0.name ?? "", $0.errorCode) })
        #expect(codes["made"] == 0)
        #expect(codes["bad name"] == KafkaError.invalidTopicException.rawValue)
        let asked = MetadataRequest(topics: [.init(name: "not")], allowAutoTopicCreation: false)
        #expect(
            try client.call(asked).topics.map(\.errorCode)
                == [KafkaError.unknownTopicOrPartition.rawValue])
        let strict = try TestNode {
            $0.staticConfigs["auto.create.topics.enable"] = "false"
        }.connect()
        #expect(try strict.call(request).topics.allSatisfy { $0.errorCode != 0 })
    }

    /// A plain topic in place of a coordinator's would lose what the coordinator keeps in it.
    @Test func internalTopicsAreMadeAsTheirCoordinatorsNeedThem() throws {
        let node = try TestNode {
            $0.staticConfigs["offsets.topic.num.partitions"] = "3"
        }
        let names = ["__consumer_offsets", "__share_group_state"]
        let response = try node.connect().call(
            MetadataRequest(topics: names.map { .init(name: $0) }))
        let made = try #require(response.topics.first { $0.name == names[0] })
        #expect(made.partitions.count == 3 && made.isInternal)
        #expect(
            node.view.controller.effectiveTopicConfig("cleanup.policy", of: names[0]) == "compact")
        #expect(node.view.image.topics[names[1]] == nil)
    }

    @Test func authorizedOperationsAreToldWhenAskedFor() throws {
        let client = try TestNode().connect()
        try client.createTopic("words")
        var request = MetadataRequest(topics: [.init(name: "words")])
        for version in Int16(8)...APIKey.metadata.validVersions.upperBound {
            request.includeTopicAuthorizedOperations = false
            request.includeClusterAuthorizedOperations = false
            let silent = try client.call(request, version: version)
            #expect(silent.topics[0].topicAuthorizedOperations == Int32.min)
            #expect(silent.clusterAuthorizedOperations == Int32.min)
            request.includeTopicAuthorizedOperations = true
            request.includeClusterAuthorizedOperations = version <= 10
            let told = try client.call(request, version: version)
            #expect(told.topics[0].topicAuthorizedOperations == 3576)
            if version <= 10 { #expect(told.clusterAuthorizedOperations == 8096) }
        }
        var cluster = DescribeClusterRequest()
        #expect(try client.call(cluster).clusterAuthorizedOperations == Int32.min)
        cluster.includeClusterAuthorizedOperations = true
        #expect(try client.call(cluster).clusterAuthorizedOperations == 8096)
        let partitions = try client.call(
            DescribeTopicPartitionsRequest(topics: [.init(name: "words")]))
        #expect(partitions.topics[0].topicAuthorizedOperations == 3576)
    }

    private func create(
        _ client: TestClient, _ topics: [CreateTopicsRequest.CreatableTopic],
        validateOnly: Bool = false
    ) throws -> [String: KafkaError] {
        let response = try client.call(
            CreateTopicsRequest(topics: topics, timeoutMs: 1000, validateOnly: validateOnly))
        return Dictionary(
            uniqueKeysWithValues: response.topics.map {
                ($0.name, KafkaError(rawValue: $0.errorCode) ?? .unknownServerError)
            })
    }

    @Test func topicsAreRefusedOneByOne() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("there")
        let codes = try create(
            client,
            [
                .init(name: "good", numPartitions: 1, replicationFactor: 1),
                .init(name: "there", numPartitions: 1, replicationFactor: 1),
                .init(name: "twice", numPartitions: 1, replicationFactor: 1),
                .init(name: "twice", numPartitions: 2, replicationFactor: 1),
                .init(name: "", numPartitions: 1, replicationFactor: 1),
                .init(name: "a/b", numPartitions: 1, replicationFactor: 1),
                .init(name: "none", numPartitions: 0, replicationFactor: 1),
                .init(name: "many", numPartitions: 1, replicationFactor: 2),
                .init(
                    name: "config", numPartitions: 1, replicationFactor: 1,
                    configs: [.init(name: "retention.ms", value: "-2")]),
                .init(
                    name: "unknown", numPartitions: 1, replicationFactor: 1,
                    configs: [.init(name: "no.such.key", value: "1")]),
                .init(name: "__cluster_metadata", numPartitions: 1, replicationFactor: 1),
            ])
        #expect(
            codes == [
                "good": .none, "there": .topicAlreadyExists, "twice": .invalidRequest,
                "": .invalidTopicException, "a/b": .invalidTopicException,
                "none": .invalidPartitions, "many": .invalidReplicationFactor,
                "config": .invalidConfig, "unknown": .invalidConfig,
                "__cluster_metadata": .invalidRequest,
            ])
        #expect(node.view.topicsByName.map(\.name) == ["good", "there"])
    }

    @Test func validateOnlyChangesNothing() throws {
        let node = try TestNode()
        let client = node.connect()
        let topic = CreateTopicsRequest.CreatableTopic(
            name: "maybe", numPartitions: 2, replicationFactor: 1)
        #expect(try create(client, [topic], validateOnly: true) == ["maybe": .none])
        #expect(node.view.topicsByName.isEmpty)
        try client.createTopic("words")
        let more = CreatePartitionsRequest(
            topics: [.init(name: "words", count: 3, assignments: nil)], validateOnly: true)
        #expect(try client.call(more).results.map(\.errorCode) == [0])
        #expect(node.view.topic(named: "words")?.partitions.count == 1)
    }

    @Test func partitionsAreAddedAndServed() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words", partitions: 2)
        func add(_ count: Int32, to topic: String) throws -> KafkaError? {
            let request = CreatePartitionsRequest(topics: [
                .init(name: topic, count: count, assignments: nil)
            ])
            return KafkaError(rawValue: try client.call(request).results[0].errorCode)
        }
        #expect(try add(2, to: "words") == .invalidPartitions)
        #expect(try add(1, to: "words") == .invalidPartitions)
        #expect(try add(3, to: "missing") == .unknownTopicOrPartition)
        #expect(try add(3, to: "words") == KafkaError.none)
        #expect(try client.produce(["x"], to: "words", partition: 2) == 0)
    }

    @Test func aDeletedTopicIsGoneAndItsNameFree() throws {
        let node = try TestNode()
        let client = node.connect()
        let first = try client.createTopic("words")
        try client.produce(["old"], to: "words")
        func delete(_ topics: [DeleteTopicsRequest.DeleteTopicState]) throws -> [KafkaError?] {
            try client.call(DeleteTopicsRequest(topics: topics, timeoutMs: 1000)).responses.map {
                KafkaError(rawValue: $0.errorCode)
            }
        }
        #expect(try delete([.init(name: "missing")]) == [.unknownTopicOrPartition])
        #expect(
            try delete([.init(name: nil, topicID: KafkaUUID(high: 5, low: 5))]) == [.unknownTopicID]
        )
        #expect(try delete([.init(name: "words", topicID: first)]) == [.invalidRequest])
        #expect(try delete([.init(name: nil, topicID: first)]) == [KafkaError.none])
        let second = try client.createTopic("words")
        #expect(second != first)
        #expect(try client.fetch("words").isEmpty)
        // The files of the old one go after file.delete.delay.ms.
        let old = { try node.fileSystem.list("/data").filter { $0.hasSuffix("-delete") } }
        #expect(try old().count == 1)
        node.advance(ms: 60_000)
        node.removeDueFiles()
        #expect(try old().isEmpty)
    }

    @Test func deletionCanBeDisabled() throws {
        let node = try TestNode { $0.staticConfigs["delete.topic.enable"] = "false" }
        let client = node.connect()
        try client.createTopic("words")
        let request = DeleteTopicsRequest(topicNames: ["words"], timeoutMs: 1000)
        let old = try client.call(request, version: 2)
        #expect(old.responses.map(\.errorCode) == [KafkaError.invalidRequest.rawValue])
        let new = try client.call(request, version: 5)
        #expect(new.responses.map(\.errorCode) == [KafkaError.topicDeletionDisabled.rawValue])
        #expect(node.view.topic(named: "words") != nil)
    }
}
