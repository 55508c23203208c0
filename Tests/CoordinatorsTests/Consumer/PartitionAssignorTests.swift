import KafkaWire
import Testing

@testable import Coordinators

/// The assignors under random histories: valid, balanced, and as sticky as they promise.
@Suite struct PartitionAssignorTests {
    private static func topic(_ number: Int) -> KafkaUUID {
        KafkaUUID(high: 7, low: UInt64(number))
    }

    private func task(
        _ members: [(id: String, topics: [Int])], _ counts: [Int: Int32],
        previous: [String: PartitionsByTopic] = [:]
    ) -> AssignmentTask {
        let subscribed = Set(members.flatMap(\.topics))
        return AssignmentTask(
            members: members.sorted { $0.id < $1.id }.map { member in
                .init(
                    id: member.id, topics: member.topics.sorted().map(Self.topic),
                    previous: previous[member.id] ?? [:])
            },
            partitionCounts: Dictionary(
                uniqueKeysWithValues: counts.filter { subscribed.contains($0.key) }.map {
                    (Self.topic($0.key), $0.value)
                }))
    }

    private func load(_ assignment: PartitionsByTopic) -> Int {
        assignment.values.reduce(0) { $0 + $1.count }
    }

    /// Each partition of a topic with subscribers has one owner, which is subscribed to it.
    private func expectValid(_ task: AssignmentTask, _ result: [PartitionsByTopic]) {
        var owners: [KafkaUUID: [Int32: Int]] = [:]
        for (member, assignment) in zip(task.members, result) {
            for (topic, partitions) in assignment {
                #expect(member.topics.contains(topic) && !partitions.isEmpty)
                #expect(partitions == partitions.sorted())
                for partition in partitions {
                    owners[topic, default: [:]][partition, default: 0] += 1
                }
            }
        }
        let subscribed = Set(task.members.flatMap(\.topics))
        for (topic, count) in task.partitionCounts where subscribed.contains(topic) && count > 0 {
            #expect(owners[topic]?.keys.sorted() == (0..<count).map { $0 })
            #expect(owners[topic]?.values.allSatisfy { $0 == 1 } == true)
        }
    }

    private func kept(_ task: AssignmentTask, _ result: [PartitionsByTopic]) -> Int {
        zip(task.members, result).reduce(0) { sum, pair in
            sum
                + pair.0.previous.reduce(0) {
                    $0 + Set($1.value).intersection(pair.1[$1.key] ?? []).count
                }
        }
    }

