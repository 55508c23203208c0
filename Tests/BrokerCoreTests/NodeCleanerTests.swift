import KafkaProtocol
import KafkaWire
import LogStorage
import Testing

@testable import BrokerCore

/// Compaction on a whole node: when there is none, and what a disk that fails does to it.
@Suite struct NodeCleanerTests {
    /// A node with one dirty partition of a compacted topic in each of two directories.
    private func makeNode(isEnabled: Bool = true) throws -> TestNode {
        let node = try TestNode(directories: ["/a", "/b"]) {
            $0.staticConfigs["log.cleaner.enable"] = isEnabled ? "true" : "false"
        }
        let client = node.connect()
        try client.createTopic(
            "words", partitions: 2,
            configs: ["cleanup.policy": "compact", "segment.bytes": "1048576"])
        for number in 0..<8 {
            let value = String(repeating: "x", count: 600_000)
            let batch = try TestRecords.batch(
                [(key: "k", value: value)], timestamp: node.clock.now.wallMs)
            let request = TestClient.produceRequest(
                batch, to: "words", partition: Int32(number % 2))
            let answer = try client.call(request, version: 12)
            #expect(answer.responses[0].partitionResponses[0].errorCode == 0)
        }
        return node
    }

    private func clean(_ node: TestNode) {
        let cleaner = NodeCleaner(surroundings: node.controller.surroundings, seed: 1)
        node.carryOut(cleaner.round(node.view, now: node.clock.now.wallMs))
    }

    /// Bytes of the partition in each directory.
    private func sizes(_ node: TestNode) -> [String: Int] {
        var sizes: [String: Int] = [:]
        for cell in node.view.topic(named: "words")?.partitions.compactMap({ $0 }) ?? [] {
            sizes[cell.logDirectory] = cell.locked { $0.log.sizeInBytes }
        }
        return sizes
    }

    @Test func onlyTheLastOfEachKeyIsKept() throws {
        let node = try makeNode()
        clean(node)
        #expect(sizes(node).values.allSatisfy { $0 < 1_300_000 })
    }

    @Test func theCleanerCanBeTurnedOff() throws {
        let node = try makeNode(isEnabled: false)
        let before = sizes(node)
        clean(node)
        #expect(sizes(node) == before && before.values.allSatisfy { $0 > 2_400_000 })
    }

    @Test func aDirectoryThatCannotTellHowFarItIsCleanIsOffline() throws {
        let node = try makeNode()
        node.fileSystem.fail(
            .init(suffix: "cleaner-offset-checkpoint.tmp", prefix: "/b", isPermanent: true))
        clean(node)
        #expect(node.view.directories.statuses().map(\.error) == [.none, .kafkaStorageError])
        #expect(try #require(sizes(node)["/a"]) < 1_300_000)
        #expect(node.failure == nil)
    }

    @Test func aLogThatCannotBeReadIsNotCompactedAnyMore() throws {
        let node = try makeNode()
        let cell = try #require(
            node.view.topic(named: "words")?.partitions.compactMap { $0 }
                .first { $0.logDirectory == "/b" })
        let path = "/b/\(cell.topicPartition)/00000000000000000000.log"
        let file = try node.fileSystem.open(path, .readWrite)
        let flaw: [UInt8] = [0xFF]
        try file.write(flaw.span.bytes, at: 200)
        let before = sizes(node)
        let cleaner = NodeCleaner(surroundings: node.controller.surroundings, seed: 1)
        for round in 0..<2 as Range<Int64> {
            let now = node.clock.now.wallMs + round * 60_000
            node.carryOut(cleaner.round(node.view, now: now))
        }
        #expect(try #require(sizes(node)["/a"]) < 1_300_000)
        #expect(sizes(node)["/b"] == before["/b"])
        #expect(
            node.reports.all.count { $0.contains("the log is not compacted any more") } == 1)
        #expect(node.view.directories.statuses().map(\.error) == [.none, .none])
    }
}
