import ClientCore
import KafkaWire
import MartletClient
import Synchronization
import Testing

@Suite(.cluster, .timeLimit(.minutes(2))) struct GroupTests {
    private func produce(_ range: Range<Int>, to topic: String) async throws {
        let producer = try Producer(bootstrap: testCluster().bootstrap)
        for index in range {
            try await producer.enqueue(
                ProducerRecord(
                    topic: topic, partition: Int32(index % 3), value: Array("\(index)".utf8)))
        }
        try await producer.close()
    }

    private func member(
        _ kind: GroupProtocol, _ assignors: [Assignor] = [.range]
    ) throws -> Consumer {
        let cluster = try testCluster()
        return try Consumer(bootstrap: cluster.bootstrap) {
            var group = GroupSettings(id: cluster.group())
            group.groupProtocol = kind
            group.assignors = assignors
            group.heartbeatInterval = .milliseconds(100)
            $0.group = group
            $0.offsetReset = .earliest
            // Topics of a pattern are looked for each time.
            $0.network.metadataMaxAge = .milliseconds(500)
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
        let topic = try await testCluster().topic()
        try await produce(0..<30, to: topic)
        let first = try member(kind)
        try first.subscribe(to: [topic])
        #expect(try await read(30, first) == Set(0..<30))
        try await first.commit()
        let ids = first.assignment
        #expect(ids.count == 3)
        let committed = try await first.committed(ids)
        #expect(committed.values.reduce(0) { $0 + $1.offset.rawValue } == 29)
        await first.close()
        try await produce(30..<60, to: topic)
        let second = try member(kind)
        try second.subscribe(to: [topic])
        // Nobody asked for more after the last record, so it was not done with.
        #expect(try await read(31, second).isSuperset(of: 30..<60))
        await second.close()
    }

    /// Whoever writes what was read elsewhere does so, and commits, before another takes over.
    @Test(arguments: [GroupProtocol.classic, .consumer])
    func aHandlerCommitsWhileItsConsumerCloses(kind: GroupProtocol) async throws {
        let cluster = try testCluster()
        let topic = try await cluster.topic()
        let group = cluster.group()
        let consumer = try Consumer(bootstrap: cluster.bootstrap) {
            $0.group = GroupSettings(id: group)
            $0.group?.groupProtocol = kind
            $0.group?.commitsAutomatically = false
        }
        let rebalances = Rebalances()
        try consumer.subscribe(to: [topic]) { event in
            if case .revoked(let ids) = event {
                let offsets = ids.map { ($0, CommittedOffset(Offset(7))) }
                await #expect(throws: Never.self) {
                    try await consumer.commit(Dictionary(uniqueKeysWithValues: offsets))
                }
            }
            rebalances.note(event)
        }
        await rebalances.wait { consumer.assignment.count == 3 }
        let ids = consumer.assignment
        await consumer.close()
        guard case .revoked(ids)? = rebalances.all.last else {
            Issue.record("the last event is \(String(describing: rebalances.all.last))")
            return
        }
        let admin = try Admin(bootstrap: cluster.bootstrap)
        let found = try await admin.listGroupOffsets(group)
        #expect(Set(found.values.map(\.offset)) == [Offset(7)] && found.count == 3)
        await admin.close()
    }

    @Test(arguments: [GroupProtocol.classic, .consumer])
    func twoMembersShareAndOneTakesOver(kind: GroupProtocol) async throws {
        let topic = try await testCluster().topic()
        try await produce(0..<3, to: topic)
        let assignors: [Assignor] = kind == .classic ? [.cooperativeSticky] : [.range]
        let first = try member(kind, assignors)
        let rebalances = Rebalances()
        try first.subscribe(to: [topic]) { rebalances.note($0) }
        await rebalances.wait { first.assignment.count == 3 }
        let second = try member(kind, assignors)
        try second.subscribe(to: [topic]) { rebalances.note($0) }
        await rebalances.wait {
            first.assignment.count + second.assignment.count == 3 && !second.assignment.isEmpty
        }
        #expect(Set(first.assignment).isDisjoint(with: second.assignment))
        await second.close()
        await rebalances.wait { first.assignment.count == 3 }
        await first.close()
        #expect(rebalances.all.contains { if case .revoked = $0 { true } else { false } })
    }

    @Test(arguments: [GroupProtocol.classic, .consumer])
    func aPatternTakesInTopicsThatComeLater(kind: GroupProtocol) async throws {
        let cluster = try testCluster()
        let first = try await cluster.topic("birds-a")
        _ = try await cluster.topic("bees-a")
        let tag = first.dropFirst("birds-a".count)
        let consumer = try member(kind)
        // From now on averages are kept.
        _ = consumer.metrics()
        let rebalances = Rebalances()
        // The coordinator matches by the expression, a member of a classic group by the function.
        try consumer.subscribe(
            pattern: "birds-.*\(tag)", matching: { $0.hasPrefix("birds-") && $0.hasSuffix(tag) }
        ) { rebalances.note($0) }
        await rebalances.wait { Set(consumer.assignment.map(\.topic)) == [first] }
        let second = try await cluster.topic("birds-b")
        await rebalances.wait { Set(consumer.assignment.map(\.topic)) == [first, second] }
        #expect(consumer.assignment.count == 6)
        let names = consumer.metrics().map(\.name)
        for name in ["avg", "max", "total"] { #expect(names.contains("rebalance-latency-\(name)")) }
        #expect(!names.contains("poll-idle-ratio-avg"), "nobody has read")
        #expect(try await consumer.poll(timeout: .milliseconds(50)) == nil)
        try await eventually {
            consumer.metrics().contains {
                $0.name == "poll-idle-ratio-avg" && $0.value > 0 && $0.value <= 1
            }
        }
        await consumer.close()
    }

    @Test func withoutAGroupThereIsNothingToCommit() async throws {
        let consumer = try Consumer(bootstrap: testCluster().bootstrap)
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
