import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore

/// The APIs that describe the cluster and its disks, and each API in each version.
@Suite struct ClusterAPITests {
    private func code(_ raw: Int16) -> KafkaError? { KafkaError(rawValue: raw) }

    /// Sends the request in every version that it has; each must be answered.
    private func sweep<Request: KafkaRequest>(_ request: Request, _ client: TestClient) throws {
        for version in Request.apiKey.validVersions {
            _ = try client.call(request, version: version)
        }
    }

    @Test func everyVersionOfEveryAPIIsAnswered() throws {
        let client = try TestNode().connect()
        try client.createTopic("words")
        try sweep(MetadataRequest(topics: [.init(name: "words")]), client)
        try sweep(ListOffsetsRequest(topics: [.init(name: "words")]), client)
        try sweep(OffsetForLeaderEpochRequest(topics: [.init(topic: "words")]), client)
        try sweep(CreatePartitionsRequest(), client)
        try sweep(CreateTopicsRequest(), client)
        try sweep(DeleteTopicsRequest(), client)
        try sweep(DeleteRecordsRequest(), client)
        try sweep(DescribeConfigsRequest(), client)
        try sweep(AlterConfigsRequest(), client)
        try sweep(IncrementalAlterConfigsRequest(), client)
        try sweep(ListConfigResourcesRequest(), client)
        try sweep(DescribeClusterRequest(), client)
        try sweep(DescribeTopicPartitionsRequest(), client)
        try sweep(DescribeProducersRequest(), client)
        try sweep(DescribeLogDirsRequest(topics: nil), client)
        try sweep(AlterReplicaLogDirsRequest(), client)
        try sweep(UpdateFeaturesRequest(), client)
        try sweep(FindCoordinatorRequest(), client)
        try sweep(InitProducerIDRequest(transactionalID: nil), client)
        try sweep(FetchRequest(), client)
        try sweep(ProduceRequest(acks: 1), client)
        #expect(client.closeReason == nil)
    }

    @Test func theClusterIsDescribed() throws {
        let node = try TestNode { $0.rack = "r1" }
        let client = node.connect()
        let response = try client.call(DescribeClusterRequest())
        #expect(response.clusterID == node.clusterID && response.controllerID == 1)
        let broker = try #require(response.brokers.first)
        #expect(broker.host == "localhost" && broker.port == 9092 && broker.rack == "r1")
        #expect(!broker.isFenced)
        let controllers = try client.call(DescribeClusterRequest(endpointType: 2))
        #expect(code(controllers.errorCode) == .mismatchedEndpointType)
        let neither = try client.call(DescribeClusterRequest(endpointType: 3))
        #expect(code(neither.errorCode) == .unsupportedEndpointType)
    }

