import KafkaProtocol
import KafkaRecords
import KafkaWire
import LogStorage
import Testing

@testable import BrokerCore

/// The controller's thread does not wait for the files of many partitions.
@Suite struct LogWorkTests {
    private static let many: Int32 = 200

    private func names(_ node: TestNode) throws -> Set<String> {
        Set(try node.fileSystem.list("/data").filter { $0.hasPrefix("wide-") })
    }

    private func held(_ node: TestNode) -> Int {
        node.view.topic(named: "wide")?.partitions.count { $0 != nil } ?? 0
    }

    private func delete(_ topic: String, _ client: TestClient) throws {
        let answer = try client.call(
            DeleteTopicsRequest(topics: [.init(name: topic)], timeoutMs: 1000), version: 6)
        #expect(answer.responses.map(\.errorCode) == [0])
    }

    @Test func aTopicOfFewPartitionsIsThereWithTheAnswer() throws {
        let node = try TestNode()
        node.holdsJobs = true
        let client = node.connect()
        try client.createTopic("wide", partitions: 64)
        #expect(held(node) == 64)
        #expect(node.jobs.isEmpty)
        try delete("wide", client)
        #expect(try names(node).allSatisfy { $0.hasSuffix("-delete") })
    }

    @Test func aTopicOfManyPartitionsIsMadeByIOThreads() throws {
        let node = try TestNode()
        node.holdsJobs = true
        let client = node.connect()
        try client.createTopic("wide", partitions: Self.many)
        #expect(try names(node).isEmpty)
        #expect(node.jobs.count == 8)
        #expect(node.view.refusal(named: "wide", 0) == .notLeaderOrFollower)
        // The controller goes on meanwhile.
        try client.createTopic("other")
        #expect(node.view.image.topics["other"] != nil)
        node.runJobs()
        #expect(held(node) == Int(Self.many))
        #expect(try client.produce(["a"], to: "wide", partition: 199) == 0)
        #expect(try client.produce(["a"], to: "other") == 0)
    }

    @Test func whatIsDeletedWhileItIsMadeGoesAgain() throws {
        let node = try TestNode()
        node.holdsJobs = true
        let client = node.connect()
        try client.createTopic("wide", partitions: Self.many)
        try delete("wide", client)
        node.runJobs()
        #expect(held(node) == 0)
        // Those that nobody had begun to make were never made.
        let left = try names(node)
        #expect(left.count < Int(Self.many) && !left.isEmpty)
        #expect(left.allSatisfy { $0.hasSuffix("-delete") })
        node.clock.advance(ms: 61_000)
        node.removeDueFiles()
        node.runJobs()
        #expect(try names(node).isEmpty)
    }

    @Test func aTopicOfTheSameNameIsMadeOnceTheOldOneIsGone() throws {
        let node = try TestNode()
        node.holdsJobs = true
        let client = node.connect()
        try client.createTopic("wide", partitions: Self.many)
        node.runJobs()
        try client.produce(["old"], to: "wide")
        try delete("wide", client)
        let id = try client.createTopic("wide", partitions: Self.many)
        #expect(held(node) == 0)
        node.runJobs()
        #expect(held(node) == Int(Self.many))
        #expect(node.view.topic(named: "wide")?.id == id)
        #expect(try client.fetch("wide").isEmpty)
        #expect(try client.produce(["new"], to: "wide") == 0)
        let next = try node.restarted()
        #expect(try next.connect().fetch("wide").map(\.text) == ["new"])
        #expect(next.reports.all.isEmpty)
    }

    @Test func aConfigThatChangesMeanwhileHolds() throws {
        let node = try TestNode()
        node.holdsJobs = true
        let client = node.connect()
        try client.createTopic("wide", partitions: Self.many)
        let change = IncrementalAlterConfigsRequest(resources: [
            .init(
                resourceType: 2, resourceName: "wide",
                configs: [.init(name: "segment.bytes", configOperation: 0, value: "1048576")])
        ])
        #expect(try client.call(change, version: 1).responses.map(\.errorCode) == [0])
        node.runJobs()
        for number in [Int32(0), 100, 199] {
            let cell = try #require(node.view.topic(named: "wide")?[number])
            #expect(cell.locked { $0.log.config.segmentBytes } == 1_048_576)
        }
    }

    @Test func aDirectoryThatFailsMeanwhileIsReplacedByAnother() throws {
        let node = try TestNode(directories: ["/data", "/more"])
        node.holdsJobs = true
        let client = node.connect()
        try client.createTopic("wide", partitions: Self.many)
        node.controller.fail(directory: "/more", reason: "test")
        node.runJobs()
        #expect(held(node) == Int(Self.many))
        #expect(try names(node).count == Int(Self.many))
    }

    @Test func aNodeServesOnceItsPartitionsAreOpen() throws {
        let node = try TestNode()
        try node.connect().createTopic("wide", partitions: Self.many)
        let next = try TestNode(on: node.fileSystem.afterKill(), clock: node.clock, holdsJobs: true)
        #expect(!next.serves)
        #expect(!next.jobs.isEmpty)
        // Nothing may say yet what is on disk.
        next.maintain { $0.checkpoint(.recoveryPoint) }
        next.runJobs()
        #expect(next.serves)
        #expect(held(next) == Int(Self.many))
    }

    @Test func whatWasNotOpenedIsNotTakenForCleanlyClosed() throws {
        let node = try TestNode()
        try node.connect().createTopic("wide", partitions: Self.many)
        let next = try TestNode(on: node.fileSystem.afterKill(), clock: node.clock, holdsJobs: true)
        next.stop()
        #expect(try next.fileSystem.status("/data/.kafka_cleanshutdown") == nil)
        let last = try next.restartedAfterKill()
        #expect(held(last) == Int(Self.many))
        last.stop()
        #expect(try last.fileSystem.status("/data/.kafka_cleanshutdown") != nil)
    }

    /// The flush thread still has it in its list, and may be at it, when its directory is renamed.
    @Test func aDeletedLogIsNotSyncedAnyMore() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("wide")
        let cell = try #require(node.view.topic(named: "wide")?[0])
        node.holdsFlushes = true
        let batch = try TestRecords.batch(["a"], timestamp: node.clock.now.wallMs)
        try node.connect().send(TestClient.produceRequest(batch, to: "wide"), version: 12)
        try delete("wide", client)
        #expect(try names(node).allSatisfy { $0.hasSuffix("-delete") })
        #expect(try cell.flush(.flushed).isEmpty)
        node.holdsFlushes = false
        node.flush()
        #expect(node.failure == nil)
        try client.createTopic("wide")
        #expect(try client.produce(["b"], to: "wide") == 0)
    }
}
