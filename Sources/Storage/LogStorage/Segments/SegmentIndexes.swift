import KafkaWire

/// `.index`: for about every `index.interval.bytes` of log, the last offset of a batch less the
/// segment's base offset (int32) and where in the `.log` the batch begins (int32).
struct OffsetIndex {
    static let entrySize = 8
    let baseOffset: Offset
    let file: IndexFile

    var count: Int { file.count }

    func offset(_ index: Int) throws(FileError) -> Offset {
        baseOffset + Int64(try file.integer(Int32.self, entry: index, at: 0))
    }
    func position(_ index: Int) throws(FileError) -> Int {
        Int(try file.integer(Int32.self, entry: index, at: 4))
    }

    /// An offset too far from the base offset, which only damage makes, is left out; the caller
    /// sees to it that the position fits.
    func append(_ offset: Offset, at position: Int) {
        let distance = offset.rawValue - baseOffset.rawValue
        guard (0...LogSegment.maxOffsetSpan).contains(distance) else { return }
        file.append {
            $0.appendBigEndian(UInt32(distance))
            $0.appendBigEndian(UInt32(position))
        }
    }

    /// The last entry at or below `target`; -1 for none.
    func entry(atOrBelow target: Offset) throws(FileError) -> Int {
        try file.lastIndex { index throws(FileError) in try offset(index) <= target }
    }

    /// The last entry whose position is at most `limit`; -1 for none.
    func entry(atOrBefore limit: Int) throws(FileError) -> Int {
        try file.lastIndex { index throws(FileError) in try position(index) <= limit }
    }

    /// Drops the entries at or above `offset`.
    func truncate(to offset: Offset) throws(FileError) {
        try file.truncate(toCount: try entry(atOrBelow: offset + -1) + 1)
    }
}

/// A timestamp in milliseconds since the epoch, and the last offset of the batch that has it.
struct TimestampEntry: Equatable, Sendable {
    var timestamp: Int64
    var offset: Offset
}

/// `.timeindex`: the largest timestamp so far (int64) and the last offset of the batch that has it,
/// less the segment's base offset (int32). Both grow from entry to entry.
struct TimeIndex {
    static let entrySize = 12
    let baseOffset: Offset
    let file: IndexFile

    var count: Int { file.count }

    func timestamp(_ index: Int) throws(FileError) -> Int64 {
        try file.integer(Int64.self, entry: index, at: 0)
    }
    func offset(_ index: Int) throws(FileError) -> Offset {
        baseOffset + Int64(try file.integer(Int32.self, entry: index, at: 8))
    }
    func entry(_ index: Int) throws(FileError) -> TimestampEntry {
        TimestampEntry(timestamp: try timestamp(index), offset: try offset(index))
    }

    /// The last entry; timestamp -1 at the base offset when there is none.
    func last() throws(FileError) -> TimestampEntry {
        count == 0 ? TimestampEntry(timestamp: -1, offset: baseOffset) : try entry(count - 1)
    }

    /// Adds an entry unless it does not go beyond the last one, or is too far from the base offset,
    /// which only damage makes: a lookup then reads more of the segment.
    func appendIfLater(_ entry: TimestampEntry) throws(FileError) {
        let last = try last()
        guard entry.timestamp > last.timestamp, entry.offset >= last.offset,
            entry.offset.rawValue - baseOffset.rawValue <= LogSegment.maxOffsetSpan
        else { return }
        file.append {
            $0.appendBigEndian(UInt64(bitPattern: entry.timestamp))
            $0.appendBigEndian(UInt32(entry.offset - baseOffset))
        }
    }

    /// The last entry whose timestamp is at most `target`.
    func entry(atOrBelow target: Int64) throws(FileError) -> TimestampEntry {
        let index = try file.lastIndex { index throws(FileError) in
            try timestamp(index) <= target
        }
        return index < 0
            ? TimestampEntry(timestamp: -1, offset: baseOffset) : try entry(index)
    }

    /// Drops the entries at or above `offset`.
    func truncate(to offset: Offset) throws(FileError) {
        let kept = try file.lastIndex { index throws(FileError) in
            try self.offset(index) < offset
        }
        try file.truncate(toCount: kept + 1)
    }
}

/// `.txnindex`: the aborted transactions whose marker is in the segment, each as version 0 (int16),
/// producer id, first offset, last offset, last stable offset (int64 each).
struct TransactionIndex {
    static let entrySize = 34
    let file: IndexFile

    var count: Int { file.count }

    func append(_ aborted: AbortedTransaction) {
        file.append {
            $0.appendBigEndian(UInt16(0))
            $0.appendBigEndian(UInt64(bitPattern: aborted.producerID.rawValue))
            $0.appendBigEndian(UInt64(bitPattern: aborted.firstOffset.rawValue))
            $0.appendBigEndian(UInt64(bitPattern: aborted.lastOffset.rawValue))
            $0.appendBigEndian(UInt64(bitPattern: aborted.lastStableOffset.rawValue))
        }
    }

    func entry(_ index: Int) throws(FileError) -> AbortedTransaction {
        AbortedTransaction(
            producerID: ProducerID(try file.integer(Int64.self, entry: index, at: 2)),
            firstOffset: Offset(try file.integer(Int64.self, entry: index, at: 10)),
            lastOffset: Offset(try file.integer(Int64.self, entry: index, at: 18)),
            lastStableOffset: Offset(try file.integer(Int64.self, entry: index, at: 26)))
    }

    /// Drops the transactions that end at or above `offset`.
    func truncate(to offset: Offset) throws(FileError) {
        let kept = try file.lastIndex { index throws(FileError) in
            try entry(index).lastOffset < offset
        }
        try file.truncate(toCount: kept + 1)
    }
}
