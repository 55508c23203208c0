import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore
@testable import ClientCore

/// Consumers that share out the partitions of a topic, against a node: both protocols.
@Suite struct ConsumerGroupTests {
    private let world: ConsumerWorld
    private let producer: TestClient
    private static let both = [
        TopicPartition(topic: "words", partition: 0), TopicPartition(topic: "words", partition: 1),
    ]

    init() throws {
        let node = try GroupNodeTests.node()
        world = ConsumerWorld(node)
        producer = node.connect()
    }

    /// How a member takes part.
    enum Way: CaseIterable, Sendable {
        case range, roundRobin, sticky, cooperativeSticky, consumer

        func apply(to group: inout GroupSettings) {
            switch self {
            case .range: group.assignors = [.range]
            case .roundRobin: group.assignors = [.roundRobin]
            case .sticky: group.assignors = [.sticky]
            case .cooperativeSticky: group.assignors = [.cooperativeSticky]
            case .consumer: group.groupProtocol = .consumer
            }
            group.sessionTimeout = .seconds(10)
            group.heartbeatInterval = .seconds(1)
            group.rebalanceTimeout = .seconds(20)
        }
    }

    private func member(
        _ way: Way, versions: [APIKey: Int16] = [:], instance: String? = nil,
        _ configure: (inout GroupSettings) -> Void = { _ in }
    ) throws -> ConsumerDriver {
        let consumer = world.add(group: "g", versions: versions) { settings in
            settings.network.metadataMaxAge = .seconds(2)
            guard var group = settings.group else { return }
            way.apply(to: &group)
            group.instanceID = instance
            configure(&group)
            settings.group = group
        }
        try consumer.core.subscribe(.topics(["words"]), now: consumer.now)
        return consumer
    }

    private func areShared(_ a: ConsumerDriver, _ b: ConsumerDriver) -> Bool {
        a.owned.count == 1 && b.owned.count == 1 && a.owned != b.owned
    }

    /// What a member has when it leaves is revoked first: its user may commit or clean up.
    private func expectRevocation(_ ids: [TopicPartition], of member: ConsumerDriver) {
        guard case .revoked(ids.sorted())? = member.events.last else {
            Issue.record("the last event is \(String(describing: member.events.last))")
            return
        }
        #expect(member.owned.isEmpty)
    }

