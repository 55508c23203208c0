import KafkaProtocol
import KafkaWire
import Testing

@testable import ClientCore

/// Looking up offsets, and checking positions after elections.
@Suite struct ConsumerOffsetTests {
    private let cluster = ScriptedCluster()
    private let ids = [0, 1].map { TopicPartition(topic: "t", partition: $0) }

    init() {
        cluster.serveConsumers()
        cluster.add("t", leaders: [0, 0])
    }

    private func ask(
        _ configure: (inout ConsumerSettings) -> Void = { _ in }
    ) throws -> (result: Result<[TopicPartition: FoundOffset], ClientError>, took: Duration) {
        let driver = ConsumerDriver(cluster, configure)
        driver.core.lookUp([ids[0]: -1, ids[1]: -1], waiter: 1, now: driver.now)
        let began = driver.now
        try driver.run { driver.found(1) != nil }
        let took = driver.now - began
        try driver.run(for: .milliseconds(100)) { false }
        let ends = driver.outputs.count { if case .offsets = $0 { true } else { false } }
        #expect(ends == 1, "an end is told once")
        return (try #require(driver.found(1)), took)
    }

    // MARK: ListOffsets

    @Test func aQuestionIsAskedAgainWhileWhatIsWrongMayPass() throws {
        cluster.refusals[.listOffsets] = [.notLeaderOrFollower, .leaderNotAvailable]
        let (result, took) = try ask()
        #expect(try result.get().mapValues(\.offset) == [ids[0]: .zero, ids[1]: .zero])
        #expect(cluster.count(.listOffsets) == 3)
        #expect(took >= .milliseconds(200) && took < .seconds(2))
    }

    @Test func aQuestionEndsWithTheLastRefusal() throws {
        cluster.refusals[.listOffsets] = Array(repeating: .offsetNotAvailable, count: 99)
        let (result, took) = try ask { $0.apiTimeout = .seconds(3) }
        guard case .failure(let error) = result else {
            Issue.record("an answer")
            return
        }
        #expect(error.kafkaError == .offsetNotAvailable)
        #expect(took >= .seconds(3) && took < .milliseconds(3_500))
    }

    @Test func whatDoesNotPassEndsAQuestionAtOnce() throws {
        cluster.refusals[.listOffsets] = [.topicAuthorizationFailed]
        let refused = try ask()
        #expect(refused.took < .milliseconds(100))
        #expect(throws: ClientError.self) { try refused.result.get() }
        cluster.on(ListOffsetsRequest.self) { _, _ in ListOffsetsResponse() }
        #expect(
            try ask().result
                == .failure(.malformedResponse("ListOffsets says nothing of t-0")))
        cluster.off(.listOffsets)
        #expect(
            try ask().result == .failure(.unsupportedRequest(.listOffsets, broker: "broker 0")))
    }

    @Test func aPositionThatCannotBeFoundIsTold() throws {
        cluster.off(.listOffsets)
        let driver = ConsumerDriver(cluster)
        try driver.core.assign(ids, now: driver.now)
        #expect(
            try driver.error() == .unsupportedRequest(.listOffsets, broker: "broker 0"))
        #expect(cluster.count(.fetch) == 0)
    }

    @Test func whoSubscribesIsAssignedByTheGroup() throws {
        let driver = ConsumerDriver(cluster) { $0.group = GroupSettings(id: "g") }
        try driver.core.subscribe(.topics(["t"]), now: driver.now)
        #expect(
            throws: ClientError.invalidState(
                "a consumer that has subscribed is assigned by its group")
        ) { try driver.core.assign(ids, now: driver.now) }
    }

    // MARK: Elections (KIP-320)

    /// A consumer that has read ten records of epoch 0 of each partition when the leaders of epoch
    /// 1 are elected.
    private func elected(_ reset: OffsetReset = .earliest) throws -> ConsumerDriver {
        let batch = try Batches.batch(Array(repeating: "r", count: 10), at: 0, epoch: 0)
        cluster.read { part, _ in
            FetchResponse.PartitionData(
                partitionIndex: part.partition, highWatermark: 10,
                records: part.fetchOffset == 0 && part.currentLeaderEpoch == 0
                    ? .bytes(batch) : .null)
        }
        let driver = ConsumerDriver(cluster) { $0.offsetReset = reset }
        try driver.core.assign(ids, now: driver.now)
        for id in ids { try driver.core.seek(id, to: .zero) }
        try driver.run {
            _ = try driver.read()
            return ids.allSatisfy { driver.core.lag($0) == 0 }
        }
        cluster.add("t", leaders: [0, 0], epoch: 1)
        driver.core.network.refresh.request()
        return driver
    }

    /// What is said of both partitions: where the epoch of their records ends.
    private func answer(epoch: Int32 = 0, end: Int64 = 10) {
        cluster.on(OffsetForLeaderEpochRequest.self) {
            [unowned cluster = self.cluster] request, _ in
            let refusal = cluster.refusal(.offsetForLeaderEpoch)
            return OffsetForLeaderEpochResponse(
                topics: request.topics.map { topic in
                    .init(
                        topic: topic.topic,
                        partitions: topic.partitions.map {
                            .init(
                                errorCode: refusal, partition: $0.partition, leaderEpoch: epoch,
                                endOffset: end)
                        })
                })
        }
    }

    /// Runs until both partitions are read under the new leaders.
    private func settle(_ driver: ConsumerDriver) throws {
        try driver.run {
            ids.allSatisfy { id in
                guard let partition = driver.core.partitions[id] else { return false }
                guard case .fetching = partition.state else { return false }
                return partition.validatedEpoch == LeaderEpoch(1)
            }
        }
    }

    @Test func positionsOnTheLogStayAndAreAskedForTogether() throws {
        answer()
        let driver = try elected()
        try settle(driver)
        #expect(cluster.count(.offsetForLeaderEpoch) == 1)
        for id in ids { #expect(try driver.core.position(id) == Offset(10)) }
    }

    @Test func aBrokerThatCannotSayIsBelieved() throws {
        let driver = try elected()
        try settle(driver)
        for id in ids { #expect(try driver.core.position(id) == Offset(10)) }
        #expect(driver.core.takeError() == nil)
    }

    @Test func aRefusedQuestionIsAskedAgain() throws {
        cluster.refusals[.offsetForLeaderEpoch] = [.fencedLeaderEpoch, .notLeaderOrFollower]
        answer()
        let driver = try elected()
        try settle(driver)
        #expect(cluster.count(.offsetForLeaderEpoch) >= 3 && cluster.hasRefused)
        for id in ids { #expect(try driver.core.position(id) == Offset(10)) }
    }

    @Test func aLogThatWasCutIsReadFromThere() throws {
        answer(end: 4)
        let driver = try elected()
        try settle(driver)
        for id in ids { #expect(try driver.core.position(id) == Offset(4)) }
    }

    /// Where the leader knows nothing of the epoch, the reset says where to go on.
    @Test func aLogWithoutTheEpochIsReadFromTheReset() throws {
        answer(epoch: -1, end: -1)
        let driver = try elected()
        try driver.run { cluster.count(.listOffsets) > 0 }
        try settle(driver)
        for id in ids { #expect(try driver.core.position(id) == .zero) }
    }

    @Test(arguments: [Int64(4), -1])
    func withoutAResetTheLossIsTold(end: Int64) throws {
        answer(epoch: end < 0 ? -1 : 0, end: end)
        let driver = try elected(.none)
        guard case .logTruncated(let place) = try driver.error() else {
            Issue.record("another error")
            return
        }
        #expect(place == "t-0 from \(end), reading was at 10")
    }
}
