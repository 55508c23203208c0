public import KafkaWire

/// Changes of a format-2 batch where it lies. Each takes the position at which the batch begins;
/// all of its bytes must be there, which `RecordBatchHeader.init` and `verifyCRC` have established.
extension RecordBatchHeader {
    /// Sets the base offset, which the CRC does not cover.
    public static func setBaseOffset(
        _ offset: Offset, in bytes: inout MutableRawSpan, at position: Int = 0
    ) {
        bytes.storeBigEndian(offset.rawValue, at: position)
    }

    /// Sets the leader epoch, which the CRC does not cover.
    public static func setPartitionLeaderEpoch(
        _ epoch: LeaderEpoch, in bytes: inout MutableRawSpan, at position: Int = 0
    ) {
        bytes.storeBigEndian(epoch.rawValue, at: position + BatchLayout.partitionLeaderEpoch)
    }

    /// Makes `ms` the time of every record (log-append time, KIP-32) and renews the CRC.
    public static func setLogAppendTime(
        _ ms: Int64, in bytes: inout MutableRawSpan, at position: Int = 0
    ) {
        setMaxTimestamp(ms, type: .logAppendTime, in: &bytes, at: position)
    }

    /// Sets the largest timestamp and what timestamps mean; renews the CRC if either changes.
    public static func setMaxTimestamp(
        _ ms: Int64, type: TimestampType, in bytes: inout MutableRawSpan, at position: Int = 0
    ) {
        let attributesAt = position + BatchLayout.attributes
        let timestampAt = position + BatchLayout.maxTimestamp
        let old = bytes.bytes.load(Int16.self, at: attributesAt)
        var attributes = old & ~BatchAttributes.logAppendTime
        if type == .logAppendTime { attributes |= BatchAttributes.logAppendTime }
        guard attributes != old || bytes.bytes.load(Int64.self, at: timestampAt) != ms else {
            return
        }
        bytes.storeBigEndian(attributes, at: attributesAt)
        bytes.storeBigEndian(ms, at: timestampAt)
        renewCRC(in: &bytes, at: position)
    }

    /// Marks the batch with the time from which the cleaner may drop its tombstones and markers
    /// (KIP-534), and renews the CRC.
    ///
    /// The horizon takes the place of the base timestamp, from which the records' timestamps count:
    /// only for batches whose records were written with that in mind (`RecordBatchBuilder`), or
    /// that have none.
    public static func setDeleteHorizon(
        _ ms: Int64, in bytes: inout MutableRawSpan, at position: Int = 0
    ) {
        let attributesAt = position + BatchLayout.attributes
        let attributes = bytes.bytes.load(Int16.self, at: attributesAt)
        bytes.storeBigEndian(attributes | BatchAttributes.deleteHorizon, at: attributesAt)
        bytes.storeBigEndian(ms, at: position + BatchLayout.baseTimestamp)
        renewCRC(in: &bytes, at: position)
    }

    /// Makes the batch one of an idempotent or transactional producer (KIP-98), and renews the CRC.
    public static func setProducer(
        _ id: ProducerID, epoch: Int16, baseSequence: Int32, isTransactional: Bool,
        in bytes: inout MutableRawSpan, at position: Int = 0
    ) {
        let attributesAt = position + BatchLayout.attributes
        var attributes = bytes.bytes.load(Int16.self, at: attributesAt)
        attributes &= ~BatchAttributes.transactional
        if isTransactional { attributes |= BatchAttributes.transactional }
        bytes.storeBigEndian(attributes, at: attributesAt)
        bytes.storeBigEndian(id.rawValue, at: position + BatchLayout.producerID)
        bytes.storeBigEndian(epoch, at: position + BatchLayout.producerEpoch)
        bytes.storeBigEndian(baseSequence, at: position + BatchLayout.baseSequence)
        renewCRC(in: &bytes, at: position)
    }

    /// Computes the CRC anew.
    static func renewCRC(in bytes: inout MutableRawSpan, at position: Int) {
        let length = Int(bytes.bytes.load(Int32.self, at: position + BatchLayout.length))
        precondition(
            length >= byteCount - logOverhead
                && length <= bytes.byteCount - position - logOverhead,
            "a batch that is patched must be whole")
        let covered = position + BatchLayout.attributes..<position + logOverhead + length
        let crc = CRC32C.checksum(bytes.bytes.extracting(covered))
        bytes.storeBigEndian(crc, at: position + BatchLayout.crc)
    }
}

extension MutableRawSpan {
    /// Stores a big-endian integer at `offset`, which must lie within the span.
    @_lifetime(self: copy self)
    mutating func storeBigEndian<T: FixedWidthInteger & BitwiseCopyable>(
        _ value: T, at offset: Int
    ) {
        storeBytes(of: value.bigEndian, toByteOffset: offset, as: T.self)
    }
}
