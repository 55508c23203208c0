public import KafkaWire

extension RawSpan {
    /// A big-endian integer at `offset`, which must lie within the span.
    func load<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type, at offset: Int) -> T {
        // `unsafeLoadUnaligned` checks the range; every bit pattern is a valid integer.
        unsafe T(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
    }
}

extension RecordBatchHeader {
    /// Bytes of the fixed part of a message of format 0 (offset and size included).
    static let byteCountV0 = 26
    /// Bytes of the fixed part of a message of format 1 (offset and size included).
    static let byteCountV1 = 34

    /// Reads the header of the batch that begins at `position`, of any format.
    ///
    /// The batch itself need not be there: only its header. Checked: the format, that the length
    /// covers at least the header, the compression, and that no offset of the batch overflows. Not
    /// checked: the CRC (`verifyCRC`), and all that a leader checks of a producer's batch
    /// (`BatchValidator`).
    public init(_ bytes: RawSpan, at position: Int = 0) throws(BatchError) {
        precondition(position >= 0, "a batch at a negative position")
        let remaining = bytes.byteCount - position
        guard remaining >= BatchLayout.byteCountToMagic else {
            throw .truncated(needed: BatchLayout.byteCountToMagic, remaining: remaining)
        }
        let magic = bytes.load(Int8.self, at: position + BatchLayout.magic)
        let length = bytes.load(Int32.self, at: position + BatchLayout.length)
        let minimum: Int
        switch magic {
        case 2: minimum = Self.byteCount
        case 1: minimum = Self.byteCountV1
        case 0: minimum = Self.byteCountV0
        default: throw .unsupportedMagic(magic)
        }
        guard Int(length) >= minimum - Self.logOverhead else { throw .badLength(length) }
        guard remaining >= minimum else {
            throw .truncated(needed: minimum, remaining: remaining)
        }
        if magic == 2 {
            self.init(version2: bytes, at: position)
        } else {
            self.init(message: bytes, at: position, magic: magic)
        }
        let id = Int(attributes & BatchAttributes.compressionMask)
        guard id <= Int(CompressionType.zstd.rawValue) else { throw .unknownCompression(id) }
        // Leaves room for the offset after the last one, so that no sum of the two can overflow.
        guard baseOffset.rawValue < Int64.max - Int64(Int32.max) - 1,
            baseOffset.rawValue > Int64.min + Int64(Int32.max)
        else { throw .invalid("the batch's base offset \(baseOffset) is out of range") }
    }

    /// The caller has checked that the header's 61 bytes are there.
    private init(version2 bytes: RawSpan, at position: Int) {
        self.init(
            baseOffset: Offset(bytes.load(Int64.self, at: position)),
            batchLength: bytes.load(Int32.self, at: position + BatchLayout.length),
            partitionLeaderEpoch: LeaderEpoch(
                bytes.load(Int32.self, at: position + BatchLayout.partitionLeaderEpoch)),
            magic: 2,
            crc: bytes.load(UInt32.self, at: position + BatchLayout.crc),
            attributes: bytes.load(Int16.self, at: position + BatchLayout.attributes),
            lastOffsetDelta: bytes.load(Int32.self, at: position + BatchLayout.lastOffsetDelta),
            baseTimestamp: bytes.load(Int64.self, at: position + BatchLayout.baseTimestamp),
            maxTimestamp: bytes.load(Int64.self, at: position + BatchLayout.maxTimestamp),
            producerID: ProducerID(bytes.load(Int64.self, at: position + BatchLayout.producerID)),
            producerEpoch: bytes.load(Int16.self, at: position + BatchLayout.producerEpoch),
            baseSequence: bytes.load(Int32.self, at: position + BatchLayout.baseSequence),
            recordCount: bytes.load(Int32.self, at: position + BatchLayout.recordCount))
    }

    /// A message of format 0 or 1: offset 8, size 4, CRC-32 4 (from the magic to the end), magic 1,
    /// attributes 1, timestamp 8 (format 1 only), key, value.
    private init(message bytes: RawSpan, at position: Int, magic: Int8) {
        let flags = Int16(bytes.load(Int8.self, at: position + 17))
        let known = BatchAttributes.compressionMask | BatchAttributes.logAppendTime
        let timestamp =
            magic == 1 ? bytes.load(Int64.self, at: position + 18) : Self.noTimestamp
        self.init(
            baseOffset: Offset(bytes.load(Int64.self, at: position)),
            batchLength: bytes.load(Int32.self, at: position + BatchLayout.length),
            magic: magic,
            crc: bytes.load(UInt32.self, at: position + 12),
            attributes: flags & (magic == 1 ? known : BatchAttributes.compressionMask),
            baseTimestamp: timestamp, maxTimestamp: timestamp, recordCount: 1)
    }

    /// Checks the checksum of the batch at `position`, which `header` was read from.
    ///
    /// - Throws: `truncated` when the batch is not all there, `badChecksum` when it differs.
    public static func verifyCRC(
        _ bytes: RawSpan, at position: Int = 0, header: RecordBatchHeader
    ) throws(BatchError) {
        let remaining = bytes.byteCount - position
        guard header.sizeInBytes <= remaining else {
            throw .truncated(needed: header.sizeInBytes, remaining: remaining)
        }
        let end = position + header.sizeInBytes
        let computed =
            header.magic == 2
            ? CRC32C.checksum(bytes.extracting(position + BatchLayout.attributes..<end))
            : CRC32.checksum(bytes.extracting(position + BatchLayout.magic..<end))
        guard computed == header.crc else {
            throw .badChecksum(stored: header.crc, computed: computed)
        }
    }

    /// Writes the 61 bytes of a format-2 header as they are, `crc` and `batchLength` included.
    public func encode(to writer: inout WireWriter) {
        precondition(magic == 2, "only batches of format 2 are written")
        writer.write(baseOffset.rawValue)
        writer.write(batchLength)
        writer.write(partitionLeaderEpoch.rawValue)
        writer.write(magic)
        writer.write(crc)
        writer.write(attributes)
        writer.write(lastOffsetDelta)
        writer.write(baseTimestamp)
        writer.write(maxTimestamp)
        writer.write(producerID.rawValue)
        writer.write(producerEpoch)
        writer.write(baseSequence)
        writer.write(recordCount)
    }
}
