import KafkaProtocol
import KafkaRecords
import KafkaWire
import LogStorage
import Replication
import Testing

@testable import BrokerCore

/// Named cases of replication between brokers' cores.
@Suite struct ReplicationScenarioTests {
    private let cluster: ReplicaCluster
    private let history: ReplicationHistory

    init() throws {
        cluster = try ReplicaCluster(seed: 1)
        try cluster.createTopic("words", assignments: [[1, 2, 3]])
        history = ReplicationHistory(cluster, "words")
        let history = history
        cluster.afterEach = { try history.check() }
        try cluster.run(until: { [history] in try history.isWhole() })
    }

    private func settle() throws {
        try cluster.run(until: { [history] in try history.isWhole() })
        try history.checkEnd()
    }

    private func end(_ id: Int32) throws -> Int64 {
        try cluster.withReplica(id, "words") { $0.log.logEndOffset.rawValue }
    }

    /// Appends to one broker's log as the leader that it takes itself for, unseen by the others.
    private func append(_ values: [String], to id: Int32) throws {
        var bytes = try TestRecords.batch(values)
        let cell = try #require(cluster.brokers[id]?.cell("words"))
        let replica = cell.enter()
        defer { cell.leave() }
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        _ = try replica.log.append(
            &raw, origin: .client, leaderEpoch: try #require(replica.leaderEpoch),
            now: cluster.now.wallMs)
        try replica.log.flush()
    }

    @Test func anAcknowledgedRecordIsOnEveryReplica() throws {
        for _ in 0..<5 { try history.produce() }
        try cluster.run(until: { [history] in history.acknowledged.count == 5 })
        for id: Int32 in 1...3 {
            #expect(try end(id) == 5)
            #expect(try cluster.withReplica(id, "words") { $0.log.flushedOffset } == Offset(5))
        }
        try settle()
    }

    @Test func acknowledgementWaitsForTheSlowestInSyncReplica() throws {
        cluster.isCut = { $0 == .flush(3) }
        try history.produce()
        try cluster.run(300)
        #expect(history.acknowledged.isEmpty)
        // The timeout of the request passes before the follower leaves the set.
        try cluster.run(until: { [history] in history.errors[.requestTimedOut] == 1 })
        cluster.isCut = { _ in false }
        try settle()
    }

    @Test func aFollowerThatIsGoneLeavesTheSetAndComesBack() throws {
        try cluster.kill(3, powerCut: false)
        try cluster.run(until: { [cluster] in try cluster.partition("words").isr == [1, 2] })
        try history.produce()
        try cluster.run(until: { [history] in history.acknowledged.count == 1 })
        try cluster.start(3)
        try settle()
        #expect(try cluster.partition("words").isr.sorted() == [1, 2, 3])
    }

    @Test func belowMinInSyncReplicasNothingIsTaken() throws {
        for id: Int32 in [2, 3] {
            try cluster.kill(id, powerCut: false)
            try cluster.fence(id)
        }
        try cluster.run(until: { [cluster] in
            try cluster.withReplica(1, "words") { $0.lacksReplicas }
        })
        try history.produce()
        #expect(history.errors == [.notEnoughReplicas: 1])
        // What is written all the same is not committed before others have it.
        try history.produce(acks: 1)
        try cluster.run(50)
        #expect(try cluster.withReplica(1, "words") { $0.highWatermark } == .zero)
        for id: Int32 in [2, 3] { try cluster.start(id) }
        try settle()
        #expect(try end(2) == 1)
    }

    @Test func theLeaderThatFailsIsFollowedByOneThatHasAll() throws {
        for _ in 0..<5 { try history.produce() }
        try cluster.run(until: { [history] in history.acknowledged.count == 5 })
        try cluster.kill(1, powerCut: true)
        try cluster.fence(1)
        #expect(try cluster.partition("words").leader != 1)
        try cluster.run(100)
        try history.produce()
        try cluster.run(until: { [history] in history.acknowledged.count == 6 })
        try cluster.start(1)
        try settle()
    }

    // MARK: Truncation

