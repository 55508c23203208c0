import KafkaProtocol
import KafkaRecords
import KafkaWire
import LogStorage
import Testing

@testable import Replication

/// One leader and its followers: high watermark over the in-sync set, and changes of the set.
@Suite struct LeaderReplicationTests {
    private let replica: PartitionReplica
    private let topicID = KafkaUUID(high: 1, low: 1)

    init() throws {
        var config = LogConfig()
        config.minInSyncReplicas = 2
        let log = try PartitionLog.open(
            directory: "/words-0", topicPartition: TopicPartition(topic: "words", partition: 0),
            topicID: topicID, config: config, fileSystem: MemoryFileSystem(),
            recoveryPoint: .zero, logStartOffset: .zero, cleanShutdown: false, now: 0)
        replica = PartitionReplica(
            log: log, role: .offline(reason: "starting"), highWatermark: .zero)
    }

    // MARK: Events

    @discardableResult
    private func lead(
        epoch: Int32 = 1, partitionEpoch: Int32 = 1, replicas: [Int32] = [1, 2, 3],
        isr: [Int32] = [1, 2, 3]
    ) -> PartitionReplica.Wakes {
        replica.adopt(
            PartitionAssignment(
                leader: BrokerID(1), leaderEpoch: LeaderEpoch(epoch),
                partitionEpoch: partitionEpoch, replicas: replicas.map { BrokerID($0) },
                isr: isr.map { BrokerID($0) }),
            as: BrokerID(1), durability: .replicated)
    }

    @discardableResult
    private func append(_ count: Int) throws -> PartitionReplica.Wakes {
        var builder = RecordBatchBuilder()
        for _ in 0..<count { builder.append(timestamp: 1, key: nil, value: [1]) }
        var bytes = try builder.finish()
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        _ = try replica.log.append(
            &raw, origin: .client, leaderEpoch: try #require(replica.leaderEpoch), now: 1)
        return replica.appended(durability: .replicated)
    }

    @discardableResult
    private func fetch(
        by broker: Int32, at offset: Int64, epoch: Int64 = 7, isEligible: Bool = true,
        now: Int64 = 0
    ) -> PartitionReplica.FollowerProgress {
        replica.followerFetched(
            FollowerFetch(
                broker: BrokerID(broker), brokerEpoch: epoch, offset: Offset(offset),
                logStartOffset: .zero),
            isEligible: isEligible, now: now, maxLagMs: 100, durability: .replicated)
    }

    private func check(at now: Int64) -> IsrProposal? {
        replica.checkFollowers(
            now: now, maxLagMs: 100, durability: .replicated, isEligible: { _ in true }
        ).proposal
    }

    private func accept(_ proposal: IsrProposal, partitionEpoch: Int32) -> PartitionReplica.Wakes {
        replica.isrAnswered(
            proposal,
            .accepted(
                leaderEpoch: proposal.leaderEpoch, partitionEpoch: partitionEpoch,
                isr: proposal.isr.map(\.broker)),
            durability: .replicated)
    }

    private func refuse(_ proposal: IsrProposal, _ error: KafkaError) {
        _ = replica.isrAnswered(proposal, .refused(error.rawValue), durability: .replicated)
    }

    private var isr: [Int32] { replica.inSync.committed.map(\.rawValue) }
    private func ticket(_ number: UInt64) -> WaitTicket { WaitTicket(loop: 0, request: number) }

    // MARK: High watermark

    @Test func theHighWatermarkIsTheLeastOfTheInSyncSet() throws {
        lead()
        try append(5)
        #expect(replica.highWatermark == .zero)
        fetch(by: 2, at: 4)
        #expect(replica.highWatermark == .zero)
        replica.awaitHighWatermark(Offset(3), ticket: ticket(1))
        #expect(fetch(by: 3, at: 3).wakes == [ticket(1)])
        #expect(replica.highWatermark == Offset(3))
        fetch(by: 3, at: 5)
        #expect(replica.highWatermark == Offset(4))
        // A follower that has lost records takes nothing back.
        fetch(by: 2, at: 0)
        #expect(replica.highWatermark == Offset(4))
    }

    @Test func aReplicaOutOfTheSetDoesNotHoldItBack() throws {
        lead(isr: [1, 2])
        try append(5)
        fetch(by: 2, at: 5)
        #expect(replica.highWatermark == Offset(5))
    }

    @Test func nothingIsCommittedBelowMinInSyncReplicas() throws {
        lead(isr: [1])
        try append(5)
        #expect(replica.lacksReplicas)
        #expect(replica.highWatermark == .zero)
        lead(partitionEpoch: 2, isr: [1, 2])
        #expect(!replica.lacksReplicas)
        fetch(by: 2, at: 5)
        #expect(replica.highWatermark == Offset(5))
    }

    @Test func aloneTheLeaderNeedsNobody() throws {
        lead(replicas: [1], isr: [1])
        try append(2)
        #expect(replica.highWatermark == Offset(2))
        #expect(!replica.lacksReplicas)
    }

    @Test func followersAreWokenByAppends() throws {
        lead()
        replica.awaitAppend(ticket: ticket(2))
        replica.awaitData(ticket: ticket(1))
        #expect(try append(1) == [ticket(2)])
        fetch(by: 2, at: 1)
        #expect(fetch(by: 3, at: 1).wakes == [ticket(1)])
    }

    @Test func aNewEpochWakesFetchesAndKeepsProducers() throws {
        lead()
        try append(1)
        replica.awaitHighWatermark(Offset(1), ticket: ticket(1))
        replica.awaitAppend(ticket: ticket(2))
        replica.awaitData(ticket: ticket(3))
        #expect(lead(epoch: 2, partitionEpoch: 2) == [ticket(3), ticket(2)])
        fetch(by: 2, at: 1)
        #expect(fetch(by: 3, at: 1).wakes == [ticket(1)])
    }

    // MARK: Expansion

    @Test func aFollowerJoinsOnceItHasReachedTheHighWatermark() throws {
        lead(isr: [1, 2])
        try append(5)
        fetch(by: 2, at: 5)
        #expect(fetch(by: 3, at: 4).proposal == nil)
        let proposal = try #require(fetch(by: 3, at: 5, epoch: 9).proposal)
        #expect(
            proposal.isr == [
                .init(broker: BrokerID(1), brokerEpoch: -1),
                .init(broker: BrokerID(2), brokerEpoch: 7),
                .init(broker: BrokerID(3), brokerEpoch: 9),
            ])
        // While the controller decides, the new one counts and the old set is the one known.
        try append(1)
        fetch(by: 2, at: 6)
        #expect(replica.highWatermark == Offset(5))
        #expect(isr == [1, 2])
        #expect(accept(proposal, partitionEpoch: 2).isEmpty)
        #expect(isr == [1, 2, 3])
        fetch(by: 3, at: 6)
        #expect(replica.highWatermark == Offset(6))
    }

