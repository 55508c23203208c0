public import KafkaWire

/// A stretch of a `.log` file, of whole batches. The file stays readable for as long as the slice
/// is held, even when its segment is deleted meanwhile.
public struct FileSlice: Sendable {
    public let file: any StorageFile
    public let position: Int
    /// Bytes.
    public let count: Int

    public init(file: any StorageFile, position: Int, count: Int) {
        self.file = file
        self.position = position
        self.count = count
    }

    /// The bytes themselves.
    public func bytes() throws(FileError) -> [UInt8] {
        try file.readBytes(at: position, count: count)
    }
}

/// What a read found.
public struct LogRead: Sendable {
    /// The batches; `nil` when there are none to give.
    public var slice: FileSlice?
    /// Where to read on: after the last batch of the slice, or where this read began.
    public var nextOffset: Offset
    /// What has to be prefetched before this can be read without waiting for the disk.
    public var cold: FileSlice?

    public init(slice: FileSlice?, nextOffset: Offset, cold: FileSlice? = nil) {
        self.slice = slice
        self.nextOffset = nextOffset
        self.cold = cold
    }
}

extension PartitionLog {
    /// The batches from the one that holds `offset` on, as many as lie in one segment, below
    /// `upTo`, and within `maxBytes`.
    ///
    /// The first batch may begin below `offset`. With `atLeastOneBatch` it is given whatever its
    /// size. With `cachedOnly` nothing waits for the disk: what is not in memory is named in the
    /// answer (`cold`), to be prefetched off the lock.
    /// - Throws: `offsetOutOfRange` below the log start or above the log end.
    public func read(
        from offset: Offset, maxBytes: Int, upTo: Offset, atLeastOneBatch: Bool,
        cachedOnly: Bool = false
    ) throws(LogError) -> LogRead {
        guard offset >= logStartOffset, offset <= logEndOffset else {
            throw .offsetOutOfRange(requested: offset, start: logStartOffset, end: logEndOffset)
        }
        let end = min(upTo, logEndOffset)
        return try reading { () throws(FileError) in
            guard cachedOnly, offset < end else {
                return try readBatches(offset, maxBytes, end, atLeastOneBatch)
            }
            let segment = segments[segmentIndex(of: offset)]
            let found = try segment.lookUpCached(bytes: maxBytes) { () throws(FileError) in
                try readBatches(offset, maxBytes, end, atLeastOneBatch)
            }
            switch found {
            case .success(var read):
                if let slice = read.slice,
                    !slice.file.isCached(at: slice.position, count: slice.count)
                {
                    read.cold = slice
                }
                return read
            case .failure(let missing):
                return LogRead(slice: nil, nextOffset: offset, cold: missing.slice)
            }
        }
    }

    private func readBatches(
        _ offset: Offset, _ maxBytes: Int, _ end: Offset, _ atLeastOneBatch: Bool
    ) throws(FileError) -> LogRead {
        let nothing = LogRead(slice: nil, nextOffset: offset)
        guard offset < end else { return nothing }
        var index = segmentIndex(of: offset)
        while index < segments.count {
            let segment = segments[index]
            guard let first = try segment.batch(holding: offset) else {
                // Nothing at or above `offset` is left in this segment (the cleaner was here).
                index += 1
                continue
            }
            guard first.header.lastOffset < end else { return nothing }
            let segmentEnd =
                index + 1 < segments.count ? segments[index + 1].baseOffset : logEndOffset
            return try slice(
                segment, segmentEnd, from: first, offset, maxBytes, end, atLeastOneBatch)
        }
        return nothing
    }

    private func slice(
        _ segment: LogSegment, _ segmentEnd: Offset, from first: LogSegment.Found,
        _ offset: Offset, _ maxBytes: Int, _ end: Offset, _ atLeastOneBatch: Bool
    ) throws(FileError) -> LogRead {
        var limit = segment.size
        var nextOffset = segmentEnd
        if end < segmentEnd {
            if let bound = try segment.batch(holding: end) { limit = bound.position }
            nextOffset = end
        }
        if first.header.sizeInBytes > maxBytes {
            guard atLeastOneBatch else { return LogRead(slice: nil, nextOffset: offset) }
            limit = first.end
            nextOffset = first.header.nextOffset
        } else if limit - first.position > maxBytes {
            (limit, nextOffset) = try segment.lastEnd(
                from: first, limit: first.position + maxBytes)
        }
        let slice = FileSlice(
            file: try segment.file(), position: first.position, count: limit - first.position)
        return LogRead(slice: slice, nextOffset: nextOffset)
    }

    /// The transactions that a reader of committed data must skip records of, when it reads from
    /// `from` up to `upTo` (exclusive): those aborted whose records may lie in between.
    public func abortedTransactions(
        from: Offset, upTo: Offset
    ) throws(LogError) -> [AbortedTransaction] {
        try reading { () throws(FileError) in
            var found: [AbortedTransaction] = []
            for index in segmentIndex(of: from)..<segments.count {
                let transactions = try segments[index].loadedIndexes().transaction
                for entry in 0..<transactions.count {
                    let aborted = try transactions.entry(entry)
                    if aborted.lastOffset >= from, aborted.firstOffset < upTo {
                        found.append(aborted)
                    }
                    if aborted.lastStableOffset >= upTo { return found }
                }
            }
            return found
        }
    }

    /// The epoch of the record at `offset`; none when the log does not know.
    public func epoch(of offset: Offset) -> LeaderEpoch { epochs.epoch(of: offset) }

    /// The largest epoch at most `epoch`, and where it ends; (-1, -1) when the log knows none.
    public func endOffset(forEpoch epoch: LeaderEpoch) -> (LeaderEpoch, Offset) {
        epochs.endOffset(for: epoch, logEnd: logEndOffset)
    }
}
