import KafkaWire

extension PartitionLog {
    /// Begins a new segment if the next append needs one. Whether it did.
    func rollIfNeeded(
        _ byteCount: Int, _ first: Offset, _ last: Offset, _ maxTimestamp: Int64, _ now: Int64
    ) throws(FileError) -> Bool {
        guard
            try active.shouldRoll(
                config, jitterMs: rollJitterMs, byteCount: byteCount, lastOffset: last,
                maxTimestamp: maxTimestamp, now: now)
        else { return false }
        // At the log's end even when the leader's offsets have a gap there: a segment that does not
        // begin where the one before ends looks as if a crash had lost something.
        let isInReach = last - logEndOffset <= LogSegment.maxOffsetSpan
        try rollSegment(at: isInReach ? logEndOffset : first, now: now)
        return true
    }

    /// How much earlier than `segment.ms` the active segment rolls: drawn from its name, so that
    /// partitions do not roll all at once.
    private var rollJitterMs: Int64 {
        guard config.segmentJitterMs > 0 else { return 0 }
        let seed =
            UInt64(bitPattern: active.baseOffset.rawValue) &* 31
            &+ UInt64(bitPattern: Int64(topicPartition.partition))
        var generator = SplitMix64(seed: seed)
        return Int64.random(in: 0...config.segmentJitterMs, using: &generator)
    }

    /// Begins a new segment at `baseOffset`. Nothing is synced here: the next flush does that.
    func rollSegment(at baseOffset: Offset, now: Int64) throws(FileError) {
        precondition(
            baseOffset > active.baseOffset || active.size > 0, "a segment of that name exists")
        if active.size > 0 {
            try active.finishIndexes()
            try writeSnapshot(at: logEndOffset)
        }
        sometimes(.segmentRolled)
        let segment = try LogSegment.create(
            directory: directory, baseOffset: baseOffset,
            indexIntervalBytes: config.indexIntervalBytes, fileSystem: fileSystem, now: now)
        active.closeFiles()
        unsynced.segments.append(active)
        unsynced.names = true
        segments.append(segment)
    }

    /// Writes the producers' state as of `offset`, not durably.
    func writeSnapshot(at offset: Offset) throws(FileError) {
        guard offset > snapshots.last ?? logStartOffset else { return }
        let file = try fileSystem.open(snapshotPath(offset), .create)
        let bytes = ProducerSnapshot.encode(producers.sorted)
        try file.truncate(to: 0)
        // Bytes have no padding.
        try unsafe file.write(bytes.span.bytes, at: 0)
        snapshots.append(offset)
        unsynced.snapshots.append(offset)
        unsynced.names = true
    }

    func snapshotPath(_ offset: Offset) -> String {
        directory + "/" + SegmentFileName(baseOffset: offset, kind: .producerSnapshot).text
    }
}
