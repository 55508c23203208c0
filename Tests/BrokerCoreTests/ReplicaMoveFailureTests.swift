import KafkaProtocol
import KafkaWire
import LogStorage
import Testing

@testable import BrokerCore

/// Moves between log directories whose end does not go as it should.
@Suite struct ReplicaMoveFailureTests {
    let node: TestNode
    let mover: ReplicaMover

    init() throws {
        node = try LeftoverDirectoryTests.node(in: "/a")
        mover = ReplicaMover(surroundings: node.controller.surroundings)
    }

    private var errors: [KafkaError] { node.view.directories.statuses().map(\.error) }

    /// The replica is served from where it was.
    private func expectServed() throws {
        #expect(node.failure == nil)
        #expect(errors == [.none, .kafkaStorageError])
        #expect(try ReplicaMoveTests.cell(node).logDirectory == "/a")
        #expect(try ReplicaMoveTests.write(6, node.connect()) == (KafkaError.none, 6))
        #expect(!mover.hasWork(node.view))
    }

    @Test func aFullTargetThatCannotBeClearedIsOffline() throws {
        #expect(try ReplicaMoveTests.alter(node, to: "/b") == KafkaError.none)
        node.fileSystem.fail(.init(prefix: "/b/words", code: 28, isPermanent: true))
        ReplicaMoveTests.run(node, mover)
        #expect(node.reports.all.contains { $0.contains("words-0 stays in /a") })
        try expectServed()
    }

    @Test func aCancelledCopyThatCannotBeSetAsideTakesItsDirectoryOffline() throws {
        #expect(try ReplicaMoveTests.alter(node, to: "/b") == KafkaError.none)
        node.fileSystem.fail(.init(prefix: "/b/words", isPermanent: true))
        #expect(try ReplicaMoveTests.alter(node, to: "/a") == KafkaError.none, "it stays there")
        try expectServed()
    }

    /// What the checkpoints of the target say of an earlier life of the replica must go first.
    @Test func aTargetThatCannotForgetIsRefused() throws {
        #expect(try ReplicaMoveTests.alter(node, to: "/b") == KafkaError.none)
        ReplicaMoveTests.run(node, mover)
        #expect(try ReplicaMoveTests.alter(node, to: "/a") == KafkaError.none)
        ReplicaMoveTests.run(node, mover)
        node.fileSystem.fail(
            .init(suffix: "checkpoint.tmp", prefix: "/b/", isPermanent: true))
        #expect(try ReplicaMoveTests.alter(node, to: "/b") == .kafkaStorageError)
        try expectServed()
    }

    @Test func theCopyOfADeletedTopicThatCannotBeSetAsideTakesItsDirectoryOffline() throws {
        #expect(try ReplicaMoveTests.alter(node, to: "/b") == KafkaError.none)
        node.fileSystem.fail(.init(prefix: "/b/words", isPermanent: true))
        let deleted = try node.connect().call(
            DeleteTopicsRequest(topics: [.init(name: "words")], timeoutMs: 1000))
        #expect(deleted.responses.map(\.errorCode) == [0])
        #expect(node.failure == nil && errors == [.none, .kafkaStorageError])
        #expect(!mover.hasWork(node.view))
    }

    @Test func aTopicMayBeDeletedAsItsReplicaArrives() throws {
        #expect(try ReplicaMoveTests.alter(node, to: "/b") == KafkaError.none)
        let outcome = mover.round(node.view, now: node.clock.now)
        #expect(outcome.moved.count == 1)
        let deleted = try node.connect().call(
            DeleteTopicsRequest(topics: [.init(name: "words")], timeoutMs: 1000))
        #expect(deleted.responses.map(\.errorCode) == [0])
        node.carryOut(outcome)
        #expect(node.failure == nil && errors == [.none, .none])
        node.advance(ms: 60_001)
        node.removeDueFiles()
        #expect(try ReplicaMoveTests.names(node.fileSystem).isEmpty)
    }
}
