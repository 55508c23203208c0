public import KafkaWire

extension PartitionLog {
    /// Cuts off everything from `offset` on, as a follower does that has other records than the
    /// leader.
    ///
    /// A batch that holds `offset` goes as a whole, so that the log may end before it. What is cut
    /// off is gone durably on return, so that it cannot seem to continue what is appended next.
    /// The owner has lowered the checkpointed recovery point to where the log will end, or below,
    /// before (`prepareTruncation`), for recovery takes what lies below it without looking.
    ///
    /// At the log's end nothing is cut off but the note of an epoch that began there and that no
    /// record was written in.
    public func truncate(to offset: Offset) throws(LogError) {
        guard offset < logEndOffset else {
            guard epochs.truncate(fromEnd: offset) else { return }
            sometimes(.truncationForgetsEpoch)
            unsynced.epochs = true
            return
        }
        guard offset >= segments[0].baseOffset else {
            return try truncateFullyAndStart(at: offset)
        }
        try failingLog { () throws(FileError) in
            sometimes(.logTruncated)
            let end = try self.end(cutAt: offset)
            let index = segmentIndex(of: offset)
            if index + 1 < segments.count {
                sometimes(.truncationRemovesSegments)
                for segment in segments[(index + 1)...] { try remove(segment) }
                segments.removeSubrange((index + 1)...)
                try fileSystem.syncDirectory(directory)
            }
            try active.truncate(to: end, now: now)
            try ended(at: end)
        }
    }

    /// Counts nothing of what a truncation to `offset` cuts off as being on disk, not even what a
    /// flush that is under way reports; whether something did.
    public func prepareTruncation(to offset: Offset) throws(LogError) -> Bool {
        let end = try reading { () throws(FileError) in try self.end(cutAt: offset) }
        unsynced.generation += 1
        moving?.truncated(to: end)
        guard flushedOffset > end, !PlantedBug.trustedTruncation.isPlanted else { return false }
        flushedOffset = end
        return true
    }

    /// Where the log ends when it is cut off at `offset`: a batch goes as a whole.
    private func end(cutAt offset: Offset) throws(FileError) -> Offset {
        guard offset >= segments[0].baseOffset, offset < logEndOffset,
            let batch = try segments[segmentIndex(of: offset)].batch(holding: offset)
        else { return offset }
        return min(offset, batch.header.baseOffset)
    }

    private func ended(at end: Offset) throws(FileError) {
        logEndOffset = end
        logStartOffset = min(logStartOffset, end)
        changedBelowEnd(end)
        if epochs.truncate(fromEnd: end) { unsynced.epochs = true }
        if end < producers.endOffset {
            sometimes(.truncationRewindsProducers)
            let replay = ProducerReplay(log: self, now: now)
            producers = try replay.table(
                upTo: end, segments, from: segments[0].baseOffset, &snapshots)
        }
    }

    /// Notes that what lies at or above `end` is not what it was.
    private func changedBelowEnd(_ end: Offset) {
        flushedOffset = min(flushedOffset, end)
        moving?.truncated(to: end)
        unsynced.generation += 1
        unsynced.names = true
        unsynced.snapshots.removeAll { $0 > end }
        let kept = segments
        unsynced.segments.removeAll { segment in
            segment === active || !kept.contains { $0 === segment }
        }
    }

    /// Drops everything and begins anew, empty, at `offset`.
    public func truncateFullyAndStart(at offset: Offset) throws(LogError) {
        try failingLog { () throws(FileError) in
            sometimes(.logBegunAnew)
            for segment in segments { try remove(segment) }
            for snapshot in snapshots { try removeSnapshot(snapshot) }
            snapshots = []
            segments = [
                try LogSegment.create(
                    directory: directory, baseOffset: offset,
                    indexIntervalBytes: config.indexIntervalBytes, fileSystem: fileSystem,
                    now: now)
            ]
            producers.removeAll(endOffset: offset)
            epochs.removeAll()
            unsynced.epochs = true
            logStartOffset = offset
            logEndOffset = offset
            changedBelowEnd(offset)
        }
    }

    /// Makes `offset` the log's start: what is below is not readable any more. Retention removes
    /// the segments that are all below. Never goes back.
    /// The caller sees to it that `offset` is not above the high watermark.
    /// - Throws: `offsetOutOfRange` above the log's end.
    public func deleteRecords(before offset: Offset) throws(LogError) {
        guard offset > logStartOffset else { return }
        guard offset <= logEndOffset else {
            throw .offsetOutOfRange(requested: offset, start: logStartOffset, end: logEndOffset)
        }
        sometimes(.recordsDeleted)
        logStartOffset = offset
        producers.forgetEnded(below: offset)
        if epochs.truncate(fromStart: offset) { unsynced.epochs = true }
    }

    private func remove(_ segment: LogSegment) throws(FileError) {
        segment.closeFiles()
        for kind in SegmentFileKind.allCases where kind != .producerSnapshot {
            let path = segment.path(kind)
            if try fileSystem.status(path) != nil { try fileSystem.remove(path) }
        }
    }

    func removeSnapshot(_ offset: Offset) throws(FileError) {
        let path = snapshotPath(offset)
        if try fileSystem.status(path) != nil { try fileSystem.remove(path) }
    }
}
