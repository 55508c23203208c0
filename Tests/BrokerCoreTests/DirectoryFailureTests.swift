import KafkaProtocol
import KafkaWire
import LogStorage
import Testing

@testable import BrokerCore

/// Log directories that fail at start or while the node runs.
@Suite struct DirectoryFailureTests {
    static let directories = ["/a", "/b"]

    /// A node with its metadata log on `/a` and two partitions on each disk, one record in each.
    private func makeNode() throws -> TestNode {
        let node = try TestNode(directories: Self.directories)
        let client = node.connect()
        try client.createTopic("words", partitions: 4)
        for partition in Int32(0)..<4 {
            try client.produce(["p\(partition)"], to: "words", partition: partition)
        }
        return node
    }

    private func partitions(on directory: String, of node: TestNode) -> [Int32] {
        let cells = node.view.topic(named: "words")?.partitions.compactMap { $0 } ?? []
        return cells.filter { $0.logDirectory == directory }.map(\.topicPartition.partition)
    }

    private func produceError(
        _ client: TestClient, partition: Int32, acks: Int16 = -1
    ) throws -> KafkaError? {
        let request = TestClient.produceRequest(
            try TestRecords.batch(["more"]), to: "words", partition: partition, acks: acks)
        let response = try client.call(request, version: 12)
        return KafkaError(rawValue: response.responses[0].partitionResponses[0].errorCode)
    }

    private func fetchError(_ client: TestClient, partition: Int32) throws -> KafkaError? {
        let response = try client.call(
            TestClient.fetchRequest("words", partition: partition), version: 12)
        return KafkaError(rawValue: response.responses[0].partitions[0].errorCode)
    }

    private func breakDisk(_ node: TestNode, operation: String? = nil, code: Int32 = 5) {
        node.fileSystem.fail(
            .init(operation: operation, prefix: "/b", code: code, isPermanent: true))
    }

    @Test(arguments: [("write", Int32(28)), ("write", 5), ("sync", 5)])
    func aFailedDiskIsTakenOfflineAndTheRestServesOn(operation: String, code: Int32) throws {
        let node = try makeNode()
        let client = node.connect()
        let lost = partitions(on: "/b", of: node)
        let kept = partitions(on: "/a", of: node)
        #expect(lost.count == 2 && kept.count == 2)
        breakDisk(node, operation: operation, code: code)
        #expect(try produceError(client, partition: lost[0]) == .kafkaStorageError)
        // The other partition of that disk too, for readers and writers.
        #expect(try produceError(client, partition: lost[1]) == .kafkaStorageError)
        #expect(try produceError(client, partition: lost[1], acks: 1) == .kafkaStorageError)
        #expect(try fetchError(client, partition: lost[1]) == .kafkaStorageError)
        for partition in kept {
            #expect(try produceError(client, partition: partition) == KafkaError.none)
            let read = try client.fetch("words", partition: partition)
            #expect(read.map(\.text) == ["p\(partition)", "more"])
        }
        #expect(node.failure == nil)
        #expect(node.reports.all.contains { $0.contains("/b is taken offline") })
    }

