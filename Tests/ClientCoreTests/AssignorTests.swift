import KafkaWire
import Testing

@testable import ClientCore

@Suite struct AssignorTests {
    private func member(
        _ id: String, _ topics: [String] = ["t"], owns: [Int32] = [], generation: Int32 = 1
    ) -> MemberSubscription {
        var member = MemberSubscription(memberID: id, instanceID: nil, topics: topics)
        member.owned = owns.map { TopicPartition(topic: "t", partition: $0) }
        member.generation = owns.isEmpty ? -1 : generation
        return member
    }
    private func numbers(_ result: [String: [TopicPartition]], _ id: String) -> [Int32]? {
        result[id]?.map(\.partition)
    }

    @Test func rangesGiveTheFirstMembersOneMore() {
        let result = Assignor.range.assign(
            [member("b"), member("a"), member("c", ["other"])], counts: ["t": 5])
        #expect(numbers(result, "a") == [0, 1, 2] && numbers(result, "b") == [3, 4])
        #expect(numbers(result, "c") == [])
    }

    @Test func roundRobinGoesOverAllTopics() {
        let result = Assignor.roundRobin.assign(
            [member("a", ["t", "u"]), member("b", ["t", "u"])], counts: ["t": 3, "u": 1])
        #expect(numbers(result, "a") == [0, 2])
        #expect(result["b"]?.map(\.description) == ["t-1", "u-0"])
    }

    @Test func stickyMovesNoMoreThanBalanceAsksFor() {
        let result = Assignor.sticky.assign(
            [member("a", owns: [0, 2, 4, 5]), member("b", owns: [1, 3]), member("c")],
            counts: ["t": 6])
        #expect(numbers(result, "b") == [1, 3])
        #expect(numbers(result, "a")?.count == 2 && numbers(result, "c")?.count == 2)
        #expect(Set(numbers(result, "a") ?? []).isSubset(of: [0, 2, 4, 5]))
    }

    @Test func aStaleOwnerHasNoClaim() {
        let result = Assignor.sticky.assign(
            [member("a", owns: [0, 1], generation: 3), member("b", owns: [0, 1], generation: 5)],
            counts: ["t": 4])
        #expect(numbers(result, "b") == [0, 1] && numbers(result, "a") == [2, 3])
    }

    @Test func cooperativeGivesNothingThatAnotherHasNotGivenUp() {
        let result = Assignor.cooperativeSticky.assign(
            [member("a", owns: [0, 1, 2, 3]), member("b")], counts: ["t": 4])
        #expect(numbers(result, "a")?.count == 2 && numbers(result, "b") == [])
        let kept = numbers(result, "a") ?? []
        let next = Assignor.cooperativeSticky.assign(
            [member("a", owns: kept, generation: 2), member("b")], counts: ["t": 4])
        #expect(numbers(next, "a") == kept && numbers(next, "b")?.count == 2)
    }

    @Test(arguments: Assignor.allCases, 1...40)
    func everyPartitionGoesToOneSubscriber(assignor: Assignor, seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let counts = ["t": Int.random(in: 1...9, using: &random), "u": 3, "nobody": 2]
        let members = (0..<Int.random(in: 1...5, using: &random)).map { index in
            member("m\(index)", Bool.random(using: &random) ? ["t", "u"] : ["t"])
        }
        let result = assignor.assign(members, counts: counts)
        let all = result.values.flatMap { $0 }
        let wanted = StickyAssignment.all(counts).filter { partition in
            members.contains { $0.topics.contains(partition.topic) }
        }
        #expect(all.count == Set(all).count && Set(all) == Set(wanted))
        for member in members {
            #expect(
                result[member.memberID]?.allSatisfy { member.topics.contains($0.topic) } == true)
        }
        if assignor == .sticky, Set(members.map(\.topics)).count == 1 {
            let sizes = members.map { result[$0.memberID]?.count ?? 0 }
            #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
        }
    }

    @Test(arguments: Assignor.allCases)
    func subscriptionsAreReadBack(assignor: Assignor) throws {
        var sent = member("m", ["t", "u"], owns: [1, 2], generation: 7)
        sent.instanceID = "i"
        let read = try MemberSubscription(
            memberID: "m", instanceID: "i", try sent.encoded(for: assignor), for: assignor)
        #expect(read == sent)
    }

    /// What librdkafka 2.16 sends: empty user data, no owned partitions, an empty rack; and what
    /// Java's cooperative assignor does: the generation as user data.
    @Test(arguments: [
        (Assignor.range, "0003000000010001740000000000000000ffffffff0000"),
        (.sticky, "0003000000010001740000000000000000ffffffff0000"),
        (.cooperativeSticky, "00030000000100017400000004000000070000000000000007ffff"),
    ])
    func subscriptionsOfOtherClientsAreRead(assignor: Assignor, hex: String) throws {
        let digits = Array(hex.utf8).map { $0 - ($0 < 0x3A ? 0x30 : 0x57) }
        let bytes = stride(from: 0, to: digits.count, by: 2).map {
            digits[$0] << 4 | digits[$0 + 1]
        }
        let read = try MemberSubscription(
            memberID: "m", instanceID: nil, bytes, for: assignor)
        #expect(read.topics == ["t"] && read.owned.isEmpty)
        #expect(read.generation == (assignor == .cooperativeSticky ? 7 : -1))
    }

    @Test func assignmentsAreReadBack() throws {
        let sent = [
            TopicPartition(topic: "a", partition: 1), TopicPartition(topic: "b", partition: 0),
        ]
        #expect(try MemberAssignment.decoded(MemberAssignment.encoded(sent)) == sent)
        #expect(try MemberAssignment.decoded([]) == [])
        #expect(throws: WireError.self) { try MemberAssignment.decoded([0]) }
    }
}
