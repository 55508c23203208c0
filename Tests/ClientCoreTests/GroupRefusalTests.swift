import KafkaProtocol
import KafkaWire
import Testing

@testable import ClientCore

/// What is said to the next requests of an API.
struct GroupRefusal: Sendable, CustomTestStringConvertible {
    var key: APIKey
    var error: KafkaError
    var testDescription: String { "\(key.name) \(error.name)" }

    static func each(_ key: APIKey, _ errors: [KafkaError]) -> [GroupRefusal] {
        errors.map { GroupRefusal(key: key, error: $0) }
    }
}

private let coordination: [KafkaError] = [
    .coordinatorLoadInProgress, .coordinatorNotAvailable, .notCoordinator,
]

/// What a member of a group makes of what its coordinator refuses.
@Suite struct GroupRefusalTests {
    private let cluster = ScriptedCluster()
    private let ids = [0, 1].map { TopicPartition(topic: "t", partition: $0) }

    init() {
        cluster.serveConsumers()
        cluster.add("t", leaders: [0, 1])
    }

    private func member(
        _ groupProtocol: GroupProtocol = .classic, _ subscription: Subscription = .topics(["t"]),
        _ configure: (inout ConsumerSettings) -> Void = { _ in }
    ) throws -> ConsumerDriver {
        let driver = ConsumerDriver(cluster) {
            var group = GroupSettings(id: "g")
            group.groupProtocol = groupProtocol
            group.heartbeatInterval = .milliseconds(500)
            $0.group = group
            configure(&$0)
        }
        try driver.core.subscribe(subscription, now: driver.now)
        return driver
    }

    /// Runs until the member has all that it should, and all refusals were said.
    private func settle(_ driver: ConsumerDriver) throws {
        try driver.run {
            cluster.hasRefused && driver.core.group?.phase == .stable
                && driver.core.group?.isBeating == false && driver.core.assignment == ids
                && ids.allSatisfy { id in
                    guard case .fetching = driver.core.partitions[id]?.state else { return false }
                    return true
                }
        }
        #expect(driver.core.assignment == ids && driver.core.group?.phase == .stable)
        #expect(cluster.hasRefused)
        #expect(driver.core.takeError() == nil)
    }

    /// Nothing is left of the membership, and the coordinator is left alone.
    private func expectEnd(_ driver: ConsumerDriver) throws {
        #expect(driver.core.assignment == [] && driver.core.group?.phase == .failed)
        let asked = cluster.calls.count { $0.key != .fetch }
        try driver.run(for: .seconds(5)) { false }
        #expect(cluster.calls.count { $0.key != .fetch } == asked)
        #expect(driver.core.takeError() == nil)
    }

    // MARK: The classic protocol

    @Test(
        arguments: GroupRefusal.each(.findCoordinator, [.coordinatorNotAvailable])
            + GroupRefusal.each(
                .joinGroup,
                coordination + [.unknownMemberID, .illegalGeneration, .rebalanceInProgress])
            + GroupRefusal.each(
                .syncGroup,
                coordination + [.unknownMemberID, .illegalGeneration, .rebalanceInProgress])
            + GroupRefusal.each(
                .heartbeat,
                coordination + [.unknownMemberID, .illegalGeneration, .rebalanceInProgress])
            + GroupRefusal.each(
                .offsetFetch,
                coordination + [.unstableOffsetCommit, .unknownMemberID, .staleMemberEpoch]))
    func classicMembersGetOverWhatPasses(refusal: GroupRefusal) throws {
        cluster.refusals[refusal.key] = [refusal.error, refusal.error]
        let driver = try member()
        try settle(driver)
    }

    @Test(
        arguments: GroupRefusal.each(
            .findCoordinator, [.groupAuthorizationFailed, .invalidGroupID])
            + GroupRefusal.each(
                .joinGroup,
                [
                    .groupAuthorizationFailed, .inconsistentGroupProtocol, .invalidSessionTimeout,
                    .groupMaxSizeReached, .invalidGroupID,
                ])
            + GroupRefusal.each(.syncGroup, [.groupAuthorizationFailed])
            + GroupRefusal.each(.heartbeat, [.groupAuthorizationFailed])
            + GroupRefusal.each(.offsetFetch, [.groupAuthorizationFailed]))
    func classicMembershipEndsWithWhatDoesNotPass(refusal: GroupRefusal) throws {
        cluster.refusals[refusal.key] = Array(repeating: refusal.error, count: 99)
        let driver = try member()
        #expect(try driver.error().kafkaError == refusal.error)
        try expectEnd(driver)
    }

