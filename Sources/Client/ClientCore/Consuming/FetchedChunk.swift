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
            let isWanted = isVisible(header, bytes)
            let batch = ConsumerBatch(
                partition: chunk.partition,
                records: isWanted ? try records(bytes, header) : none(header),
                nextOffset: max(nextOffset, header.nextOffset),
                leaderEpoch: header.magic == 2 ? header.partitionLeaderEpoch : .none,
                generation: chunk.generation)
            position += element.range.count
            nextOffset = batch.nextOffset
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

    /// The records of the batch that `bytes` begin with.
    private func records(
        _ bytes: RawSpan, _ header: RecordBatchHeader
    ) throws(BatchError) -> ConsumerBatch.Records {
        // Positions in a batch are numbers of 32 bits.
        let limit = min(settings.maxBatchBytes, Int(Int32.max))
        guard header.magic == 2 else { return try legacyRecords(bytes, header, limit) }
        // What is not compressed is read where it lies.
        let isPlain = header.compression == .none
        let base = isPlain ? position + RecordBatchHeader.byteCount : 0
        let first = chunk.fetchOffset
        var places: [RecordPlace] = []
        var inflated: [UInt8] = []
        try BatchReader.withPayload(bytes, header: header, limit: limit) {
            payload throws(BatchError) in
            var cursor = try RecordCursor(payload, header: header)
            // A place takes more than the smallest record.
            let room = limit - (isPlain ? 0 : payload.byteCount)
            guard cursor.remainingCount <= room / MemoryLayout<RecordPlace>.stride else {
                throw .invalid(
                    "\(cursor.remainingCount) records of a batch take more than \(limit) bytes")
            }
            places.reserveCapacity(cursor.remainingCount)
            while let fields = try cursor.next() {
                guard fields.offset(in: header) >= first else { continue }
                places.append(RecordPlace(fields, header, at: base))
            }
            if !isPlain { inflated = unsafe payload.withUnsafeBytes { unsafe [UInt8]($0) } }
        }
        return ConsumerBatch.Records(
            source: source(header, isPlain ? chunk.frame : inflated), places: places)
    }

    /// Records of the formats 0 and 1, put into one piece.
    private func legacyRecords(
        _ bytes: RawSpan, _ header: RecordBatchHeader, _ limit: Int
    ) throws(BatchError) -> ConsumerBatch.Records {
        var places: [RecordPlace] = []
        var all: [UInt8] = []
        for record in try BatchReader.records(bytes, limit: limit)
        where record.offset >= chunk.fetchOffset {
            var place = RecordPlace(offset: record.offset, timestamp: record.timestamp)
            if let key = record.key {
                (place.keyStart, place.keySize) = (Int32(all.count), Int32(key.count))
                all += key
            }
            if let value = record.value {
                (place.valueStart, place.valueSize) = (Int32(all.count), Int32(value.count))
                all += value
            }
            places.append(place)
        }
        return ConsumerBatch.Records(source: source(header, all), places: places)
    }

    private func none(_ header: RecordBatchHeader) -> ConsumerBatch.Records {
        ConsumerBatch.Records(source: source(header, []), places: [])
    }

    private func source(_ header: RecordBatchHeader, _ bytes: [UInt8]) -> RecordSource {
        RecordSource(
            chunk.partition,
            leaderEpoch: header.magic == 2 ? header.partitionLeaderEpoch.rawValue : nil,
            timestampType: header.timestampType, bytes: bytes)
    }
}
