public import KafkaWire

/// Writes one record batch of format 2.
///
///     var builder = RecordBatchBuilder(.init(compression: .zstd))
///     builder.append(timestamp: now, key: nil, value: value)
///     let bytes = try builder.finish()
public struct RecordBatchBuilder: ~Copyable {
    /// All that a batch has besides its records.
    public struct Options: Sendable {
        public var baseOffset: Offset
        public var partitionLeaderEpoch: LeaderEpoch
        public var compression: CompressionType
        /// `nil` for the compression's own.
        public var compressionLevel: Int?
        /// When set, the time of every record (log-append time), in milliseconds since the epoch.
        public var logAppendTime: Int64?
        public var producerID: ProducerID
        public var producerEpoch: Int16
        public var baseSequence: Int32
        public var isTransactional: Bool
        public var isControl: Bool
        /// When the cleaner may drop tombstones and markers (KIP-534), ms since the epoch.
        public var deleteHorizonMs: Int64?

        public init(
            baseOffset: Offset = .zero, partitionLeaderEpoch: LeaderEpoch = .none,
            compression: CompressionType = .none, compressionLevel: Int? = nil,
            logAppendTime: Int64? = nil, producerID: ProducerID = .none,
            producerEpoch: Int16 = RecordBatchHeader.noProducerEpoch,
            baseSequence: Int32 = RecordBatchHeader.noSequence, isTransactional: Bool = false,
            isControl: Bool = false, deleteHorizonMs: Int64? = nil
        ) {
            self.baseOffset = baseOffset
            self.partitionLeaderEpoch = partitionLeaderEpoch
            self.compression = compression
            self.compressionLevel = compressionLevel
            self.logAppendTime = logAppendTime
            self.producerID = producerID
            self.producerEpoch = producerEpoch
            self.baseSequence = baseSequence
            self.isTransactional = isTransactional
            self.isControl = isControl
            self.deleteHorizonMs = deleteHorizonMs
        }

        /// The options that write a batch like that of `header` again, but for its compression
        /// level.
        public init(like header: RecordBatchHeader) {
            self.init(
                baseOffset: header.baseOffset, partitionLeaderEpoch: header.partitionLeaderEpoch,
                compression: header.compression,
                logAppendTime: header.timestampType == .logAppendTime ? header.maxTimestamp : nil,
                producerID: header.producerID, producerEpoch: header.producerEpoch,
                baseSequence: header.baseSequence, isTransactional: header.isTransactional,
                isControl: header.isControl, deleteHorizonMs: header.deleteHorizonMs)
        }

        var attributes: Int16 {
            var attributes = Int16(compression.rawValue)
            if logAppendTime != nil { attributes |= BatchAttributes.logAppendTime }
            if isTransactional { attributes |= BatchAttributes.transactional }
            if isControl { attributes |= BatchAttributes.control }
            if deleteHorizonMs != nil { attributes |= BatchAttributes.deleteHorizon }
            return attributes
        }
    }

    public let options: Options
    private var payload: WireWriter
    /// Records appended so far.
    public private(set) var count: Int32 = 0
    private var lastOffset: Offset?
    private var baseTimestamp = RecordBatchHeader.noTimestamp
    private var maxTimestamp = RecordBatchHeader.noTimestamp

    /// - Parameter capacity: bytes of records that there is room for from the beginning.
    public init(_ options: Options = Options(), capacity: Int = 512) {
        self.options = options
        payload = WireWriter(capacity: capacity)
        if let horizon = options.deleteHorizonMs { baseTimestamp = horizon }
    }

    /// Bytes of the batch if it were not compressed.
    public var uncompressedSize: Int { RecordBatchHeader.byteCount + payload.count }
    /// The offset that the next record gets when none is given.
    public var nextOffset: Offset { lastOffset.map { $0 + 1 } ?? options.baseOffset }

