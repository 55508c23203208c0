import KafkaProtocol
import KafkaWire
import Testing

@testable import Coordinators

/// ConsumerGroupHeartbeat: who may join, go on and leave, and what is written for it.
@Suite struct ConsumerHeartbeatTests {
    private func error(_ response: ConsumerGroupHeartbeatResponse) -> KafkaError? {
        KafkaError(rawValue: response.errorCode)
    }

    private func partitions(_ response: ConsumerGroupHeartbeatResponse) -> [Int32]? {
        response.assignment.map { $0.topicPartitions.flatMap(\.partitions) }
    }

    @Test func theFirstMemberGetsAllAtOnce() throws {
        let harness = GroupHarness(["t": 3])
        var a = StubConsumer("a")
        let response = a.beat(harness)
        #expect(response.memberID == "a" && response.memberEpoch == 2)
        #expect(response.heartbeatIntervalMs == 5000)
        #expect(partitions(response) == [0, 1, 2])
        let types = try harness.records(from: .zero).map { type(of: $0) }
        #expect(types == [5, 3, 7, 6, 8])
        #expect(harness.describe("g")?.groupState == "Stable")
        // Nothing to say, nothing to write.
        let end = harness.log.endOffset
        a.beat(harness)
        #expect(a.beat(harness).assignment == nil)
        #expect(harness.log.endOffset == end)
    }

    private func type(of record: GroupRecord) -> Int16 {
        ((try? record.encodedKey()) ?? []).prefix(2).reduce(0) { $0 << 8 | Int16($1) }
    }

    @Test func partitionsMoveOnlyOnceTheyAreGivenUp() {
        let harness = GroupHarness(["t": 4])
        var a = StubConsumer("a")
        var b = StubConsumer("b")
        a.beat(harness)
        #expect(partitions(b.beat(harness)) == [])
        #expect(b.epoch == 3)
        // `a` is told to give up, keeps its epoch, and only then does it move on.
        #expect(partitions(a.beat(harness)) == [0, 1])
        #expect(a.epoch == 2)
        #expect(b.beat(harness).assignment == nil)
        #expect(harness.describe("g")?.groupState == "Reconciling")
        #expect(a.beat(harness).memberEpoch == 3)
        #expect(partitions(b.beat(harness)) == [2, 3])
        #expect(harness.describe("g")?.groupState == "Stable")
    }

    @Test func whoDoesNotGiveUpInTimeIsPutOut() {
        let harness = GroupHarness(["t": 2])
        var a = StubConsumer("a")
        var b = StubConsumer("b")
        a.beat(harness)
        b.beat(harness)
        _ = harness.heartbeat(
            ConsumerGroupHeartbeatRequest(groupID: "g", memberID: "a", memberEpoch: 2))
        for _ in 0..<7 {
            harness.advance(9000)
            _ = harness.heartbeat(
                ConsumerGroupHeartbeatRequest(groupID: "g", memberID: "a", memberEpoch: 2))
            b.beat(harness)
        }
        #expect(error(a.beat(harness)) == .unknownMemberID)
        #expect(b.owned.count == 2)
    }

    @Test func whoIsSilentIsPutOut() {
        let harness = GroupHarness(["t": 2])
        var a = StubConsumer("a")
        a.beat(harness)
        harness.advance(44_999)
        #expect(error(a.beat(harness)) == KafkaError.none)
        harness.advance(45_000)
        #expect(harness.describe("g")?.groupState == "Empty")
        #expect(error(a.beat(harness)) == .unknownMemberID)
        #expect(partitions(a.beat(harness)) == [0, 1])
    }

    @Test func anOldOrNewEpochIsFenced() {
        let harness = GroupHarness(["t": 2])
        var a = StubConsumer("a")
        a.beat(harness)
        func send(_ epoch: Int32, _ owned: [Int32]?) -> KafkaError? {
            error(
                harness.heartbeat(
                    ConsumerGroupHeartbeatRequest(
                        groupID: "g", memberID: "a", memberEpoch: epoch,
                        topicPartitions: owned.map {
                            [.init(topicID: StubMetadata.id("t"), partitions: $0)]
                        })))
        }
        #expect(send(3, nil) == .fencedMemberEpoch)
        #expect(send(1, []) == .fencedMemberEpoch)
        // The answer with the new epoch may have been lost.
        var b = StubConsumer("b")
        b.beat(harness)
        a.beat(harness)
        a.beat(harness)
        #expect(a.epoch == 3)
        #expect(send(2, [0]) == KafkaError.none)
        #expect(send(2, [1]) == .fencedMemberEpoch)
        #expect(send(2, nil) == .fencedMemberEpoch)
    }