    @Test func partitionsAreDescribedPageByPage() throws {
        let client = try TestNode().connect()
        try client.createTopic("a", partitions: 3)
        try client.createTopic("b", partitions: 2)
        var seen: [String] = []
        var cursor: DescribeTopicPartitionsRequest.Cursor?
        repeat {
            let page = try client.call(
                DescribeTopicPartitionsRequest(responsePartitionLimit: 2, cursor: cursor))
            let found = page.topics.flatMap { topic in
                topic.partitions.map { "\(topic.name ?? "")\($0.partitionIndex)" }
            }
            #expect(found.count <= 2)
            seen += found
            cursor = page.nextCursor.map {
                .init(topicName: $0.topicName, partitionIndex: $0.partitionIndex)
            }
        } while cursor != nil
        #expect(seen == ["a0", "a1", "a2", "b0", "b1"])
        let missing = try client.call(
            DescribeTopicPartitionsRequest(topics: [.init(name: "x"), .init(name: "a")]))
        #expect(missing.topics.map(\.name) == ["a", "x"])
        #expect(
            missing.topics.map { code($0.errorCode) } == [
                KafkaError.none, .unknownTopicOrPartition,
            ])
        let bad = try client.call(
            DescribeTopicPartitionsRequest(
                topics: [.init(name: "a")], cursor: .init(topicName: "b", partitionIndex: 0)))
        #expect(bad.topics.allSatisfy { code($0.errorCode) == .invalidRequest })
    }

    @Test func directoriesTellWhatLiesInThem() throws {
        let node = try TestNode(directories: ["/a", "/b"])
        let client = node.connect()
        try client.createTopic("words", partitions: 2)
        try client.produce(["x"], to: "words", partition: 0)
        func sizes(_ topics: [DescribeLogDirsRequest.DescribableLogDirTopic]?) throws -> [Int64] {
            try client.call(DescribeLogDirsRequest(topics: topics)).results
                .flatMap(\.topics).flatMap(\.partitions).map(\.partitionSize)
        }
        #expect(try sizes(nil).sorted() == [0, 69])
        #expect(try sizes([]).isEmpty)
        #expect(try sizes([.init(topic: "words", partitions: [0, 9])]) == [69])
        #expect(try sizes([.init(topic: "missing", partitions: [0])]).isEmpty)
    }

    @Test func aReplicaIsMovedOnlyWhereItCanGo() throws {
        let node = try TestNode(directories: ["/a", "/b"])
        let client = node.connect()
        try client.createTopic("words")
        let here = try #require(node.view.topic(named: "words")?[0]).logDirectory
        let there = here == "/a" ? "/b" : "/a"
        func move(_ partition: Int32, to path: String) throws -> KafkaError? {
            let request = AlterReplicaLogDirsRequest(
                dirs: [
                    .init(
                        path: path, topics: [.init(name: "words", partitions: [partition])])
                ])
            return code(try client.call(request).results[0].partitions[0].errorCode)
        }
        #expect(try move(0, to: here) == KafkaError.none)
        #expect(try move(0, to: there) == KafkaError.none)
        #expect(try move(0, to: here) == KafkaError.none, "it stays")
        #expect(try move(0, to: "/c") == .logDirNotFound)
        #expect(try move(7, to: here) == .replicaNotAvailable)
        node.controller.fail(directory: "/b", reason: "test")
        _ = node.controller.takeEffects()
        #expect(try move(7, to: "/b") == .kafkaStorageError)
    }

    @Test func resourcesWithConfigsAreListed() throws {
        let client = try TestNode().connect()
        try client.createTopic("words")
        let all = try client.call(ListConfigResourcesRequest()).configResources
        #expect(all.contains { $0.resourceName == "words" && $0.resourceType == 2 })
        #expect(all.contains { $0.resourceName == "1" && $0.resourceType == 4 })
        let topics = try client.call(ListConfigResourcesRequest(resourceTypes: [2]))
        #expect(topics.configResources.map(\.resourceName) == ["words"])
        let odd = try client.call(ListConfigResourcesRequest(resourceTypes: [99]))
        #expect(code(odd.errorCode) == .unsupportedVersion)
    }

    @Test func legacyAlterConfigsReplaceAllThatIsSet() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words", configs: ["retention.ms": "1000", "segment.ms": "2000"])
        let request = AlterConfigsRequest(
            resources: [
                .init(
                    resourceType: 2, resourceName: "words",
                    configs: [.init(name: "retention.ms", value: "5")])
            ])
        #expect(try client.call(request).responses.map(\.errorCode) == [0])
        let image = node.controller.controller.image
        #expect(image.configs[.topic("words")] == ["retention.ms": "5"])
        var twice = request
        twice.resources += request.resources
        #expect(
            try client.call(twice).responses.map { code($0.errorCode) }
                == [.invalidRequest, .invalidRequest])
    }

    @Test func featuresAreUpdatedAllOrNone() throws {
        let node = try TestNode()
        let client = node.connect()
        func update(_ feature: String, _ level: Int16, dry: Bool = false) throws -> KafkaError? {
            let request = UpdateFeaturesRequest(
                featureUpdates: [.init(feature: feature, maxVersionLevel: level, upgradeType: 2)],
                validateOnly: dry)
            return code(try client.call(request).errorCode)
        }
        let before = node.view.image.features.finalized.map(\.level)
        #expect(try update("no.such.feature", 1) != KafkaError.none)
        #expect(try update("group.version", 0, dry: true) == KafkaError.none)
        #expect(node.view.image.features.finalized.map(\.level) == before)
    }
}