    /// The leader, 1, is cut off and writes `lost`, and 2 is elected.
    private func part(_ lost: [String], isr: [Int32]? = nil) throws {
        cluster.isCut = { lane in
            switch lane {
            case .request(_, to: 1), .answer(from: 1, _), .metadata(1): true
            default: false
            }
        }
        try append(lost, to: 1)
        try cluster.elect(2, "words", isr: isr)
        try cluster.run(until: { [cluster] in
            try cluster.withReplica(2, "words") { $0.leaderEpoch != nil }
        })
    }

    /// Two brokers' logs part when a leader writes what nobody fetches and another is elected.
    @Test func kip101ALeaderThatWroteAloneCutsOff() throws {
        for _ in 0..<3 { try history.produce() }
        try settle()
        try part(["lost", "too"])
        try append(["kept"], to: 2)
        try cluster.run(100)
        cluster.isCut = { _ in false }
        try settle()
        #expect(try end(1) == 4)
    }

    /// It waits for an I/O thread, and the replica gets another role meanwhile.
    @Test func aCutForAnEarlierRoleCutsNothing() throws {
        for _ in 0..<3 { try history.produce() }
        try settle()
        let broker = try #require(cluster.brokers[2])
        let cell = try #require(broker.cell("words"))
        let epoch = try cluster.partition("words").leaderEpoch
        func cut(in epoch: Int32, at offset: Int64) -> BackgroundResult {
            FollowerTruncation(
                cell: cell, leader: BrokerID(1), epoch: LeaderEpoch(epoch),
                target: .init(kind: .end, offset: Offset(offset)), directories: broker.directories
            ).run()
        }
        #expect(cut(in: epoch - 1, at: 0).failures.isEmpty)
        #expect(try end(2) == 3)
        #expect(cut(in: epoch, at: 2).failures.isEmpty)
        #expect(try end(2) == 2)
    }

    /// Elections in a row: the new leader knows none of the last epochs of its follower, which has
    /// to go back more than once.
    @Test func kip279ElectionsInARowCutBackToTheLastCommonEpoch() throws {
        for _ in 0..<3 { try history.produce() }
        try settle()
        let apart: (ReplicaCluster.Lane) -> Bool = { lane in
            switch lane {
            case .request, .answer: true
            default: false
            }
        }
        cluster.isCut = apart
        for (leader, values) in [(1, ["a"]), (2, ["b", "b"]), (1, ["c"]), (2, ["d"])]
            as [(Int32, [String])]
        {
            try cluster.elect(leader, "words")
            let epoch = try cluster.partition("words").leaderEpoch
            try cluster.run(until: { [cluster] in
                try cluster.withReplica(leader, "words") {
                    $0.leaderEpoch == LeaderEpoch(epoch)
                }
            })
            // Each finds out alone, from where its own log ends.
            try append(values, to: leader)
        }
        cluster.isCut = { _ in false }
        try cluster.elect(2, "words")
        try settle()
        let epochs = try cluster.batches(1, "words").map(\.epoch)
        #expect(epochs == epochs.sorted())
        #expect(epochs.last == LeaderEpoch(4))
    }

    /// An answer is on its way while its leader is replaced and leads again; the follower has cut
    /// off its log by then, and asked from there.
    @Test func anAnswerOfAnEarlierPositionIsNoneOfALaterOne() throws {
        try cluster.createTopic("more", assignments: [[1, 2, 3]])
        for _ in 0..<3 { try history.produce() }
        try settle()
        var isAnswerHeld = false
        cluster.isCut = { lane in
            switch lane {
            case .request(2, to: 1), .request(1, to: 2): true
            case .answer(from: 1, to: 3): isAnswerHeld
            default: false
            }
        }
        try append(["a", "b"], to: 1)
        try cluster.run(until: { try end(3) == 5 })
        try cluster.run(50)
        isAnswerHeld = true
        try append(["c"], to: 1)
        let asked = cluster.nowMs
        try cluster.run(until: { cluster.nowMs > asked + 1000 })
        for (leader, reached) in [(2, 3), (1, 3)] as [(Int32, Int64)] {
            try cluster.elect(leader, "words")
            let epoch = LeaderEpoch(try cluster.partition("words").leaderEpoch)
            try cluster.run(until: {
                try cluster.withReplica(3, "words") { $0.currentEpoch == epoch }
                    && cluster.withReplica(leader, "words") { $0.leaderEpoch == epoch }
                    && end(3) == reached
            })
            try cluster.run(50)
        }
        isAnswerHeld = false
        cluster.isCut = { _ in false }
        try cluster.run(until: { try end(3) == 6 })
        let offsets = try cluster.batches(3, "words").map(\.offset.rawValue)
        #expect(offsets == [0, 1, 2, 3, 5])
    }

