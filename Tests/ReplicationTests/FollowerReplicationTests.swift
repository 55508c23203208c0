import KafkaRecords
import KafkaWire
import LogStorage
import Testing

@testable import Replication

/// A follower's log: appends, high watermark, and where it is cut off.
@Suite struct FollowerReplicationTests {
    private let replica: PartitionReplica
    private let files = MemoryFileSystem()

    init() throws {
        let log = try PartitionLog.open(
            directory: "/words-0", topicPartition: TopicPartition(topic: "words", partition: 0),
            topicID: KafkaUUID(high: 1, low: 1), config: LogConfig(),
            fileSystem: files, recoveryPoint: .zero, logStartOffset: .zero,
            cleanShutdown: false, now: 0)
        replica = PartitionReplica(
            log: log, role: .offline(reason: "starting"), highWatermark: .zero)
        follow(epoch: 9)
    }

    @discardableResult
    private func follow(epoch: Int32, of leader: Int32 = 2) -> PartitionReplica.Wakes {
        replica.adopt(
            PartitionAssignment(
                leader: BrokerID(leader), leaderEpoch: LeaderEpoch(epoch), partitionEpoch: epoch,
                replicas: [BrokerID(1), BrokerID(2)], isr: [BrokerID(1), BrokerID(2)]),
            as: BrokerID(1), durability: .flushed)
    }

    private func batch(_ count: Int, at offset: Int64, epoch: Int32) throws -> [UInt8] {
        var builder = RecordBatchBuilder()
        for _ in 0..<count { builder.append(timestamp: 1, key: nil, value: [1]) }
        var bytes = try builder.finish()
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        RecordBatchHeader.setBaseOffset(Offset(offset), in: &raw, at: 0)
        RecordBatchHeader.setPartitionLeaderEpoch(LeaderEpoch(epoch), in: &raw, at: 0)
        return bytes
    }

    private func append(_ count: Int, epoch: Int32, at offset: Int64? = nil) throws {
        let bytes = try batch(count, at: offset ?? replica.log.logEndOffset.rawValue, epoch: epoch)
        try replica.appendAsFollower(bytes.span.bytes, epoch: LeaderEpoch(9))
    }

    private func cut(epoch: Int32, end: Int64) -> Int64 {
        replica.truncationOffset(
            divergingEpoch: LeaderEpoch(epoch), endOffset: Offset(end)
        ).rawValue
    }

    private let ticket = WaitTicket(loop: 0, request: 1)

