import KafkaWire
import LogStorage
import Replication
import Testing

@testable import BrokerCore

/// With `martlet.durability=replicated` no answer waits for the disk; what is rolled goes there all
/// the same.
@Suite struct ClosedSegmentTests {
    @Test func closedSegmentsAreSyncedAndTheRecoveryPointMoves() throws {
        let node = try TestNode { $0.durability = .replicated }
        let client = node.connect()
        try client.createTopic("words", configs: ["segment.bytes": "1048576"])
        let large = String(repeating: "x", count: 400_000)
        for _ in 0..<2 { try client.produce([large], to: "words") }
        let cell = try #require(node.view.topic(named: "words")?[0])
        node.maintain { $0.flushClosedSegments() }
        #expect(cell.locked { $0.log.flushedOffset } == .zero, "nothing has been rolled")
        for _ in 0..<3 { try client.produce([large], to: "words") }
        let base = cell.locked { $0.log.activeSegmentBaseOffset }
        #expect(base > .zero && cell.locked { $0.log.flushedOffset } < base)
        node.maintain { $0.flushClosedSegments() }
        #expect(cell.locked { $0.log.flushedOffset } >= base)
        node.maintain { $0.checkpoint(.recoveryPoint) }
        let point = try OffsetCheckpoint(
            .recoveryPoint, in: "/data", fileSystem: node.fileSystem
        ).read()[cell.topicPartition]
        #expect(point ?? .zero >= base)
        let next = try node.restartedAfterPowerCut()
        let found = try #require(next.view.topic(named: "words")?[0])
        #expect(found.locked { $0.log.logEndOffset } >= base)
    }
}
