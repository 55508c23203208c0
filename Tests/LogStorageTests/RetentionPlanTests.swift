import KafkaWire
import Testing

@testable import LogStorage

@Suite struct RetentionPlanTests {
    /// Four segments of ten offsets and 100 bytes; the youngest records are 400, 300, 200, 100 ms
    /// old.
    private let segments = (0..<4).map { index in
        SegmentSummary(
            baseOffset: Offset(Int64(index * 10)), sizeInBytes: 100,
            largestTimestamp: Int64(600 + index * 100))
    }

    private func plan(
        _ segments: [SegmentSummary], retentionMs: Int64 = -1, retentionBytes: Int = -1,
        policy: (delete: Bool, compact: Bool) = (true, false), start: Int64 = 0, end: Int64 = 40,
        highWatermark: Int64 = 40, now: Int64 = 1000
    ) -> RetentionPlan {
        var config = LogConfig()
        config.retentionMs = retentionMs
        config.retentionBytes = retentionBytes
        config.delete = policy.delete
        config.compact = policy.compact
        return RetentionPlan(
            segments: segments, config: config, logStartOffset: Offset(start),
            logEndOffset: Offset(end), highWatermark: Offset(highWatermark), now: now)
    }

    @Test func withoutLimitsNothingGoes() {
        #expect(plan(segments).count == 0)
    }

    @Test func ageIsThatOfTheYoungestRecord() {
        #expect(plan(segments, retentionMs: 250).reasons == [.time, .time])
        #expect(plan(segments, retentionMs: 300).reasons == [.time])
        #expect(plan(segments, retentionMs: 400).count == 0)
    }

    @Test func aYoungSegmentKeepsTheOlderOnesBehindIt() {
        var mixed = segments
        mixed[1].largestTimestamp = 1000
        #expect(plan(mixed, retentionMs: 250).count == 1)
        mixed[0].largestTimestamp = 5000
        #expect(plan(mixed, retentionMs: 0).count == 0)
    }

    @Test func theActiveSegmentIsRolledWhenAllIsExpired() {
        let all = plan(segments, retentionMs: 50)
        #expect(all.count == 4 && all.rollsActiveSegment)
        var empty = segments
        empty[3].sizeInBytes = 0
        let rest = plan(empty, retentionMs: 50)
        #expect(rest.count == 3 && !rest.rollsActiveSegment)
    }

    @Test func sizeLeavesAtLeastTheLimit() {
        #expect(plan(segments, retentionBytes: 400).count == 0)
        #expect(plan(segments, retentionBytes: 301).count == 0)
        #expect(plan(segments, retentionBytes: 300).reasons == [.size])
        #expect(plan(segments, retentionBytes: 100).count == 3)
        #expect(plan(segments, retentionBytes: 0).rollsActiveSegment)
    }

    @Test func nothingAboveTheHighWatermarkGoes() {
        #expect(plan(segments, retentionMs: 0, highWatermark: 39).count == 3)
        #expect(plan(segments, retentionMs: 0, highWatermark: 9).count == 0)
        #expect(plan(segments, start: 20, highWatermark: 10).count == 1)
    }

    @Test func whatLiesBelowTheLogStartGoesUnderEveryPolicy() {
        for policy in [(false, false), (false, true), (true, false), (true, true)] {
            let found = plan(segments, policy: policy, start: 25)
            #expect(found.reasons == [.logStartOffset, .logStartOffset])
        }
        #expect(plan(segments, start: 40).count == 3)
    }

    @Test func ageAndSizeNeedThePolicyDelete() {
        for policy in [(false, true), (false, false)] {
            #expect(plan(segments, retentionMs: 0, retentionBytes: 0, policy: policy).count == 0)
        }
        #expect(plan(segments, retentionMs: 0, policy: (true, true)).count == 4)
    }

    @Test func reasonsAddUpInOrder() {
        let found = plan(segments, retentionMs: 150, retentionBytes: 200, start: 10)
        #expect(found.reasons == [.logStartOffset, .size, .time])
    }

    @Test func absurdTimestampsDoNotTrap() {
        var odd = segments
        odd[0].largestTimestamp = .min
        odd[1].largestTimestamp = .max
        #expect(plan(odd, retentionMs: .max).count == 1)
        #expect(plan(odd, retentionMs: 10, now: -5).count == 1)
        #expect(plan([], retentionMs: 0).count == 0)
    }
}
