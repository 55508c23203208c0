import KafkaRecords
import KafkaWire

/// A `.snapshot` file: the producers of a log at the offset that is its name.
///
/// Version 1 (int16), CRC-32C of all that follows (uint32), count (int32), and for each producer:
/// id (int64), epoch (int16), last sequence (int32), last offset (int64), offset delta (int32),
/// timestamp (int64), coordinator epoch (int32), first offset of the open transaction (int64, -1
/// for none).
///
/// A producer has an entry for each batch that is remembered of it, oldest first. Kafka writes the
/// last one alone, and of several entries it keeps the last; so after a restart it takes the retry
/// of an earlier batch for a gap, where Martlet still knows it.
package enum ProducerSnapshot {
    static let version: Int16 = 1
    private static let entryBytes = 46
    /// Most bytes that a snapshot may have: 5 million producers.
    static let sizeLimit = 256 << 20

    /// With more producers than this, only the last batch of each is written.
    private static let producersWithHistory = 500_000

    package static func encode(_ states: [ProducerState]) -> [UInt8] {
        let hasHistory =
            states.count <= producersWithHistory && !PlantedBug.shortSnapshot.isPlanted
        var body = WireWriter(capacity: 4 + states.count * entryBytes)
        body.write(Int32(0))
        var count: Int32 = 0
        for state in states {
            let batches = state.batches
            if hasHistory {
                for batch in batches.dropLast() {
                    write(batch, timestamp: batch.timestamp, of: state, &body)
                    count += 1
                }
            }
            write(batches.last, timestamp: state.lastTimestamp, of: state, &body)
            count += 1
        }
        body.patch(count, at: 0)
        var out = WireWriter(capacity: body.count + 6)
        out.write(version)
        out.write(CRC32C.checksum(body.bytes))
        out.writeRaw(body.bytes)
        return out.toArray()
    }

    private static func write(
        _ batch: ProducerBatch?, timestamp: Int64, of state: ProducerState,
        _ body: inout WireWriter
    ) {
        body.write(state.producerID.rawValue)
        body.write(state.producerEpoch)
        body.write(batch?.lastSequence ?? -1)
        body.write(batch?.lastOffset.rawValue ?? -1)
        body.write(batch?.offsetDelta ?? 0)
        body.write(timestamp)
        body.write(state.coordinatorEpoch)
        body.write(state.currentTxnFirstOffset?.rawValue ?? -1)
    }

    /// Throws for a version, a checksum or a structure that is not right.
    package static func decode(_ bytes: [UInt8]) throws(WireError) -> [ProducerState] {
        // Bytes have no padding.
        let span = unsafe bytes.span.bytes
        var reader = WireReader(span)
        let found = try reader.readInt16()
        guard found == version else { throw .unsupportedVersion(found) }
        let crc = try reader.readUInt32()
        guard CRC32C.checksum(span.extracting(reader.offset..<span.byteCount)) == crc else {
            throw .badValue("the snapshot's checksum does not match")
        }
        let count = Int(try reader.readInt32())
        guard count >= 0, count <= reader.remaining / entryBytes else { throw .badLength(count) }
        var states: [ProducerState] = []
        states.reserveCapacity(count)
        for _ in 0..<count {
            let next = try decodeEntry(&reader)
            if let last = states.last, last.producerID == next.producerID {
                states[states.count - 1] = next.following(last)
            } else {
                states.append(next)
            }
        }
        try reader.finish()
        return states
    }

    private static func decodeEntry(
        _ reader: inout WireReader
    ) throws(WireError) -> ProducerState {
        var state = ProducerState(producerID: ProducerID(try reader.readInt64()))
        let epoch = try reader.readInt16()
        var batch = ProducerBatch(
            lastSequence: try reader.readInt32(), lastOffset: Offset(try reader.readInt64()),
            offsetDelta: try reader.readInt32(), timestamp: -1)
        batch.timestamp = try reader.readInt64()
        state.coordinatorEpoch = try reader.readInt32()
        let first = try reader.readInt64()
        state.adopt(epoch: epoch)
        if batch.lastOffset >= .zero { state.add(batch, epoch: epoch) }
        state.lastTimestamp = batch.timestamp
        state.currentTxnFirstOffset = first >= 0 ? Offset(first) : nil
        return state
    }
}