    @Test func clientsLearnThatTheLeadersAreGone() throws {
        let node = try makeNode()
        let client = node.connect()
        let lost = partitions(on: "/b", of: node)
        breakDisk(node)
        #expect(try produceError(client, partition: lost[0]) == .kafkaStorageError)
        let metadata = try client.call(
            MetadataRequest(topics: [.init(name: "words")], allowAutoTopicCreation: false))
        for partition in metadata.topics[0].partitions {
            let isLost = lost.contains(partition.partitionIndex)
            #expect(partition.leaderID == (isLost ? -1 : 1))
            #expect(partition.offlineReplicas == (isLost ? [1] : []))
            let error: KafkaError = isLost ? .leaderNotAvailable : .none
            #expect(partition.errorCode == error.rawValue)
        }
        let directories = try client.call(DescribeLogDirsRequest(topics: nil))
        #expect(directories.results.map(\.logDir) == Self.directories)
        #expect(
            directories.results.map(\.errorCode) == [0, KafkaError.kafkaStorageError.rawValue])
        let listed = directories.results[0].topics[0].partitions.map(\.partitionIndex)
        #expect(Set(listed) == Set(partitions(on: "/a", of: node)))
    }

    @Test func newPartitionsGoToTheDisksThatAreLeft() throws {
        let node = try makeNode()
        let client = node.connect()
        breakDisk(node)
        #expect(
            try produceError(client, partition: partitions(on: "/b", of: node)[0])
                == .kafkaStorageError)
        try client.createTopic("later", partitions: 3)
        for partition in Int32(0)..<3 {
            try client.produce(["x"], to: "later", partition: partition)
        }
    }

    @Test func aDiskThatFailsWhileATopicIsCreatedIsPassedOver() throws {
        let node = try makeNode()
        let client = node.connect()
        breakDisk(node)
        try client.createTopic("later", partitions: 4)
        for partition in Int32(0)..<4 {
            try client.produce(["x"], to: "later", partition: partition)
        }
        #expect(node.reports.all.contains { $0.contains("/b is taken offline") })
    }

    @Test func whatWaitsForTheSyncIsToldOfItsFailure() throws {
        let node = try makeNode()
        let client = node.connect()
        let lost = partitions(on: "/b", of: node)[0]
        node.holdsFlushes = true
        try client.send(
            TestClient.produceRequest(
                try TestRecords.batch(["x"]), to: "words", partition: lost), version: 12)
        breakDisk(node, operation: "sync")
        node.flush()
        let answer = try #require(try client.receive(ProduceResponse.self, version: 12))
        #expect(
            answer.message.responses[0].partitionResponses[0].errorCode
                == KafkaError.kafkaStorageError.rawValue)
    }

    @Test func nothingIsLostWhenTheDiskComesBack() throws {
        let node = try makeNode()
        let client = node.connect()
        let lost = partitions(on: "/b", of: node)
        breakDisk(node, operation: "write", code: 28)
        #expect(try produceError(client, partition: lost[0]) == .kafkaStorageError)
        node.fileSystem.fail(nil)
        let next = try node.restarted()
        for partition in Int32(0)..<4 {
            let read = try next.connect().fetch("words", partition: partition)
            #expect(read.first?.text == "p\(partition)")
            #expect(try produceError(next.connect(), partition: partition) == KafkaError.none)
        }
    }

    /// A partition whose directory is offline must not begin anew, empty, in another one.
    @Test func aDiskThatIsAwayAtTheStartKeepsItsPartitionsOffline() throws {
        let node = try makeNode()
        let lost = partitions(on: "/b", of: node)
        let disks = node.fileSystem.afterKill()
        try disks.rename("/b", to: "/unplugged")
        disks.fail(.init(prefix: "/b", isPermanent: true))
        let away = try TestNode(on: disks, directories: Self.directories, seed: 2)
        let client = away.connect()
        for partition in lost {
            #expect(try produceError(client, partition: partition) == .kafkaStorageError)
            #expect(try fetchError(client, partition: partition) == .kafkaStorageError)
        }
        for partition in partitions(on: "/a", of: away) {
            #expect(try produceError(client, partition: partition) == KafkaError.none)
        }
        disks.fail(nil)
        try disks.rename("/unplugged", to: "/b")
        let back = try away.restartedAfterKill()
        for partition in Int32(0)..<4 {
            let read = try back.connect().fetch("words", partition: partition)
            #expect(read.first?.text == "p\(partition)")
        }
    }

    @Test func deletionsThatCannotBeKeptAreNotAnswered() throws {
        let node = try makeNode()
        let client = node.connect()
        let lost = partitions(on: "/b", of: node)[0]
        node.fileSystem.fail(
            .init(suffix: "log-start-offset-checkpoint.tmp", prefix: "/b", isPermanent: true))
        let request = DeleteRecordsRequest(
            topics: [
                .init(name: "words", partitions: [.init(partitionIndex: lost, offset: 1)])
            ])
        let answer = try client.call(request).topics[0].partitions[0]
        #expect(answer.errorCode == KafkaError.kafkaStorageError.rawValue)
        #expect(node.reports.all.contains { $0.contains("/b is taken offline") })
    }

    /// A topic that is deleted while its disk is away leaves files; a new one of that name begins
    /// beside them.
    @Test func filesOfADeletedTopicAreSetAside() throws {
        let node = try makeNode()
        let lost = partitions(on: "/b", of: node)
        let disks = node.fileSystem.afterKill()
        try disks.rename("/b", to: "/unplugged")
        disks.fail(.init(prefix: "/b", isPermanent: true))
        let away = try TestNode(on: disks, directories: Self.directories, seed: 2)
        let client = away.connect()
        let deleted = try client.call(
            DeleteTopicsRequest(topics: [.init(name: "words")], timeoutMs: 1000))
        #expect(deleted.responses.map(\.errorCode) == [0])
        try client.createTopic("words", partitions: 4)
        for partition in Int32(0)..<4 {
            try client.produce(["new"], to: "words", partition: partition)
        }
        disks.fail(nil)
        try disks.rename("/unplugged", to: "/b")
        let back = try away.restartedAfterKill()
        for partition in Int32(0)..<4 {
            let read = try back.connect().fetch("words", partition: partition)
            #expect(read.map(\.text) == ["new"])
        }
        let names = try back.fileSystem.list("/b")
        #expect(names.count { $0.hasSuffix("-stray") } == lost.count)
        let statuses = back.view.directories.statuses()
        #expect(statuses.map(\.error) == [.none, .none])
    }

    private func deleteWords(_ client: TestClient) throws {
        let deleted = try client.call(
            DeleteTopicsRequest(topics: [.init(name: "words")], timeoutMs: 1000))
        #expect(deleted.responses.map(\.errorCode) == [0])
    }

    /// What was renamed would be back, under its name, after a power cut.
    @Test func aDeletionThatIsNotDurableTakesItsDirectoryOffline() throws {
        let node = try makeNode()
        let lost = partitions(on: "/b", of: node)
        breakDisk(node, operation: "syncDirectory")
        try deleteWords(node.connect())
        #expect(node.reports.all.contains { $0.contains("/b is taken offline") })
        #expect(
            node.view.directories.statuses().map(\.error) == [.none, .kafkaStorageError])
        #expect(node.failure == nil)
        node.fileSystem.fail(nil)
        let back = try node.restartedAfterPowerCut()
        #expect(back.view.directories.statuses().map(\.error) == [.none, .none])
        #expect(try back.fileSystem.list("/b").count { $0.hasSuffix("-stray") } == lost.count)
    }

    /// Its checkpoints would have the new log begin where the old one was.
    @Test func aPartitionIsNotMadeWhereTheCheckpointsNameOneOfItsName() throws {
        let node = try makeNode()
        let client = node.connect()
        node.maintain { $0.checkpoint(.recoveryPoint) }
        node.fileSystem.fail(
            .init(suffix: "recovery-point-offset-checkpoint.tmp", prefix: "/b", isPermanent: true))
        try deleteWords(client)
        try client.createTopic("words", partitions: 4)
        #expect(node.reports.all.contains { $0.contains("/b is taken offline") })
        for partition in Int32(0)..<4 {
            try client.produce(["new"], to: "words", partition: partition)
        }
        node.fileSystem.fail(nil)
        let back = try node.restartedAfterPowerCut()
        for partition in Int32(0)..<4 {
            let read = try back.connect().fetch("words", partition: partition)
            #expect(read.map(\.text) == ["new"])
        }
    }

    @Test func withoutItsMetadataLogTheNodeEnds() throws {
        let node = try makeNode()
        node.fileSystem.fail(.init(prefix: "/a/__cluster_metadata-0", isPermanent: true))
        let response = try node.connect().call(
            CreateTopicsRequest(
                topics: [.init(name: "later", numPartitions: 1, replicationFactor: 1)]))
        #expect(response.topics[0].errorCode == KafkaError.kafkaStorageError.rawValue)
        #expect(node.failure?.contains("metadata log, /a, failed") == true)
        node.stop()
    }

    @Test func theMetadataLogMayLieApartAndIsLockedToo() throws {
        let node = try TestNode { $0.metadataDirectory = "/meta" }
        try node.connect().createTopic("words")
        #expect(try node.fileSystem.list("/meta").contains("__cluster_metadata-0"))
        #expect(throws: NodeError.self) {
            try TestNode(on: node.fileSystem, directories: ["/c"]) {
                $0.metadataDirectory = "/meta"
            }
        }
        let next = try node.restarted()
        #expect(next.view.topic(named: "words") != nil)
    }

    @Test func withoutAnyDirectoryTheNodeEnds() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words")
        node.fileSystem.fail(.init(prefix: "/data/words-0", isPermanent: true))
        #expect(try produceError(client, partition: 0) == .kafkaStorageError)
        #expect(node.failure != nil)
    }

    // MARK: Requests

    @Test func whatIsAskedOfAnOfflinePartitionIsRefused() throws {
        let node = try makeNode()
        let client = node.connect()
        let lost = partitions(on: "/b", of: node)[0]
        breakDisk(node)
        #expect(try produceError(client, partition: lost) == .kafkaStorageError)
        let producers = try client.call(
            DescribeProducersRequest(topics: [.init(name: "words", partitionIndexes: [lost])]))
        let epochs = try client.call(
            OffsetForLeaderEpochRequest(
                topics: [
                    .init(topic: "words", partitions: [.init(partition: lost, leaderEpoch: 0)])
                ]))
        let failed = KafkaError.kafkaStorageError.rawValue
        #expect(producers.topics[0].partitions[0].errorCode == failed)
        #expect(epochs.topics[0].partitions[0].errorCode == failed)
        #expect(
            try ReplicaMoveTests.alter(node, to: "/a", partition: lost) == .kafkaStorageError)
    }

    /// A copy may lie in the directory that is away.
    @Test func nothingIsMovedWhileADirectoryIsAway() throws {
        let node = try TestNode(directories: ["/a", "/b", "/c"])
        try node.connect().createTopic("words", partitions: 3)
        node.controller.fail(directory: "/b", reason: "test")
        node.carryOut(NodeMaintenance.Outcome())
        let kept = try #require(
            node.view.topic(named: "words")?.partitions.compactMap { $0 }
                .first { $0.logDirectory == "/a" })
        let number = kept.topicPartition.partition
        #expect(
            try ReplicaMoveTests.alter(node, to: "/c", partition: number) == .kafkaStorageError)
        #expect(kept.logDirectory == "/a")
    }

    @Test func aDiskThatCannotBeReadIsToldOf() throws {
        let node = try makeNode()
        let client = node.connect()
        let lost = partitions(on: "/b", of: node)[0]
        node.fileSystem.fail(
            .init(operation: "read", suffix: ".log", prefix: "/b/words", isPermanent: true))
        let request = ListOffsetsRequest(
            replicaID: -1,
            topics: [
                .init(name: "words", partitions: [.init(partitionIndex: lost, timestamp: 1)])
            ])
        let found = try client.call(request, version: 7).topics[0].partitions[0]
        #expect(found.errorCode == KafkaError.kafkaStorageError.rawValue)
        #expect(try fetchError(client, partition: lost) == .kafkaStorageError)
        #expect(node.reports.all.contains { $0.contains("/b is taken offline") })
        #expect(try client.fetch("words", partition: partitions(on: "/a", of: node)[0]).count == 1)
    }

    @Test func segmentsThatCannotBeRemovedTakeTheirDirectoryOffline() throws {
        let node = try TestNode(directories: Self.directories)
        let client = node.connect()
        try client.createTopic(
            "words", partitions: 2,
            configs: ["segment.bytes": "1048576", "retention.ms": "5000"])
        for partition in [0, 1, 0, 1, 0, 1] as [Int32] {
            try client.produce(
                [String(repeating: "x", count: 900_000)], to: "words", partition: partition)
        }
        node.advance(ms: 10_000)
        node.fileSystem.fail(
            .init(operation: "rename", prefix: "/b/words", isPermanent: true))
        node.maintain { $0.applyRetention(now: node.clock.now.wallMs) }
        let statuses = node.view.directories.statuses()
        #expect(statuses.map(\.error) == [.none, .kafkaStorageError])
        #expect(node.reports.all.contains { $0.contains("retention of words") })
        #expect(
            try fetchError(client, partition: partitions(on: "/a", of: node)[0])
                == .offsetOutOfRange)
    }

    @Test func withoutItsMetadataDirectoryANodeDoesNotStart() throws {
        let node = try makeNode()
        let disks = node.fileSystem.afterKill()
        try disks.rename("/a", to: "/unplugged")
        disks.fail(.init(prefix: "/a", isPermanent: true))
        let error = #expect(throws: NodeError.self) {
            try TestNode(on: disks, directories: Self.directories, seed: 2)
        }
        #expect(error?.description.contains("/a") == true)
    }
}