    /// Appends a record. `offset` must be past the one before and within `Int32.max` of the base
    /// offset; without one it is the next.
    public mutating func append(
        offset: Offset? = nil, timestamp: Int64, key: [UInt8]?, value: [UInt8]?,
        headers: [RecordHeader] = []
    ) {
        let deltas = begin(offset: offset, timestamp: timestamp)
        var size = Self.prefixSize(deltas) + Self.size(of: key) + Self.size(of: value)
        size += Varint.size(Int64(headers.count))
        for header in headers {
            size += Self.size(ofCount: header.key.utf8.count) + Self.size(of: header.value)
        }
        writePrefix(size: size, deltas)
        write(key)
        write(value)
        payload.writeVarint(Int32(headers.count))
        for header in headers {
            payload.writeVarint(Int32(header.key.utf8.count))
            payload.writeRaw(header.key.utf8)
            write(header.value)
        }
    }

    /// Appends `record` with its own offset.
    public mutating func append(_ record: Record) {
        append(
            offset: record.offset, timestamp: record.timestamp, key: record.key,
            value: record.value, headers: record.headers)
    }

    /// Appends a record that a `RecordCursor` found in `payload`: key, value and headers are copied
    /// byte for byte.
    public mutating func append(
        _ fields: RecordFields, of source: RawSpan, offset: Offset, timestamp: Int64
    ) {
        let deltas = begin(offset: offset, timestamp: timestamp)
        let size =
            Self.prefixSize(deltas) + Self.size(ofCount: fields.key?.count)
            + Self.size(ofCount: fields.value?.count) + Varint.size(Int64(fields.headerCount))
            + fields.headers.count
        writePrefix(size: size, deltas, attributes: fields.attributes)
        for range in [fields.key, fields.value] {
            payload.writeVarint(Int32(range?.count ?? -1))
            if let range { payload.writeRaw(source.extracting(range)) }
        }
        payload.writeVarint(Int32(fields.headerCount))
        payload.writeRaw(source.extracting(fields.headers))
    }

    /// The batch. `lastOffset` is given when the last offset of the batch is not that of its last
    /// record, which compaction may have dropped.
    ///
    /// - Parameter hasCRC: `false` leaves the CRC to `RecordBatchHeader.setProducer`, which is to
    ///   follow and computes it in any case.
    /// - Throws: `badLevel`, `failed`; `tooLarge` when the batch passes 2 GiB.
    public consuming func finish(
        lastOffset last: Offset? = nil, hasCRC: Bool = true
    ) throws(CompressionError) -> [UInt8] {
        let end = last ?? lastOffset ?? options.baseOffset
        let delta = Int32(exactly: end - options.baseOffset)
        guard let delta, delta >= 0, end >= lastOffset ?? options.baseOffset else {
            preconditionFailure("a batch from \(options.baseOffset) cannot end at \(end)")
        }
        guard options.compression != .none, count > 0 else {
            return try batch(of: payload.bytes, delta, hasCRC)
        }
        var output = CodecBuffer()
        try Compression.compress(
            payload.bytes, as: options.compression, level: options.compressionLevel, into: &output)
        return try batch(of: output.bytes, delta, hasCRC)
    }