    /// KIP-345: of two members with the same name the earlier one is put out.
    @Test(arguments: [APIKey.joinGroup, .syncGroup, .heartbeat])
    func anotherOfTheSameNameFencesAClassicMember(key: APIKey) throws {
        cluster.refusals[key] = [.fencedInstanceID]
        let driver = try member { $0.group?.instanceID = "i" }
        #expect(
            try driver.error() == .fenced("group.instance.id is used by another member"))
        try expectEnd(driver)
    }

    @Test(arguments: [APIKey.joinGroup, .syncGroup, .heartbeat, .offsetFetch])
    func whatTheCoordinatorDoesNotServeIsTold(key: APIKey) throws {
        cluster.off(key)
        let driver = try member()
        #expect(try driver.error() == .unsupportedRequest(key, broker: "broker 0"))
        try expectEnd(driver)
    }

    @Test func leavingNeedsNobodyWhoServesIt() throws {
        cluster.off(.leaveGroup)
        let driver = try member()
        try settle(driver)
        driver.core.leave(now: driver.now)
        try driver.run { driver.core.hasLeft && driver.core.assignment.isEmpty }
        #expect(driver.core.group?.phase == .left && cluster.count(.leaveGroup) == 0)
    }

    // MARK: Answers that make no sense

    @Test func anAssignorThatNobodyOfferedIsTold() throws {
        cluster.on(JoinGroupRequest.self) { _, _ in
            JoinGroupResponse(generationID: 1, protocolName: "guess", leader: "me", memberID: "me")
        }
        let driver = try member()
        #expect(try driver.error() == .malformedResponse("JoinGroup chose 'guess'"))
        try expectEnd(driver)
    }

    @Test(arguments: [APIKey.joinGroup, .syncGroup])
    func bytesOfMembersThatCannotBeReadAreTold(key: APIKey) throws {
        if key == .joinGroup {
            cluster.on(JoinGroupRequest.self) { _, _ in
                JoinGroupResponse(
                    generationID: 1, protocolName: "range", leader: "me", memberID: "me",
                    members: [.init(memberID: "other", metadata: [0])])
            }
        } else {
            cluster.on(SyncGroupRequest.self) { _, _ in
                SyncGroupResponse(assignment: [0, 1, 0x7F, 0xFF, 0xFF, 0xFF])
            }
        }
        let driver = try member()
        guard case .malformedResponse(let reason) = try driver.error() else {
            Issue.record("another error")
            return
        }
        #expect(reason.hasPrefix(key == .joinGroup ? "a member's subscription" : "the assignment"))
        try expectEnd(driver)
    }

    @Test func anAnswerWithoutTheCoordinatorIsTold() throws {
        cluster.on(FindCoordinatorRequest.self) { _, _ in FindCoordinatorResponse() }
        let driver = try member()
        #expect(try driver.error() == .malformedResponse("FindCoordinator names none"))
        try expectEnd(driver)
    }

    @Test func aCoordinatorWithoutAnAddressIsAskedForAgain() throws {
        var asked = 0
        cluster.on(FindCoordinatorRequest.self) { _, _ in
            asked += 1
            return FindCoordinatorResponse(coordinators: [
                .init(key: "g", nodeID: 0, host: "b0", port: asked == 1 ? 70_000 : 9092)
            ])
        }
        let driver = try member()
        try settle(driver)
        #expect(asked == 2)
    }

    @Test func anAnswerWithoutTheGroupIsTold() throws {
        cluster.on(OffsetFetchRequest.self) { _, _ in OffsetFetchResponse() }
        let driver = try member()
        #expect(try driver.error() == .malformedResponse("OffsetFetch names no group"))
        try expectEnd(driver)
    }

    // MARK: Subscriptions

    /// The one that assigns does not wait for topics that others name and that are not there.
    @Test func thePatternOfTheLeaderDoesNotWaitForOthersTopics() throws {
        cluster.on(JoinGroupRequest.self) { request, _ in
            let other = MemberSubscription(memberID: "other", instanceID: nil, topics: ["gone"])
            return JoinGroupResponse(
                generationID: 1, protocolName: "range", leader: "me", memberID: "me",
                members: [
                    .init(memberID: "me", metadata: request.protocols[0].metadata),
                    .init(memberID: "other", metadata: try other.encoded(for: .range)),
                ])
        }
        let driver = try member(.classic, .pattern("t.*") { $0.hasPrefix("t") })
        try settle(driver)
    }

    /// The one that assigns needs the metadata of topics that only others have named.
    @Test func theLeaderWaitsForTheTopicsOfOthers() throws {
        var share: [UInt8] = []
        cluster.on(JoinGroupRequest.self) { [unowned cluster = self.cluster] request, _ in
            cluster.add("u", leaders: [0], id: KafkaUUID(high: 2, low: 2))
            let other = MemberSubscription(memberID: "other", instanceID: nil, topics: ["u"])
            return JoinGroupResponse(
                generationID: 1, protocolName: "range", leader: "me", memberID: "me",
                members: [
                    .init(memberID: "me", metadata: request.protocols[0].metadata),
                    .init(memberID: "other", metadata: try other.encoded(for: .range)),
                ])
        }
        cluster.on(SyncGroupRequest.self) { request, _ in
            share = request.assignments.first { $0.memberID == "other" }?.assignment ?? []
            return SyncGroupResponse(
                assignment: request.assignments.first { $0.memberID == "me" }?.assignment ?? [])
        }
        let driver = try member()
        try settle(driver)
        let others = try MemberAssignment.decoded(share)
        #expect(others == [TopicPartition(topic: "u", partition: 0)])
    }

    @Test func aTopicThatCannotBeNamedIsTold() throws {
        let name = String(repeating: "x", count: Int(Int16.max) + 1)
        let driver = try member(.classic, .topics([name]))
        guard case .invalidState(let reason) = try driver.error() else {
            Issue.record("another error")
            return
        }
        #expect(reason.hasPrefix("the subscription cannot be written"))
        try expectEnd(driver)
    }

    // MARK: The protocol of KIP-848

    @Test(
        arguments: GroupRefusal.each(
            .consumerGroupHeartbeat,
            coordination + [.fencedMemberEpoch, .unknownMemberID, .unreleasedInstanceID])
            + GroupRefusal.each(.offsetFetch, [.unknownMemberID, .staleMemberEpoch]))
    func membersGetOverWhatPasses(refusal: GroupRefusal) throws {
        cluster.refusals[refusal.key] = [refusal.error, refusal.error]
        let driver = try member(.consumer)
        try settle(driver)
    }

    @Test(arguments: [
        KafkaError.groupAuthorizationFailed, .unsupportedAssignor, .groupMaxSizeReached,
        .invalidRegularExpression, .unsupportedVersion,
    ])
    func membershipEndsWithWhatDoesNotPass(error: KafkaError) throws {
        cluster.refusals[.consumerGroupHeartbeat] = [error]
        let driver = try member(.consumer)
        #expect(try driver.error().kafkaError == error)
        try expectEnd(driver)
    }

    @Test func anotherOfTheSameNameFencesAMember() throws {
        cluster.refusals[.consumerGroupHeartbeat] = [.fencedInstanceID]
        let driver = try member(.consumer) { $0.group?.instanceID = "i" }
        #expect(
            try driver.error() == .fenced("group.instance.id is used by another member"))
        try expectEnd(driver)
    }

    @Test func aCoordinatorThatDoesNotKnowTheProtocolIsTold() throws {
        cluster.off(.consumerGroupHeartbeat)
        let driver = try member(.consumer)
        #expect(
            try driver.error() == .unsupportedRequest(.consumerGroupHeartbeat, broker: "broker 0"))
        try expectEnd(driver)
    }

    @Test func aCoordinatorThatDoesNotKnowPatternsIsTold() throws {
        cluster.limits[.consumerGroupHeartbeat] = 0
        let driver = try member(.consumer, .pattern("t.*") { $0.hasPrefix("t") })
        #expect(
            try driver.error()
                == .invalidState("the coordinator does not know patterns: subscribe to names"))
        try expectEnd(driver)
    }

    /// A topic may be assigned before the member's metadata has it.
    @Test func aTopicThatIsNewIsTakenOnceItIsKnown() throws {
        let fresh = KafkaUUID(high: 2, low: 2)
        cluster.on(ConsumerGroupHeartbeatRequest.self) { request, _ in
            ConsumerGroupHeartbeatResponse(
                memberID: request.memberID, memberEpoch: 1, heartbeatIntervalMs: 500,
                assignment: .init(topicPartitions: [
                    .init(topicID: KafkaUUID(high: 1, low: 1), partitions: [0]),
                    .init(topicID: fresh, partitions: [0]),
                ]))
        }
        let driver = try member(.consumer, .topics(["t", "u"]))
        try driver.run { driver.core.assignment == [ids[0]] }
        #expect(driver.core.assignment == [ids[0]])
        let asked = cluster.count(.metadata)
        try driver.run { cluster.count(.metadata) > asked }
        cluster.add("u", leaders: [1], id: fresh)
        try driver.run { driver.core.assignment.count == 2 }
        #expect(driver.core.assignment == [ids[0], TopicPartition(topic: "u", partition: 0)])
    }

    @Test func aMemberLeavesACoordinatorThatNoLongerKnowsTheProtocol() throws {
        let driver = try member(.consumer)
        try settle(driver)
        cluster.off(.consumerGroupHeartbeat)
        driver.drop(0)
        driver.core.leave(now: driver.now)
        try driver.run { driver.core.hasLeft && driver.core.assignment.isEmpty }
        #expect(driver.core.group?.phase == .left && driver.core.takeError() == nil)
    }
}