    /// A fetch of an older epoch is refused, and one of a newer epoch waits for the metadata.
    @Test func kip320FetchesOfOtherEpochsAreRefused() throws {
        try history.produce()
        try cluster.elect(1, "words")
        try settle()
        let epoch = try cluster.partition("words").leaderEpoch
        var found: [KafkaError] = []
        for known in [epoch - 1, epoch + 1, epoch] {
            var request = TestClient.fetchRequest("words", from: 0)
            request.topics[0].partitions[0].currentLeaderEpoch = known
            try cluster.send(request, version: 12, to: 1) { body in
                let response = try FetchResponse(decoding: body, version: 12)
                let data = try #require(response.responses.first?.partitions.first)
                found.append(KafkaError(rawValue: data.errorCode) ?? .unknownServerError)
            }
        }
        #expect(found == [.fencedLeaderEpoch, .unknownLeaderEpoch, .none])
    }

    @Test func aFollowerFarBehindBeginsAnewWhereTheLeadersLogBegins() throws {
        try cluster.kill(3, powerCut: false)
        try cluster.run(until: { [cluster] in try cluster.partition("words").isr == [1, 2] })
        for _ in 0..<10 { try history.produce() }
        try cluster.run(until: { [history] in history.acknowledged.count == 10 })
        try cluster.withReplica(1, "words") { replica in
            try? replica.log.deleteRecords(before: Offset(6))
        }
        try cluster.start(3)
        try cluster.run(until: { [history] in try history.isWhole() })
        #expect(try cluster.withReplica(3, "words") { $0.log.logStartOffset } == Offset(6))
        #expect(try end(3) == 10)
        #expect(try cluster.withReplica(2, "words") { $0.log.logStartOffset } == Offset(6))
    }

    /// The leader's log begins within the batch in which the two part, right where the follower's
    /// ends. The leader no longer knows that batch's begin, and sees no parting.
    @Test func aFollowerThatPartsWhereTheLeadersLogBeginsBeginsAnew() throws {
        for _ in 0..<3 { try history.produce() }
        try settle()
        try part(["lost"], isr: [2, 3])
        try append(["kept", "too"], to: 2)
        try cluster.run(until: { [cluster] in
            try cluster.withReplica(2, "words") { $0.highWatermark } == Offset(5)
        })
        try cluster.withReplica(2, "words") { replica in
            try? replica.log.deleteRecords(before: Offset(4))
        }
        cluster.isCut = { _ in false }
        try cluster.run(until: { [history] in try history.isWhole() })
        #expect(try cluster.withReplica(1, "words") { $0.log.logStartOffset } == Offset(4))
        #expect(try end(1) == 5)
    }

    @Test func aPowerCutTakesNothingThatTheFollowerToldOf() throws {
        for round in 0..<10 {
            try history.produce()
            try history.produce(acks: 1)
            try cluster.run(cluster.draw(40))
            let victim = Int32(2 + round % 2)
            let told = try cluster.withReplica(victim, "words") { $0.log.flushedOffset }
            try cluster.kill(victim, powerCut: true)
            try cluster.start(victim)
            #expect(try end(victim) >= told.rawValue)
        }
        try settle()
    }

    @Test func aPowerCutOfAllTakesNothingThatWasAcknowledged() throws {
        for _ in 0..<6 { try history.produce() }
        try cluster.run(until: { [history] in history.acknowledged.count == 6 })
        for id: Int32 in 1...3 { try cluster.kill(id, powerCut: true) }
        for id: Int32 in 1...3 {
            try cluster.start(id)
            #expect(try end(id) == 6)
        }
    }

