import ClientCore
import KafkaWire
import MartletClient
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(2))) struct GroupTests {
    private func produce(_ range: Range<Int>, to node: TestNode) async throws {
        let producer = try Producer(bootstrap: node.bootstrap)
        for index in range {
            try await producer.enqueue(
                ProducerRecord(
                    topic: "t", partition: Int32(index % 3), value: Array("\(index)".utf8)))
        }
        try await producer.close()
    }

    private func member(
        _ node: TestNode, _ kind: GroupProtocol, _ assignors: [Assignor] = [.range]
    ) throws -> Consumer {
        try Consumer(bootstrap: node.bootstrap) {
            var group = GroupSettings(id: "g")
            group.groupProtocol = kind
            group.assignors = assignors
            group.heartbeatInterval = .milliseconds(100)
            $0.group = group
            $0.offsetReset = .earliest
        }
    }

    private func read(_ count: Int, _ consumer: Consumer) async throws -> Set<Int> {
        var seen: Set<Int> = []
        for try await record in consumer.records {
            seen.insert(Int(String(decoding: record.value ?? [], as: UTF8.self)) ?? -1)
            if seen.count == count { break }
        }
        return seen
    }

    @Test(arguments: [GroupProtocol.classic, .consumer])
    func aMemberGoesOnWhereTheGroupHasCommitted(kind: GroupProtocol) async throws {
        let node = try TestNode()
        try await produce(0..<30, to: node)
        let first = try member(node, kind)
        try first.subscribe(to: ["t"])
        #expect(try await read(30, first) == Set(0..<30))
        try await first.commit()
        let ids = first.assignment
        #expect(ids.count == 3)
        let committed = try await first.committed(ids)
        #expect(committed.values.reduce(0) { $0 + $1.offset.rawValue } == 29)
        await first.close()
        try await produce(30..<60, to: node)
        let second = try member(node, kind)
        try second.subscribe(to: ["t"])
        // Nobody asked for more after the last record, so it was not done with.
        #expect(try await read(31, second).isSuperset(of: 30..<60))
        await second.close()
    }

    @Test(arguments: [GroupProtocol.classic, .consumer])
    func twoMembersShareAndOneTakesOver(kind: GroupProtocol) async throws {
        let node = try TestNode()
        try await produce(0..<3, to: node)
        let assignors: [Assignor] = kind == .classic ? [.cooperativeSticky] : [.range]
        let first = try member(node, kind, assignors)
        let rebalances = Rebalances()
        try first.subscribe(to: ["t"]) { rebalances.note($0) }
        await rebalances.wait { first.assignment.count == 3 }
        let second = try member(node, kind, assignors)
        try second.subscribe(to: ["t"]) { rebalances.note($0) }
        await rebalances.wait {
            first.assignment.count + second.assignment.count == 3 && !second.assignment.isEmpty
        }
        #expect(Set(first.assignment).isDisjoint(with: second.assignment))
        await second.close()
        await rebalances.wait { first.assignment.count == 3 }
        await first.close()
        #expect(rebalances.all.contains { if case .revoked = $0 { true } else { false } })
    }

    @Test func withoutAGroupThereIsNothingToCommit() async throws {
        let node = try TestNode()
        let consumer = try Consumer(bootstrap: node.bootstrap)
        await #expect(throws: ClientError.self) { try await consumer.commit() }
        #expect(throws: ClientError.self) { try consumer.subscribe(to: ["t"]) }
        await consumer.close()
    }
}

/// The rebalances of some members; each wakes whoever waits for what they come to.
private final class Rebalances: Sendable {
    private let events = Mutex<[RebalanceEvent]>([])
    private let (stream, wake) = AsyncStream.makeStream(of: Void.self)

    func note(_ event: RebalanceEvent) {
        events.withLock { $0.append(event) }
        wake.yield()
    }
    var all: [RebalanceEvent] { events.withLock { $0 } }

    func wait(until condition: () -> Bool) async {
        if condition() { return }
        for await _ in stream where condition() { return }
    }
}
