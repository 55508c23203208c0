import KafkaProtocol
import KafkaWire
import Testing

@testable import ClientCore

/// Committing offsets and looking them up, for a consumer that assigns itself or is a member.
@Suite struct OffsetCommitTests {
    private let cluster = ScriptedCluster()
    private let id = TopicPartition(topic: "t", partition: 0)

    init() {
        cluster.serveConsumers()
        cluster.add("t", leaders: [0])
    }

    private func driver(
        _ configure: (inout ConsumerSettings) -> Void = { _ in }
    ) throws -> ConsumerDriver {
        let driver = ConsumerDriver(cluster) {
            $0.group = GroupSettings(id: "g")
            $0.group?.commitsAutomatically = false
            $0.apiTimeout = .seconds(5)
            configure(&$0)
        }
        return driver
    }

    /// One that is a member, with the partition at some position.
    private func member() throws -> ConsumerDriver {
        let driver = try driver()
        try driver.core.subscribe(.topics(["t"]), now: driver.now)
        try driver.run { try driver.core.assignment == [id] && driver.core.position(id) != nil }
        try #require(driver.core.assignment == [id])
        return driver
    }

    private func commit(_ driver: ConsumerDriver, metadata: String = "") throws -> ClientError? {
        try driver.core.commit(
            [id: CommittedOffset(Offset(5), metadata: metadata)], waiter: 1, now: driver.now)
        try driver.run { driver.committed(1) != nil }
        return try #require(driver.committed(1))
    }

    // MARK: Commits

    @Test(arguments: [
        KafkaError.coordinatorLoadInProgress, .coordinatorNotAvailable, .notCoordinator,
        .requestTimedOut, .unknownTopicOrPartition, .staleMemberEpoch,
    ])
    func commitsAreMadeAgainWhileWhatIsWrongMayPass(error: KafkaError) throws {
        cluster.refusals[.offsetCommit] = [error, error]
        let driver = try driver()
        #expect(try commit(driver) == nil)
        #expect(cluster.count(.offsetCommit) == 3)
        #expect(driver.now.nanoseconds >= 200_000_000, "each time after a pause")
    }

    @Test(arguments: [
        KafkaError.offsetMetadataTooLarge, .invalidCommitOffsetSize, .groupAuthorizationFailed,
        .topicAuthorizationFailed, .unknownMemberID, .illegalGeneration,
    ])
    func commitsEndWithWhatDoesNotPass(error: KafkaError) throws {
        cluster.refusals[.offsetCommit] = [error]
        let driver = try driver()
        #expect(try commit(driver)?.kafkaError == error)
        #expect(cluster.count(.offsetCommit) == 1)
        #expect(driver.core.takeError() == nil, "who committed is told, and nobody else")
        cluster.refusals = [:]
        try driver.core.commit([id: CommittedOffset(Offset(6))], waiter: 2, now: driver.now)
        try driver.run { driver.committed(2) != nil }
        #expect(driver.committed(2) == .some(nil))
    }

    /// The member is not what it took itself for: it joins again.
    @Test(arguments: [KafkaError.illegalGeneration, .unknownMemberID, .rebalanceInProgress])
    func aMemberWhoseCommitIsRefusedRejoins(error: KafkaError) throws {
        let driver = try member()
        let joined = cluster.count(.joinGroup)
        cluster.refusals[.offsetCommit] = [error]
        #expect(try commit(driver)?.kafkaError == error)
        try driver.run {
            driver.core.group?.phase == .stable && cluster.count(.joinGroup) > joined
        }
        #expect(cluster.count(.joinGroup) == joined + 1 && driver.core.assignment == [id])
    }

    @Test func aMemberWhoseCommitIsFencedIsOver() throws {
        let driver = try member()
        cluster.refusals[.offsetCommit] = [.fencedInstanceID]
        #expect(try commit(driver)?.kafkaError == .fencedInstanceID)
        #expect(driver.core.takeError() == .fenced("group.instance.id is used by another"))
        #expect(driver.core.group?.phase == .failed && driver.core.assignment == [])
    }

    @Test func nothingToCommitIsCommittedAtOnce() throws {
        let driver = try driver()
        try driver.core.commit([:], waiter: 1, now: driver.now)
        try driver.run { driver.committed(1) != nil }
        #expect(driver.committed(1) == .some(nil) && cluster.count(.offsetCommit) == 0)
    }

    /// The protocol has no more than 32 KiB for them.
    @Test func metadataThatCannotBeSentIsTold() throws {
        let driver = try driver()
        let metadata = String(repeating: "x", count: Int(Int16.max) + 1)
        guard case .invalidRecord(let reason)? = try commit(driver, metadata: metadata) else {
            Issue.record("another end")
            return
        }
        #expect(reason.hasPrefix("OffsetCommit v9"))
    }