    @Test func theNextOffsetIsAskedForOnlyOnceAllIsOnDisk() throws {
        try append(3, epoch: 1)
        #expect(replica.fetchPosition(durability: .flushed, ticket: ticket) == nil)
        #expect(
            replica.takeFlushRequest(durability: .flushed, mostBytes: 1 << 20) == .required)
        let flush = try #require(replica.beginFlush())
        #expect(
            try replica.completeFlush(flush.run(), durability: .flushed) == [ticket])
        let position = replica.fetchPosition(durability: .flushed, ticket: ticket)
        #expect(
            position
                == .init(
                    offset: Offset(3), lastEpoch: LeaderEpoch(1), logStartOffset: .zero))
    }

    /// The first batch begins below the log start: the log is begun anew, on a disk that fails.
    @Test func aLogThatCannotBeginAnewIsAFailedDisk() throws {
        try replica.truncateFullyAndStart(at: Offset(5))
        files.fail(.init(operation: "create"))
        let error = #expect(throws: AppendError.self) { try append(3, epoch: 1, at: 4) }
        guard case .io(let cause) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(cause.operation == "create" && replica.log.failure == cause)
    }

    @Test func aLogThatKnowsNoEpochIsCutWhereTheLeaderSays() throws {
        #expect(cut(epoch: 3, end: 5) == 0)
        try append(3, epoch: -1)
        #expect(cut(epoch: 3, end: 2) == 2)
        #expect(cut(epoch: 3, end: 5) == 3)
    }

    @Test func theHighWatermarkFollowsTheLeadersAsFarAsTheLogGoes() throws {
        try append(3, epoch: 1)
        replica.awaitData(ticket: ticket)
        #expect(try replica.learn(highWatermark: Offset(5), logStartOffset: .zero) == [ticket])
        #expect(replica.highWatermark == Offset(3))
        // It never goes back.
        #expect(try replica.learn(highWatermark: Offset(1), logStartOffset: .zero).isEmpty)
        #expect(replica.highWatermark == Offset(3))
        #expect(try replica.learn(highWatermark: Offset(3), logStartOffset: Offset(2)).isEmpty)
        #expect(replica.log.logStartOffset == Offset(2))
    }

    @Test func batchesOfALaterEpochAreLeftOut() throws {
        let bytes =
            try batch(2, at: 0, epoch: 9) + batch(2, at: 2, epoch: 10)
            + batch(2, at: 4, epoch: 9)
        try replica.appendAsFollower(bytes.span.bytes, epoch: LeaderEpoch(9))
        #expect(replica.log.logEndOffset == Offset(2))
    }

    @Test func whatIsMoreThanASegmentIsTakenInParts() throws {
        let first = try batch(2, at: 0, epoch: 1)
        replica.log.config.segmentBytes = first.count + 10
        let bytes = try first + batch(2, at: 2, epoch: 1)
        try replica.appendAsFollower(bytes.span.bytes, epoch: LeaderEpoch(9))
        #expect(replica.log.logEndOffset == Offset(2))
        try append(2, epoch: 1)
        #expect(replica.log.logEndOffset == Offset(4))
    }

    @Test func anEmptyLogMayBeginWithinABatch() throws {
        try replica.truncateFullyAndStart(at: Offset(102))
        try append(5, epoch: 3, at: 100)
        #expect(replica.log.logStartOffset == Offset(100))
        #expect(replica.log.logEndOffset == Offset(105))
        _ = try replica.learn(highWatermark: Offset(105), logStartOffset: Offset(102))
        #expect(replica.log.logStartOffset == Offset(102))
    }

    @Test func aChangedEpochWakesAllAndTheSameOneNobody() throws {
        replica.awaitData(ticket: ticket)
        #expect(follow(epoch: 9).isEmpty)
        #expect(follow(epoch: 10) == [ticket])
    }

    // MARK: KIP-101 and KIP-279

    @Test func kip101CutsToWhereTheLeadersEpochEnded() throws {
        try append(10, epoch: 1)
        try append(5, epoch: 2)
        // The leader never had epoch 2; its epoch 1 ended at 8.
        #expect(cut(epoch: 1, end: 8) == 8)
        // It has more of epoch 1 than this log.
        #expect(cut(epoch: 1, end: 30) == 10)
    }

    @Test func kip279CutsToTheLastEpochThatBothMayHave() throws {
        try append(10, epoch: 1)
        try append(5, epoch: 3)
        // The leader tells of epoch 2, which this log never had: nothing above epoch 1 is shared.
        #expect(cut(epoch: 2, end: 20) == 10)
        #expect(cut(epoch: 1, end: 20) == 10)
    }

    @Test func anEpochBelowAllOfThisLogCutsToTheLeadersEnd() throws {
        try replica.truncateFullyAndStart(at: Offset(50))
        try append(10, epoch: 5)
        #expect(cut(epoch: 2, end: 55) == 50)
    }

    @Test func anUnknownEndCutsToTheHighWatermark() throws {
        try append(10, epoch: 1)
        _ = try replica.learn(highWatermark: Offset(4), logStartOffset: .zero)
        #expect(cut(epoch: -1, end: -1) == 4)
    }

    @Test func aTruncationTakesTheHighWatermarkAlong() throws {
        try append(4, epoch: 1)
        try append(4, epoch: 1)
        _ = try replica.learn(highWatermark: Offset(8), logStartOffset: .zero)
        #expect(try !replica.prepareTruncation(to: Offset(4)))
        try replica.truncate(to: Offset(4))
        #expect(replica.log.logEndOffset == Offset(4))
        #expect(replica.highWatermark == Offset(4))
    }

    @Test func aFlushThatWasUnderWayDoesNotCountAfterATruncation() throws {
        try append(4, epoch: 1)
        let flush = try #require(replica.beginFlush())
        #expect(try !replica.prepareTruncation(to: .zero))
        _ = try replica.completeFlush(flush.run(), durability: .flushed)
        #expect(replica.log.flushedOffset == .zero)
        try replica.log.flush()
        #expect(try replica.prepareTruncation(to: Offset(2)))
        #expect(replica.log.flushedOffset == .zero, "the batch goes as a whole")
    }

    @Test func anEpochWithoutRecordsGoesWithoutTruncation() throws {
        try append(4, epoch: 1)
        // It led in epoch 10 and wrote nothing.
        _ = replica.adopt(
            PartitionAssignment(
                leader: BrokerID(1), leaderEpoch: LeaderEpoch(10), partitionEpoch: 10,
                replicas: [BrokerID(1), BrokerID(2)], isr: [BrokerID(1), BrokerID(2)]),
            as: BrokerID(1), durability: .flushed)
        #expect(replica.log.latestEpoch == LeaderEpoch(10))
        follow(epoch: 11)
        try replica.truncate(to: cutOffset(epoch: 1, end: 4))
        #expect(replica.log.latestEpoch == LeaderEpoch(1))
        #expect(replica.log.logEndOffset == Offset(4))
    }

    private func cutOffset(epoch: Int32, end: Int64) -> Offset {
        Offset(cut(epoch: epoch, end: end))
    }
}
