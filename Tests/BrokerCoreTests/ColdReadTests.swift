import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore

/// Fetches of what is not in memory: the event loop itself never waits for the disk.
@Suite struct ColdReadTests {
    private static let count = 40

    /// A node with a topic of several segments.
    private func node() throws -> TestNode {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic(
            "cold", configs: ["segment.bytes": "1048576", "index.interval.bytes": "4096"])
        for number in 0..<Self.count {
            let value = "\(number) " + String(repeating: "x", count: 100_000)
            try client.produce([value], to: "cold")
        }
        return node
    }

    private func number(_ text: String?) -> Int? {
        text?.split(separator: " ").first.flatMap { Int($0) }
    }

    @Test func everyOffsetIsReadWithoutWaitingOnTheLoop() throws {
        let node = try node()
        let client = node.connect()
        for offset in 0..<Self.count {
            node.fileSystem.dropCaches()
            let records = try client.fetch("cold", from: Int64(offset))
            #expect(records.first.flatMap { number($0.text) } == offset)
        }
        #expect(node.fileSystem.readsFromDisk == 0)
    }

    @Test func theSameHoldsAfterARestart() throws {
        let node = try node().restarted()
        let client = node.connect()
        let before = node.fileSystem.readsFromDisk
        for offset in [0, 7, 25, Self.count - 1] {
            node.fileSystem.dropCaches()
            let records = try client.fetch("cold", from: Int64(offset))
            #expect(records.first.flatMap { number($0.text) } == offset)
        }
        #expect(node.fileSystem.readsFromDisk == before)
    }

    @Test func aConsumerThatLeavesMeanwhileIsForgotten() throws {
        let node = try node()
        node.fileSystem.dropCaches()
        node.holdsWarming = true
        let client = node.connect()
        try client.send(TestClient.fetchRequest("cold"), version: 12)
        #expect(try client.receive(FetchResponse.self, version: 12) == nil)
        client.disconnect()
        node.warm()
        #expect(node.closed.isEmpty)
    }

    @Test func theDeadlineDoesNotCutTheWaitForTheDiskShort() throws {
        let node = try node()
        node.fileSystem.dropCaches()
        node.holdsWarming = true
        let client = node.connect()
        try client.send(TestClient.fetchRequest("cold", maxWaitMs: 10), version: 12)
        node.advance(ms: 1000)
        #expect(try client.receive(FetchResponse.self, version: 12) == nil)
        node.warm()
        while try client.receive(FetchResponse.self, version: 12) == nil { node.warm() }
    }
}