    // MARK: Long polls, throttles

    /// The fetchers of the first topic wait at their leader for up to 500 ms.
    @Test func aNewPartitionDoesNotWaitForALongPoll() throws {
        try cluster.run(30)
        let start = cluster.nowMs
        try cluster.createTopic("more", assignments: [[1, 2, 3]])
        let more = ReplicationHistory(cluster, "more")
        try cluster.run(until: { [cluster] in
            cluster.brokers[1]?.cell("more")?.locked { $0.leaderEpoch } != nil
        })
        try more.produce()
        try cluster.run(until: { more.acknowledged.count == 1 })
        #expect(cluster.nowMs - start < 450)
        try settle()
    }

    @Test func deletedRecordsWaitForTheFollowers() throws {
        for _ in 0..<5 { try history.produce() }
        try settle()
        var answer: DeleteRecordsResponse?
        let request = DeleteRecordsRequest(
            topics: [
                .init(name: "words", partitions: [.init(partitionIndex: 0, offset: 3)])
            ], timeoutMs: 30_000)
        try cluster.send(request, version: 2, to: 1) {
            answer = try DeleteRecordsResponse(decoding: $0, version: 2)
        }
        try cluster.run(until: { answer != nil })
        #expect(answer?.topics.first?.partitions.first?.lowWatermark == 3)
        for id: Int32 in 1...3 {
            #expect(try cluster.withReplica(id, "words") { $0.log.logStartOffset } == Offset(3))
        }
    }

    @Test(arguments: [true, false])
    func aThrottledReplicaCatchesUpAtTheRate(atLeader: Bool) throws {
        try cluster.kill(3, powerCut: false)
        try cluster.run(until: { [cluster] in try cluster.partition("words").isr == [1, 2] })
        for _ in 0..<40 { try history.produce() }
        try cluster.run(until: { [history] in history.acknowledged.count == 40 })
        let bytes = try cluster.withReplica(1, "words") { $0.log.sizeInBytes }
        cluster.adjust = { settings in
            if atLeader {
                settings.leaderThrottledRate = 500
            } else {
                settings.followerThrottledRate = 500
            }
        }
        for id: Int32 in 1...2 {
            try cluster.withReplica(id, "words") { $0.log.config.leaderThrottled = .all }
        }
        let start = cluster.nowMs
        try cluster.start(3)
        try cluster.withReplica(3, "words") { $0.log.config.followerThrottled = .all }
        try settle()
        let seconds = Double(cluster.nowMs - start) / 1000
        #expect(seconds > Double(bytes) / 500 - 3)
    }

    // MARK: Reassignment

    @Test func aReassignmentBringsANewReplicaAndTakesAnOld() throws {
        let cluster = try ReplicaCluster(seed: 5, brokers: 4)
        try cluster.createTopic("moves", assignments: [[1, 2, 3]])
        let history = ReplicationHistory(cluster, "moves")
        try cluster.run(until: { try history.isWhole() })
        for _ in 0..<8 { try history.produce() }
        try cluster.run(until: { history.acknowledged.count == 8 })
        try cluster.reassign("moves", to: [4, 2, 3])
        try cluster.run(until: { try cluster.partition("moves").replicas == [4, 2, 3] })
        try cluster.run(until: { try history.isWhole() })
        try history.checkEnd()
        try cluster.run(until: { cluster.brokers[1]?.cell("moves") == nil })
        #expect(try cluster.brokers[1]?.fileSystem.list("/data").contains("moves-0") == false)
    }

    // MARK: Reading from followers

    @Test func aConsumerIsSentToTheFollowerInItsRack() throws {
        for _ in 0..<3 { try history.produce() }
        try settle()
        func fetch(_ rack: String, from id: Int32) throws -> FetchResponse.PartitionData {
            var request = TestClient.fetchRequest("words", from: 0)
            request.rackID = rack
            var data: FetchResponse.PartitionData?
            try cluster.send(request, version: 12, to: id) { body in
                data = try FetchResponse(decoding: body, version: 12).responses.first?
                    .partitions.first
            }
            return try #require(data)
        }
        let sent = try fetch("rack2", from: 1)
        #expect(sent.preferredReadReplica == 2)
        #expect(sent.records == .inFrame(0..<0) || sent.records == .null || isEmpty(sent.records))
        #expect(try fetch("rack1", from: 1).preferredReadReplica == -1)
        #expect(try fetch("elsewhere", from: 1).preferredReadReplica == -1)
        let near = try fetch("rack2", from: 2)
        #expect(near.errorCode == 0 && near.highWatermark == 3 && !isEmpty(near.records))
    }

