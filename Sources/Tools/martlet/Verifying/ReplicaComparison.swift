import KafkaRecords
import KafkaWire

/// Compares what the replicas of one partition hold, batch by batch, up to the high watermark.
struct ReplicaComparison {
    /// What one replica answered to a fetch from `offset`.
    struct Fetched {
        var replica: Int32
        /// The highest that this replica knows of.
        var highWatermark: Int64
        var batches: [Batch]
    }

    /// What is compared of a batch.
    struct Batch: Equatable {
        var lastOffset: Int64
        var checksum: UInt32
    }

    /// Where two replicas differ.
    enum Difference: Equatable {
        /// Their batches end at different offsets.
        case offsets(first: Int32, end: Int64, second: Int32, otherEnd: Int64)
        /// The batches that end at `offset` have different checksums.
        case checksums(
            offset: Int64, first: Int32, checksum: UInt32, second: Int32, otherChecksum: UInt32)
    }

    let partition: TopicPartition
    /// Everything below is compared.
    private(set) var offset: Int64
    /// Records between `offset` and the highest high watermark that any replica told last.
    private(set) var lag: Int64 = 0

    init(_ partition: TopicPartition, from offset: Int64) {
        self.partition = partition
        self.offset = offset
    }

    /// Goes on at a later offset: the records before it are deleted.
    mutating func skip(to offset: Int64) { self.offset = max(self.offset, offset) }

    /// Compares what all replicas answered, as far as all have it.
    mutating func compare(_ fetched: [Fetched]) -> [Difference] {
        var differences: [Difference] = []
        var index = 0
        while let first = fetched.first, let batch = Self.batch(first, index) {
            var isEverywhere = true
            for other in fetched.dropFirst() {
                guard let copy = Self.batch(other, index) else {
                    isEverywhere = false
                    continue
                }
                if copy.lastOffset != batch.lastOffset {
                    differences.append(
                        .offsets(
                            first: first.replica, end: batch.lastOffset, second: other.replica,
                            otherEnd: copy.lastOffset))
                } else if copy.checksum != batch.checksum {
                    differences.append(
                        .checksums(
                            offset: batch.lastOffset, first: first.replica,
                            checksum: batch.checksum, second: other.replica,
                            otherChecksum: copy.checksum))
                }
            }
            guard isEverywhere else { break }
            offset = batch.lastOffset + 1
            index += 1
            if case .offsets = differences.last { break }
        }
        lag = (fetched.map(\.highWatermark).max() ?? -1) - offset
        return differences
    }

    /// The replica's batch of that number, unless it reaches beyond the high watermark.
    private static func batch(_ fetched: Fetched, _ index: Int) -> Batch? {
        guard index < fetched.batches.count,
            fetched.batches[index].lastOffset < fetched.highWatermark
        else { return nil }
        return fetched.batches[index]
    }
}

extension ReplicaComparison.Fetched {
    /// What lies in `range` of an answer.
    init(
        replica: Int32, highWatermark: Int64, frame: [UInt8], range: Range<Int>
    ) throws(BatchError) {
        self.replica = replica
        self.highWatermark = highWatermark
        batches = []
        var iterator = BatchIterator(frame.span.bytes.extracting(range))
        while let batch = try iterator.next() {
            batches.append(
                .init(
                    lastOffset: batch.header.lastOffset.rawValue, checksum: batch.header.crc))
        }
    }
}
