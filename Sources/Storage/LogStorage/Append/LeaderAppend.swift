import KafkaProtocol
import KafkaRecords
public import KafkaWire

/// What one pass over the batches of an append found.
struct StagedAppend {
    var nextOffset: Offset
    var maxTimestamp: Int64 = -1
    var producers = ProducerStaging()
    /// The batch had been appended before.
    var duplicate: ProducerBatch?
}

/// How an append is checked.
private struct AppendRules {
    var origin: AppendOrigin
    var check: TransactionCheck
    var transactionVersion: Int16
}

extension PartitionLog {
    /// Appends as the leader: checks the batches, gives them offsets and the leader epoch where
    /// they lie, and writes all of them at once, or none.
    ///
    /// `batches` holds one or more whole batches; what it holds after a failure is undefined. A
    /// batch that an idempotent producer sent before gives the offsets of the original,
    /// `isDuplicate`. Nothing is durable before the next flush.
    /// - Parameters:
    ///   - now: milliseconds since the epoch.
    ///   - check: what transactional records have to show.
    ///   - transactionVersion: of the coordinator that writes markers (KIP-890).
    public func append(
        _ batches: inout MutableRawSpan, origin: AppendOrigin, leaderEpoch: LeaderEpoch,
        now: Int64, check: TransactionCheck = .none, transactionVersion: Int16 = 0
    ) throws(AppendError) -> AppendInfo {
        if let failure { throw .io(failure) }
        self.now = now
        let rules = AppendRules(
            origin: origin, check: check, transactionVersion: transactionVersion)
        if var rewritten = try rewrittenBatches(batches.bytes, origin: origin, now: now) {
            var span = rewritten.mutableSpan
            // Bytes have no padding.
            var bytes = unsafe span.mutableBytes
            return try appendInPlace(&bytes, leaderEpoch, now, rules)
        }
        return try appendInPlace(&batches, leaderEpoch, now, rules)
    }

    private func appendInPlace(
        _ batches: inout MutableRawSpan, _ leaderEpoch: LeaderEpoch, _ now: Int64,
        _ rules: AppendRules
    ) throws(AppendError) -> AppendInfo {
        let baseOffset = logEndOffset
        var staged = StagedAppend(nextOffset: baseOffset)
        var position = 0
        repeat {
            position += try stage(&batches, at: position, leaderEpoch, now, rules, &staged)
            if let duplicate = staged.duplicate {
                return AppendInfo(
                    baseOffset: duplicate.firstOffset, lastOffset: duplicate.lastOffset,
                    logAppendTime: config.timestampType == .logAppendTime
                        ? duplicate.timestamp : -1, isDuplicate: true)
            }
        } while position < batches.byteCount
        var info = AppendInfo(
            baseOffset: baseOffset, lastOffset: staged.nextOffset + -1,
            logAppendTime: config.timestampType == .logAppendTime ? now : -1)
        info.rolled = try write(batches.bytes, from: baseOffset, staged, now)
        if epochs.assign(leaderEpoch, at: baseOffset) { unsynced.epochs = true }
        return info
    }

    /// Checks the batch at `position` and gives it its offset; its size.
    private func stage(
        _ batches: inout MutableRawSpan, at position: Int, _ leaderEpoch: LeaderEpoch,
        _ now: Int64, _ rules: AppendRules, _ staged: inout StagedAppend
    ) throws(AppendError) -> Int {
        var header = try BatchCheck.header(batches.bytes, at: position)
        try BatchCheck.check(header, batches.bytes, at: position, rules.origin, config, now)
        if header.timestampType != config.timestampType || config.timestampType == .logAppendTime {
            if config.timestampType == .logAppendTime { header.maxTimestamp = now }
            RecordBatchHeader.setMaxTimestamp(
                header.maxTimestamp, type: config.timestampType, in: &batches, at: position)
        }
        if header.hasProducerID {
            if rules.origin == .client, !PlantedBug.appendedRetry.isPlanted,
                let duplicate = producers[header.producerID]?.duplicate(
                    epoch: header.producerEpoch, first: header.baseSequence,
                    last: header.lastSequence)
            {
                guard position == 0 else {
                    throw .kafka(
                        .duplicateSequenceNumber,
                        "producer \(header.producerID) repeats a batch along with new ones")
                }
                sometimes(.duplicateBatch)
                staged.duplicate = duplicate
                return header.sizeInBytes
            }
            try stageProducer(header, batches.bytes, at: position, rules, &staged)
        }
        RecordBatchHeader.setBaseOffset(staged.nextOffset, in: &batches, at: position)
        RecordBatchHeader.setPartitionLeaderEpoch(leaderEpoch, in: &batches, at: position)
        staged.maxTimestamp = max(staged.maxTimestamp, header.maxTimestamp)
        staged.nextOffset = staged.nextOffset + (Int64(header.lastOffsetDelta) + 1)
        return header.sizeInBytes
    }

