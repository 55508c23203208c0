import KafkaProtocol
import KafkaWire
import Testing

@testable import ClusterController

@Suite struct ReplayTests {
    let topicID = KafkaUUID(high: 7, low: 7)

    private func partition(_ id: Int32, _ replicas: [Int32] = [1]) -> MetadataRecord {
        var record = PartitionRecord()
        record.partitionID = id
        record.topicID = topicID
        record.replicas = replicas
        record.isr = replicas
        record.leader = replicas[0]
        record.leaderEpoch = 0
        record.partitionEpoch = 0
        return .partitionRecord(record)
    }

    private func config(_ value: String?) -> MetadataRecord {
        .configRecord(ConfigRecord(.topic("t"), "retention.ms", value))
    }

    @Test func topicsComeAndGoWithTheirConfigs() throws {
        var image = MetadataImage.empty
        var delta = MetadataDelta()
        for record in [
            .topicRecord(.init(name: "t", topicID: topicID)), config("5"), partition(1),
            partition(0),
        ] as [MetadataRecord] {
            try image.replay(record, noting: &delta)
        }
        #expect(image.topics["t"]?.partitions.map(\.id) == [0, 1])
        #expect(image.topics.partitionCount == 2)
        #expect(image.topics.id(of: "t") == topicID)
        #expect(image.configs[.topic("t")] == ["retention.ms": "5"])
        #expect(delta.sortedCreatedTopics == [topicID])
        #expect(delta.sortedChangedPartitions.map(\.partitions) == [[0, 1]])

        var removal = MetadataDelta()
        try image.replay(.removeTopicRecord(.init(topicID: topicID)), noting: &removal)
        #expect(image.topics.count == 0)
        #expect(image.topics.partitionCount == 0)
        #expect(image.configs.resources == [])
        #expect(removal.sortedDeletedTopics.map(\.name) == ["t"])
        #expect(removal.configs == [.topic("t")])
    }

    @Test func aTopicThatCameAndWentIsNoChange() throws {
        var image = MetadataImage.empty
        var delta = MetadataDelta()
        try image.replay(.topicRecord(.init(name: "t", topicID: topicID)), noting: &delta)
        try image.replay(partition(0), noting: &delta)
        try image.replay(.removeTopicRecord(.init(topicID: topicID)), noting: &delta)
        #expect(delta.isEmpty)
        #expect(image == .empty)
    }

    @Test func configsAreSetAndRemoved() throws {
        var image = MetadataImage.empty
        try image.replay([config("5"), config("6")])
        #expect(image.configs[.topic("t")] == ["retention.ms": "6"])
        try image.replay([config(nil)])
        #expect(image == .empty)
        try image.replay([config(nil)])
        #expect(image == .empty)
    }

    @Test func partitionChangesRaiseEpochs() throws {
        var image = MetadataImage.empty
        try image.replay([
            .topicRecord(.init(name: "t", topicID: topicID)), partition(0, [1, 2]),
        ])
        var change = PartitionChangeRecord()
        change.topicID = topicID
        change.partitionID = 0
        change.isr = [2]
        change.leader = 2
        change.leaderRecoveryState = 1
        try image.replay([.partitionChangeRecord(change)])
        var after = try #require(image.topics["t"]?[0])
        #expect(after.isr == [2])
        #expect(after.leader == 2)
        #expect(after.leaderEpoch == 1)
        #expect(after.partitionEpoch == 1)
        #expect(after.isRecovering)
        change.leader = -2
        change.leaderRecoveryState = 0
        try image.replay([.partitionChangeRecord(change)])
        after = try #require(image.topics["t"]?[0])
        #expect(after.leaderEpoch == 1)
        #expect(after.partitionEpoch == 2)
        #expect(!after.isRecovering)
    }

    @Test func aPartitionThatComesAgainTakesThePlaceOfTheFirst() throws {
        var image = MetadataImage.empty
        try image.replay([
            .topicRecord(.init(name: "t", topicID: topicID)), partition(0), partition(1),
            partition(0, [2, 3]),
        ])
        #expect(image.topics["t"]?.partitions.map(\.replicas) == [[2, 3], [1]])
        #expect(image.topics.partitionCount == 2)
    }

