import KafkaProtocol
import KafkaRecords
import KafkaWire

/// What is checked of a batch before it is appended.
enum BatchCheck {
    static func header(
        _ bytes: RawSpan, at position: Int
    ) throws(AppendError) -> RecordBatchHeader {
        do throws(BatchError) {
            let header = try RecordBatchHeader(bytes, at: position)
            guard header.sizeInBytes <= bytes.byteCount - position else {
                throw .truncated(
                    needed: header.sizeInBytes, remaining: bytes.byteCount - position)
            }
            return header
        } catch {
            throw .kafka(.corruptMessage, "\(error)")
        }
    }

    /// What a leader checks; everything that the header tells, and the CRC.
    static func check(
        _ header: RecordBatchHeader, _ bytes: RawSpan, at position: Int,
        _ origin: AppendOrigin, _ config: LogConfig, _ now: Int64
    ) throws(AppendError) {
        try checkStructure(header, bytes, at: position, origin, config)
        guard !header.isControl else { return }
        do throws(AppendError) {
            try checkTimestamp(header, config, now)
        } catch {
            // The records tell which of them it is for.
            if origin == .client, header.timestampType == .createTime {
                let records = BatchRewriting(config: config, now: now)
                _ = try records.validate(header, bytes, at: position)
            }
            throw error
        }
    }

    /// All but the timestamps.
    static func checkStructure(
        _ header: RecordBatchHeader, _ bytes: RawSpan, at position: Int,
        _ origin: AppendOrigin, _ config: LogConfig
    ) throws(AppendError) {
        guard header.magic == 2 else {
            throw .kafka(
                .invalidRecord,
                "batches of message format \(header.magic) are not taken any more, only of 2")
        }
        // What a coordinator decides is one batch, however large.
        guard origin != .client || header.sizeInBytes <= config.maxMessageBytes else {
            throw .kafka(
                .messageTooLarge,
                "a batch of \(header.sizeInBytes) bytes is larger than max.message.bytes, "
                    + "\(config.maxMessageBytes)")
        }
        do throws(BatchError) {
            try RecordBatchHeader.verifyCRC(bytes, at: position, header: header)
        } catch {
            throw .kafka(.corruptMessage, "\(error)")
        }
        guard header.lastOffsetDelta >= 0, header.recordCount > 0,
            header.recordCount - 1 == header.lastOffsetDelta
        else {
            throw .kafka(
                .invalidRecord,
                "a batch of \(header.recordCount) records has the last offset delta "
                    + "\(header.lastOffsetDelta)")
        }
        if origin == .client { try checkClient(header) }
    }

    private static func checkClient(_ header: RecordBatchHeader) throws(AppendError) {
        guard header.baseOffset == .zero else {
            throw .kafka(
                .invalidRecord, "the batch has the base offset \(header.baseOffset), not 0")
        }
        guard !header.isControl else {
            throw .kafka(.invalidRecord, "clients may not write control batches")
        }
        guard !header.hasProducerID || header.baseSequence >= 0 else {
            throw .kafka(
                .invalidRecord,
                "producer \(header.producerID) sent the sequence \(header.baseSequence)")
        }
    }

    private static func checkTimestamp(
        _ header: RecordBatchHeader, _ config: LogConfig, _ now: Int64
    ) throws(AppendError) {
        if config.timestampType == .logAppendTime {
            guard header.timestampType == .createTime else {
                throw .kafka(.invalidTimestamp, "a producer may not set the log-append time")
            }
            return
        }
        guard header.maxTimestamp != RecordBatchHeader.noTimestamp else { return }
        let ahead = header.maxTimestamp.subtractingReportingOverflow(now)
        guard !ahead.overflow, ahead.partialValue <= config.timestampAfterMaxMs else {
            throw .kafka(
                .invalidTimestamp,
                "the timestamp \(header.maxTimestamp) is more than "
                    + "message.timestamp.after.max.ms, \(config.timestampAfterMaxMs), "
                    + "ahead of \(now)"
            )
        }
    }

    /// The next batch that the leader sent, checked; `nil` when no whole one is left.
    static func replicated(
        _ bytes: RawSpan, at position: Int
    ) throws(AppendError) -> RecordBatchHeader? {
        let remaining = bytes.byteCount - position
        guard remaining >= RecordBatchHeader.byteCount else { return nil }
        do throws(BatchError) {
            let header = try RecordBatchHeader(bytes, at: position)
            guard header.sizeInBytes <= remaining else { return nil }
            try RecordBatchHeader.verifyCRC(bytes, at: position, header: header)
            return header
        } catch {
            throw .kafka(.corruptMessage, "\(error)")
        }
    }
}
