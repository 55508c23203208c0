import KafkaProtocol
import KafkaWire
import Testing

@testable import Coordinators

/// Groups that change from the classic protocol to that of KIP-848 and back, while they run.
@Suite struct GroupMigrationTests {
    private struct World {
        let harness = GroupHarness(["t": 6])
        var classic: [StubClassicConsumer] = []
        var consumers: [StubConsumer] = []

        init() { harness.settings.initialRebalanceDelayMs = 0 }

        /// Everybody has a turn; time passes.
        mutating func turn() {
            for index in classic.indices { classic[index].poll(harness) }
            for index in consumers.indices { consumers[index].beat(harness) }
            harness.advance(1000)
            expectSingleReaders()
        }

        mutating func settle() {
            for _ in 0..<12 { turn() }
            #expect(owned.count == 6)
        }

        var owned: [TopicPartition] { classic.flatMap(\.owned) + consumers.flatMap(\.owned) }

        func expectSingleReaders() {
            #expect(Set(owned).count == owned.count)
        }

        mutating func add(_ count: Int, _ names: [String] = []) {
            for _ in 0..<count { classic.append(StubClassicConsumer()) }
            for name in names { consumers.append(StubConsumer(name)) }
        }

        mutating func removeConsumer() {
            var request = consumers.removeFirst().request()
            request.memberEpoch = -1
            _ = harness.heartbeat(request)
        }

        var type: String {
            switch harness.machineGroup {
            case .classic?: "classic"
            case .consumer?: "consumer"
            case nil: "none"
            }
        }
    }

    @Test func aRollingChangeThereAndBack() throws {
        var world = World()
        world.add(3)
        world.settle()
        #expect(world.type == "classic")
        for name in ["a", "b", "c"] {
            world.add(0, [name])
            world.settle()
            #expect(world.type == "consumer")
            #expect(world.classic[0].leave(world.harness) == KafkaError.none)
            world.classic.removeFirst()
            world.settle()
        }
        #expect(world.harness.describe("g")?.groupState == "Stable")
        #expect(world.harness.describe("g")?.members.allSatisfy { $0.memberType == 1 } == true)
        for _ in 0..<3 {
            world.add(1)
            world.settle()
            world.removeConsumer()
            world.settle()
        }
        #expect(world.type == "classic")
        try world.harness.reload()
        #expect(world.type == "classic")
        world.settle()
    }

    @Test func aFailoverInTheMiddleChangesNothing() throws {
        var world = World()
        world.add(2)
        world.settle()
        world.add(0, ["a"])
        world.settle()
        let before = world.harness.describe("g")
        try world.harness.reload()
        #expect(world.harness.describe("g") == before)
        #expect(before?.members.map(\.memberType).sorted() == [0, 0, 1])
        world.settle()
    }

    @Test func aClassicMemberThatFallsSilentIsPutOut() {
        var world = World()
        world.add(1, ["a"])
        world.settle()
        let silent = world.classic.removeFirst()
        #expect(silent.owned.count == 3)
        for _ in 0..<29 { world.turn() }
        #expect(world.owned.count == 3)
        for _ in 0..<5 { world.turn() }
        #expect(world.owned.count == 6)
    }

    @Test func theLastConsumerThatCrashesLeavesAClassicGroup() {
        var world = World()
        world.add(2, ["a"])
        world.settle()
        world.consumers.removeAll()
        for _ in 0..<46 { world.turn() }
        #expect(world.type == "classic")
        world.settle()
    }

    @Test func aStaticMemberChangesItsProtocolInPlace() {
        var world = World()
        world.classic.append(StubClassicConsumer(instanceID: "i"))
        world.add(1)
        world.settle()
        var consumer = StubConsumer("a")
        consumer.instanceID = "i"
        world.classic.removeFirst()
        world.consumers.append(consumer)
        world.settle()
        #expect(world.type == "consumer")
        #expect(world.harness.describe("g")?.members.count == 2)
        // And back: it was the last of its protocol.
        world.consumers.removeFirst()
        world.classic.append(StubClassicConsumer(instanceID: "i"))
        world.settle()
        #expect(world.type == "classic")
    }

