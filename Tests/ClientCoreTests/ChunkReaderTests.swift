import KafkaRecords
import KafkaWire
import Testing

@testable import ClientCore

/// What a reader is given of the bytes that came.
@Suite struct ChunkReaderTests {
    private static let partition = TopicPartition(topic: "t", partition: 0)

    /// The values of all records, batch by batch, and where reading goes on.
    private func read(
        _ bytes: [UInt8], from offset: Int64 = 0, aborted: [(Int64, Int64)] = [],
        _ isolation: IsolationLevel = .readCommitted, maxBatchBytes: Int = 1 << 20
    ) throws -> (values: [String], next: [Int64]) {
        var settings = ConsumerSettings(network: NetworkSettings(bootstrap: []))
        settings.isolation = isolation
        settings.maxBatchBytes = maxBatchBytes
        let frame = [0xAA] + bytes + [0xBB]
        var reader = ChunkReader(
            FetchedChunk(
                partition: Self.partition, generation: 1, frame: frame,
                range: 1..<frame.count - 1, fetchOffset: Offset(offset),
                aborted: aborted.map { (ProducerID($0), Offset($1)) }), settings)
        var (values, next): ([String], [Int64]) = ([], [])
        while let batch = try reader.next() {
            values += batch.records.map { String(decoding: $0.value ?? [], as: UTF8.self) }
            next.append(batch.nextOffset.rawValue)
        }
        return (values, next)
    }

    @Test func recordsBeforeTheOffsetAreLeftOut() throws {
        let bytes = try Batches.batch(["a", "b", "c"], at: 10) + Batches.batch(["d"], at: 13)
        let found = try read(bytes, from: 12)
        #expect(found.values == ["c", "d"])
        #expect(found.next == [13, 14])
    }

    /// Two transactions that overlap, one of which was aborted, and others of the same producer.
    @Test func whatWasAbortedIsForThoseWhoAskForAll() throws {
        let bytes =
            try Batches.batch(["bad0"], at: 0, producer: 1)
            + Batches.batch(["good0"], at: 1, producer: 2)
            + Batches.batch(["plain"], at: 2) + Batches.batch(["bad1"], at: 3, producer: 1)
            + Batches.marker(commit: false, of: 1, at: 4)
            + Batches.batch(["good1"], at: 5, producer: 1)
            + Batches.marker(commit: true, of: 2, at: 6)
            + Batches.marker(commit: true, of: 1, at: 7)
        let committed = try read(bytes, aborted: [(1, 0)])
        #expect(committed.values == ["good0", "plain", "good1"])
        #expect(committed.next == Array(1...8))
        let all = try read(bytes, aborted: [], .readUncommitted)
        #expect(all.values == ["bad0", "good0", "plain", "bad1", "good1"])
    }

    @Test(arguments: [CompressionType.gzip, .snappy, .lz4, .zstd])
    func compressedRecordsAreReadWithinTheirLimit(_ compression: CompressionType) throws {
        let value = String(repeating: "x", count: 5000)
        let bytes = try Batches.batch([value, "y"], at: 0, compression: compression)
        #expect(try read(bytes).values == [value, "y"])
        #expect(throws: ClientError.self) { try read(bytes, maxBatchBytes: 4000) }
    }

