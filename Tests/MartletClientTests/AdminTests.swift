import MartletClient
import Testing

@Suite(.cluster, .timeLimit(.minutes(2))) struct AdminTests {
    private func admin() throws -> Admin { try Admin(bootstrap: testCluster().bootstrap) }

    private func produce(_ count: Int, to topic: String) async throws {
        let producer = try Producer(bootstrap: testCluster().bootstrap)
        for index in 0..<count {
            try await producer.enqueue(
                ProducerRecord(topic: topic, partition: 0, value: Array("\(index)".utf8)))
        }
        try await producer.close()
    }

    @Test func topicsAreMadeDescribedGrownAndDeleted() async throws {
        let cluster = try testCluster()
        let (birds, more) = (cluster.newTopic("birds"), cluster.newTopic("more"))
        let admin = try admin()
        let created = try await admin.createTopic(
            birds, partitions: 2, replicationFactor: 1, configs: ["retention.ms": "1000"])
        #expect(created.partitions == 2 && created.replicationFactor == 1)
        let again = try await admin.createTopics([NewTopic(birds), NewTopic(more)])
        #expect(again[birds]?.error?.kafkaError == .topicAlreadyExists)
        #expect(again[more]?.error == nil)
        let checked = try await admin.createTopics([NewTopic("not this")], validateOnly: true)
        #expect(checked["not this"]?.error?.kafkaError == .invalidTopicException)
        func described(_ count: Int) async throws -> TopicDescription? {
            guard let topic = try? await admin.describeTopics([birds])[birds]?.get() else {
                return nil
            }
            return topic.partitions.count == count ? topic : nil
        }
        try await eventually { try await described(2) != nil }
        let topic = try #require(try await described(2))
        let brokers = try await admin.describeCluster().nodes.map(\.id)
        #expect(topic.id == created.id)
        #expect(topic.partitions.allSatisfy { $0.leader.map(brokers.contains) ?? false })
        #expect(try await admin.createPartitions([birds: 5])[birds]?.error == nil)
        try await eventually { try await described(5) != nil }
        let grown = try #require(try await described(5))
        #expect(grown.partitions.map(\.partition) == Array(0..<5))
        let listed = try await admin.listTopics().map(\.name)
        #expect(listed.filter { [birds, more].contains($0) } == [birds, more])
        try await admin.deleteTopic(more)
        try await eventually {
            let gone = try await admin.describeTopics([more])[more]?.error
            return gone?.kafkaError == .unknownTopicOrPartition
        }
        await #expect(throws: ClientError.self) {
            try await admin.deleteTopic(cluster.name("never-was"))
        }
        await admin.close()
        await #expect(throws: ClientError.closed) { _ = try await admin.listTopics() }
    }

    @Test func configsAreChangedOneByOne() async throws {
        let admin = try admin()
        let topic = ConfigResource.topic(try await testCluster().topic())
        _ = try await admin.alterConfigs([topic: ["cleanup.policy": .set("delete")]])
        let changed = try await admin.alterConfigs([
            topic: ["retention.ms": .set("5000"), "cleanup.policy": .append("compact")]
        ])
        #expect(changed[topic]?.error == nil)
        func values() async throws -> [String: ConfigEntry] {
            let entries = try await #require(admin.describeConfigs([topic])[topic]).get()
            return Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0) })
        }
        try await eventually { try await values()["retention.ms"]?.value == "5000" }
        let entries = try await values()
        #expect(entries["retention.ms"]?.source == .topic)
        #expect(entries["cleanup.policy"]?.value == "delete,compact")
        _ = try await admin.alterConfigs([topic: ["retention.ms": .delete]])
        try await eventually { try await values()["retention.ms"]?.source != .topic }
        let bad = try await admin.alterConfigs([topic: ["retention.ms": .set("soon")]])
        #expect(bad[topic]?.error?.kafkaError == .invalidConfig)
        let first = try await #require(admin.describeCluster().nodes.first)
        let broker = ConfigResource.broker(first.id)
        let found = try await admin.describeConfigs([broker, topic], names: ["retention.ms"])
        #expect(found[broker]?.error == nil)
        #expect(try found[topic]?.get().map(\.name) == ["retention.ms"])
        #expect(try await admin.listConfigResources([.topic]).contains(topic))
        await admin.close()
    }

    @Test func offsetsRecordsAndProducersOfPartitions() async throws {
        let cluster = try testCluster()
        let topic = try await cluster.topic(partitions: 1)
        let admin = try admin()
        try await produce(10, to: topic)
        let id = TopicPartition(topic: topic, partition: 0)
        let missing = TopicPartition(topic: topic, partition: 7)
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
        let cluster = try testCluster()
        let topic = try await cluster.topic(partitions: 1)
        let (group, none) = (cluster.group(), cluster.name("none"))
        let admin = try admin()
        try await produce(10, to: topic)
        let consumer = try Consumer(bootstrap: cluster.bootstrap) {
            $0.group = GroupSettings(id: group)
            $0.group?.groupProtocol = kind
            $0.offsetReset = .earliest
        }
        try consumer.subscribe(to: [topic])
        _ = try await consumer.poll(timeout: .seconds(60))
        let id = TopicPartition(topic: topic, partition: 0)
        let live = try await #require(admin.describeGroups([group, none])[group]).get()
        #expect(live.type == (kind == .classic ? "Classic" : "Consumer"))
        #expect(live.members.map(\.assignment) == [[id]])
        #expect(live.members.map(\.subscribedTopics) == [[topic]])
        #expect(try await admin.listGroups().map(\.id).contains(group))
        #expect(await admin.deleteGroups([group])[group]?.error?.kafkaError == .nonEmptyGroup)
        await consumer.close()
        let moved = try await admin.alterGroupOffsets(group, [id: CommittedOffset(Offset(3))])
        #expect(moved[id]?.error == nil)
        #expect(try await admin.listGroupOffsets(group) == [id: CommittedOffset(Offset(3))])
        #expect(try await admin.deleteGroupOffsets(group, [id])[id]?.error == nil)
        #expect(try await admin.listGroupOffsets(group, [id]).isEmpty)
        _ = try await admin.alterGroupOffsets(group, [id: CommittedOffset(Offset(3))])
        #expect(await admin.deleteGroups([group])[group]?.error == nil)
        await admin.close()
    }

    @Test func transactionsAreListedAndTheirProducersFenced() async throws {
        let cluster = try testCluster()
        let topic = try await cluster.topic(partitions: 1)
        let (bird, nobody) = (cluster.name("bird"), cluster.name("nobody"))
        let admin = try admin()
        let producer = try Producer(bootstrap: cluster.bootstrap) { $0.transactionalID = bird }
        let open = try await producer.beginTransaction()
        _ = try await open.send(ProducerRecord(topic: topic, value: "a"))
        #expect(try await admin.listTransactions().map(\.transactionalID).contains(bird))
        let found = try await #require(admin.describeTransactions([bird])[bird]).get()
        #expect(found.state == "Ongoing")
        #expect(found.partitions == [TopicPartition(topic: topic, partition: 0)])
        #expect(try await admin.fenceProducers([bird])[bird]?.error == nil)
        await #expect(throws: ClientError.self) { try await producer.commitTransaction() }
        await producer.abandon()
        let none = try await admin.describeTransactions([nobody])[nobody]?.error
        #expect(none?.kafkaError == .transactionalIDNotFound)
        await admin.close()
    }

    @Test func theClusterItsFeaturesAndItsDirectories() async throws {
        let topic = try await testCluster().topic(partitions: 1)
        let id = TopicPartition(topic: topic, partition: 0)
        let admin = try admin()
        let cluster = try await admin.describeCluster()
        let brokers = cluster.nodes.map(\.id)
        #expect(!brokers.isEmpty && !cluster.clusterID.isEmpty)
        let features = try await admin.describeFeatures()
        #expect(features.finalized["metadata.version"] ?? 0 > 0)
        await #expect(throws: ClientError.self) {
            try await admin.updateFeatures(["metadata.version": FeatureUpdate(level: 9999)])
        }
        let described = try await admin.describeLogDirs(of: brokers)
        let directories = try described.values.flatMap { try $0.get().values }
        #expect(directories.contains { $0.replicas[id] != nil })
        #expect(try await admin.listPartitionReassignments([id]).isEmpty)
        let elected = try await admin.electLeaders(.preferred, [id])
        #expect(elected[id]?.error?.kafkaError == .electionNotNeeded)
        await admin.close()
    }

    @Test func whatABrokerServesWorksAndWhatItLacksIsTold() async throws {
        let admin = try admin()
        let entity: ClientQuotaEntity = ["client-id": try testCluster().name("bird")]
        do {
            let quorum = try await admin.describeQuorum()
            #expect(quorum.leader.rawValue >= 0 && !quorum.voters.isEmpty)
        } catch .unsupportedRequest {
            // Nor does one that serves no DescribeQuorum.
        }
        do {
            let set = try await admin.alterClientQuotas([entity: ["producer_byte_rate": 1024]])
            #expect(set[entity]?.error == nil)
            try await eventually {
                let found = try await admin.describeClientQuotas(["client-id": .any])
                return found[entity]?["producer_byte_rate"] == 1024
            }
            _ = try await admin.alterClientQuotas([entity: ["producer_byte_rate": nil]])
        } catch ClientError.unsupportedRequest {
            // A node without quotas does not advertise them.
        }
        do {
            _ = try await admin.describeACLs(AccessRule(pattern: nil))
        } catch {
            // No authorizer, or no ACLs at all.
            #expect(error.kafkaError == .securityDisabled || !error.isRetriable)
        }
        await admin.close()
    }
}

extension Result where Failure == ClientError {
    fileprivate var error: ClientError? {
        if case .failure(let error) = self { error } else { nil }
    }
}