    private func stageProducer(
        _ header: RecordBatchHeader, _ bytes: RawSpan, at position: Int, _ rules: AppendRules?,
        _ staged: inout StagedAppend
    ) throws(AppendError) {
        guard header.isControl else {
            return try staged.producers.add(
                header, baseOffset: staged.nextOffset, origin: rules?.origin,
                check: rules?.check ?? .none, producers)
        }
        let marker: TransactionEnd?
        do throws(WireError) {
            marker = try TransactionEnd(bytes, at: position, header)
        } catch {
            throw .kafka(.corruptMessage, "a control batch whose marker cannot be read: \(error)")
        }
        guard let marker else { return }
        try staged.producers.add(
            marker, header, at: staged.nextOffset, origin: rules?.origin,
            transactionVersion: rules?.transactionVersion ?? 0, producers)
    }

    /// Appends batches that have their offsets and epochs already, as a follower or the metadata
    /// log does; all of them or none.
    ///
    /// Offsets may have gaps (the leader's log may be compacted), but never go back. A batch that
    /// is cut off at the end is left out. With `lastEpoch`, as for a follower that asks again for
    /// what is missing, so is all from the first batch on that is of a later epoch, or that does
    /// not fit into one segment along with those before it.
    public func appendReplicated(
        _ batches: RawSpan, upToEpoch lastEpoch: LeaderEpoch? = nil
    ) throws(AppendError) -> AppendInfo {
        if let failure { throw .io(failure) }
        var staged = StagedAppend(nextOffset: logEndOffset)
        var first: Offset?
        var position = 0
        var newEpochs: [LeaderEpochCache.Entry] = []
        var epoch = epochs.latest
        while let header = try BatchCheck.replicated(batches, at: position) {
            if let lastEpoch,
                header.partitionLeaderEpoch > lastEpoch
                    || position > 0 && position + header.sizeInBytes > config.segmentBytes
                    || header.lastOffset - (first ?? header.baseOffset)
                        > LogSegment.maxOffsetSpan
            {
                break
            }
            guard header.baseOffset >= staged.nextOffset, header.lastOffsetDelta >= 0 else {
                throw .kafka(
                    .unknownServerError,
                    "a batch at offset \(header.baseOffset) of \(topicPartition) where "
                        + "\(staged.nextOffset) is next")
            }
            first = first ?? header.baseOffset
            staged.nextOffset = header.baseOffset
            if header.hasProducerID {
                try stageProducer(header, batches, at: position, nil, &staged)
            }
            if header.partitionLeaderEpoch != epoch {
                epoch = header.partitionLeaderEpoch
                newEpochs.append(.init(epoch: epoch, startOffset: header.baseOffset))
            }
            staged.nextOffset = header.nextOffset
            staged.maxTimestamp = max(staged.maxTimestamp, header.maxTimestamp)
            position += header.sizeInBytes
        }
        guard let first else { throw .kafka(.corruptMessage, "no whole batch to append") }
        let whole = batches.extracting(0..<position)
        let info = AppendInfo(baseOffset: first, lastOffset: staged.nextOffset + -1)
        let rolled = try write(whole, from: first, staged, staged.maxTimestamp)
        for entry in newEpochs where epochs.assign(entry.epoch, at: entry.startOffset) {
            unsynced.epochs = true
        }
        return AppendInfo(
            baseOffset: info.baseOffset, lastOffset: info.lastOffset, rolled: rolled)
    }

    /// Writes checked batches and takes over what they change. Whether a segment was begun for
    /// them.
    private func write(
        _ bytes: RawSpan, from first: Offset, _ staged: consuming StagedAppend, _ now: Int64
    ) throws(AppendError) -> Bool {
        guard bytes.byteCount <= config.segmentBytes else {
            throw .kafka(
                .recordListTooLarge,
                "\(bytes.byteCount) bytes are more than segment.bytes, \(config.segmentBytes)")
        }
        let nextOffset = staged.nextOffset
        guard nextOffset + -1 - first <= LogSegment.maxOffsetSpan else {
            throw .kafka(
                .recordListTooLarge,
                "offsets \(first) to \(nextOffset + -1) are more than a segment can have")
        }
        var isIntact = true
        do throws(FileError) {
            let rolled = try rollIfNeeded(
                bytes.byteCount, first, nextOffset + -1, staged.maxTimestamp, now)
            try active.append(bytes, isIntact: &isIntact)
            isIntact = false
            logEndOffset = nextOffset
            appendedBytes += bytes.byteCount
            for aborted in staged.producers.commit(to: &producers)
            where !PlantedBug.unlistedAbort.isPlanted { try active.note(aborted) }
            producers.endOffset = nextOffset
            return rolled
        } catch {
            if !isIntact {
                sometimes(.appendFailed)
                markFailed(error)
            }
            throw .io(error)
        }
    }
}
