import KafkaRecords
import KafkaWire
import Testing

@testable import LogStorage

/// The partition that log tests work on, and where it lies.
enum TestLog {
    static let root = "/data"
    static let partition = TopicPartition(topic: "t", partition: 0)
    static let directory = "/data/t-0"

    /// Segments of a few batches, and an index entry for each.
    static var config: LogConfig {
        var config = LogConfig()
        config.segmentBytes = 500
        config.indexIntervalBytes = 1
        config.retentionMs = -1
        config.timestampAfterMaxMs = .max
        return config
    }

    static func fileSystem() throws -> MemoryFileSystem {
        let files = MemoryFileSystem()
        try files.createDirectory(root)
        try files.syncDirectory("/")
        return files
    }

    /// Opens the log as a node does after a crash: with what the checkpoints say.
    static func open(
        _ files: MemoryFileSystem, _ config: LogConfig = config, clean: Bool = false,
        now: Int64 = 1000
    ) throws -> PartitionLog {
        try PartitionLog.open(
            directory: directory, topicPartition: partition, topicID: nil, config: config,
            fileSystem: files, recoveryPoint: try checkpoint(.recoveryPoint, files) ?? .zero,
            logStartOffset: try checkpoint(.logStartOffset, files) ?? .zero,
            cleanedOffset: try checkpoint(.cleaner, files) ?? .zero, cleanShutdown: clean,
            now: now)
    }

    static func checkpoint(
        _ kind: OffsetCheckpoint.Kind, _ files: MemoryFileSystem
    ) throws -> Offset? {
        try OffsetCheckpoint(kind, in: root, fileSystem: files).read()[partition]
    }

    static func write(
        _ kind: OffsetCheckpoint.Kind, _ offset: Offset, _ files: MemoryFileSystem
    ) throws {
        try OffsetCheckpoint(kind, in: root, fileSystem: files).write([partition: offset])
    }

    /// The path of one of the log's files.
    static func path(_ base: Int64, _ kind: SegmentFileKind) -> String {
        "\(directory)/\(SegmentFileName(baseOffset: Offset(base), kind: kind).text)"
    }
}

/// A record as tests write it.
struct TestRecord: Equatable {
    var key: String?
    var value: String?
    var timestamp: Int64 = 1000

    init(_ key: String?, _ value: String?, at timestamp: Int64 = 1000) {
        self.key = key
        self.value = value
        self.timestamp = timestamp
    }
}

/// Who writes a batch.
struct TestProducer {
    var id: Int64 = -1
    var epoch: Int16 = 0
    var sequence: Int32 = 0
    var isTransactional = false

    static let none = TestProducer()
}

extension RecordBatchBuilder.Options {
    init(_ producer: TestProducer, compression: CompressionType = .none) {
        self.init(compression: compression)
        guard producer.id >= 0 else { return }
        producerID = ProducerID(producer.id)
        producerEpoch = producer.epoch
        baseSequence = producer.sequence
        isTransactional = producer.isTransactional
    }
}

/// A batch of these records.
func testBatch(
    _ records: [TestRecord], by producer: TestProducer = .none,
    compression: CompressionType = .none
) throws -> [UInt8] {
    var builder = RecordBatchBuilder(.init(producer, compression: compression))
    for record in records {
        builder.append(
            timestamp: record.timestamp, key: record.key.map { Array($0.utf8) },
            value: record.value.map { Array($0.utf8) })
    }
    return try builder.finish()
}

/// A transaction's end.
func testMarker(commit: Bool, of producer: TestProducer, at timestamp: Int64 = 1000) throws
    -> [UInt8]
{
    try TransactionMarker(isCommit: commit, coordinatorEpoch: 1).batch(
        producerID: ProducerID(producer.id), producerEpoch: producer.epoch, timestamp: timestamp)
}

extension PartitionLog {
    @discardableResult
    func append(
        _ batch: [UInt8], origin: AppendOrigin = .client, epoch: Int32 = 1, now: Int64 = 1000
    ) throws -> AppendInfo {
        var bytes = batch
        var span = bytes.mutableSpan
        // Bytes have no padding.
        var raw = unsafe span.mutableBytes
        return try append(&raw, origin: origin, leaderEpoch: LeaderEpoch(epoch), now: now)
    }

    /// The batches from `offset` to the end, as a reader gets them.
    func batches() throws -> [(header: RecordBatchHeader, bytes: [UInt8])] {
        var found: [(header: RecordBatchHeader, bytes: [UInt8])] = []
        var next = logStartOffset
        while next < logEndOffset {
            let read = try read(
                from: next, maxBytes: 1 << 20, upTo: logEndOffset, atLeastOneBatch: true)
            guard let slice = read.slice else { break }
            let bytes = try slice.bytes()
            // Bytes have no padding.
            var batches = unsafe BatchIterator(bytes.span.bytes)
            while let batch = try batches.next() {
                found.append((batch.header, Array(bytes[batch.range])))
            }
            try #require(read.nextOffset > next, "a read that gives bytes gets on")
            next = read.nextOffset
        }
        return found
    }

    /// All records in the log, of control batches too.
    func allRecords() throws -> [Record] {
        var records: [Record] = []
        for batch in try batches() {
            // Bytes have no padding.
            records += try unsafe BatchReader.records(batch.bytes.span.bytes, limit: 1 << 20)
        }
        return records
    }

    /// What a reader of committed data gets, up to the end.
    func committedRecords() throws -> [Record] {
        let aborted = try abortedTransactions(from: logStartOffset, upTo: logEndOffset)
        let stable = lastStableOffset(highWatermark: logEndOffset)
        var records: [Record] = []
        for batch in try batches() {
            let header = batch.header
            let isAborted =
                header.isTransactional
                && aborted.contains {
                    $0.producerID == header.producerID && $0.firstOffset <= header.baseOffset
                        && $0.lastOffset > header.lastOffset
                }
            if isAborted || header.isControl || header.baseOffset >= stable { continue }
            // Bytes have no padding.
            records += try unsafe BatchReader.records(batch.bytes.span.bytes, limit: 1 << 20)
        }
        return records
    }

    /// Texts of the data records by offset.
    func texts() throws -> [Int64: TestRecord] {
        var texts: [Int64: TestRecord] = [:]
        for batch in try batches() where !batch.header.isControl {
            // Bytes have no padding.
            for record in try unsafe BatchReader.records(batch.bytes.span.bytes, limit: 1 << 20) {
                texts[record.offset.rawValue] = TestRecord(record)
            }
        }
        return texts
    }
}

extension TestRecord {
    init(_ record: Record) {
        self.init(
            record.key.map { String(decoding: $0, as: UTF8.self) },
            record.value.map { String(decoding: $0, as: UTF8.self) }, at: record.timestamp)
    }
}
