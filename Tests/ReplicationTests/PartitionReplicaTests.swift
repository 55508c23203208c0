import KafkaRecords
import KafkaWire
import LogStorage
import Testing

@testable import Replication

/// Roles, high watermark and waiters of one partition.
@Suite struct PartitionReplicaTests {
    private let fileSystem = MemoryFileSystem()

    private func makeReplica(highWatermark: Int64 = 0) throws -> PartitionReplica {
        let log = try PartitionLog.open(
            directory: "/words-0", topicPartition: TopicPartition(topic: "words", partition: 0),
            topicID: KafkaUUID(high: 1, low: 1), config: LogConfig(), fileSystem: fileSystem,
            recoveryPoint: .zero, logStartOffset: .zero, cleanShutdown: false, now: 0)
        return PartitionReplica(
            log: log, role: .offline(reason: "starting"), highWatermark: Offset(highWatermark))
    }

    private func append(_ count: Int, to replica: PartitionReplica) throws {
        var builder = RecordBatchBuilder()
        for _ in 0..<count { builder.append(timestamp: 1, key: nil, value: [1]) }
        var bytes = try builder.finish()
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        _ = try replica.log.append(
            &raw, origin: .client, leaderEpoch: try #require(replica.leaderEpoch), now: 1)
    }

    private func ticket(_ number: UInt64) -> WaitTicket { WaitTicket(loop: 0, request: number) }

    private func lead(_ replica: PartitionReplica, durability: Durability = .flushed) {
        _ = replica.becomeLeader(epoch: LeaderEpoch(1), durability: durability)
    }

    @Test func flushedCountsWhatIsOnDisk() throws {
        let replica = try makeReplica()
        lead(replica)
        try append(3, to: replica)
        #expect(replica.advanceHighWatermark(durability: .flushed).isEmpty)
        #expect(replica.highWatermark == .zero)
        try replica.log.flush()
        _ = replica.advanceHighWatermark(durability: .flushed)
        #expect(replica.highWatermark == Offset(3))
    }

    @Test func replicatedCountsWhatIsWritten() throws {
        let replica = try makeReplica()
        lead(replica, durability: .replicated)
        try append(3, to: replica)
        _ = replica.advanceHighWatermark(durability: .replicated)
        #expect(replica.highWatermark == Offset(3))
    }

    @Test func waitersWakeInOrderOfTheirOffsets() throws {
        let replica = try makeReplica()
        lead(replica, durability: .replicated)
        replica.awaitHighWatermark(Offset(4), ticket: ticket(4))
        replica.awaitHighWatermark(Offset(2), ticket: ticket(2))
        replica.awaitHighWatermark(Offset(3), ticket: ticket(3))
        replica.awaitHighWatermark(Offset(3), ticket: ticket(9))
        replica.cancelAwaitHighWatermark(ticket: ticket(9))
        try append(3, to: replica)
        #expect(replica.advanceHighWatermark(durability: .replicated) == [ticket(2), ticket(3)])
        try append(1, to: replica)
        #expect(replica.advanceHighWatermark(durability: .replicated) == [ticket(4)])
    }

    @Test func fetchesWakeAtAnyMove() throws {
        let replica = try makeReplica()
        lead(replica, durability: .replicated)
        replica.awaitData(ticket: ticket(2))
        replica.awaitData(ticket: ticket(1))
        replica.awaitData(ticket: ticket(3))
        replica.cancelAwaitData(ticket: ticket(3))
        try append(1, to: replica)
        #expect(replica.advanceHighWatermark(durability: .replicated) == [ticket(1), ticket(2)])
        try append(1, to: replica)
        #expect(replica.advanceHighWatermark(durability: .replicated).isEmpty)
    }

    @Test func aChangeOfRoleWakesAllThatWait() throws {
        for step in 0..<2 {
            let replica = try makeReplica()
            lead(replica)
            replica.awaitHighWatermark(Offset(1), ticket: ticket(1))
            replica.awaitData(ticket: ticket(2))
            let woken =
                step == 0
                ? replica.goOffline(reason: "disk")
                : replica.becomeFollower(of: BrokerID(2), epoch: LeaderEpoch(2))
            #expect(woken == [ticket(1), ticket(2)])
            #expect(replica.leaderEpoch == nil)
            // Nobody is woken twice.
            #expect(replica.goOffline(reason: "again").isEmpty)
        }
    }

    @Test func onlyALeaderMovesTheHighWatermark() throws {
        let replica = try makeReplica()
        lead(replica)
        try append(2, to: replica)
        _ = replica.becomeFollower(of: BrokerID(2), epoch: LeaderEpoch(2))
        try replica.log.flush()
        #expect(replica.advanceHighWatermark(durability: .flushed).isEmpty)
        #expect(replica.highWatermark == .zero)
        _ = replica.becomeLeader(epoch: LeaderEpoch(3), durability: .flushed)
        #expect(replica.highWatermark == Offset(2))
    }

    @Test func aCheckpointedHighWatermarkIsClampedToTheLog() throws {
        #expect(try makeReplica(highWatermark: 99).highWatermark == .zero)
        #expect(try makeReplica(highWatermark: -1).highWatermark == .zero)
    }

    @Test func theHighWatermarkFollowsTheLogStart() throws {
        let replica = try makeReplica()
        lead(replica, durability: .replicated)
        try append(5, to: replica)
        _ = replica.advanceHighWatermark(durability: .replicated)
        try replica.log.deleteRecords(before: Offset(5))
        replica.logStartOffsetMoved()
        #expect(replica.highWatermark == Offset(5))
        #expect(replica.visibleEnd(readCommitted: true) == Offset(5))
    }
}
