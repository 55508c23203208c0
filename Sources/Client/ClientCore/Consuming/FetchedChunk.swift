import KafkaRecords
public import KafkaWire

/// What one answer has of one partition, as it came.
public struct FetchedChunk: Sendable {
    public var partition: TopicPartition
    /// The generation of the partition's position that it was fetched for.
    public var generation: UInt64
    var frame: [UInt8]
    var range: Range<Int>
    /// Records before it were not asked for.
    var fetchOffset: Offset
    /// Transactions that were aborted, by first offset.
    var aborted: [(producerID: ProducerID, firstOffset: Offset)]
    /// Bytes that it holds of the consumer's buffer.
    var size: Int { range.count }
}

/// A record as a consumer gets it.
public struct ConsumerRecord: Sendable, Hashable {
    public var topic: String
    public var partition: Int32
    public var offset: Offset
    /// The epoch of the leader that took it; `nil` in logs of before Kafka 0.11.
    public var leaderEpoch: Int32?
    /// Milliseconds since the epoch, -1 for none.
    public var timestamp: Int64
    public var timestampType: TimestampType
    public var key: [UInt8]?
    public var value: [UInt8]?
    public var headers: [RecordHeader]
}

/// Records of one partition that were written together, in the order of their offsets.
public struct ConsumerBatch: Sendable {
    public var partition: TopicPartition
    public var records: [ConsumerRecord]
    /// Where reading goes on after the batch.
    public var nextOffset: Offset
    /// The epoch of the leader that took it; `.none` when unknown.
    public var leaderEpoch: LeaderEpoch
    public var generation: UInt64
}

/// Decodes a chunk, one batch at a time, and leaves out what the reader must not see: control
/// batches, records before the offset that was asked for, and, for readers of committed records,
/// those of aborted transactions.
public struct ChunkReader: Sendable {
    private let chunk: FetchedChunk
    private let settings: ConsumerSettings
    private var position: Int
    private var nextAborted = 0
    private var abortedProducers: Set<ProducerID> = []
    private var nextOffset: Offset

    public init(_ chunk: FetchedChunk, _ settings: ConsumerSettings) {
        self.chunk = chunk
        self.settings = settings
        position = chunk.range.lowerBound
        nextOffset = chunk.fetchOffset
    }

    public var partition: TopicPartition { chunk.partition }
    public var generation: UInt64 { chunk.generation }

    /// The next batch; it may be without records and only move the position on. `nil` at the end.
    ///
    /// - Throws: `corruptRecords`, also at each call after that.
    public mutating func next() throws(ClientError) -> ConsumerBatch? {
        let chunk = chunk
        do throws(BatchError) {
            // Bytes have no padding.
            let bytes = unsafe chunk.frame.span.bytes.extracting(
                position..<chunk.range.upperBound)
            var batches = BatchIterator(bytes)
            guard let element = try batches.next() else { return nil }
            let header = element.header
            if settings.checksCRCs {
                try RecordBatchHeader.verifyCRC(bytes, at: 0, header: header)
            }
            var batch = ConsumerBatch(
                partition: chunk.partition, records: [], nextOffset: nextOffset,
                leaderEpoch: header.magic == 2 ? header.partitionLeaderEpoch : .none,
                generation: chunk.generation)
            if isVisible(header, bytes) {
                try read(bytes, header, into: &batch)
            }
            position += element.range.count
            nextOffset = max(nextOffset, header.nextOffset)
            batch.nextOffset = nextOffset
            return batch
        } catch {
            throw .corruptRecords("\(chunk.partition) at offset \(nextOffset): \(error)")
        }
    }

    /// Whether the batch's records are for the reader; follows transactions as it goes.
    private mutating func isVisible(_ header: RecordBatchHeader, _ bytes: RawSpan) -> Bool {
        if settings.isolation == .readCommitted, header.hasProducerID {
            while nextAborted < chunk.aborted.count,
                chunk.aborted[nextAborted].firstOffset <= header.lastOffset
            {
                abortedProducers.insert(chunk.aborted[nextAborted].producerID)
                nextAborted += 1
            }
            if header.isControl {
                // The marker of an abort ends what it aborts.
                abortedProducers.remove(header.producerID)
            } else if header.isTransactional, abortedProducers.contains(header.producerID) {
                return false
            }
        }
        return !header.isControl && header.nextOffset > chunk.fetchOffset
    }

    private func read(
        _ bytes: RawSpan, _ header: RecordBatchHeader, into batch: inout ConsumerBatch
    ) throws(BatchError) {
        let records = try BatchReader.records(bytes, limit: settings.maxBatchBytes)
        let epoch = header.magic == 2 ? header.partitionLeaderEpoch.rawValue : nil
        let type = header.timestampType
        batch.records.reserveCapacity(records.count)
        for record in records where record.offset >= chunk.fetchOffset {
            batch.records.append(
                ConsumerRecord(
                    topic: chunk.partition.topic, partition: chunk.partition.partition,
                    offset: record.offset, leaderEpoch: epoch, timestamp: record.timestamp,
                    timestampType: type, key: record.key, value: record.value,
                    headers: record.headers))
        }
    }
}
