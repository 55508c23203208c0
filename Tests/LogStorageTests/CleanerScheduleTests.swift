import KafkaWire
import Testing

@testable import LogStorage

@Suite struct CleanerScheduleTests {
    // MARK: What can be cleaned

    private func log(lastStable: Int64 = 40) -> CleanableLog {
        CleanableLog(
            segments: (0..<4).map {
                SegmentSummary(
                    baseOffset: Offset(Int64($0 * 10)), sizeInBytes: 100,
                    largestTimestamp: Int64($0 * 100))
            },
            firstTimestamps: [1, 100, 200, 300], logStartOffset: .zero,
            logEndOffset: Offset(40), lastStableOffset: Offset(lastStable))
    }

    private func range(
        _ log: CleanableLog, checkpoint: Int64? = nil, minLag: Int64 = 0, maxLag: Int64 = .max,
        now: Int64 = 1000
    ) -> CleanableRange {
        var config = LogConfig()
        config.compact = true
        config.minCompactionLagMs = minLag
        config.maxCompactionLagMs = maxLag
        return CleanableRange(
            log, checkpoint: checkpoint.map { Offset($0) }, config: config, now: now)
    }

    @Test func allButTheActiveSegmentIsDirtyAtFirst() {
        let found = range(log())
        #expect(found.firstDirtyOffset == .zero && found.firstUncleanableOffset == Offset(30))
        #expect(found.dirtyBytes == 300 && found.cleanBytes == 0 && found.dirtyRatio == 1)
    }

    @Test func theCheckpointSeparatesCleanFromDirty() {
        let found = range(log(), checkpoint: 20)
        #expect(found.cleanBytes == 200 && found.dirtyBytes == 100)
        #expect(abs(found.dirtyRatio - 1.0 / 3) < 1e-9)
        #expect(found.isDue(minCleanableDirtyRatio: 0.3))
        #expect(!found.isDue(minCleanableDirtyRatio: 0.5))
        #expect(range(log(), checkpoint: 30).dirtyBytes == 0)
        #expect(range(log(), checkpoint: 40).dirtyBytes == 0)
        #expect(range(log(), checkpoint: 15).dirtyBytes == 200)
    }

    @Test func aCheckpointOutsideOfTheLogIsReset() {
        var trimmed = log()
        trimmed.logStartOffset = Offset(12)
        for checkpoint: Int64 in [5, 41] {
            let found = range(trimmed, checkpoint: checkpoint)
            #expect(found.checkpointIsInvalid && found.firstDirtyOffset == Offset(12))
        }
        #expect(!range(trimmed, checkpoint: 12).checkpointIsInvalid)
    }

    @Test func openTransactionsAndYoungRecordsAreLeftAlone() {
        #expect(range(log(lastStable: 29)).firstUncleanableOffset == Offset(20))
        #expect(range(log(lastStable: 20)).firstUncleanableOffset == Offset(20))
        #expect(range(log(lastStable: 0)).dirtyBytes == 0)
        #expect(range(log(), minLag: 850).firstUncleanableOffset == Offset(20))
        #expect(range(log(), minLag: 2000).dirtyBytes == 0)
        #expect(range(log(), minLag: .max).dirtyBytes == 0)
    }

    @Test func whatIsDirtyForTooLongIsDueAtOnce() {
        let old = range(log(), checkpoint: 20, maxLag: 700)
        #expect(old.compactionDelayMs == 100)
        #expect(old.isDue(minCleanableDirtyRatio: 1))
        #expect(range(log(), checkpoint: 20, maxLag: 800).compactionDelayMs == 0)
        #expect(!range(log(), checkpoint: 30, maxLag: 1).isDue(minCleanableDirtyRatio: 0))
    }

    // MARK: Which is next

    private func candidate(_ topic: String, checkpoint: Int64) -> CleaningSchedule.Candidate {
        CleaningSchedule.Candidate(
            topicPartition: TopicPartition(topic: topic, partition: 0),
            range: range(log(), checkpoint: checkpoint), minCleanableDirtyRatio: 0.5)
    }