    @Test func whatTheCoordinatorDoesNotServeIsToldToWhoAsked() throws {
        cluster.off(.offsetCommit)
        let driver = try driver()
        #expect(
            try commit(driver) == .unsupportedRequest(.offsetCommit, broker: "broker 0"))
        cluster.off(.offsetFetch)
        driver.drop(0)
        try driver.core.fetchCommitted([id], waiter: 2, now: driver.now)
        try driver.run { driver.fetched(2) != nil }
        #expect(
            driver.fetched(2)
                == .failure(.unsupportedRequest(.offsetFetch, broker: "broker 0")))
    }

    // MARK: Questions

    @Test(arguments: [
        KafkaError.coordinatorLoadInProgress, .notCoordinator, .unstableOffsetCommit,
        .unknownMemberID, .staleMemberEpoch,
    ])
    func offsetsAreAskedForAgainWhileWhatIsWrongMayPass(error: KafkaError) throws {
        cluster.refusals[.offsetFetch] = [error, error]
        let driver = try driver()
        try driver.core.fetchCommitted([id], waiter: 1, now: driver.now)
        try driver.run { driver.fetched(1) != nil }
        #expect(driver.fetched(1) == .success([:]))
        #expect(driver.now.nanoseconds >= 200_000_000, "each time after a pause")
    }

    @Test func aQuestionEndsWithWhatDoesNotPass() throws {
        cluster.refusals[.offsetFetch] = [.groupAuthorizationFailed]
        let driver = try driver()
        try driver.core.fetchCommitted([id], waiter: 1, now: driver.now)
        try driver.run { driver.fetched(1) != nil }
        #expect(throws: ClientError.self) { try driver.fetched(1)?.get() }
        #expect(driver.core.takeError() == nil)
    }

    /// Who may not use the group is told so, and does not ask for its coordinator for ever.
    @Test func aGroupThatMayNotBeUsedEndsWhatWasAsked() throws {
        cluster.refusals[.findCoordinator] = Array(repeating: .groupAuthorizationFailed, count: 999)
        let driver = try driver()
        try driver.core.assign([id], now: driver.now)
        try driver.core.commit([id: CommittedOffset(Offset(5))], waiter: 1, now: driver.now)
        try driver.core.fetchCommitted([id], waiter: 2, now: driver.now)
        #expect(try driver.error().kafkaError == .groupAuthorizationFailed)
        try driver.run(for: .seconds(3)) { false }
        #expect(driver.committed(1)??.kafkaError == .groupAuthorizationFailed)
        guard case .failure(let error)? = driver.fetched(2) else {
            Issue.record("no end")
            return
        }
        #expect(error.kafkaError == .groupAuthorizationFailed)
        #expect(cluster.count(.findCoordinator) == 1)
    }

    /// A member loses what it has; who assigned itself does not.
    @Test func whatTheUserAssignedStaysWhenTheGroupFails() throws {
        cluster.refusals[.offsetFetch] = [.groupAuthorizationFailed]
        let other = TopicPartition(topic: "t", partition: 1)
        cluster.add("t", leaders: [0, 0])
        let driver = try driver()
        try driver.core.assign([id, other], now: driver.now)
        try driver.core.seek(other, to: Offset(3))
        #expect(try driver.error().kafkaError == .groupAuthorizationFailed)
        #expect(driver.core.assignment == [id, other])
        try driver.run { cluster.count(.fetch) > 0 }
        #expect(try driver.core.position(other) == Offset(3))
        #expect(try driver.core.position(id) == nil, "the group was to say")
        try driver.core.seek(id, to: Offset(9))
        #expect(try driver.core.position(id) == Offset(9))
        #expect(try commit(driver) == nil)
    }

    @Test func withoutACoordinatorAllEndsInTime() throws {
        cluster.refusals[.findCoordinator] = Array(repeating: .coordinatorNotAvailable, count: 999)
        let driver = try driver()
        let began = driver.now
        try driver.core.commit([id: CommittedOffset(Offset(5))], waiter: 1, now: driver.now)
        try driver.core.fetchCommitted([id], waiter: 2, now: driver.now)
        try driver.run { driver.committed(1) != nil && driver.fetched(2) != nil }
        #expect((driver.committed(1) ?? nil) == .timedOut("committing offsets"))
        #expect(driver.fetched(2) == .failure(.timedOut("looking up offsets")))
        #expect(driver.now - began >= .seconds(5) && driver.now - began < .seconds(6))
        #expect(cluster.count(.findCoordinator) < 20)
    }

    /// Whoever seeks while the committed offset is being looked up has chosen.
    @Test func aSeekIsNotUndoneByTheCommittedOffset() throws {
        let driver = try driver()
        try driver.core.assign([id], now: driver.now)
        cluster.on(OffsetFetchRequest.self) { [unowned driver, id = self.id] request, _ in
            try driver.core.seek(id, to: Offset(9))
            return OffsetFetchResponse(groups: [
                .init(
                    groupID: "g",
                    topics: [
                        .init(
                            name: "t", partitions: [.init(partitionIndex: 0, committedOffset: 3)])
                    ])
            ])
        }
        try driver.run { cluster.count(.fetch) > 0 }
        #expect(try driver.core.position(id) == Offset(9))
    }
}