    @Test func aMemberInAStateOfALaterVersionComesBackWithNothing() throws {
        let harness = GroupHarness(["t": 2])
        var a = StubConsumer("a")
        a.beat(harness)
        _ = harness.send { machine, _ in
            guard case .consumer(let group) = machine.groups["g"],
                var member = group.state.members["a"]
            else { return }
            member.state = .unknown
            machine.write([member.assignmentRecord(of: "g")])
        }
        try harness.reload()
        #expect(harness.describe("g")?.groupState == "Reconciling")
        #expect(error(a.beat(harness)) == .fencedMemberEpoch)
        #expect(a.epoch == 0 && a.owned.isEmpty)
        #expect(partitions(a.beat(harness)) == [0, 1])
        #expect(harness.describe("g")?.groupState == "Stable")
    }

    @Test func requestsThatMakeNoSenseAreRefused() {
        let harness = GroupHarness(["t": 2])
        var join = StubConsumer("a").request()
        func refused(_ change: (inout ConsumerGroupHeartbeatRequest) -> Void) -> KafkaError? {
            var request = join
            change(&request)
            return error(harness.heartbeat(request))
        }
        #expect(refused { $0.memberID = "" } == .invalidRequest)
        #expect(refused { $0.groupID = " " } == .invalidRequest)
        #expect(refused { $0.instanceID = "" } == .invalidRequest)
        #expect(refused { $0.rackID = "" } == .invalidRequest)
        #expect(refused { $0.rebalanceTimeoutMs = -1 } == .invalidRequest)
        #expect(refused { $0.topicPartitions = nil } == .invalidRequest)
        #expect(refused { $0.topicPartitions = [.init()] } == .invalidRequest)
        #expect(refused { $0.subscribedTopicNames = nil } == .invalidRequest)
        #expect(refused { $0.memberEpoch = -3 } == .invalidRequest)
        #expect(refused { $0.memberEpoch = -2 } == .invalidRequest)
        #expect(refused { $0.serverAssignor = "nope" } == .unsupportedAssignor)
        #expect(refused { $0.subscribedTopicRegex = "(" } == .invalidRegularExpression)
        #expect(refused { $0.memberEpoch = 1 } == .groupIDNotFound)
        #expect(refused { $0.memberEpoch = -1 } == .groupIDNotFound)
        #expect(harness.log.endOffset == .zero)
        // Version 0 lets the broker make the member's id.
        join.memberID = ""
        let response = harness.heartbeat(join, version: 0)
        #expect(error(response) == KafkaError.none && response.memberID?.count == 22)
    }

    @Test func aFullGroupTakesNobody() {
        let harness = GroupHarness(["t": 2])
        harness.settings.consumer.maxSize = 2
        var members = ["a", "b", "c"].map { StubConsumer($0) }
        #expect(error(members[0].beat(harness)) == KafkaError.none)
        #expect(error(members[1].beat(harness)) == KafkaError.none)
        #expect(error(members[2].beat(harness)) == .groupMaxSizeReached)
        #expect(error(members[1].beat(harness)) == KafkaError.none)
    }

    @Test func aGroupMaySetItsOwnTimes() {
        let harness = GroupHarness(["t": 2])
        harness.metadata.configs["g"] = [
            "consumer.session.timeout.ms": "50000", "consumer.heartbeat.interval.ms": "99999",
        ]
        var a = StubConsumer("a")
        // What is beyond the broker's range counts as its end.
        #expect(a.beat(harness).heartbeatIntervalMs == 15_000)
        harness.advance(49_999)
        #expect(harness.describe("g")?.members.count == 1)
        harness.advance(1)
        #expect(harness.describe("g")?.members.count == 0)
    }

    @Test func assignmentsKeepTheirInterval() {
        let harness = GroupHarness(["t": 4])
        harness.settings.consumer.assignmentIntervalMs = 1000
        var a = StubConsumer("a")
        var b = StubConsumer("b")
        #expect(partitions(a.beat(harness)) == [0, 1, 2, 3])
        b.beat(harness)
        #expect(harness.describe("g")?.groupState == "Assigning")
        harness.advance(1000)
        b.beat(harness)
        a.beat(harness)
        a.beat(harness)
        #expect(partitions(b.beat(harness)) == [2, 3])
    }

    @Test func anAssignmentByAClockThatIsAheadHoldsNothingUp() throws {
        let harness = GroupHarness(["t": 4])
        harness.settings.consumer.assignmentIntervalMs = 1000
        var a = StubConsumer("a")
        var b = StubConsumer("b")
        #expect(partitions(a.beat(harness)) == [0, 1, 2, 3])
        // Another node coordinates now, whose clock is a minute behind.
        harness.nowMs -= 60_000
        try harness.reload()
        b.beat(harness)
        a.beat(harness)
        a.beat(harness)
        #expect(partitions(b.beat(harness)) == [2, 3])
    }