    private func isEmpty(_ records: RecordsField) -> Bool {
        guard case .inFrame(let range) = records else { return true }
        return range.isEmpty
    }

    /// What a broker says of the one partition to ListOffsets.
    private func offset(
        of timestamp: Int64, at id: Int32, version: Int16
    ) throws -> (error: KafkaError?, offset: Int64) {
        let request = ListOffsetsRequest(
            replicaID: -1,
            topics: [
                .init(
                    name: "words", partitions: [.init(partitionIndex: 0, timestamp: timestamp)])
            ])
        var answer: ListOffsetsResponse?
        try cluster.send(request, version: version, to: id) {
            answer = try ListOffsetsResponse(decoding: $0, version: version)
        }
        try cluster.run(until: { answer != nil })
        let found = try #require(answer?.topics.first?.partitions.first)
        return (KafkaError(rawValue: found.errorCode), found.offset)
    }

    @Test func kip207ANewLeaderTellsItsEndOnceItIsCommitted() throws {
        for _ in 0..<2 { try history.produce() }
        try settle()
        cluster.isCut = { $0 == .flush(3) }
        try history.produce()
        try cluster.run(until: { try end(2) == 3 })
        try cluster.elect(2, "words")
        try cluster.run(until: { [cluster] in
            try cluster.withReplica(2, "words") { $0.leaderEpoch != nil }
        })
        #expect(try offset(of: -1, at: 2, version: 5).error == .offsetNotAvailable)
        #expect(try offset(of: -1, at: 2, version: 4).error == .leaderNotAvailable)
        #expect(try offset(of: .max, at: 2, version: 5).error == .offsetNotAvailable)
        #expect(try offset(of: -2, at: 2, version: 5) == (KafkaError.none, 0))
        cluster.isCut = { _ in false }
        try settle()
        #expect(try offset(of: -1, at: 2, version: 5) == (KafkaError.none, 3))
    }

    @Test func theWrongBrokerTellsWhoLeads() throws {
        var request = TestClient.produceRequest(try TestRecords.batch(["x"]), to: "words")
        request.topicData[0].name = "words"
        var answer: ProduceResponse?
        try cluster.send(request, version: 12, to: 2) {
            answer = try ProduceResponse(decoding: $0, version: 12)
        }
        let partition = try #require(answer?.responses.first?.partitionResponses.first)
        #expect(partition.errorCode == KafkaError.notLeaderOrFollower.rawValue)
        #expect(partition.currentLeader.leaderID == 1)
        #expect(answer?.nodeEndpoints.map(\.host) == ["host1"])
        var offsets: ListOffsetsResponse?
        let lookup = ListOffsetsRequest(
            replicaID: -1,
            topics: [.init(name: "words", partitions: [.init(partitionIndex: 0, timestamp: -1)])])
        try cluster.send(lookup, version: 7, to: 2) {
            offsets = try ListOffsetsResponse(decoding: $0, version: 7)
        }
        #expect(
            offsets?.topics.first?.partitions.first?.errorCode
                == KafkaError.notLeaderOrFollower.rawValue)
        var epochs: OffsetForLeaderEpochResponse?
        let ends = OffsetForLeaderEpochRequest(
            topics: [.init(topic: "words", partitions: [.init(partition: 0, leaderEpoch: 0)])])
        try cluster.send(ends, version: 4, to: 2) {
            epochs = try OffsetForLeaderEpochResponse(decoding: $0, version: 4)
        }
        #expect(
            epochs?.topics.first?.partitions.first?.errorCode
                == KafkaError.notLeaderOrFollower.rawValue)
    }
}