    @Test(arguments: 0..<20)
    func uniformIsBalancedAndSticky(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var members = Set(["m0"])
        var counts: [Int: Int32] = [0: 3]
        var previous: [String: PartitionsByTopic] = [:]
        for step in 1..<60 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0: members.insert("m\(step)")
            case 1 where members.count > 1:
                members.remove(members.sorted().randomElement(using: &random) ?? "")
            case 2: counts[Int.random(in: 0..<6, using: &random), default: 0] += 2
            default: members.insert("m\(Int.random(in: 0..<20, using: &random))")
            }
            let task = task(
                members.map { ($0, Array(counts.keys)) }, counts, previous: previous)
            let result = PartitionAssignor.uniform.assign(task)
            expectValid(task, result)
            let loads = result.map(load)
            #expect((loads.max() ?? 0) - (loads.min() ?? 0) <= 1)
            // No assignment of this balance keeps more.
            let total = loads.reduce(0, +)
            let share = total / members.count
            var extras = total % members.count
            var best = 0
            for held in task.members.map({ load($0.previous) }).sorted(by: >) {
                let limit = extras > 0 && held > share ? share + 1 : share
                if limit > share { extras -= 1 }
                best += min(held, limit)
            }
            #expect(kept(task, result) == best)
            #expect(PartitionAssignor.uniform.assign(settled(task, result)) == result)
            previous = Dictionary(uniqueKeysWithValues: zip(task.members.map(\.id), result))
        }
    }

    private func settled(_ task: AssignmentTask, _ result: [PartitionsByTopic]) -> AssignmentTask {
        var settled = task
        for (index, assignment) in result.enumerated() {
            settled.members[index].previous = assignment
        }
        return settled
    }

    @Test(arguments: 0..<20)
    func uniformLevelsDifferentSubscriptions(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var topicsOf: [String: [Int]] = [:]
        var previous: [String: PartitionsByTopic] = [:]
        var counts: [Int: Int32] = [:]
        for topic in 0..<8 { counts[topic] = Int32.random(in: 0...20, using: &random) }
        for step in 0..<40 {
            if Int.random(in: 0..<4, using: &random) == 0, topicsOf.count > 1 {
                topicsOf[topicsOf.keys.sorted().randomElement(using: &random) ?? ""] = nil
            } else {
                topicsOf["m\(step % 15)"] = (0..<8).filter { _ in Bool.random(using: &random) }
            }
            let members = topicsOf.map { (id: $0.key, topics: $0.value) }
            let task = task(members, counts, previous: previous)
            let result = PartitionAssignor.uniform.assign(task)
            expectValid(task, result)
            expectLevel(task, result)
            #expect(PartitionAssignor.uniform.assign(settled(task, result)) == result)
            previous = Dictionary(uniqueKeysWithValues: zip(task.members.map(\.id), result))
        }
    }

    /// No partition could move to a subscriber that has two fewer.
    private func expectLevel(_ task: AssignmentTask, _ result: [PartitionsByTopic]) {
        for (giver, assignment) in result.enumerated() {
            for topic in assignment.keys {
                for taker in task.members.indices where task.members[taker].topics.contains(topic) {
                    #expect(load(result[giver]) - load(result[taker]) <= 1)
                }
            }
        }
    }

    @Test func uniformMovesOnlyWhatANewMemberGets() {
        let counts: [Int: Int32] = [0: 12, 1: 12]
        let first = task((0..<3).map { ("m\($0)", [0, 1]) }, counts)
        let before = PartitionAssignor.uniform.assign(first)
        let held = Dictionary(uniqueKeysWithValues: zip(first.members.map(\.id), before))
        let second = task((0..<4).map { ("m\($0)", [0, 1]) }, counts, previous: held)
        let after = PartitionAssignor.uniform.assign(second)
        #expect(after.map(load) == [6, 6, 6, 6])
        #expect(kept(second, after) == 18)
    }

    @Test func whatIsGoneIsNotKept() {
        let gone: PartitionsByTopic = [Self.topic(0): [0, 1, 9], Self.topic(5): [0]]
        let task = task([("a", [0]), ("b", [0])], [0: 4], previous: ["a": gone, "b": gone])
        for assignor in PartitionAssignor.allCases {
            let result = assignor.assign(task)
            expectValid(task, result)
            #expect(result.map(load) == [2, 2])
        }
    }

    @Test func rangesAreCoPartitioned() {
        let task = task([("a", [0, 1]), ("b", [0, 1]), ("c", [1])], [0: 5, 1: 5])
        let result = PartitionAssignor.range.assign(task)
        expectValid(task, result)
        #expect(result[0] == [Self.topic(0): [0, 1, 2], Self.topic(1): [0, 1]])
        #expect(result[1] == [Self.topic(0): [3, 4], Self.topic(1): [2, 3]])
        #expect(result[2] == [Self.topic(1): [4]])
    }

    @Test func staticMembersHaveTheFirstRanges() {
        var task = task([("a", [0]), ("b", [0]), ("c", [0]), ("d", [0])], [0: 3])
        task.members[3].instanceID = "i1"
        task.members[2].instanceID = "i2"
        let result = PartitionAssignor.range.assign(task)
        #expect(result.map { $0[Self.topic(0)] ?? [] } == [[2], [], [1], [0]])
    }

    @Test func nobodyOrNothingIsFine() {
        for assignor in PartitionAssignor.allCases {
            #expect(assignor.assign(task([], [0: 3])).isEmpty)
            #expect(assignor.assign(task([("a", []), ("b", [])], [:])) == [[:], [:]])
            #expect(assignor.assign(task([("a", [0]), ("b", [])], [0: 0])) == [[:], [:]])
        }
    }

    @Test func aHundredMembersAndAThousandPartitionsAreQuick() {
        let counts = Dictionary(uniqueKeysWithValues: (0..<10).map { ($0, Int32(100)) })
        let members = (0..<100).map { (id: "member-\($0 + 100)", topics: Array(0..<10)) }
        let first = task(members, counts)
        let before = PartitionAssignor.uniform.assign(first)
        let held = Dictionary(uniqueKeysWithValues: zip(first.members.map(\.id), before))
        let second = task(Array(members.prefix(50)), counts, previous: held)
        let after = PartitionAssignor.uniform.assign(second)
        #expect(after.map(load) == Array(repeating: 20, count: 50))
        #expect(kept(second, after) == 500)
    }
}
