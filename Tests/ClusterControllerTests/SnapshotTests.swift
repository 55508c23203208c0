import KafkaProtocol
import KafkaWire
import Testing

@testable import ClusterController

@Suite struct SnapshotTests {
    /// What a reader of a snapshot at `version` ends up with.
    private func reread(
        _ image: MetadataImage, at version: MetadataVersion? = nil
    ) throws -> MetadataImage {
        let version = version ?? image.metadataVersion
        var copy = MetadataImage.empty
        for record in image.snapshotRecords(at: version) {
            let bytes = try record.encoded(version: version.version(of: record))
            try copy.replay([try MetadataRecord(decoding: bytes)])
        }
        return copy
    }

    /// Decisions of all kinds, drawn at random; every now and then, a snapshot must give the
    /// same image.
    @Test(arguments: 0..<12 as Range<UInt64>)
    func randomHistoriesSurviveASnapshot(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let levels = [17, 22, 25, 27, 30, 33] as [Int16]
        let level = levels[Int(seed) % levels.count]
        var cluster = try TestCluster(
            brokers: 3, version: try #require(MetadataVersion(rawValue: level)))
        cluster.generator = SplitMix64(seed: seed &+ 99)
        var incarnation: UInt64 = 1
        var mostTopics = 0
        for index in 0..<150 {
            let before = cluster.image
            incarnation += 1
            try step(&cluster, &random, incarnation)
            #expect(MetadataDelta(from: before, to: cluster.image).topicsAgree(cluster.delta))
            mostTopics = max(mostTopics, cluster.image.topics.count)
            if index % 10 == 9 { #expect(try reread(cluster.image) == cluster.image) }
        }
        #expect(mostTopics > 2)
    }

    private func step(
        _ cluster: inout TestCluster, _ random: inout SplitMix64, _ incarnation: UInt64
    ) throws {
        let name = "t\(Int.random(in: 0..<8, using: &random))"
        let broker = Int32.random(in: 1...3, using: &random)
        switch Int.random(in: 0..<14, using: &random) {
        case 0, 1:
            try cluster.create(
                name, partitions: .random(in: 1...4, using: &random),
                replicas: .random(in: 1...3, using: &random))
        case 2:
            try cluster.apply(cluster.controller.deleteTopics(.init(topicNames: [name])))
        case 3:
            try cluster.apply(cluster.controller.fenceBroker(broker))
        case 4, 11, 12, 13:
            try cluster.heartbeat(broker)
        case 5:
            try cluster.register(broker, incarnation: incarnation)
        case 6:
            var generator = cluster.generator
            let request = CreatePartitionsRequest(
                topics: [.init(name: name, count: 6, assignments: nil)])
            let decision = cluster.controller.createPartitions(request, using: &generator)
            try cluster.apply(decision)
        case 7:
            let value = Int.random(in: 1..<99, using: &random)
            try cluster.append([
                .clientQuotaRecord(
                    .init(
                        entity: [.init(entityType: "user", entityName: name)],
                        key: "consumer_byte_rate", value: Double(value))),
                .configRecord(ConfigRecord(.broker(broker), "log.retention.ms", "\(value)")),
            ])
        case 8:
            try cluster.append([
                .accessControlEntryRecord(
                    .init(
                        id: .random(using: &random), resourceType: 2, resourceName: name,
                        patternType: 3, principal: "User:u", host: "*", operation: 3,
                        permissionType: 3)),
                .userScramCredentialRecord(
                    .init(
                        name: name, mechanism: 1, salt: [1, 2], storedKey: [3], serverKey: [4],
                        iterations: 4096)),
                .delegationTokenRecord(
                    .init(
                        owner: "User:o", requester: "User:o", issueTimestamp: 1,
                        maxTimestamp: 2, expirationTimestamp: 3, tokenID: name)),
            ])
        case 9:
            try cluster.apply(cluster.controller.electLeaders(.init(topicPartitions: nil)))
        default:
            var request = AlterPartitionReassignmentsRequest()
            request.topics = [
                .init(name: name, partitions: [.init(partitionIndex: 0, replicas: [broker])])
            ]
            try cluster.apply(cluster.controller.alterPartitionReassignments(request))
        }
    }

    @Test func recordsComeInKafkasOrder() throws {
        var cluster = try TestCluster()
        try cluster.create("b")
        try cluster.create("a", partitions: 2)
        try cluster.append([
            .producerIDsRecord(.init(brokerID: 1, brokerEpoch: 1, nextProducerID: 1000))
        ])
        let records = cluster.image.snapshotRecords()
        #expect(
            records.first
                == .featureLevelRecord(.init(name: "metadata.version", featureLevel: 30)))
        let types = records.map(\.apiKey).reduce(into: [Int16]()) { types, type in
            if types.last != type { types.append(type) }
        }
        #expect(types == [12, 0, 2, 3, 2, 3, 4, 15])
    }

    @Test func anOlderLevelLeavesOutWhatItCannotHold() throws {
        var cluster = try TestCluster(version: .latestProduction)
        try cluster.create("t")
        try cluster.heartbeat(1, wantShutDown: true)
        let old = try #require(MetadataVersion(rawValue: 14))
        let image = try reread(cluster.image, at: old)
        #expect(image.metadataVersion == old)
        let partition = try #require(image.topics["t"]?[0])
        #expect(partition.directories == [DirectoryID.migrating])
        #expect(image.brokers[1]?.logDirs == [])
    }

    @Test func everyRecordTypeIsWritable() throws {
        let samples: [MetadataRecord] = [
            .noOpRecord(.init()), .zkMigrationStateRecord(.init()),
            .beginTransactionRecord(.init(name: "x")), .abortTransactionRecord(.init(reason: "y")),
            .endTransactionRecord(.init()), .clearElrRecord(.init(topicName: "")),
            .removeDelegationTokenRecord(.init(tokenID: "t")),
        ]
        for record in samples {
            let bytes = try record.encoded(version: MetadataVersion.latest.version(of: record))
            #expect(try MetadataRecord(decoding: bytes) == record)
        }
    }
}

extension MetadataDelta {
    /// Whether `noted`, kept during replay, holds at least what differs about topics, and invents
    /// no creation or deletion.
    fileprivate func topicsAgree(_ noted: MetadataDelta) -> Bool {
        createdTopics == noted.createdTopics
            && Set(deletedTopics.keys) == Set(noted.deletedTopics.keys)
            && changedPartitions.allSatisfy { id, partitions in
                partitions.isSubset(of: noted.changedPartitions[id] ?? [])
            } && configs.isSubset(of: noted.configs) && brokers.isSubset(of: noted.brokers)
    }
}
