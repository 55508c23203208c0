import KafkaRecords
import KafkaWire

/// Finding batches in a segment.
extension LogSegment {
    /// A batch by its header, and where it begins in the `.log`.
    struct Found {
        var header: RecordBatchHeader
        var position: Int
        var end: Int { position + header.sizeInBytes }
    }

    /// Bytes read at once while walking over headers.
    private static let walkBytes = 4096

    /// Shows the header of each batch from `position` on that ends at or before `limit`, until
    /// `visit` returns false. Where it stopped: at the batch refused, or where whole batches end.
    ///
    /// Headers that make no sense end the walk too. The CRC is not checked.
    @discardableResult
    func walk(
        from position: Int, to limit: Int,
        _ visit: (RecordBatchHeader, Int) throws(FileError) -> Bool
    ) throws(FileError) -> Int {
        let file = try file()
        var failure: FileError?
        let end = unsafe withUnsafeTemporaryAllocation(byteCount: Self.walkBytes, alignment: 8) {
            buffer in
            do throws(FileError) {
                return try unsafe walk(file, buffer, position, limit, visit)
            } catch {
                failure = error
                return position
            }
        }
        if let failure { throw failure }
        return end
    }

    private func walk(
        _ file: any StorageFile, _ buffer: UnsafeMutableRawBufferPointer, _ start: Int,
        _ limit: Int, _ visit: (RecordBatchHeader, Int) throws(FileError) -> Bool
    ) throws(FileError) -> Int {
        var position = start
        var bufferStart = start
        var filled = 0
        while limit - position >= RecordBatchHeader.logOverhead {
            if position + RecordBatchHeader.byteCount > bufferStart + filled {
                let count = min(buffer.count, limit - position)
                // The rebased part is within the buffer.
                let read = try unsafe file.read(
                    at: position, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]),
                    access)
                guard let read else { throw notCached(file, position) }
                filled = read
                bufferStart = position
            }
            // Only the bytes just read are looked at.
            let bytes = unsafe RawSpan(
                _unsafeBytes: UnsafeRawBufferPointer(rebasing: buffer[..<filled]))
            guard let header = Self.header(bytes, position - bufferStart),
                header.sizeInBytes <= limit - position
            else { break }
            guard try visit(header, position) else { break }
            position += header.sizeInBytes
        }
        return position
    }

    private static func header(_ bytes: RawSpan, _ position: Int) -> RecordBatchHeader? {
        do throws(BatchError) {
            return try RecordBatchHeader(bytes, at: position)
        } catch {
            return nil
        }
    }

    /// The header of the batch at `position`; `nil` when no whole batch is there.
    func header(at position: Int) throws(FileError) -> RecordBatchHeader? {
        var found: RecordBatchHeader?
        try walk(from: position, to: size) { header, _ in
            found = header
            return false
        }
        return found
    }

    /// A position at or before the batch that holds `offset`, from the index.
    private func startingPosition(for offset: Offset) throws(FileError) -> Int {
        let index = try loadedIndexes().offset
        let entry = try index.entry(atOrBelow: offset)
        guard entry >= 0 else { return 0 }
        let position = try index.position(entry)
        let lastOffset = try index.offset(entry)
        // What the index promises is looked up, since a wrong entry would hide records.
        if let header = try header(at: position), header.baseOffset <= lastOffset,
            header.baseOffset >= baseOffset,
            header.lastOffset <= offset || header.baseOffset <= offset
        {
            return position
        }
        try rebuildIndexes()
        let again = try loadedIndexes().offset
        let rebuilt = try again.entry(atOrBelow: offset)
        return rebuilt < 0 ? 0 : try again.position(rebuilt)
    }

    /// The first batch whose last offset is at least `offset`.
    func batch(holding offset: Offset) throws(FileError) -> Found? {
        guard size > 0 else { return nil }
        var found: Found?
        try walk(from: try startingPosition(for: offset), to: size) { header, position in
            guard header.lastOffset >= offset else { return true }
            found = Found(header: header, position: position)
            return false
        }
        return found
    }

    /// The offset after the last batch.
    func nextOffset() throws(FileError) -> Offset { try end().nextOffset }

    /// Where the whole batches end, which is before `size` when something else follows them, and
    /// the offset after the last one.
    func end() throws(FileError) -> (position: Int, nextOffset: Offset) {
        guard size > 0 else { return (0, baseOffset) }
        let index = try loadedIndexes().offset
        var position = index.count == 0 ? 0 : try index.position(index.count - 1)
        // A wrong last entry must not hide the end of the log.
        if try header(at: position) == nil {
            try rebuildIndexes()
            position = 0
        }
        var next = baseOffset
        let end = try walk(from: position, to: size) { header, _ in
            next = header.nextOffset
            return true
        }
        return (end, next)
    }

    /// Where the last batch ends that begins at or after `start` and ends at or before `limit`, and
    /// the offset after it. `first` is the batch at `start`, and does end before `limit`.
    func lastEnd(
        from first: Found, limit: Int
    ) throws(FileError) -> (position: Int, nextOffset: Offset) {
        let index = try loadedIndexes().offset
        let entry = try index.entry(atOrBefore: limit)
        let near = entry < 0 ? 0 : try index.position(entry)
        // From a batch that the index knows, if it lies beyond the first one.
        var next = first.header.nextOffset
        if near > first.position, let header = try header(at: near),
            near + header.sizeInBytes <= limit
        {
            next = header.nextOffset
            let end = try walk(from: near, to: limit) { header, _ in
                next = header.nextOffset
                return true
            }
            return (end, next)
        }
        if near > first.position {
            // The batch at `near` reaches beyond the limit: what is before it ends there.
            let end = try walk(from: first.position, to: near) { header, _ in
                next = header.nextOffset
                return true
            }
            return (end, next)
        }
        let end = try walk(from: first.position, to: limit) { header, _ in
            next = header.nextOffset
            return true
        }
        return (end, next)
    }
}
