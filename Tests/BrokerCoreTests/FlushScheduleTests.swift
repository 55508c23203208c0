import BrokerCore
import KafkaWire
import LogStorage
import Replication
import Testing

/// When partitions are synced, by virtual time.
@Suite struct FlushScheduleTests {
    private final class NoLock: PartitionLock {
        func enter() {}
        func leave() {}
    }

    private static let ms: Int64 = 1_000_000
    private let cells: [PartitionCell]
    private var schedule: FlushSchedule

    init() throws {
        let disk = MemoryFileSystem()
        cells = try (Int32(0)..<3).map { number throws in
            let name = TopicPartition(topic: "t", partition: number)
            let log = try PartitionLog.open(
                directory: "/data/\(name)", topicPartition: name, topicID: nil,
                config: LogConfig(), fileSystem: disk, recoveryPoint: .zero,
                logStartOffset: .zero, cleanShutdown: false, now: 0)
            return PartitionCell(
                replica: PartitionReplica(
                    log: log, role: .leader(LeaderEpoch(1)), highWatermark: .zero),
                topicID: .zero, logDirectory: "/data", makeLock: { NoLock() })
        }
        var pace = FlushPace()
        pace.intervalMs = 50
        pace.consumerMs = 5
        schedule = FlushSchedule(pace: pace)
    }

    /// The numbers of the partitions that are due.
    private mutating func due(_ ms: Int64) -> [Int32] {
        schedule.takeDue(now: ms * Self.ms).map(\.topicPartition.partition)
    }

    private mutating func want(_ cell: Int, _ urgency: FlushUrgency, _ ms: Int64) {
        schedule.want(cells[cell], urgency, now: ms * Self.ms)
    }

    @Test mutating func whatIsRequiredIsDueAtOnceAndOnce() {
        #expect(schedule.nextDue == nil)
        want(1, .required, 10)
        want(1, .required, 10)
        #expect(schedule.nextDue == 0)
        #expect(due(10) == [1])
        #expect(due(10) == [])
        #expect(schedule.nextDue == nil)
    }

    @Test mutating func whatIsPacedWaitsForTheInterval() {
        want(0, .paced, 10)
        want(0, .paced, 30)
        want(2, .paced, 31)
        #expect(schedule.nextDue == 60 * Self.ms)
        #expect(due(59) == [])
        #expect(due(60) == [0])
        #expect(schedule.nextDue == 81 * Self.ms)
        #expect(due(81) == [2])
    }

    @Test mutating func consumersWaitAsLongAsTheLastRoundTookAtMost() {
        want(0, .awaited, 10)
        #expect(due(10) == [0], "the first one waits for nothing")
        schedule.finished(began: 10 * Self.ms, now: 12 * Self.ms)
        want(0, .awaited, 12)
        #expect(schedule.nextDue == 14 * Self.ms)
        #expect(due(13) == [])
        #expect(due(14) == [0])
        schedule.finished(began: 20 * Self.ms, now: 90 * Self.ms)
        want(0, .awaited, 90)
        #expect(due(94) == [])
        #expect(due(95) == [0], "a slow disk holds them back for 5 ms at most")
    }

    @Test mutating func urgencyOnlyGrows() {
        want(0, .paced, 0)
        want(0, .awaited, 1)
        want(0, .required, 2)
        want(0, .paced, 3)
        #expect(due(3) == [0])
        #expect(due(1000) == [], "what was asked for before was served with it")
        want(0, .paced, 1000)
        #expect(due(1049) == [])
        #expect(due(1050) == [0])
    }

    @Test mutating func theMostUrgentComesFirst() {
        want(0, .paced, 0)
        want(1, .awaited, 0)
        want(2, .required, 0)
        #expect(due(50) == [2, 1, 0])
    }
}