    @Test func aFollowerJoinsOnlyWithinTheLeadersEpoch() throws {
        lead()
        try append(5)
        // Elected anew with records that may be committed and are not known to be.
        lead(epoch: 2, partitionEpoch: 2, isr: [1, 2])
        #expect(fetch(by: 3, at: 3).proposal == nil)
        #expect(fetch(by: 3, at: 5).proposal != nil)
    }

    @Test func whoIsNotEligibleDoesNotJoin() throws {
        lead(isr: [1, 2])
        #expect(fetch(by: 3, at: 0, isEligible: false).proposal == nil)
        #expect(fetch(by: 4, at: 0).proposal == nil)
        #expect(fetch(by: 3, at: 0).proposal != nil)
        // One at a time.
        #expect(fetch(by: 3, at: 0).proposal == nil)
    }

    @Test func theHighWatermarkWaitsForWhoIsAboutToJoin() throws {
        lead(isr: [1, 2])
        try append(5)
        fetch(by: 2, at: 5, now: 10)
        // It had all when it asked, but for what came meanwhile.
        try append(1)
        #expect(fetch(by: 3, at: 0, now: 10).proposal == nil)
        #expect(!replica.followers[1].isJoining)
        fetch(by: 3, at: 6, now: 20)
        refuse(try #require(replica.inSync.pending), .ineligibleReplica)
        try append(4)
        fetch(by: 2, at: 10, now: 30)
        #expect(replica.highWatermark == Offset(6))
        // It has not come back in time: nobody waits any more.
        _ = check(at: 121)
        #expect(replica.highWatermark == Offset(10))
    }

    @Test func nobodyWaitsForWhoHasLeftUntilItHasCaughtUp() throws {
        lead()
        try append(5)
        fetch(by: 2, at: 5, now: 10)
        fetch(by: 3, at: 5, now: 10)
        // Fenced; it comes back with an empty disk within `replica.lag.time.max.ms`.
        lead(partitionEpoch: 2, isr: [1, 2])
        try append(1)
        fetch(by: 3, at: 0, epoch: 8, now: 20)
        fetch(by: 2, at: 6, now: 20)
        #expect(replica.highWatermark == Offset(6))
        fetch(by: 3, at: 3, epoch: 8, now: 30)
        #expect(replica.followers[1].isJoining == false)
        #expect(fetch(by: 3, at: 6, epoch: 8, now: 40).proposal != nil)
    }

    // MARK: Shrink

    @Test func aFollowerThatLagsForTooLongLeaves() throws {
        lead()
        try append(5)
        fetch(by: 2, at: 5, now: 0)
        fetch(by: 3, at: 2, now: 0)
        #expect(check(at: 50) == nil)
        let proposal = try #require(check(at: 151))
        #expect(proposal.isr.map(\.broker) == [BrokerID(1), BrokerID(2)])
        // It counts until the controller says otherwise.
        #expect(replica.highWatermark == Offset(2))
        replica.awaitHighWatermark(Offset(5), ticket: ticket(1))
        #expect(accept(proposal, partitionEpoch: 2) == [ticket(1)])
        #expect(replica.highWatermark == Offset(5))
    }

    @Test func aFollowerThatFollowsCloselyStays() throws {
        lead(replicas: [1, 2], isr: [1, 2])
        var now: Int64 = 0
        for offset in 0..<10 {
            try append(1)
            // Always one behind, and always with what there was when it asked before.
            fetch(by: 2, at: Int64(offset), now: now)
            now += 45
            #expect(check(at: now) == nil)
        }
    }

    @Test func anIdleFollowerThatHasAllStays() throws {
        lead(replicas: [1, 2], isr: [1, 2])
        try append(1)
        fetch(by: 2, at: 1, now: 0)
        #expect(check(at: 10_000) == nil)
    }

    // MARK: Answers

    @Test func aRefusedProposalIsForgottenOrWaitsForMetadata() throws {
        lead(isr: [1, 2])
        let first = try #require(fetch(by: 3, at: 0).proposal)
        refuse(first, .ineligibleReplica)
        let second = try #require(fetch(by: 3, at: 0).proposal)
        refuse(second, .invalidUpdateVersion)
        #expect(fetch(by: 3, at: 0).proposal == nil)
        #expect(check(at: 1000) == nil)
        lead(partitionEpoch: 2, isr: [1, 2])
        #expect(fetch(by: 3, at: 0).proposal != nil)
    }

    @Test func aProposalWhoseAnswerIsLostIsSentAgain() throws {
        lead(isr: [1, 2])
        let proposal = try #require(fetch(by: 3, at: 0).proposal)
        refuse(proposal, .networkException)
        #expect(check(at: 0) == proposal)
        #expect(check(at: 0) == nil)
        _ = accept(proposal, partitionEpoch: 2)
        #expect(isr == [1, 2, 3])
    }

    @Test func answersToOldProposalsChangeNothing() throws {
        lead(isr: [1, 2])
        let proposal = try #require(fetch(by: 3, at: 0).proposal)
        // The metadata was faster, and then something else happened.
        lead(partitionEpoch: 2, isr: [1, 2, 3])
        lead(partitionEpoch: 3, isr: [1, 3])
        #expect(accept(proposal, partitionEpoch: 2).isEmpty)
        #expect(isr == [1, 3])
    }

    @Test func olderMetadataIsIgnored() throws {
        lead(partitionEpoch: 5, isr: [1, 2])
        lead(partitionEpoch: 4, isr: [1])
        #expect(isr == [1, 2])
    }

    @Test func theEndIsUnknownUntilTheHighWatermarkReachesTheEpoch() throws {
        lead()
        try append(3)
        lead(epoch: 2, partitionEpoch: 2)
        #expect(replica.isEndUnknown)
        fetch(by: 2, at: 3)
        fetch(by: 3, at: 3)
        #expect(!replica.isEndUnknown)
    }

    @Test func consumersAreSentToFollowersThatAreInSyncAndHaveTheOffset() throws {
        lead(isr: [1, 2])
        try append(5)
        fetch(by: 2, at: 4)
        fetch(by: 3, at: 4)
        #expect(replica.readableFollowers(at: Offset(4)).map(\.broker) == [BrokerID(2)])
        #expect(replica.readableFollowers(at: Offset(5)).isEmpty)
    }
}