    /// A record of a level that has no directories says nothing of them; another one says of all.
    @Test func directoriesGoWithTheReplicas() throws {
        var image = MetadataImage.empty
        try image.replay([
            .topicRecord(.init(name: "t", topicID: topicID)), partition(0, [1, 2]),
        ])
        var change = PartitionChangeRecord()
        change.topicID = topicID
        change.partitionID = 0
        change.replicas = [1, 2, 3]
        try image.replay([.partitionChangeRecord(change)])
        #expect(
            image.topics["t"]?[0]?.directories
                == Array(repeating: DirectoryID.migrating, count: 3))
        let before = image
        change.directories = [KafkaUUID(high: 1, low: 1)]
        #expect(throws: ReplayError.self) { try image.replay([.partitionChangeRecord(change)]) }
        #expect(image == before)
    }

    @Test func eligibleLeadersOfAllTopicsAreCleared() throws {
        var image = MetadataImage.empty
        let other = KafkaUUID(high: 8, low: 8)
        guard case .partitionRecord(var eligible) = partition(0, [1, 2]) else { return }
        eligible.eligibleLeaderReplicas = [2]
        eligible.lastKnownElr = [1]
        guard case .partitionRecord(var plain) = partition(0) else { return }
        plain.topicID = other
        try image.replay([
            .topicRecord(.init(name: "t", topicID: topicID)), .partitionRecord(eligible),
            partition(1), .topicRecord(.init(name: "u", topicID: other)),
            .partitionRecord(plain),
        ])
        var delta = MetadataDelta()
        try image.replay(.clearElrRecord(.init(topicName: "")), noting: &delta)
        let cleared = try #require(image.topics["t"]?[0])
        #expect(cleared.eligibleLeaderReplicas == [] && cleared.lastKnownELR == [])
        #expect(cleared.partitionEpoch == 1)
        // Nothing of the others changes.
        #expect(image.topics["u"]?[0]?.partitionEpoch == 0)
        #expect(delta.sortedChangedPartitions.map(\.partitions) == [[0]])
    }

    @Test func contradictionsAreErrorsAndChangeNothing() throws {
        var image = MetadataImage.empty
        try image.replay([.topicRecord(.init(name: "t", topicID: topicID))])
        let before = image
        let other = KafkaUUID(high: 9, low: 9)
        var lost = PartitionChangeRecord()
        lost.topicID = topicID
        lost.partitionID = 3
        let wrong: [MetadataRecord] = [
            .topicRecord(.init(name: "t", topicID: other)),
            .topicRecord(.init(name: "u", topicID: topicID)),
            .removeTopicRecord(.init(topicID: other)),
            .partitionChangeRecord(lost),
            .unregisterBrokerRecord(.init(brokerID: 3, brokerEpoch: 1)),
            .fenceBrokerRecord(.init(id: 3, epoch: 1)),
            .unregisterControllerRecord(.init(controllerID: 3)),
            .removeAccessControlEntryRecord(.init(id: other)),
            .removeUserScramCredentialRecord(.init(name: "u", mechanism: 1)),
            .clearElrRecord(.init(topicName: "nope")),
        ]
        for record in wrong {
            #expect(throws: ReplayError.self) { try image.replay([record]) }
            #expect(image == before)
        }
    }

    @Test func anUnknownMetadataVersionIsAnError() {
        var image = MetadataImage.empty
        #expect(throws: ReplayError.unknownMetadataVersion(99)) {
            try image.replay([
                .featureLevelRecord(.init(name: "metadata.version", featureLevel: 99))
            ])
        }
    }

    @Test func featuresAtZeroAreRemoved() throws {
        var image = MetadataImage.empty
        try image.replay([
            .featureLevelRecord(.init(name: "metadata.version", featureLevel: 25)),
            .featureLevelRecord(.init(name: "group.version", featureLevel: 1)),
            .featureLevelRecord(.init(name: "kraft.version", featureLevel: 1)),
        ])
        #expect(image.features.finalized.map(\.name) == ["group.version", "metadata.version"])
        try image.replay([
            .featureLevelRecord(.init(name: "group.version", featureLevel: 0))
        ])
        #expect(image.features.levels.isEmpty)
    }

    @Test func brokersAreFencedChangedAndRemoved() throws {
        var register = RegisterBrokerRecord()
        register.brokerID = 4
        register.brokerEpoch = 10
        register.logDirs = [KafkaUUID(high: 2, low: 0), KafkaUUID(high: 1, low: 0)]
        var image = MetadataImage.empty
        try image.replay([.registerBrokerRecord(register)])
        #expect(image.brokers[4]?.isFenced == true)
        #expect(image.brokers[4]?.logDirs.map(\.high) == [1, 2])
        try image.replay([.unfenceBrokerRecord(.init(id: 4, epoch: 10))])
        #expect(image.brokers[4]?.isActive == true)
        var change = BrokerRegistrationChangeRecord()
        change.brokerID = 4
        change.brokerEpoch = 10
        change.inControlledShutdown = 1
        change.logDirs = [KafkaUUID(high: 2, low: 0)]
        change.cordonedLogDirs = [KafkaUUID(high: 2, low: 0)]
        try image.replay([.brokerRegistrationChangeRecord(change)])
        #expect(image.brokers[4]?.isActive == false)
        #expect(image.brokers[4]?.isFenced == false)
        #expect(image.brokers[4]?.hasUncordonedDirs == false)
        #expect(throws: ReplayError.self) {
            try image.replay([.fenceBrokerRecord(.init(id: 4, epoch: 9))])
        }
        try image.replay([.unregisterBrokerRecord(.init(brokerID: 4, brokerEpoch: 10))])
        #expect(image == .empty)
    }

    @Test func transactionsCommitOrRollBack() throws {
        var image = MetadataImage.empty
        var delta = MetadataDelta()
        let id = topicID
        try image.replay(config("1"), noting: &delta)
        let before = image
        let deltaBefore = delta
        try image.replay(.beginTransactionRecord(.init(name: "x")), noting: &delta)
        try image.replay(.topicRecord(.init(name: "t", topicID: id)), noting: &delta)
        #expect(image.isInTransaction)
        #expect(image.committed == before)
        #expect(image.snapshotRecords() == before.snapshotRecords())
        var aborted = image
        var abortedDelta = delta
        try aborted.replay(.abortTransactionRecord(.init(reason: nil)), noting: &abortedDelta)
        #expect(aborted == before)
        #expect(abortedDelta == deltaBefore)
        try image.replay(.endTransactionRecord(.init()), noting: &delta)
        #expect(!image.isInTransaction)
        #expect(image.topics["t"] != nil)
        #expect(delta.createdTopics == [id])
    }

    @Test func misplacedTransactionsAreErrors() throws {
        var image = MetadataImage.empty
        #expect(throws: ReplayError.self) { try image.replay([.endTransactionRecord(.init())]) }
        #expect(throws: ReplayError.self) {
            try image.replay([.abortTransactionRecord(.init())])
        }
        try image.replay([.beginTransactionRecord(.init())])
        #expect(throws: ReplayError.self) {
            try image.replay([.beginTransactionRecord(.init())])
        }
    }

    @Test func producerIDsNeverGoBack() throws {
        var image = MetadataImage.empty
        func record(_ next: Int64) -> MetadataRecord {
            .producerIDsRecord(.init(brokerID: 1, brokerEpoch: 1, nextProducerID: next))
        }
        try image.replay([record(1000), record(2000)])
        #expect(image.nextProducerID == 2000)
        #expect(throws: ReplayError.self) { try image.replay([record(1000)]) }
    }

    @Test func copiesDoNotSeeLaterChanges() throws {
        var image = MetadataImage.empty
        try image.replay([
            .topicRecord(.init(name: "t", topicID: topicID)), partition(0),
        ])
        let published = image
        try image.replay([partition(1), config("9")])
        #expect(published.topics["t"]?.partitions.count == 1)
        #expect(published.configs.resources == [])
        #expect(image.topics["t"]?.partitions.count == 2)
        let difference = MetadataDelta(from: published, to: image)
        #expect(difference.changedPartitions == [topicID: [1]])
        #expect(difference.configs == [.topic("t")])
        #expect(difference.createdTopics.isEmpty)
    }

    /// 20 000 partitions, with the image published after each of 200 batches.
    @Test func largeTopicsGrowWithoutCopyingEverything() throws {
        var image = MetadataImage.empty
        var published: [MetadataImage] = []
        try image.replay([.topicRecord(.init(name: "t", topicID: topicID))])
        for batch in 0..<200 {
            for id in 0..<100 { try image.replay([partition(Int32(batch * 100 + id))]) }
            published = [image]
        }
        #expect(image.topics.partitionCount == 20_000)
        #expect(published.first == image)
    }
}
