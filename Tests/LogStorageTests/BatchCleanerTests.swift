import KafkaRecords
import KafkaWire
import Testing

@testable import LogStorage

/// What compaction leaves of single batches.
@Suite struct BatchCleanerTests {
    private static let now: Int64 = 10_000
    private static let deleteRetentionMs: Int64 = 500
    private let producer = TestProducer(id: 7, epoch: 2, isTransactional: true)

    // MARK: Helpers

    private func cleaner(
        now: Int64 = now, highWatermark: Int64 = 1000,
        last: [ProducerID: BatchCleaner.LastRecord] = [:], aborted: [AbortedTransaction] = []
    ) -> BatchCleaner {
        var cleaner = BatchCleaner(
            rules: .init(
                now: now, deleteRetentionMs: Self.deleteRetentionMs, decompressionLimit: 1 << 20,
                highWatermark: Offset(highWatermark), lastRecords: last))
        cleaner.transactions.add(aborted)
        return cleaner
    }

    /// A map of the keys' last offsets, that has seen all up to `end`.
    private func map(_ last: [String: Int64], upTo end: Int64 = 100) -> OffsetMap {
        var map = OffsetMap(
            memoryLimit: 1 << 16, loadFactor: 0.9, keys: 100,
            secret: KeyHash.Secret(k0: 1, k1: 2))
        for (key, offset) in last.sorted(by: { $0.key < $1.key }) {
            expect(map.put(Array(key.utf8), Offset(offset)))
        }
        map.advance(to: Offset(end))
        return map
    }

    private func batch(
        at base: Int64, _ records: [TestRecord], by producer: TestProducer = .none,
        compression: CompressionType = .none
    ) throws -> [UInt8] {
        var options = RecordBatchBuilder.Options(producer, compression: compression)
        options.baseOffset = Offset(base)
        var builder = RecordBatchBuilder(options)
        for record in records {
            builder.append(
                timestamp: record.timestamp, key: record.key.map { Array($0.utf8) },
                value: record.value.map { Array($0.utf8) })
        }
        return try builder.finish()
    }

