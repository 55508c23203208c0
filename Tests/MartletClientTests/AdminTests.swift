import MartletClient
import Testing

@Suite(.timeLimit(.minutes(2))) struct AdminTests {
    private func admin(_ node: TestNode) throws -> Admin { try Admin(bootstrap: node.bootstrap) }

    private func produce(_ count: Int, to topic: String, _ node: TestNode) async throws {
        let producer = try Producer(bootstrap: node.bootstrap)
        for index in 0..<count {
            try await producer.enqueue(
                ProducerRecord(topic: topic, partition: 0, value: Array("\(index)".utf8)))
        }
        try await producer.close()
    }

    @Test func topicsAreMadeDescribedGrownAndDeleted() async throws {
        let node = try TestNode()
        let admin = try admin(node)
        let created = try await admin.createTopic(
            "birds", partitions: 2, configs: ["retention.ms": "1000"])
        #expect(created.partitions == 2 && created.replicationFactor == 1)
        let again = try await admin.createTopics([NewTopic("birds"), NewTopic("more")])
        #expect(again["birds"]?.error?.kafkaError == .topicAlreadyExists)
        #expect(again["more"]?.error == nil)
        let checked = try await admin.createTopics([NewTopic("not this")], validateOnly: true)
        #expect(checked["not this"]?.error?.kafkaError == .invalidTopicException)
        let topic = try await #require(admin.describeTopics(["birds"])["birds"]).get()
        #expect(topic.id == created.id)
        #expect(topic.partitions.map(\.leader) == [BrokerID(1), BrokerID(1)])
        #expect(try await admin.createPartitions(["birds": 5])["birds"]?.error == nil)
        let grown = try await #require(admin.describeTopics(["birds"])["birds"]).get()
        #expect(grown.partitions.map(\.partition) == Array(0..<5))
        #expect(try await admin.listTopics().map(\.name) == ["birds", "more"])
        try await admin.deleteTopic("more")
        let gone = try await admin.describeTopics(["more"])["more"]?.error
        #expect(gone?.kafkaError == .unknownTopicOrPartition)
        await #expect(throws: ClientError.self) { try await admin.deleteTopic("never was") }
        await admin.close()
        await #expect(throws: ClientError.closed) { _ = try await admin.listTopics() }
    }

    @Test func configsAreChangedOneByOne() async throws {
        let node = try TestNode()
        let admin = try admin(node)
        try await admin.createTopic("t", configs: ["cleanup.policy": "delete"])
        let topic = ConfigResource.topic("t")
        let changed = try await admin.alterConfigs([
            topic: ["retention.ms": .set("5000"), "cleanup.policy": .append("compact")]
        ])
        #expect(changed[topic]?.error == nil)
        func values() async throws -> [String: ConfigEntry] {
            let entries = try await #require(admin.describeConfigs([topic])[topic]).get()
            return Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0) })
        }
        var entries = try await values()
        #expect(entries["retention.ms"]?.value == "5000")
        #expect(entries["retention.ms"]?.source == .topic)
        #expect(entries["cleanup.policy"]?.value == "delete,compact")
        _ = try await admin.alterConfigs([topic: ["retention.ms": .delete]])
        entries = try await values()
        #expect(entries["retention.ms"]?.source == .default)
        let bad = try await admin.alterConfigs([topic: ["retention.ms": .set("soon")]])
        #expect(bad[topic]?.error?.kafkaError == .invalidConfig)
        let broker = ConfigResource.broker(BrokerID(1))
        let found = try await admin.describeConfigs([broker, topic], names: ["retention.ms"])
        #expect(found[broker]?.error == nil)
        #expect(try found[topic]?.get().map(\.name) == ["retention.ms"])
        #expect(try await admin.listConfigResources([.topic]).contains(topic))
        await admin.close()
    }

    @Test func offsetsRecordsAndProducersOfPartitions() async throws {
        let node = try TestNode()
        let admin = try admin(node)
        try await admin.createTopic("t", partitions: 1)
        try await produce(10, to: "t", node)
        let id = TopicPartition(topic: "t", partition: 0)
        let missing = TopicPartition(topic: "t", partition: 7)
        let ends = try await admin.listOffsets([id: .latest, missing: .latest])
        #expect(try ends[id]?.get().offset == Offset(10))
        #expect(ends[missing]?.error?.kafkaError == .unknownTopicOrPartition)
        let producers = try await #require(admin.describeProducers([id])[id]).get()
        #expect(producers.count == 1 && producers[0].lastSequence == 9)
        #expect(try await admin.deleteRecords(before: [id: Offset(4)])[id]?.get() == Offset(4))
        #expect(try await admin.listOffsets([id: .earliest])[id]?.get().offset == Offset(4))
        #expect(try await admin.deleteRecords(before: [id: nil])[id]?.get() == Offset(10))
        await admin.close()
    }

    @Test(arguments: [GroupProtocol.classic, .consumer])
    func groupsAreDescribedMovedAndDeleted(kind: GroupProtocol) async throws {
        let node = try TestNode()
        let admin = try admin(node)
        try await admin.createTopic("t", partitions: 1)
        try await produce(10, to: "t", node)
        let consumer = try Consumer(bootstrap: node.bootstrap) {
            $0.group = GroupSettings(id: "g")
            $0.group?.groupProtocol = kind
            $0.offsetReset = .earliest
        }
        try consumer.subscribe(to: ["t"])
        _ = try await consumer.poll(timeout: .seconds(60))
        let id = TopicPartition(topic: "t", partition: 0)
        let live = try await #require(admin.describeGroups(["g", "none"])["g"]).get()
        #expect(live.type == (kind == .classic ? "Classic" : "Consumer"))
        #expect(live.members.map(\.assignment) == [[id]])
        #expect(live.members.map(\.subscribedTopics) == [["t"]])
        #expect(try await admin.listGroups().map(\.id) == ["g"])
        #expect(await admin.deleteGroups(["g"])["g"]?.error?.kafkaError == .nonEmptyGroup)
        await consumer.close()
        let moved = try await admin.alterGroupOffsets("g", [id: CommittedOffset(Offset(3))])
        #expect(moved[id]?.error == nil)
        #expect(try await admin.listGroupOffsets("g") == [id: CommittedOffset(Offset(3))])
        #expect(try await admin.deleteGroupOffsets("g", [id])[id]?.error == nil)
        #expect(try await admin.listGroupOffsets("g", [id]).isEmpty)
        _ = try await admin.alterGroupOffsets("g", [id: CommittedOffset(Offset(3))])
        #expect(await admin.deleteGroups(["g"])["g"]?.error == nil)
        await admin.close()
    }

    @Test func transactionsAreListedAndTheirProducersFenced() async throws {
        let node = try TestNode()
        let admin = try admin(node)
        try await admin.createTopic("t", partitions: 1)
        let producer = try Producer(bootstrap: node.bootstrap) { $0.transactionalID = "bird" }
        let open = try await producer.beginTransaction()
        _ = try await open.send(ProducerRecord(topic: "t", value: "a"))
        #expect(try await admin.listTransactions().map(\.transactionalID) == ["bird"])
        let found = try await #require(admin.describeTransactions(["bird"])["bird"]).get()
        #expect(found.state == "Ongoing")
        #expect(found.partitions == [TopicPartition(topic: "t", partition: 0)])
        #expect(try await admin.fenceProducers(["bird"])["bird"]?.error == nil)
        await #expect(throws: ClientError.self) { try await producer.commitTransaction() }
        await producer.abandon()
        let none = try await admin.describeTransactions(["nobody"])["nobody"]?.error
        #expect(none?.kafkaError == .transactionalIDNotFound)
        await admin.close()
    }

    @Test func theClusterItsFeaturesAndItsDirectories() async throws {
        let node = try TestNode()
        let admin = try admin(node)
        try await admin.createTopic("t", partitions: 1)
        let cluster = try await admin.describeCluster()
        #expect(cluster.nodes.map(\.id) == [BrokerID(1)] && !cluster.clusterID.isEmpty)
        let features = try await admin.describeFeatures()
        #expect(features.finalized["metadata.version"] ?? 0 > 0)
        await #expect(throws: ClientError.self) {
            try await admin.updateFeatures(["metadata.version": FeatureUpdate(level: 9999)])
        }
        let dirs = try await #require(admin.describeLogDirs(of: [BrokerID(1)])[BrokerID(1)]).get()
        let id = TopicPartition(topic: "t", partition: 0)
        #expect(dirs.values.contains { $0.replicas[id] != nil })
        #expect(try await admin.listPartitionReassignments().isEmpty)
        let elected = try await admin.electLeaders(.preferred, [id])
        #expect(elected[id]?.error?.kafkaError == .electionNotNeeded)
        await admin.close()
    }

    @Test func whatABrokerServesWorksAndWhatItLacksIsTold() async throws {
        let node = try TestNode()
        let admin = try admin(node)
        let entity: ClientQuotaEntity = ["client-id": "bird"]
        do {
            let quorum = try await admin.describeQuorum()
            #expect(quorum.leader == BrokerID(1) && quorum.voters.count == 1)
        } catch .unsupportedRequest {
            // Nor does one that serves no DescribeQuorum.
        }
        do {
            let set = try await admin.alterClientQuotas([entity: ["producer_byte_rate": 1024]])
            #expect(set[entity]?.error == nil)
            let found = try await admin.describeClientQuotas(["client-id": .any])
            #expect(found[entity]?["producer_byte_rate"] == 1024)
        } catch .unsupportedRequest {
            // A node without quotas does not advertise them.
        }
        await #expect(throws: ClientError.self) {
            _ = try await admin.describeACLs(AccessRule(pattern: nil))
        }
        await admin.close()
    }
}

extension Result where Failure == ClientError {
    fileprivate var error: ClientError? {
        if case .failure(let error) = self { error } else { nil }
    }
}
