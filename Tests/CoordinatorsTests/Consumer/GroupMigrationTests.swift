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

    @Test func whatCannotBeUpgradedStays() {
        let harness = GroupHarness(["t": 1])
        harness.settings.initialRebalanceDelayMs = 0
        let request = JoinGroupRequest(
            groupID: "g", sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 60_000,
            groupInstanceID: "i", protocolType: "connect",
            protocols: [.init(name: "compatible", metadata: [1])])
        _ = harness.send { machine, caller in
            machine.joinGroup(
                request, from: GroupClient(clientID: "c", host: "/h", apiVersion: 9), caller,
                harness.now)
        }
        harness.advance(1)
        var consumer = StubConsumer("a")
        #expect(consumer.beat(harness).errorCode == KafkaError.groupIDNotFound.rawValue)
    }
}