    // MARK: Static members

    @Test func aStaticMemberComesBackToItsPartitions() {
        let harness = GroupHarness(["t": 4])
        var a = StubConsumer("a")
        a.instanceID = "i"
        var b = StubConsumer("b")
        a.beat(harness)
        b.beat(harness)
        for _ in 0..<3 {
            a.beat(harness)
            b.beat(harness)
        }
        let before = a.owned
        var again = StubConsumer("a2")
        again.instanceID = "i"
        #expect(error(again.beat(harness)) == .unreleasedInstanceID)
        var leave = a.request()
        leave.memberEpoch = -2
        #expect(harness.heartbeat(leave).memberEpoch == -2)
        let epoch = harness.describe("g")?.groupEpoch
        again.beat(harness)
        #expect(again.owned == before && before.count == 2)
        // Nobody else had to move.
        #expect(harness.describe("g")?.groupEpoch == epoch)
        #expect(error(a.beat(harness)) == .fencedInstanceID)
    }

    @Test func aStaticMemberThatStaysAwayIsPutOut() {
        let harness = GroupHarness(["t": 4])
        var a = StubConsumer("a")
        a.instanceID = "i"
        a.beat(harness)
        var leave = a.request()
        leave.memberEpoch = -2
        _ = harness.heartbeat(leave)
        harness.advance(45_000)
        #expect(harness.describe("g")?.members.count == 0)
        leave.memberEpoch = -1
        #expect(error(harness.heartbeat(leave)) == .unknownMemberID)
    }

    // MARK: Subscriptions

    @Test func newTopicsReachPatterns() {
        let harness = GroupHarness(["orders-1": 1, "other": 1])
        var a = StubConsumer("a", topics: nil)
        a.regex = "orders-.*"
        #expect(partitions(a.beat(harness)) == [0])
        #expect(a.owned.map(\.topic) == ["orders-1"])
        harness.metadata.set("orders-2", 2)
        // Patterns are not looked at more often than every ten seconds.
        a.beat(harness)
        #expect(a.owned.count == 1)
        harness.advance(10_001)
        a.beat(harness)
        #expect(Set(a.owned.map(\.topic)) == ["orders-1", "orders-2"])
        #expect(a.owned.count == 3)
    }

    @Test func aPatternGoesWithItsLastMember() throws {
        let harness = GroupHarness(["t": 1])
        var a = StubConsumer("a", topics: nil)
        a.regex = "t.*"
        a.beat(harness)
        let end = harness.log.endOffset
        var leave = a.request()
        leave.memberEpoch = -1
        _ = harness.heartbeat(leave)
        #expect(try harness.records(from: end).map { type(of: $0) } == [8, 7, 5, 16, 3, 6])
        try harness.reload()
        #expect(harness.describe("g")?.groupState == "Empty")
    }

    @Test func topicsThatChangeAreAssignedAnew() {
        let harness = GroupHarness(["t": 1, "u": 1])
        var a = StubConsumer("a")
        a.beat(harness)
        harness.metadata.set("u", 9)
        #expect(a.beat(harness).memberEpoch == 2)
        harness.metadata.set("t", 3)
        #expect(partitions(a.beat(harness)) == [0, 1, 2])
        #expect(a.epoch == 3)
        harness.metadata.set("t", nil)
        a.beat(harness)
        a.beat(harness)
        #expect(a.owned.isEmpty && a.epoch == 4)
    }

    @Test func anotherAssignorAsksForAnotherAssignment() {
        let harness = GroupHarness(["t": 2])
        var a = StubConsumer("a")
        a.beat(harness)
        var request = ConsumerGroupHeartbeatRequest(groupID: "g", memberID: "a", memberEpoch: 2)
        request.serverAssignor = "range"
        #expect(harness.heartbeat(request).memberEpoch == 3)
        #expect(harness.describe("g")?.assignorName == "range")
    }

    @Test func whatIsNoLongerWantedIsGivenUp() {
        let harness = GroupHarness(["t": 1, "u": 1])
        var a = StubConsumer("a", topics: ["t", "u"])
        a.beat(harness)
        #expect(a.owned.count == 2)
        var request = a.request()
        request.subscribedTopicNames = ["u"]
        a.take(harness.heartbeat(request), harness.metadata, reported: false)
        a.settle()
        #expect(a.owned.map(\.topic) == ["u"])
        a.beat(harness)
        #expect(harness.describe("g")?.groupState == "Stable")
    }
}
