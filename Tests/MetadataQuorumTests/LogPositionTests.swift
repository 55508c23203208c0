import KafkaWire
import LogStorage
import Testing

@testable import MetadataQuorum

/// What a leader makes of where a follower's log ends, when its own begins behind a snapshot.
@Suite struct LogPositionTests {
    private static let older = SnapshotID(endOffset: Offset(10), epoch: LeaderEpoch(1))
    private static let newer = SnapshotID(endOffset: Offset(20), epoch: LeaderEpoch(3))

    /// A log that began anew behind a snapshot which it had fetched, with an older one at hand.
    private func makeLog() throws -> MetadataLog {
        let disk = MemoryFileSystem()
        try disk.createDirectory("/meta")
        let log = try MetadataLog(
            logDirectory: "/meta",
            settings: QuorumSettings(listenerName: "CONTROLLER", mayVote: true),
            fileSystem: disk, now: 0)
        log.note(Self.older)
        log.note(Self.newer)
        try log.start(behind: Self.newer)
        return log
    }

    private func position(_ offset: Int64, _ epoch: Int32) throws -> LogPosition {
        try makeLog().position(of: Offset(offset), LeaderEpoch(epoch))
    }

    /// It has the snapshot: told to fetch it, it would never get on.
    @Test func whoEndsWhereTheLogBeginsReadsOn() throws {
        #expect(try position(20, 3) == .valid)
    }

    @Test func whoEndsBeforeItNeedsTheSnapshot() throws {
        for (offset, epoch) in [(0, 0), (10, 1), (19, 3)] as [(Int64, Int32)] {
            #expect(try position(offset, epoch) == .snapshot(Self.newer))
        }
    }

    @Test func whoHasAnotherRecordThereNeedsTheSnapshot() throws {
        for (offset, epoch) in [(20, 2), (20, 1), (25, 2)] as [(Int64, Int32)] {
            #expect(try position(offset, epoch) == .snapshot(Self.newer))
        }
    }
}
