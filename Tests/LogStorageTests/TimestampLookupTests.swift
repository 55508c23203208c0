import KafkaRecords
import KafkaWire
import Testing

@testable import LogStorage

/// Records found by time: the first at or after a timestamp, and the latest of all.
@Suite struct TimestampLookupTests {
    private func log() throws -> PartitionLog {
        let files = try TestLog.fileSystem()
        return try TestLog.open(files)
    }

    private func found(_ log: PartitionLog, _ timestamp: Int64, upTo end: Int64? = nil) throws
        -> [Int64]?
    {
        let end = end.map { Offset($0) } ?? log.logEndOffset
        return try log.offset(forTimestamp: timestamp, upTo: end)
            .map { [$0.timestamp, $0.offset.rawValue] }
    }

    @Test func anEmptyLogHasNone() throws {
        let log = try log()
        #expect(try found(log, 0) == nil)
        #expect(try log.maxTimestampOffset() == nil)
    }

    @Test func theFirstRecordAtOrAfterTheTimestampIsFound() throws {
        let log = try log()
        for number in 0..<200 as Range<Int64> {
            try log.append(try testBatch([.init("k", "v", at: 1000 + number * 10)]))
        }
        #expect(log.segments.count > 3)
        for asked in [0, 999, 1000, 1001, 1990, 2500, 2985, 2990] as [Int64] {
            let number = max(0, (asked - 1000 + 9) / 10)
            #expect(try found(log, asked) == [1000 + number * 10, number])
        }
        #expect(try found(log, 2991) == nil)
        #expect(try found(log, .min) == [1000, 0])
        #expect(try found(log, .max) == nil)
    }

    @Test func withinABatchTheRecordItselfIsFound() throws {
        let log = try log()
        let times: [Int64] = [50, 10, 70, 70, 60]
        try log.append(
            try testBatch(times.map { .init("k", "v", at: $0) }, compression: .zstd))
        #expect(try found(log, 0) == [50, 0])
        #expect(try found(log, 51) == [70, 2])
        #expect(try found(log, 71) == nil)
        // Of equal ones the first.
        #expect(try log.maxTimestampOffset()?.offset == Offset(2))
    }

    @Test func timesThatGoBackAcrossSegmentsAreFoundInOffsetOrder() throws {
        let log = try log()
        for number in 0..<100 as Range<Int64> {
            try log.append(try testBatch([.init("k", "v", at: 5000 - number * 10)]))
        }
        #expect(log.segments.count > 2)
        #expect(try found(log, 4500) == [5000, 0])
        #expect(try found(log, 5001) == nil)
        #expect(try log.maxTimestampOffset()?.offset == Offset(0))
    }

    @Test func nothingAtOrAboveTheEndIsTold() throws {
        let log = try log()
        for number in 0..<10 as Range<Int64> {
            try log.append(try testBatch([.init("k", "v", at: 100 + number)]))
        }
        #expect(try found(log, 105, upTo: 6) == [105, 5])
        #expect(try found(log, 105, upTo: 5) == nil)
    }

    @Test func markersAreNotRecords() throws {
        let log = try log()
        let producer = TestProducer(id: 1, isTransactional: true)
        try log.append(try testBatch([.init("k", "v", at: 100)], by: producer))
        try log.append(try testMarker(commit: true, of: producer, at: 900), origin: .coordinator)
        try log.append(try testBatch([.init("k", "v", at: 300)]))
        #expect(try found(log, 200) == [300, 2])
        #expect(try found(log, 301) == nil)
    }

    @Test func recordsBelowTheLogStartAreNotFound() throws {
        let log = try log()
        try log.append(
            try testBatch([
                .init("a", "1", at: 10), .init("b", "1", at: 20), .init("c", "1", at: 5),
            ]))
        try log.deleteRecords(before: Offset(2))
        #expect(try found(log, 0) == [5, 2])
        #expect(try found(log, 10) == nil)
    }
}
