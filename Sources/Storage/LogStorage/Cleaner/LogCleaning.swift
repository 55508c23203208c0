public import KafkaWire

/// What a cleaner does with a log under its lock: look at it, and put cleaned segments into place.
extension PartitionLog {
    /// Which part of the log can be compacted now: no more than is flushed. What is compacted is to
    /// lie below the checkpointed recovery point, for above it recovery takes a gap for a loss.
    ///
    /// - Parameters:
    ///   - checkpoint: the log's entry in `cleaner-offset-checkpoint`.
    ///   - now: milliseconds since the epoch.
    public func cleanableRange(
        checkpoint: Offset?, highWatermark: Offset, now: Int64
    ) throws(LogError) -> CleanableRange {
        let stable = min(lastStableOffset(highWatermark: highWatermark), flushedOffset)
        let isLagging = config.minCompactionLagMs > 0
        let hasMaxLag = config.maxCompactionLagMs < .max
        let log = try reading { () throws(FileError) in
            var summaries: [SegmentSummary] = []
            var firstTimestamps: [Int64?] = []
            for segment in segments {
                let isActive = segment === active
                let largest = isLagging && !isActive ? try segment.largestTimestamp() : 0
                summaries.append(
                    SegmentSummary(
                        baseOffset: segment.baseOffset, sizeInBytes: segment.size,
                        largestTimestamp: largest))
                let first = hasMaxLag && !isActive ? try segment.firstTimestamp() : nil
                firstTimestamps.append(first)
                if !isActive && (isLagging || hasMaxLag) { segment.closeFiles() }
            }
            return CleanableLog(
                segments: summaries, firstTimestamps: firstTimestamps,
                logStartOffset: logStartOffset, logEndOffset: logEndOffset,
                lastStableOffset: stable)
        }
        return CleanableRange(log, checkpoint: checkpoint, config: config, now: now)
    }

    /// What a cleaning of that range starts from.
    public func cleanerInput(
        _ range: CleanableRange, highWatermark: Offset
    ) throws(LogError) -> CleanerInput {
        let closed = segments.dropLast().prefix { $0.baseOffset < range.firstUncleanableOffset }
        let aborted = try abortedTransactions(
            from: segments[0].baseOffset, upTo: range.firstUncleanableOffset)
        var lastRecords: [ProducerID: BatchCleaner.LastRecord] = [:]
        for producer in activeProducers() {
            lastRecords[producer.producerID] = BatchCleaner.LastRecord(
                lastDataOffset: producer.lastBatch?.lastOffset,
                producerEpoch: producer.producerEpoch)
        }
        return CleanerInput(
            directory: directory, fileSystem: fileSystem, config: config,
            generation: unsynced.generation,
            segments: closed.map {
                CleanerSegment(
                    baseOffset: $0.baseOffset, logBytes: $0.size, modified: $0.modified)
            }, aborted: aborted, lastRecords: lastRecords, highWatermark: highWatermark,
            range: range)
    }

    /// Puts the segment that `work` has ready in the place of those that it was made from.
    ///
    /// Only names change. Returns the files that are out of use, which are to be removed once
    /// `file.delete.delay.ms` has passed.
    /// - Throws: `superseded` when the log is not any more what the work began with, is being moved
    ///   to another directory, or is retired; cancel it then. `io` when the log has failed.
    public func swap(_ work: CleanerWork, now: Int64) throws(CleanerError) -> [String] {
        let ready = work.readySegment
        let first = segments.firstIndex { $0.baseOffset == ready.replaced.first?.baseOffset }
        guard let first, failure == nil, moving == nil, !isRetired,
            work.input.directory == directory,
            work.input.generation == unsynced.generation,
            matches(ready.replaced, at: first)
        else { throw .superseded }
        let range = first..<first + ready.replaced.count
        work.willSwap()
        do throws(LogError) {
            let files = try failingLog { () throws(FileError) in
                try replace(range, with: ready.writer, now)
            }
            work.didSwap()
            return files
        } catch {
            switch error {
            case .io(let failure), .failed(let failure): throw .io(failure)
            case .offsetOutOfRange, .corrupt: preconditionFailure("a swap reads nothing")
            }
        }
    }

    private func matches(_ replaced: ArraySlice<CleanerSegment>, at first: Int) -> Bool {
        // The active segment is never replaced.
        guard first + replaced.count < segments.count else { return false }
        return zip(replaced, segments[first...]).allSatisfy {
            $0.baseOffset == $1.baseOffset && $0.logBytes == $1.size
        }
    }

    private func replace(
        _ range: Range<Int>, with writer: CleanedSegmentWriter, _ now: Int64
    ) throws(FileError) -> [String] {
        let replaced = Array(segments[range])
        var files: [String] = []
        for segment in replaced { files += try giveUp(segment) }
        let segment = writer.replacement(
            modified: replaced[replaced.count - 1].modified, now: now)
        try segment.rename(to: .live)
        segments.replaceSubrange(range, with: [segment])
        unsynced.segments.removeAll { old in replaced.contains { $0 === old } }
        unsynced.names = true
        // Snapshots are of use where a segment begins, and the last one anywhere.
        let last = snapshots.last
        let strays = snapshots.filter { snapshot in
            snapshot != last && replaced.dropFirst().contains { $0.baseOffset == snapshot }
        }
        for stray in strays { try removeSnapshot(stray) }
        snapshots.removeAll { strays.contains($0) }
        return files
    }
}