    @Test(arguments: [
        ("bidirectional", true, true, true), ("upgrade", true, true, false),
        ("downgrade", false, true, true), ("disabled", false, false, false),
    ])
    func thePolicyDecides(_ policy: String, _ up: Bool, _ mixes: Bool, _ down: Bool) {
        var world = World()
        world.harness.settings.consumer.migrationPolicy = policy
        world.add(1)
        world.settle()
        var consumer = StubConsumer("a")
        let joined = consumer.beat(world.harness).errorCode
        #expect((joined == 0) == up)
        world.classic.removeAll()
        world.harness.advance(60_000)
        // An empty group changes whatever the policy.
        world.add(0, ["b"])
        world.settle()
        #expect(world.type == "consumer")
        world.add(1)
        for _ in 0..<12 { world.turn() }
        #expect((world.classic[0].lastError != .inconsistentGroupProtocol) == mixes)
        world.removeConsumer()
        for _ in 0..<3 { world.turn() }
        #expect((world.type == "classic") == (down || !mixes))
    }

    /// A classic group that cannot become a consumer group, and why.
    struct Obstacle: Sendable {
        var type = "consumer"
        var metadata = StubClassicConsumer.coded(ConsumerProtocolSubscription(topics: ["t"]), 1)
        var assignment: [UInt8] = []
        var reason: String
    }

    @Test(arguments: [
        Obstacle(type: "connect", reason: "does not use the consumer embedded protocol"),
        Obstacle(metadata: [1], reason: "the embedded consumer protocol is malformed"),
        Obstacle(assignment: [9], reason: "the embedded consumer protocol is malformed"),
        Obstacle(
            assignment: StubClassicConsumer.coded(ConsumerProtocolAssignment(userData: [1]), 1),
            reason: "an unsupported custom assignor is in use"),
    ])
    func whatCannotBeUpgradedStays(_ obstacle: Obstacle) {
        let harness = GroupHarness(["t": 1])
        harness.settings.initialRebalanceDelayMs = 0
        let joined: JoinGroupResponse? = join(harness, obstacle, instance: "i")
        let sync = SyncGroupRequest(
            groupID: "g", generationID: 1, memberID: joined?.memberID ?? "", groupInstanceID: "i",
            assignments: [.init(memberID: joined?.memberID ?? "", assignment: obstacle.assignment)])
        let synced: SyncGroupResponse? = harness.run {
            $0.syncGroup(sync, version: 4, $1, harness.now)
        }
        #expect(synced?.errorCode == 0)
        expectRefusal(harness, obstacle.reason)
    }

    @Test func aGroupThatIsTooLargeStays() {
        let harness = GroupHarness(["t": 1])
        harness.settings.initialRebalanceDelayMs = 0
        harness.settings.consumer.maxSize = 1
        for instance in ["i", "j"] {
            let _: JoinGroupResponse? = join(
                harness, Obstacle(reason: ""), instance: instance)
        }
        expectRefusal(harness, "the group size exceeds the consumer group maximum size")
    }

    private func join(
        _ harness: GroupHarness, _ obstacle: Obstacle, instance: String
    ) -> JoinGroupResponse? {
        let request = JoinGroupRequest(
            groupID: "g", sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 60_000,
            groupInstanceID: instance, protocolType: obstacle.type,
            protocols: [.init(name: "range", metadata: obstacle.metadata)])
        let sent = harness.send { machine, caller in
            machine.joinGroup(
                request, from: GroupClient(clientID: "c", host: "/h", apiVersion: 9), caller,
                harness.now)
        }
        harness.advance(1)
        return harness.answer(to: sent)
    }

    private func expectRefusal(_ harness: GroupHarness, _ reason: String) {
        let end = harness.log.endOffset
        var consumer = StubConsumer("a")
        let response = consumer.beat(harness)
        #expect(response.errorCode == KafkaError.groupIDNotFound.rawValue)
        #expect(response.errorMessage?.contains(reason) == true, "\(response)")
        #expect(harness.log.endOffset == end)
    }
}
