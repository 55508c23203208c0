import KafkaRecords
import KafkaWire

/// The control record that ends a producer's transaction in one partition.
struct TransactionEnd: Equatable {
    var isAbort: Bool
    var coordinatorEpoch: Int32
    /// In milliseconds since the epoch.
    var timestamp: Int64

    /// Reads the marker from the control batch at `position`; `nil` when the cleaner has emptied
    /// the batch, or when its record is a control record of another kind (`LeaderChange`, say).
    ///
    /// The batch must be all there. Markers are never compressed.
    init?(
        _ bytes: RawSpan, at position: Int, _ header: RecordBatchHeader
    ) throws(WireError) {
        guard header.recordCount > 0, header.magic == 2 else { return nil }
        let start = position + RecordBatchHeader.byteCount
        let end = position + header.sizeInBytes
        var reader = WireReader(bytes.extracting(start..<end))
        _ = try reader.readVarint()
        _ = try reader.readInt8()
        timestamp = header.baseTimestamp &+ (try reader.readVarlong())
        if header.timestampType == .logAppendTime { timestamp = header.maxTimestamp }
        _ = try reader.readVarint()
        guard try reader.readVarint() >= 4 else { throw .badLength(0) }
        _ = try reader.readInt16()
        let type = try reader.readInt16()
        guard type == 0 || type == 1 else { return nil }
        isAbort = type == 0
        guard try reader.readVarint() >= 6 else { throw .badLength(0) }
        _ = try reader.readInt16()
        coordinatorEpoch = try reader.readInt32()
    }
}
