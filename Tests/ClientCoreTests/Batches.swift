import KafkaRecords
import KafkaWire

@testable import ClientCore

/// Record batches as logs hold them.
enum Batches {
    /// Records with the key `k` and the time 5, of the third epoch.
    static func batch(
        _ values: [String], at offset: Int64, epoch: Int32 = 3, producer: Int64? = nil,
        compression: CompressionType = .none
    ) throws -> [UInt8] {
        var options = RecordBatchBuilder.Options(
            baseOffset: Offset(offset), partitionLeaderEpoch: LeaderEpoch(epoch),
            compression: compression)
        if let producer {
            options.producerID = ProducerID(producer)
            options.producerEpoch = 0
            options.baseSequence = 0
            options.isTransactional = true
        }
        var builder = RecordBatchBuilder(options)
        for value in values {
            builder.append(timestamp: 5, key: Array("k".utf8), value: Array(value.utf8))
        }
        return try builder.finish()
    }

    static func marker(commit: Bool, of producer: Int64, at offset: Int64) throws -> [UInt8] {
        var bytes = try TransactionMarker(isCommit: commit, coordinatorEpoch: 1).batch(
            producerID: ProducerID(producer), producerEpoch: 0, timestamp: 5)
        // The base offset is no part of what the checksum covers.
        for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: offset >> (56 - 8 * index)) }
        return bytes
    }

    /// A message of the formats before batches: 0, or 1 with a time.
    static func message(
        _ format: Int8, at offset: Int64, key: String?, value: String?, timestamp: Int64 = 7
    ) -> [UInt8] {
        var body = WireWriter()
        body.write(format)
        body.write(Int8(0))
        if format == 1 { body.write(timestamp) }
        for field in [key, value] {
            body.write(Int32(field?.utf8.count ?? -1))
            body.writeRaw((field ?? "").utf8)
        }
        let checked = body.toArray()
        var message = WireWriter()
        message.write(offset)
        message.write(Int32(4 + checked.count))
        message.write(Int32(bitPattern: CRC32.hash(checked)))
        message.writeRaw(checked)
        return message.toArray()
    }
}