    /// Keys, tombstones and headers of a record, made when they are asked for.
    @Test(arguments: [CompressionType.none, .lz4])
    func allOfARecordIsThere(_ compression: CompressionType) throws {
        var builder = RecordBatchBuilder(.init(compression: compression))
        let headers = [RecordHeader(key: "h", value: [1, 2]), RecordHeader(key: "n", value: nil)]
        builder.append(timestamp: 7, key: nil, value: Array("v".utf8), headers: headers)
        builder.append(timestamp: 8, key: Array("key".utf8), value: nil)
        let frame = try builder.finish()
        var reader = ChunkReader(
            FetchedChunk(
                partition: Self.partition, generation: 1, frame: frame, range: 0..<frame.count,
                fetchOffset: .zero, aborted: []),
            ConsumerSettings(network: NetworkSettings(bootstrap: [])))
        let batch = try #require(try reader.next())
        let (first, second) = (batch.records[0], batch.records[1])
        #expect(first.key == nil && first.keySize == nil)
        #expect(first.value == Array("v".utf8) && first.valueSize == 1)
        #expect(first.headers == headers && first.timestamp == 7)
        #expect(first.withKey { $0.count } == nil)
        #expect(second.key == Array("key".utf8) && second.value == nil)
        #expect(second.withValue { $0.count } == nil)
        #expect(second.headers.isEmpty && second.offset == Offset(1))
        #expect(first.topic == "t" && first.partition == 0)
        #expect(Set([first, first, second]).count == 2 && first != second)
        #expect(batch.dropFirst(1).records.map(\.offset) == [Offset(1)])
        #expect(try reader.next() == nil)
    }

    @Test func damageIsToldEachTime() throws {
        var bytes = try Batches.batch(["a"], at: 0)
        bytes[bytes.count - 1] ^= 1
        var reader = ChunkReader(
            FetchedChunk(
                partition: Self.partition, generation: 1, frame: bytes, range: 0..<bytes.count,
                fetchOffset: .zero, aborted: []),
            ConsumerSettings(network: NetworkSettings(bootstrap: [])))
        for _ in 0..<2 {
            let error = #expect(throws: ClientError.self) { try reader.next() }
            guard case .corruptRecords? = error else {
                Issue.record("another error: \(String(describing: error))")
                return
            }
        }
    }

    /// A place in memory is taken for each record: a batch of many small ones is bounded too.
    @Test func aBatchOfTooManyRecordsIsRefused() throws {
        let values = Array(repeating: "", count: 100)
        let place = MemoryLayout<RecordPlace>.stride
        let bytes = try Batches.batch(values, at: 0)
        #expect(try read(bytes, maxBatchBytes: 100 * place).values.count == 100)
        let error = #expect(throws: ClientError.self) {
            try read(bytes, maxBatchBytes: 100 * place - 1)
        }
        #expect("\(error as Any)".contains("100 records of a batch"))
    }

    /// Logs that Kafka before 0.11 wrote: no epochs, no headers, and in format 0 no times.
    @Test(arguments: [Int8(0), 1])
    func recordsOfOldFormatsAreRead(format: Int8) throws {
        let frame =
            Batches.message(format, at: 4, key: "early", value: "x")
            + Batches.message(format, at: 5, key: "k", value: "v")
            + Batches.message(format, at: 6, key: nil, value: "keyless")
            + Batches.message(format, at: 7, key: "gone", value: nil)
        var reader = ChunkReader(
            FetchedChunk(
                partition: Self.partition, generation: 9, frame: frame, range: 0..<frame.count,
                fetchOffset: Offset(5), aborted: []),
            ConsumerSettings(network: NetworkSettings(bootstrap: [])))
        #expect(reader.partition == Self.partition && reader.generation == 9)
        var records: [ConsumerRecord] = []
        while let batch = try reader.next() {
            #expect(batch.leaderEpoch == .none && batch.generation == 9)
            records += batch.records
        }
        #expect(records.map(\.offset) == [Offset(5), Offset(6), Offset(7)])
        #expect(records.map(\.key) == [Array("k".utf8), nil, Array("gone".utf8)])
        #expect(records.map(\.value) == [Array("v".utf8), Array("keyless".utf8), nil])
        #expect(records.allSatisfy { $0.headers.isEmpty && $0.leaderEpoch == nil })
        #expect(records.allSatisfy { $0.timestamp == (format == 0 ? -1 : 7) })
    }

    @Test func damageInOldFormatsIsTold() throws {
        var bytes = Batches.message(1, at: 0, key: nil, value: "v")
        bytes[bytes.count - 1] ^= 1
        #expect(throws: ClientError.self) { try read(bytes) }
    }
}
