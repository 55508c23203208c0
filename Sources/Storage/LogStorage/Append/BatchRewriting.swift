import KafkaProtocol
import KafkaRecords
import KafkaWire

/// Looks into the records of a producer's batches where the topic's configuration asks for it, and
/// writes the batches anew where it asks for another compression.
///
/// Nothing else decompresses on the way in: a compacted topic (keys), a bound on how old records
/// may be, and `compression.type`.
struct BatchRewriting {
    let config: LogConfig
    /// Milliseconds since the epoch.
    let now: Int64

    /// Whether any batch can need it.
    var isNeeded: Bool { checksRecords || config.compressionType != nil }

    private var checksRecords: Bool {
        config.compact
            || (config.timestampType == .createTime && config.timestampBeforeMaxMs < .max)
    }

    private var validator: BatchValidator {
        BatchValidator(
            timestampType: config.timestampType,
            timestampBeforeMaxMs: config.timestampBeforeMaxMs,
            timestampAfterMaxMs: config.timestampAfterMaxMs, requiresKeys: config.compact,
            decompressedLimit: config.maxDecompressedBatchBytes)
    }

    /// The batches as they are to be appended; `nil` when they can be taken as they are.
    func rewritten(_ batches: RawSpan) throws(AppendError) -> [UInt8]? {
        var output: [UInt8] = []
        var isChanged = false
        var position = 0
        repeat {
            let header = try BatchCheck.header(batches, at: position)
            try BatchCheck.checkStructure(header, batches, at: position, .client, config)
            let end = position + header.sizeInBytes
            if let batch = try rewritten(header, batches, at: position) {
                output += batch
                isChanged = true
            } else {
                // The buffer is the span's own; its bytes are copied.
                unsafe batches.extracting(position..<end).withUnsafeBytes {
                    unsafe output.append(contentsOf: $0)
                }
            }
            position = end
        } while position < batches.byteCount
        return isChanged ? output : nil
    }

    private func rewritten(
        _ header: RecordBatchHeader, _ batches: RawSpan, at position: Int
    ) throws(AppendError) -> [UInt8]? {
        let compression = config.compressionType ?? header.compression
        let isRecompressed = compression != header.compression
        guard checksRecords || isRecompressed else { return nil }
        let summary = try validate(header, batches, at: position)
        if isRecompressed { return try recompress(header, batches, at: position, compression) }
        guard config.timestampType == .createTime, summary.maxTimestamp != header.maxTimestamp
        else { return nil }
        return corrected(header, batches, at: position, maxTimestamp: summary.maxTimestamp)
    }

    /// Checks every record of a batch.
    func validate(
        _ header: RecordBatchHeader, _ batches: RawSpan, at position: Int
    ) throws(AppendError) -> BatchValidator.Summary {
        do throws(BatchRejection) {
            return try validator.validateRecords(batches, at: position, header: header, now: now)
        } catch {
            throw AppendError(error)
        }
    }

    /// The batch with the largest timestamp that its records have.
    private func corrected(
        _ header: RecordBatchHeader, _ batches: RawSpan, at position: Int, maxTimestamp: Int64
    ) -> [UInt8] {
        let batch = batches.extracting(position..<position + header.sizeInBytes)
        // The buffer is the span's own; its bytes are copied.
        var bytes = unsafe batch.withUnsafeBytes { unsafe Array($0) }
        var span = bytes.mutableSpan
        // Bytes have no padding.
        var raw = unsafe span.mutableBytes
        RecordBatchHeader.setMaxTimestamp(maxTimestamp, type: .createTime, in: &raw)
        return bytes
    }

    private func recompress(
        _ header: RecordBatchHeader, _ batches: RawSpan, at position: Int,
        _ compression: CompressionType
    ) throws(AppendError) -> [UInt8] {
        var options = RecordBatchBuilder.Options(like: header)
        options.compression = compression
        options.compressionLevel = config.compressionLevel
        do throws(BatchError) {
            return try BatchReader.withPayload(
                batches, at: position, header: header, limit: config.maxDecompressedBatchBytes
            ) { payload throws(BatchError) in
                var builder = RecordBatchBuilder(options)
                var cursor = try RecordCursor(payload, header: header)
                while let fields = try cursor.next() {
                    builder.append(
                        fields, of: payload, offset: fields.offset(in: header),
                        timestamp: fields.timestamp(in: header))
                }
                do throws(CompressionError) {
                    return try builder.finish(lastOffset: header.lastOffset)
                } catch {
                    throw .compression(error)
                }
            }
        } catch {
            throw AppendError(.unreadable(error))
        }
    }
}

extension PartitionLog {
    /// The batches as they are to be written when they cannot be taken as they are, or `nil`.
    func rewrittenBatches(
        _ batches: RawSpan, origin: AppendOrigin, now: Int64
    ) throws(AppendError) -> [UInt8]? {
        guard origin == .client else { return nil }
        let rewriting = BatchRewriting(config: config, now: now)
        return rewriting.isNeeded ? try rewriting.rewritten(batches) : nil
    }
}

extension AppendError {
    /// What a producer is told of a batch that is refused.
    init(_ rejection: BatchRejection) {
        switch rejection {
        case .invalidBatch(let reason): self = .kafka(.invalidRecord, reason)
        case .invalidTimestamp(let reason): self = .kafka(.invalidTimestamp, reason)
        case .unreadable(.invalid(let reason)): self = .kafka(.invalidRecord, reason)
        case .unreadable(.compression(.tooLarge(let limit))):
            self = .kafka(
                .messageTooLarge, "the batch's records decompress to more than \(limit) bytes")
        case .unreadable(let error): self = .kafka(.corruptMessage, "\(error)")
        case .invalidRecords(let records):
            let isForTime = records.contains {
                if case .timestampOutOfRange = $0.reason { true } else { false }
            }
            self = .invalidRecords(isForTime ? .invalidTimestamp : .invalidRecord, records)
        }
    }
}