    /// The header and the records' bytes, in one array that is written once.
    private func batch(
        of records: RawSpan, _ lastOffsetDelta: Int32, _ hasCRC: Bool
    ) throws(CompressionError) -> [UInt8] {
        let overhead = RecordBatchHeader.byteCount - RecordBatchHeader.logOverhead
        guard let length = Int32(exactly: overhead + records.byteCount) else {
            throw .tooLarge(limit: Int(Int32.max))
        }
        var head = WireWriter(capacity: RecordBatchHeader.byteCount)
        header(length: length, lastOffsetDelta: lastOffsetDelta).encode(to: &head)
        let size = head.count + records.byteCount
        // Both parts are copied in, which makes `size` bytes.
        var batch = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            let raw = UnsafeMutableRawBufferPointer(buffer)
            unsafe head.withUnsafeBytes { unsafe raw.copyMemory(from: $0) }
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: raw[head.count...])
            unsafe records.withUnsafeBytes { unsafe rest.copyMemory(from: $0) }
            count = size
        }
        if hasCRC { Self.seal(&batch) }
        return batch
    }

    /// A batch without records that keeps the place, the producer's state and the times of one
    /// whose records compaction has dropped.
    public static func emptyBatch(like header: RecordBatchHeader) -> [UInt8] {
        var empty = header
        empty.magic = 2
        empty.batchLength = Int32(
            RecordBatchHeader.byteCount - RecordBatchHeader.logOverhead)
        empty.attributes &= ~(BatchAttributes.compressionMask | BatchAttributes.deleteHorizon)
        empty.recordCount = 0
        empty.baseTimestamp = RecordBatchHeader.noTimestamp
        var writer = WireWriter(capacity: RecordBatchHeader.byteCount)
        empty.encode(to: &writer)
        var batch = writer.toArray()
        seal(&batch)
        return batch
    }

    // MARK: Parts

    private mutating func begin(
        offset: Offset?, timestamp: Int64
    ) -> (offset: Int32, timestamp: Int64) {
        let offset = offset ?? nextOffset
        precondition(offset >= nextOffset, "offset \(offset) is not past the record before")
        guard let delta = Int32(exactly: offset - options.baseOffset) else {
            preconditionFailure("offset \(offset) is too far from \(options.baseOffset)")
        }
        if count == 0, options.deleteHorizonMs == nil { baseTimestamp = timestamp }
        if timestamp > maxTimestamp { maxTimestamp = timestamp }
        lastOffset = offset
        count += 1
        return (delta, timestamp &- baseTimestamp)
    }

    private func header(length: Int32, lastOffsetDelta: Int32) -> RecordBatchHeader {
        var attributes = options.attributes
        if count == 0 { attributes &= ~BatchAttributes.compressionMask }
        return RecordBatchHeader(
            baseOffset: options.baseOffset, batchLength: length,
            partitionLeaderEpoch: options.partitionLeaderEpoch, attributes: attributes,
            lastOffsetDelta: lastOffsetDelta, baseTimestamp: baseTimestamp,
            maxTimestamp: options.logAppendTime ?? maxTimestamp, producerID: options.producerID,
            producerEpoch: options.producerEpoch, baseSequence: options.baseSequence,
            recordCount: count)
    }

    /// Writes the CRC of `batch`.
    private static func seal(_ batch: inout [UInt8]) {
        var span = batch.mutableSpan
        // Bytes have no padding, and any value of one is valid.
        var raw = unsafe span.mutableBytes
        RecordBatchHeader.renewCRC(in: &raw, at: 0)
    }

    private static func prefixSize(_ deltas: (offset: Int32, timestamp: Int64)) -> Int {
        1 + Varint.size(deltas.timestamp) + Varint.size(Int64(deltas.offset))
    }
    private static func size(ofCount count: Int?) -> Int {
        Varint.size(Int64(count ?? -1)) + (count ?? 0)
    }
    private static func size(of bytes: [UInt8]?) -> Int { size(ofCount: bytes?.count) }

    private mutating func writePrefix(
        size: Int, _ deltas: (offset: Int32, timestamp: Int64), attributes: Int8 = 0
    ) {
        payload.writeVarint(Int32(size))
        payload.write(attributes)
        payload.writeVarlong(deltas.timestamp)
        payload.writeVarint(deltas.offset)
    }
    private mutating func write(_ bytes: [UInt8]?) {
        payload.writeVarint(Int32(bytes?.count ?? -1))
        if let bytes { payload.writeRaw(bytes) }
    }
}

/// Zigzag variable-length integers.
enum Varint {
    /// Bytes that `value` takes: 1 to 10.
    static func size(_ value: Int64) -> Int {
        let raw = UInt64(bitPattern: (value << 1) ^ (value >> 63))
        return (64 - (raw | 1).leadingZeroBitCount + 6) / 7
    }
}