    @Test func theDirtiestIsNextAndOnlyOnce() {
        var schedule = CleaningSchedule()
        let all = [
            candidate("clean", checkpoint: 20), candidate("b", checkpoint: 10),
            candidate("c", checkpoint: 0), candidate("a", checkpoint: 10),
        ]
        expect(schedule.begin(all)?.topicPartition.topic == "c")
        expect(schedule.begin(all)?.topicPartition.topic == "a")
        expect(schedule.begin(all)?.topicPartition.topic == "b")
        expect(schedule.begin(all) == nil)
        expect(schedule.finish(all[2].topicPartition))
        expect(schedule.begin(all)?.topicPartition.topic == "c")
    }

    @Test func pausedLogsAreNotCleanedUntilAllHaveResumed() {
        var schedule = CleaningSchedule()
        let one = candidate("t", checkpoint: 0)
        let partition = one.topicPartition
        expect(schedule.pause(partition))
        expect(schedule.pause(partition))
        schedule.resume(partition)
        expect(schedule.begin([one]) == nil)
        schedule.resume(partition)
        expect(schedule.begin([one]) != nil)
    }

    @Test func aCleanerIsToldToStop() {
        var schedule = CleaningSchedule()
        let one = candidate("t", checkpoint: 0)
        let partition = one.topicPartition
        expect(schedule.begin([one]) != nil)
        expect(!schedule.pause(partition))
        #expect(schedule.isStopping(partition))
        expect(!schedule.finish(partition))
        expect(schedule.begin([one]) == nil)
        schedule.resume(partition)
        expect(schedule.begin([one]) != nil)
        expect(!schedule.pause(partition))
        schedule.resume(partition)
        expect(!schedule.finish(partition))
        #expect(schedule.isIdle(partition))
    }

    @Test func logsThatCannotBeCleanedAreLeftAloneAndReported() {
        var schedule = CleaningSchedule()
        let one = candidate("t", checkpoint: 0)
        schedule.markUncleanable(one.topicPartition, reason: "a batch is damaged")
        expect(schedule.begin([one]) == nil)
        #expect(schedule.uncleanableLogs.map(\.reason) == ["a batch is damaged"])
        schedule.forget(one.topicPartition)
        expect(schedule.begin([one]) != nil)
    }

    // MARK: Groups

    private func segment(
        _ base: Int64, log: Int = 100, index: Int = 8, time: Int = 12
    ) -> GroupableSegment {
        GroupableSegment(
            baseOffset: Offset(base), logBytes: log, offsetIndexBytes: index, timeIndexBytes: time)
    }

    @Test func groupsStayWithinEveryLimit() {
        let segments = [segment(0), segment(10), segment(20), segment(30)]
        let groups = { (log: Int, index: Int) in
            SegmentGrouping.groups(
                segments, maxLogBytes: log, maxIndexBytes: index, end: Offset(40))
        }
        #expect(groups(400, 100) == [0..<4])
        #expect(groups(399, 100) == [0..<3, 3..<4])
        #expect(groups(250, 100) == [0..<2, 2..<4])
        #expect(groups(1, 1) == [0..<1, 1..<2, 2..<3, 3..<4])
        #expect(groups(400, 24) == [0..<2, 2..<4])
        #expect(groups(400, 35) == [0..<2, 2..<4])
        #expect(groups(400, 36) == [0..<3, 3..<4])
        #expect(
            SegmentGrouping.groups([], maxLogBytes: 1, maxIndexBytes: 1, end: .zero).isEmpty)
    }

    @Test func offsetsOfAGroupFitIntoItsIndex() {
        let span = LogSegment.maxOffsetSpan
        let groups = { (base: Int64, end: Int64, size: Int) in
            SegmentGrouping.groups(
                [segment(0), segment(base, log: size)], maxLogBytes: 1000, maxIndexBytes: 1000,
                end: Offset(end)
            ).count
        }
        #expect(groups(10, span + 1, 100) == 1)
        #expect(groups(10, span + 2, 100) == 2)
        #expect(groups(10, span + 2, 0) == 1)
    }
}
