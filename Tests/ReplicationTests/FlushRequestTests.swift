import KafkaRecords
import KafkaWire
import LogStorage
import Replication
import Testing

/// Which sync a replica asks for, and when it asks again.
@Suite struct FlushRequestTests {
    private let disk = MemoryFileSystem()
    private let replica: PartitionReplica

    init() throws {
        let log = try PartitionLog.open(
            directory: "/data/t-0", topicPartition: TopicPartition(topic: "t", partition: 0),
            topicID: nil, config: LogConfig(), fileSystem: disk, recoveryPoint: .zero,
            logStartOffset: .zero, cleanShutdown: false, now: 0)
        replica = PartitionReplica(log: log, role: .leader(LeaderEpoch(1)), highWatermark: .zero)
    }

    private func append() throws {
        var builder = RecordBatchBuilder(.init())
        builder.append(timestamp: 1, key: nil, value: [1, 2, 3])
        var bytes = try builder.finish()
        var span = bytes.mutableSpan
        var batches = unsafe span.mutableBytes
        _ = try replica.log.append(
            &batches, origin: .client, leaderEpoch: LeaderEpoch(1), now: 1)
    }

    private func request(mostBytes: Int = 1 << 20) -> FlushUrgency? {
        replica.takeFlushRequest(durability: .flushed, mostBytes: mostBytes)
    }

    private let producer = WaitTicket(loop: 0, request: 1)
    private let consumer = WaitTicket(loop: 0, request: 2)

    @Test func nothingIsAskedWhileAllIsOnDisk() throws {
        #expect(request() == nil)
        try append()
        #expect(replica.takeFlushRequest(durability: .replicated, mostBytes: 0) == nil)
    }

    @Test func aSyncIsAskedOnceUntilSomebodyWaits() throws {
        try append()
        #expect(request() == .paced)
        try append()
        #expect(request() == nil)
        replica.awaitData(ticket: consumer)
        #expect(request() == .awaited)
        #expect(request() == nil)
        replica.awaitHighWatermark(Offset(2), ticket: producer)
        #expect(request() == .required)
        #expect(request() == nil)
    }

    @Test func tooManyUnsyncedBytesDoNotWait() throws {
        try append()
        let bytes = replica.log.appendedBytes
        #expect(request(mostBytes: 2 * bytes) == .paced)
        try append()
        #expect(request(mostBytes: 2 * bytes) == .required)
    }

    @Test func aSyncUnderWayServesThoseBelowItsEnd() throws {
        try append()
        let ticket = try #require(replica.beginFlush())
        replica.awaitHighWatermark(Offset(1), ticket: producer)
        #expect(request() == nil, "the sync that runs is enough")
        try append()
        #expect(request() == .paced, "nobody waits for the second batch")
        replica.awaitHighWatermark(Offset(2), ticket: consumer)
        #expect(request() == .required)
        #expect(try replica.completeFlush(ticket.run(), durability: .flushed) == [producer])
        #expect(replica.highWatermark == Offset(1))
    }

    @Test func theHighWatermarkCountsOnlyWhatIsSynced() throws {
        try append()
        #expect(replica.advanceHighWatermark(durability: .flushed) == [])
        #expect(replica.highWatermark == .zero)
        let ticket = try #require(replica.beginFlush())
        try append()
        _ = try replica.completeFlush(ticket.run(), durability: .flushed)
        #expect(replica.highWatermark == Offset(1))
        #expect(request() == .paced)
    }

    @Test func aFollowerForgetsTheSyncUnderWay() throws {
        try append()
        _ = try #require(replica.beginFlush())
        _ = replica.becomeFollower(of: BrokerID(2), epoch: LeaderEpoch(2))
        _ = replica.becomeLeader(epoch: LeaderEpoch(3), durability: .flushed)
        replica.awaitHighWatermark(Offset(1), ticket: producer)
        #expect(request() == .required)
    }
}