    @Test(arguments: Way.allCases)
    func membersShareAndTakeOver(_ way: Way) throws {
        try producer.produce(["a0", "a1"], to: "words", partition: 0)
        try producer.produce(["b0", "b1"], to: "words", partition: 1)
        let first = try member(way)
        try world.run { first.all.count == 4 }
        #expect(first.owned == Self.both)
        let second = try member(way)
        try world.run { areShared(first, second) }
        // What the first had read and committed is not read again.
        try producer.produce(["a2"], to: "words", partition: 0)
        try producer.produce(["b2"], to: "words", partition: 1)
        try world.run { (first.all + second.all).count == 6 }
        #expect((first.all + second.all).sorted() == ["a0", "a1", "a2", "b0", "b1", "b2"])
        let given = first.owned
        first.core.leave(now: first.now)
        try world.run { first.hasLeft && second.owned == Self.both }
        expectRevocation(given, of: first)
        try producer.produce(["a3"], to: "words", partition: 0)
        try producer.produce(["b3"], to: "words", partition: 1)
        try world.run { (first.all + second.all).count == 8 }
        #expect(
            (first.all + second.all).sorted() == [
                "a0", "a1", "a2", "a3", "b0", "b1", "b2", "b3",
            ])
        #expect(first.errors.isEmpty && second.errors.isEmpty)
        guard case .assigned? = first.events.first else {
            Issue.record("the first event is \(String(describing: first.events.first))")
            return
        }
    }

    /// Coordinators of earlier versions.
    @Test(arguments: [
        [APIKey.joinGroup: Int16(5), .syncGroup: 3, .leaveGroup: 3, .findCoordinator: 3],
        [
            .joinGroup: 2, .syncGroup: 1, .heartbeat: 1, .leaveGroup: 1, .offsetFetch: 5,
            .offsetCommit: 5, .findCoordinator: 1,
        ],
    ])
    func olderCoordinatorsServe(_ versions: [APIKey: Int16]) throws {
        try producer.produce(["a0"], to: "words", partition: 0)
        let first = try member(.range, versions: versions)
        try world.run { first.all == ["a0"] }
        let second = try member(.range, versions: versions)
        try world.run { areShared(first, second) }
        second.core.leave(now: second.now)
        try world.run { second.hasLeft && first.owned == Self.both }
        first.core.leave(now: first.now)
        try world.run { first.hasLeft }
        let third = try member(.range, versions: versions)
        try producer.produce(["a1"], to: "words", partition: 0)
        try world.run { !third.all.isEmpty }
        #expect(third.all == ["a1"])
    }

    @Test(arguments: [Way.range, .consumer])
    func whoIsSilentLosesItsPartitions(_ way: Way) throws {
        let first = try member(way)
        try world.run { first.owned == Self.both }
        let second = try member(way)
        try world.run { areShared(first, second) }
        first.isHalted = true
        try world.run(seconds: 120) { second.owned == Self.both }
        first.isHalted = false
        try world.run(seconds: 120) { areShared(first, second) }
        let hasLost = first.events.contains { if case .lost = $0 { true } else { false } }
        #expect(hasLost)
        #expect(first.errors.isEmpty)
    }

    @Test(arguments: [Way.range, .cooperativeSticky, .consumer])
    func newPartitionsAreTaken(_ way: Way) throws {
        let first = try member(way)
        try world.run { first.owned == Self.both }
        let grown = try producer.call(
            CreatePartitionsRequest(
                topics: [.init(name: "words", count: 3, assignments: nil)], timeoutMs: 1000))
        #expect(grown.results.first?.errorCode == 0)
        try producer.produce(["c0"], to: "words", partition: 2)
        try world.run { first.owned.count == 3 && first.all == ["c0"] }
    }

    @Test(arguments: [Way.range, .consumer])
    func aPatternFollowsTheTopics(_ way: Way) throws {
        let consumer = try member(way)
        try consumer.core.subscribe(
            .pattern("wor.*", matches: { $0.hasPrefix("wor") }), now: consumer.now)
        try world.run { consumer.owned == Self.both }
        try producer.createTopic("world")
        try producer.createTopic("other")
        try world.run(seconds: 120) { consumer.owned.count == 3 }
        #expect(Set(consumer.owned.map(\.topic)) == ["words", "world"])
    }

    /// A static member that comes back finds its partitions where they were.
    @Test(arguments: [Way.range, .consumer])
    func aStaticMemberKeepsItsPlace(_ way: Way) throws {
        let first = try member(way, instance: "i1")
        try world.run { first.owned == Self.both }
        let second = try member(way, instance: "i2")
        try world.run { areShared(first, second) }
        let before = first.owned
        first.core.leave(now: first.now)
        try world.run { first.hasLeft }
        expectRevocation(before, of: first)
        try world.run(seconds: 2)
        #expect(second.owned.count == 1)
        let again = try member(way, instance: "i1")
        try world.run { again.owned == before }
        #expect(second.owned.count == 1)
    }

    @Test func aStaticMemberWhoseNameIsTakenFails() throws {
        let first = try member(.range, instance: "i1")
        try world.run { first.owned == Self.both }
        let second = try member(.range, instance: "i1")
        try world.run { !first.errors.isEmpty && second.owned == Self.both }
        guard case .fenced? = first.errors.first else {
            Issue.record("another error: \(first.errors)")
            return
        }
        #expect(first.owned.isEmpty)
    }

    // MARK: Offsets

    @Test(arguments: [Way.range, .consumer])
    func commitsAreFoundAgain(_ way: Way) throws {
        try producer.produce(["a0", "a1", "a2"], to: "words", partition: 0)
        let first = try member(way) { $0.commitsAutomatically = false }
        try world.run { first.all.count == 3 }
        let offset = CommittedOffset(Offset(2), metadata: "note")
        try first.core.commit([Self.both[0]: offset], waiter: 1, now: first.now)
        try world.run { first.commits[1] == .some(nil) }
        try first.core.fetchCommitted(Self.both, waiter: 2, now: first.now)
        try world.run { first.committed[2] != nil }
        #expect(try first.committed[2]?.get()[Self.both[0]]?.offset == Offset(2))
        #expect(try first.committed[2]?.get()[Self.both[0]]?.metadata == "note")
        #expect(try first.committed[2]?.get()[Self.both[1]] == nil)
        let foreign = [TopicPartition(topic: "words", partition: 7): offset]
        #expect(throws: ClientError.self) {
            try first.core.commit(foreign, waiter: 3, now: first.now)
        }
        first.core.leave(now: first.now)
        try world.run { first.hasLeft }
        let second = try member(way)
        try world.run { second.all == ["a2"] }
    }

    /// A group's offsets without membership: no subscription, only an assignment.
    @Test func aConsumerThatIsNoMemberCommits() throws {
        try producer.produce(["a0", "a1"], to: "words", partition: 0)
        let first = world.add(group: "g")
        try first.core.assign([Self.both[0]], now: first.now)
        try world.run { first.all.count == 2 }
        try first.core.commit(nil, waiter: 1, now: first.now)
        try world.run { first.commits[1] == .some(nil) }
        let second = world.add(group: "g")
        try second.core.assign([Self.both[0]], now: second.now)
        try producer.produce(["a2"], to: "words", partition: 0)
        try world.run { !second.all.isEmpty }
        #expect(second.all == ["a2"])
        #expect(throws: ClientError.self) {
            try world.add().core.commit(nil, waiter: 1, now: first.now)
        }
        let careful = world.add(group: "none") { $0.offsetReset = .none }
        try careful.core.assign([Self.both[0]], now: careful.now)
        try world.run { !careful.errors.isEmpty }
        guard case .offsetOutOfRange? = careful.errors.first else {
            Issue.record("another error: \(careful.errors)")
            return
        }
    }

    // MARK: What goes wrong

    /// Answers a few requests of an API with an error, as a coordinator does that has just started
    /// or been replaced; the member goes on.
    @Test(
        arguments: [Way.range, .consumer], [KafkaError.notCoordinator, .coordinatorLoadInProgress])
    func aCoordinatorThatCannotServeIsAskedAgain(_ way: Way, _ error: KafkaError) throws {
        try producer.produce(["a0"], to: "words", partition: 0)
        let consumer = try member(way)
        var refused: [APIKey: Int] = [:]
        consumer.distort = { key, version, body in
            guard key != .metadata, refused[key, default: 0] < 2 else { return body }
            func count(_ body: [UInt8]) -> [UInt8] {
                refused[key, default: 0] += 1
                return body
            }
            let code = error.code
            switch key {
            case .joinGroup:
                return count(
                    try edited(JoinGroupResponse.self, body, version) { $0.errorCode = code })
            case .syncGroup:
                return count(
                    try edited(SyncGroupResponse.self, body, version) { $0.errorCode = code })
            case .heartbeat:
                return count(
                    try edited(HeartbeatResponse.self, body, version) { $0.errorCode = code })
            case .consumerGroupHeartbeat:
                return count(
                    try edited(ConsumerGroupHeartbeatResponse.self, body, version) {
                        $0.errorCode = code
                    })
            case .findCoordinator:
                return count(
                    try edited(FindCoordinatorResponse.self, body, version) {
                        $0.coordinators[0].errorCode = KafkaError.coordinatorNotAvailable.code
                    })
            case .offsetFetch:
                return count(
                    try edited(OffsetFetchResponse.self, body, version) {
                        $0.groups[0].errorCode = code
                    })
            case .offsetCommit:
                return count(
                    try edited(OffsetCommitResponse.self, body, version) {
                        $0.topics[0].partitions[0].errorCode = code
                    })
            default: return body
            }
        }
        try world.run(seconds: 120) { consumer.all == ["a0"] }
        try world.run(seconds: 20)
        try consumer.core.commit(nil, waiter: 1, now: consumer.now)
        try world.run { consumer.commits[1] == .some(nil) }
        #expect(consumer.errors.isEmpty)
        #expect(refused[.findCoordinator] == 2 && refused[.offsetFetch] == 2)
    }

    @Test(arguments: [Way.range, .consumer])
    func aRefusalOfTheGroupIsTold(_ way: Way) throws {
        let consumer = try member(way)
        let code = KafkaError.groupAuthorizationFailed.code
        consumer.distort = { key, version, body in
            switch key {
            case .joinGroup:
                try edited(JoinGroupResponse.self, body, version) { $0.errorCode = code }
            case .consumerGroupHeartbeat:
                try edited(ConsumerGroupHeartbeatResponse.self, body, version) {
                    $0.errorCode = code
                }
            default: body
            }
        }
        try world.run { !consumer.errors.isEmpty }
        #expect(consumer.errors.first?.kafkaError == .groupAuthorizationFailed)
        #expect(consumer.owned.isEmpty)
        consumer.core.leave(now: consumer.now)
        try world.run { consumer.hasLeft }
    }

    /// The coordinator knows the member no longer: it begins anew.
    @Test(arguments: [Way.range, .consumer])
    func whoIsForgottenJoinsAgain(_ way: Way) throws {
        let consumer = try member(way)
        try world.run { consumer.owned == Self.both }
        var isForgotten = false
        consumer.distort = { key, version, body in
            guard !isForgotten else { return body }
            let code = KafkaError.unknownMemberID.code
            switch key {
            case .heartbeat:
                isForgotten = true
                return try edited(HeartbeatResponse.self, body, version) { $0.errorCode = code }
            case .consumerGroupHeartbeat:
                isForgotten = true
                return try edited(ConsumerGroupHeartbeatResponse.self, body, version) {
                    $0.errorCode = code
                    $0.assignment = nil
                }
            default: return body
            }
        }
        try world.run { isForgotten && consumer.owned.isEmpty }
        #expect(consumer.events.last == .lost(Self.both))
        try world.run(seconds: 120) { consumer.owned == Self.both }
        #expect(consumer.errors.isEmpty)
    }

    /// What the coordinator wants is said once, but to who tells everything (KIP-848).
    @Test func anAssignmentThatGotLostIsToldAgain() throws {
        let first = try member(.consumer)
        try world.run { first.owned == Self.both }
        let second = try member(.consumer)
        var isLost = false
        second.distort = { key, version, body in
            guard key == .consumerGroupHeartbeat, !isLost else { return body }
            let answer = try ConsumerGroupHeartbeatResponse(decoding: body, version: version)
            guard answer.assignment?.topicPartitions.isEmpty == false else { return body }
            isLost = true
            return nil
        }
        try world.run(seconds: 120) { isLost && second.owned.count == 1 }
        #expect(first.owned.count == 1)
    }

    @Test func brokenConnectionsAreSurvived() throws {
        try producer.produce(["a0", "a1"], to: "words", partition: 0)
        let consumer = try member(.range)
        var random = SplitMix64(seed: 7)
        consumer.distort = { _, _, body in
            Int.random(in: 0..<5, using: &random) == 0 ? nil : body
        }
        try world.run(seconds: 300) { consumer.all.count == 2 }
        try consumer.core.commit(nil, waiter: 1, now: consumer.now)
        try world.run(seconds: 300) { consumer.commits[1] == .some(nil) }
    }
}
