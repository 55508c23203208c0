import KafkaRecords
import KafkaWire
import LogStorage
import Replication

/// A follower's replica, and a leader that may say anything.
let followerTargets = [FuzzTarget("follower", fuzzFollower)]

private let leader = BrokerID(2)

/// What a leader answers, one step each: a byte for the kind, then offsets and records. The replica
/// does with it what a fetcher does.
private func fuzzFollower(_ bytes: RawSpan) {
    var input = FuzzInput(bytes)
    let disk = disk([:])
    guard let log = try? open(disk) else {
        return require(false, "an empty directory does not open")
    }
    let epoch = LeaderEpoch(7)
    let replica = PartitionReplica(
        log: log, role: .follower(of: leader, epoch), highWatermark: .zero)
    var isCut = false
    for _ in 0..<24 where !input.isAtEnd {
        let kind = input.byte()
        isCut = isCut || 4...5 ~= kind & 7
        let before = replica.highWatermark
        switch kind & 7 {
        case 0...2: append(&input, kind, epoch, replica)
        case 3:
            _ = try? replica.learn(
                highWatermark: Offset(input.number()), logStartOffset: Offset(input.number()))
            require(replica.highWatermark >= before, "the high watermark went back")
        case 4:
            let diverging = LeaderEpoch(Int32(truncatingIfNeeded: input.number()))
            cut(
                replica,
                at: replica.truncationOffset(
                    divergingEpoch: diverging, endOffset: Offset(input.number())))
        case 5: cut(replica, at: Offset(max(0, input.number())))
        case 6:
            // Where a leader's log begins; what is less than 0 is no answer.
            try? replica.truncateFullyAndStart(at: Offset(max(0, input.number())))
        default: try? replica.log.flush()
        }
        check(replica)
    }
    let (start, end) = (replica.log.logStartOffset, replica.log.logEndOffset)
    guard (try? replica.log.close(clean: true)) != nil else { return }
    guard let again = try? open(disk, from: start) else {
        return require(false, "a follower's log does not open after a crash")
    }
    // What was cut off in a gap ends before it.
    require(
        isCut ? again.logEndOffset <= end : again.logEndOffset == end,
        "recovery ends at \(again.logEndOffset), not \(end)")
}

private func open(
    _ disk: MemoryFileSystem, from start: Offset = .zero
) throws(LogError) -> PartitionLog {
    var config = LogConfig()
    config.segmentBytes = 2048
    return try PartitionLog.open(
        directory: "/d", topicPartition: TopicPartition(topic: "t", partition: 0),
        topicID: KafkaUUID(high: 1, low: 2), config: config, fileSystem: disk,
        recoveryPoint: .zero, logStartOffset: start, cleanShutdown: false,
        now: 1_700_000_000_000)
}

private func append(
    _ input: inout FuzzInput, _ kind: UInt8, _ epoch: LeaderEpoch, _ replica: PartitionReplica
) {
    var batches = input.piece()
    if kind & 0x80 != 0 { repairBatches(&batches) }
    let end = replica.log.logEndOffset
    let start = replica.log.logStartOffset
    batches.withSpan { _ = try? replica.appendAsFollower($0, epoch: epoch) }
    // An empty log may begin in the middle of a batch.
    require(
        replica.log.logEndOffset >= end || start == end, "an append shortened the log")
}

/// As `FollowerTruncation` does it.
private func cut(_ replica: PartitionReplica, at end: Offset) {
    guard (try? replica.prepareTruncation(to: end)) != nil else { return }
    let onDisk = replica.log.flushedOffset
    guard (try? replica.truncate(to: end)) != nil else { return }
    // A cut within a batch takes all of it, and begins before its offset.
    require(onDisk <= replica.log.logEndOffset, "what is cut off counts as being on disk")
}

private func check(_ replica: PartitionReplica) {
    let log = replica.log
    require(log.logStartOffset <= log.logEndOffset, "the log ends before it starts")
    require(log.flushedOffset <= log.logEndOffset, "more is flushed than there is")
    require(
        log.logStartOffset...log.logEndOffset ~= replica.highWatermark,
        "the high watermark is outside of the log")
    require(
        replica.visibleEnd(readCommitted: true) <= replica.highWatermark,
        "what is not committed can be read")
}
