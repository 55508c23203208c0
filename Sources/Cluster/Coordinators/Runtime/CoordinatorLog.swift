public import KafkaProtocol
import KafkaRecords
public import KafkaWire

/// The log of a coordinator's partition, as its shard writes to it.
public protocol CoordinatorLog {
    /// The offset that the next record gets.
    var endOffset: Offset { get }
    /// Everything below is held by all in-sync replicas.
    var highWatermark: Offset { get }
    /// Appends one batch, which gets its offsets there; the offset of its first record.
    mutating func append(
        _ batch: [UInt8], transactionVersion: Int16
    ) -> Result<Offset, KafkaError>
}

/// Writes a coordinator's records as batches.
enum CoordinatorBatch {
    /// One batch of `records`.
    static func encode<Record: CoordinatorRecord>(
        _ records: [Record], _ writer: RecordWriter, compression: CompressionType, now: Int64
    ) throws -> [UInt8] {
        var options = RecordBatchBuilder.Options(compression: compression)
        if case .producer(let id, let epoch) = writer {
            options.producerID = id
            options.producerEpoch = epoch
            options.isTransactional = true
        }
        var builder = RecordBatchBuilder(options)
        for record in records {
            builder.append(
                timestamp: now, key: try record.encodedKey(), value: try record.encodedValue())
        }
        return try builder.finish()
    }

}

extension CoordinatorMarker {
    /// The marker as a batch of its own; `now` in milliseconds since 1970.
    public func batch(now: Int64) -> [UInt8] {
        do throws(CompressionError) {
            return try marker.batch(
                producerID: producerID, producerEpoch: producerEpoch, timestamp: now)
        } catch {
            preconditionFailure("a marker, which is never compressed, was: \(error)")
        }
    }
}