    private func marker(at base: Int64, commit: Bool) throws -> [UInt8] {
        var bytes = try testMarker(commit: commit, of: producer)
        for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: base >> (8 * (7 - index))) }
        return bytes
    }

    /// What is left: the batch's bytes as they are or anew; `nil` when it is dropped.
    private func clean(
        _ bytes: [UInt8], _ cleaner: inout BatchCleaner, _ map: OffsetMap
    ) throws -> [UInt8]? {
        // Bytes have no padding.
        let span = unsafe bytes.span.bytes
        switch try cleaner.clean(span, try RecordBatchHeader(span, at: 0), map) {
        case .dropped: return nil
        case .kept: return bytes
        case .rewritten(let batch, _): return batch
        }
    }

    private func header(_ bytes: [UInt8]?) throws -> RecordBatchHeader {
        let bytes = try #require(bytes)
        // Bytes have no padding.
        return try unsafe RecordBatchHeader(bytes.span.bytes, at: 0)
    }

    private func offsets(_ bytes: [UInt8]?) throws -> [Int64] {
        let bytes = try #require(bytes)
        // Bytes have no padding.
        return try unsafe BatchReader.records(bytes.span.bytes, limit: 1 << 20)
            .map(\.offset.rawValue)
    }

    // MARK: Records

    @Test func onlyTheLastRecordOfAKeyStays() throws {
        var cleaner = cleaner()
        let bytes = try batch(
            at: 10, [.init("a", "1"), .init("b", "1"), .init("a", "2")], compression: .lz4)
        let left = try clean(bytes, &cleaner, map(["a": 12, "b": 40]))
        #expect(try offsets(left) == [12])
        // Whoever counts on the batch's range and sequence numbers finds them as they were.
        let after = try header(left)
        #expect(after.baseOffset == Offset(10) && after.lastOffset == Offset(12))
        #expect(after.compression == .lz4)
    }

    @Test func aBatchWhoseRecordsAllStayIsCopied() throws {
        var cleaner = cleaner()
        let bytes = try batch(at: 10, [.init("a", "1"), .init("b", "1")])
        #expect(try clean(bytes, &cleaner, map(["a": 10, "b": 11])) == bytes)
        // Keys of which the dirty part knows nothing.
        #expect(try clean(bytes, &cleaner, map([:])) == bytes)
    }

    @Test func whatTheMapHasNotSeenIsNotTouched() throws {
        var cleaner = cleaner()
        let bytes = try batch(at: 10, [.init("a", "1"), .init("a", "2")])
        #expect(try clean(bytes, &cleaner, map(["a": 9], upTo: 9)) == bytes)
        // The map became full in the middle of the batch.
        let half = try clean(bytes, &cleaner, map(["a": 10], upTo: 10))
        #expect(try offsets(half) == [10, 11])
    }

    @Test func recordsWithoutAKeyGoAndAreCounted() throws {
        var cleaner = cleaner()
        let bytes = try batch(at: 0, [.init(nil, "1"), .init("a", "1")])
        #expect(try offsets(try clean(bytes, &cleaner, map(["a": 1]))) == [1])
        #expect(cleaner.keylessRecords == 1)
    }

    @Test func theLastBatchOfAProducerAndOfTheLogStayEmpty() throws {
        let bytes = try batch(at: 10, [.init("a", "1"), .init("a", "2")], by: .init(id: 7))
        let newer = map(["a": 50])
        var others = cleaner()
        #expect(try clean(bytes, &others, newer) == nil)
        var last = cleaner(
            last: [ProducerID(7): .init(lastDataOffset: Offset(11), producerEpoch: 0)])
        let left = try header(try clean(bytes, &last, newer))
        #expect(left.recordCount == 0 && left.lastOffset == Offset(11) && left.baseSequence == 0)
        var atEnd = cleaner(highWatermark: 12)
        #expect(try header(try clean(bytes, &atEnd, newer)).recordCount == 0)
    }

    // MARK: Tombstones (KIP-534)

    @Test func aTombstoneGetsItsHorizonAtTheFirstCleaningAndGoesAfterIt() throws {
        let bytes = try batch(at: 10, [.init("a", nil)])
        let last = map(["a": 10])
        var first = cleaner()
        let marked = try #require(try clean(bytes, &first, last))
        #expect(try header(marked).deleteHorizonMs == Self.now + Self.deleteRetentionMs)
        #expect(try offsets(marked) == [10])

        var before = cleaner(now: Self.now + Self.deleteRetentionMs - 1)
        #expect(try clean(marked, &before, last) == marked)
        var after = cleaner(now: Self.now + Self.deleteRetentionMs)
        #expect(try clean(marked, &after, last) == nil)
    }

    @Test func aHorizonBeyondTheEndOfTimeIsTheEndOfTime() throws {
        var cleaner = cleaner(now: .max - 1)
        let left = try clean(try batch(at: 0, [.init("a", nil)]), &cleaner, map(["a": 0]))
        #expect(try header(left).deleteHorizonMs == .max)
    }

    @Test func valuesOutliveTheHorizonOfTheirBatch() throws {
        let last = map(["a": 10, "b": 11])
        var first = cleaner()
        let marked = try #require(
            try clean(try batch(at: 10, [.init("a", nil), .init("b", "1")]), &first, last))
        var after = cleaner(now: Self.now + Self.deleteRetentionMs)
        #expect(try offsets(try clean(marked, &after, last)) == [11])
    }

    // MARK: Transactions

    private var abort: AbortedTransaction {
        AbortedTransaction(
            producerID: ProducerID(7), firstOffset: Offset(10), lastOffset: Offset(12),
            lastStableOffset: Offset(10))
    }

    @Test func abortedDataGoesAndItsMarkerOnlyAtTheNextCleaning() throws {
        let data = try batch(at: 10, [.init("a", "1"), .init("b", "1")], by: producer)
        let end = try marker(at: 12, commit: false)
        let keys = map(["c": 50])
        var first = cleaner(aborted: [abort])
        #expect(try clean(data, &first, keys) == nil)
        // Readers of the old segment may still hold the data: the index goes on listing it.
        #expect(try clean(end, &first, keys) == end)
        #expect(first.listed == [abort])

        var second = cleaner(aborted: [abort])
        let marked = try #require(try clean(end, &second, keys))
        #expect(try header(marked).deleteHorizonMs == Self.now + Self.deleteRetentionMs)
        #expect(second.listed.isEmpty)
        var third = cleaner(now: Self.now + Self.deleteRetentionMs)
        #expect(try clean(marked, &third, keys) == nil)
    }

    @Test func aCommittedTransactionKeepsItsMarkerWhileDataIsLeft() throws {
        let data = try batch(at: 10, [.init("a", "1"), .init("b", "1")], by: producer)
        let end = try marker(at: 12, commit: true)
        let keys = map(["a": 10, "b": 40])
        var first = cleaner()
        #expect(try offsets(try clean(data, &first, keys)) == [10])
        #expect(try clean(end, &first, keys) == end)
        // All superseded: nothing of it was seen before its marker.
        var second = cleaner()
        #expect(try header(try clean(end, &second, keys)).deleteHorizonMs != nil)
    }

    @Test func theMarkerOfAnActiveProducersEpochStaysEmpty() throws {
        let end = try marker(at: 12, commit: true)
        var first = cleaner()
        let marked = try #require(try clean(end, &first, map([:])))
        var after = cleaner(
            now: Self.now + Self.deleteRetentionMs,
            last: [ProducerID(7): .init(lastDataOffset: nil, producerEpoch: 2)])
        let left = try header(try clean(marked, &after, map([:])))
        #expect(left.recordCount == 0 && left.isControl && left.producerEpoch == 2)
    }

    /// The cleaner knows nothing of them, and somebody may.
    @Test(arguments: [
        ControlRecordType.leaderChange.key, ControlRecordType.kraftVoters.key, [0, 0, 0, 99],
    ])
    func otherControlRecordsStay(key: [UInt8]) throws {
        let bytes = try controlBatch(key: key, value: [1], at: 12)
        var cleaner = cleaner(now: .max)
        #expect(try clean(bytes, &cleaner, map(["a": 50])) == bytes)
    }

    @Test func anEmptiedMarkerGoesOnceItsHorizonHasPassed() throws {
        var first = cleaner()
        let marked = try #require(try clean(try marker(at: 12, commit: true), &first, map([:])))
        let last = [ProducerID(7): BatchCleaner.LastRecord(lastDataOffset: nil, producerEpoch: 2)]
        let later = Self.now + Self.deleteRetentionMs
        var second = cleaner(now: later, last: last)
        let emptied = try #require(try clean(marked, &second, map([:])))
        #expect(try header(emptied).recordCount == 0)
        // As long as nobody has written since, it tells the producer's epoch.
        var third = cleaner(now: later, last: last)
        #expect(try clean(emptied, &third, map([:])) == emptied)
        var fourth = cleaner(now: later)
        #expect(try clean(emptied, &fourth, map([:])) == nil)
    }

    // MARK: Damage

    @Test func recordsOutsideOfTheirBatchAreDamage() throws {
        var cleaner = cleaner()
        let bytes = patched(
            try batch(at: 10, [.init("a", "1"), .init("b", "1")]), at: 23, with: [0, 0, 0, 0])
        #expect(throws: BatchError.invalid("the record at 11 is out of order in its batch")) {
            try clean(bytes, &cleaner, map(["a": 50]))
        }
    }

    @Test func aBatchThatUnpacksToTooMuchIsRefused() throws {
        var cleaner = BatchCleaner(
            rules: .init(
                now: 0, deleteRetentionMs: 0, decompressionLimit: 100, highWatermark: Offset(1000),
                lastRecords: [:]))
        let value = String(repeating: "x", count: 10_000)
        let bytes = try batch(at: 0, [.init("a", value)], compression: .zstd)
        #expect(throws: BatchError.self) { try clean(bytes, &cleaner, map(["a": 0])) }
    }
}
