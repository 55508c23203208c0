import KafkaRecords
import KafkaWire

/// One segment of a log: a `.log` file of batches and the indexes over it.
///
/// Files are opened when they are needed. Not for several threads: the owner of the log guards it.
/// A `.log` file that was handed out stays open for as long as somebody holds it.
final class LogSegment {
    /// How far above its base offset a segment's last offset may be: indexes have it in 31 bits.
    static let maxOffsetSpan = Int64(Int32.max)

    let baseOffset: Offset
    private(set) var directory: String
    private(set) var state: SegmentFileName.State
    let fileSystem: any FileSystem
    /// Bytes of the `.log` file.
    private(set) var size: Int
    /// `index.interval.bytes` at the time of opening.
    let indexIntervalBytes: Int
    /// When the segment was made or opened, in milliseconds since the epoch.
    private(set) var created: Int64
    /// When the `.log` file last changed before it was opened; milliseconds since the epoch.
    private(set) var modified: Int64
    /// Appended to since `finishIndexes`.
    private(set) var isChanged = false
    private var bytesSinceIndexEntry = 0
    private var log: (any StorageFile)?
    private var indexes: Indexes?
    /// What lookups may wait for.
    var access = ReadAccess.any { didSet { setIndexAccess() } }
    private var cold: FileSlice?
    private var maxTimestampSoFar: TimestampEntry?
    private var rollingTimestamp: Int64?

    struct Indexes {
        var offset: OffsetIndex
        var time: TimeIndex
        var transaction: TransactionIndex
    }

    /// A segment whose files exist, `size` bytes of log.
    init(
        directory: String, baseOffset: Offset, state: SegmentFileName.State = .live, size: Int,
        modified: Int64, indexIntervalBytes: Int, fileSystem: any FileSystem, now: Int64
    ) {
        self.directory = directory
        self.baseOffset = baseOffset
        self.state = state
        self.size = size
        self.modified = modified
        self.indexIntervalBytes = indexIntervalBytes
        self.fileSystem = fileSystem
        created = now
    }

    /// Makes the files of an empty segment; what is there under its names is emptied.
    static func create(
        directory: String, baseOffset: Offset, state: SegmentFileName.State = .live,
        indexIntervalBytes: Int, fileSystem: any FileSystem, now: Int64
    ) throws(FileError) -> LogSegment {
        let segment = LogSegment(
            directory: directory, baseOffset: baseOffset, state: state, size: 0, modified: now,
            indexIntervalBytes: indexIntervalBytes, fileSystem: fileSystem, now: now)
        let log = try fileSystem.open(segment.path(.log), .create)
        if try log.size > 0 { try log.truncate(to: 0) }
        segment.log = log
        let indexes = segment.emptyIndexes()
        segment.indexes = indexes
        try indexes.offset.file.finish()
        try indexes.time.file.finish()
        if try fileSystem.status(segment.path(.transactionIndex)) != nil {
            try indexes.transaction.file.finish()
        }
        segment.closeIndexFiles()
        segment.maxTimestampSoFar = TimestampEntry(timestamp: -1, offset: baseOffset)
        return segment
    }

    func path(_ kind: SegmentFileKind) -> String {
        let name = SegmentFileName(baseOffset: baseOffset, kind: kind, state: state)
        return directory + "/" + name.text
    }

    /// The `.log` file, opened.
    func file() throws(FileError) -> any StorageFile {
        if let log { return log }
        let file = try fileSystem.open(path(.log), .readWrite)
        log = file
        return file
    }

    /// Lets go of all descriptors.
    func closeFiles() {
        log = nil
        closeIndexFiles()
    }

    private func closeIndexFiles() {
        indexes?.offset.file.closeFile()
        indexes?.time.file.closeFile()
        indexes?.transaction.file.closeFile()
    }

    // MARK: Lookups that do not wait for the disk

    private func setIndexAccess() {
        indexes?.offset.file.access = access
        indexes?.time.file.access = access
        indexes?.transaction.file.access = access
    }

    /// Notes that a lookup needs the log from `position` on.
    func notCached(_ file: any StorageFile, _ position: Int) -> FileError {
        if case .cachedOnly(let bytes) = access {
            let count = min(size - position, min(max(bytes, 65_536), 4 << 20))
            cold = FileSlice(file: file, position: position, count: count)
        }
        return .notCached(path(.log))
    }

    func takeColdSlice() -> FileSlice? {
        defer { cold = nil }
        return cold ?? indexes?.offset.file.takeCold() ?? indexes?.time.file.takeCold()
            ?? indexes?.transaction.file.takeCold()
    }

    // MARK: Indexes

    private func emptyIndexes(offset: Int = 0, time: Int = 0, transaction: Int = 0) -> Indexes {
        func file(_ kind: SegmentFileKind, _ size: Int, _ count: Int) -> IndexFile {
            let file = IndexFile(
                path: path(kind), entrySize: size, count: count, fileSystem: fileSystem)
            file.access = access
            return file
        }
        return Indexes(
            offset: OffsetIndex(
                baseOffset: baseOffset, file: file(.offsetIndex, OffsetIndex.entrySize, offset)),
            time: TimeIndex(
                baseOffset: baseOffset, file: file(.timeIndex, TimeIndex.entrySize, time)),
            transaction: TransactionIndex(
                file: file(.transactionIndex, TransactionIndex.entrySize, transaction)))
    }

    /// The indexes; those of a file that is missing or lies are built anew from the log.
    func loadedIndexes() throws(FileError) -> Indexes {
        if let indexes { return indexes }
        func count(_ kind: SegmentFileKind, _ entrySize: Int) throws(FileError) -> Int? {
            guard let size = try fileSystem.status(path(kind))?.size else { return nil }
            return size.isMultiple(of: entrySize) ? size / entrySize : nil
        }
        let transactions = try count(.transactionIndex, TransactionIndex.entrySize) ?? 0
        let offsets = try count(.offsetIndex, OffsetIndex.entrySize)
        let times = try count(.timeIndex, TimeIndex.entrySize)
        let found = emptyIndexes(
            offset: offsets ?? 0, time: times ?? 0, transaction: transactions)
        var isUsable = offsets != nil && times != nil
        do throws(FileError) {
            if isUsable { isUsable = try isSane(found) }
        } catch {
            cold = found.offset.file.takeCold() ?? found.time.file.takeCold()
            throw error
        }
        indexes = found
        guard isUsable else {
            try rebuildIndexes()
            return indexes ?? found
        }
        return found
    }

    /// Whether first and last entries are such as this segment can have.
    private func isSane(_ found: Indexes) throws(FileError) -> Bool {
        let last = found.offset.count - 1
        if last >= 0 {
            let position = try found.offset.position(last)
            guard position > 0, position < size, try found.offset.offset(last) >= baseOffset
            else { return false }
            if last > 0 {
                guard try found.offset.position(last - 1) < position,
                    try found.offset.offset(last - 1) < found.offset.offset(last)
                else { return false }
            }
        }
        let lastTime = found.time.count - 1
        guard lastTime >= 0 else { return true }
        let entry = try found.time.entry(lastTime)
        guard entry.offset >= baseOffset, entry.timestamp >= 0 else { return false }
        guard lastTime > 0 else { return true }
        return try found.time.timestamp(lastTime - 1) < entry.timestamp
    }

    /// Builds the offset and time index anew from the headers in the log.
    func rebuildIndexes() throws(FileError) {
        let before = access
        access = .any
        defer { access = before }
        try resetIndexes(keepingTransactions: true)
        try walk(from: 0, to: size) { header, position throws(FileError) in
            try note(header, at: position)
            return true
        }
        try finishIndexes()
    }

    /// Empties the indexes, for `note` to fill them.
    func resetIndexes(keepingTransactions: Bool = false) throws(FileError) {
        let transactions = keepingTransactions ? indexes?.transaction : nil
        indexes = emptyIndexes()
        if let transactions { indexes?.transaction = transactions }
        bytesSinceIndexEntry = 0
        maxTimestampSoFar = TimestampEntry(timestamp: -1, offset: baseOffset)
        rollingTimestamp = nil
    }

    /// Takes the batch at `position` into account, in the order of the log: the largest timestamp,
    /// and an index entry every so many bytes.
    func note(_ header: RecordBatchHeader, at position: Int) throws(FileError) {
        let indexes = try loadedIndexes()
        var largest = try maxTimestamp()
        if header.maxTimestamp > largest.timestamp {
            largest = TimestampEntry(timestamp: header.maxTimestamp, offset: header.lastOffset)
            maxTimestampSoFar = largest
        }
        if rollingTimestamp == nil && position == 0 { rollingTimestamp = header.maxTimestamp }
        if bytesSinceIndexEntry > indexIntervalBytes {
            try makeIndexRoom(indexes)
            indexes.offset.append(header.lastOffset, at: position)
            try indexes.time.appendIfLater(largest)
            bytesSinceIndexEntry = 0
        }
        bytesSinceIndexEntry += header.sizeInBytes
    }

    private func makeIndexRoom(_ indexes: Indexes) throws(FileError) {
        try indexes.offset.file.makeRoom()
        try indexes.time.file.makeRoom()
    }

    /// Adds the time index's last entry, and hands the indexes over to the operating system. Their
    /// open files, for a sync off the lock.
    @discardableResult
    func finishIndexes() throws(FileError) -> [any StorageFile] {
        let indexes = try loadedIndexes()
        if size > 0 { try indexes.time.appendIfLater(try maxTimestamp()) }
        isChanged = false
        var files = [try indexes.offset.file.finish(), try indexes.time.file.finish()]
        let transactions = indexes.transaction.file
        let isThere = try fileSystem.status(path(.transactionIndex)) != nil
        if isThere || transactions.count > 0 { files.append(try transactions.finish()) }
        return files
    }

    /// Notes an aborted transaction whose marker is in this segment.
    func note(_ aborted: AbortedTransaction) throws(FileError) {
        let index = try loadedIndexes().transaction
        try index.file.makeRoom()
        index.append(aborted)
    }

    /// The largest timestamp and where it is; -1 when no batch has one.
    func maxTimestamp() throws(FileError) -> TimestampEntry {
        if let maxTimestampSoFar { return maxTimestampSoFar }
        let last = try loadedIndexes().time.last()
        // `loadedIndexes` may have found it while it built the indexes anew.
        let largest = maxTimestampSoFar ?? last
        maxTimestampSoFar = largest
        return largest
    }

    // MARK: Growing and shrinking

    /// Writes batches at the end, and indexes them. When the write fails the file is cut back to
    /// what it was; `isIntact` tells whether that worked.
    func append(_ bytes: RawSpan, isIntact: inout Bool) throws(FileError) {
        let file = try file()
        let indexes = try loadedIndexes()
        _ = try maxTimestamp()
        try makeIndexRoom(indexes)
        let start = size
        do throws(FileError) {
            try file.write(bytes, at: start)
        } catch {
            do throws(FileError) {
                try file.truncate(to: start)
            } catch {
                isIntact = false
            }
            throw error
        }
        size = start + bytes.byteCount
        isChanged = true
        var position = 0
        while position < bytes.byteCount {
            guard let header = Self.header(bytes, at: position) else {
                preconditionFailure("only whole, checked batches are appended")
            }
            do throws(FileError) {
                try note(header, at: start + position)
            } catch {
                isIntact = false
                throw error
            }
            position += header.sizeInBytes
        }
    }

    private static func header(_ bytes: RawSpan, at position: Int) -> RecordBatchHeader? {
        do throws(BatchError) {
            return try RecordBatchHeader(bytes, at: position)
        } catch {
            return nil
        }
    }

    /// Cuts off the batches from the one that holds `offset` on.
    func truncate(to offset: Offset, now: Int64) throws(FileError) {
        let found = try batch(holding: offset)
        let indexes = try loadedIndexes()
        try indexes.offset.truncate(to: offset)
        try indexes.time.truncate(to: offset)
        if indexes.transaction.count > 0 { try indexes.transaction.truncate(to: offset) }
        if let found {
            let file = try file()
            try file.truncate(to: found.position)
            try file.sync()
            size = found.position
        }
        bytesSinceIndexEntry = 0
        if size == 0 {
            created = now
            rollingTimestamp = nil
        }
        maxTimestampSoFar = try largestTimestamp(indexes)
    }

    /// Cuts the `.log` file to its valid bytes, durably, after a recovery scan that has filled the
    /// indexes.
    func cut(to validBytes: Int) throws(FileError) {
        let file = try file()
        if try file.size != validBytes {
            try file.truncate(to: validBytes)
            try file.sync()
        }
        size = validBytes
    }

    private func largestTimestamp(_ indexes: Indexes) throws(FileError) -> TimestampEntry {
        var largest = try indexes.time.last()
        let index = try indexes.offset.entry(atOrBelow: largest.offset)
        try walk(from: index < 0 ? 0 : try indexes.offset.position(index), to: size) { header, _ in
            if header.maxTimestamp > largest.timestamp {
                largest = TimestampEntry(
                    timestamp: header.maxTimestamp, offset: header.lastOffset)
            }
            return true
        }
        return largest
    }

    /// Gives all files another state in their name. Those that are absent are passed over.
    func rename(to newState: SegmentFileName.State) throws(FileError) {
        for kind in SegmentFileKind.allCases where kind != .producerSnapshot {
            let new = SegmentFileName(baseOffset: baseOffset, kind: kind, state: newState)
            let old = path(kind)
            // A `.log` that is not there is an error; of the others none need be.
            let isThere = try fileSystem.status(old) != nil
            if isThere || kind == .log {
                try fileSystem.rename(old, to: directory + "/" + new.text)
            }
        }
        state = newState
        if let indexes {
            indexes.offset.file.moved(to: path(.offsetIndex))
            indexes.time.file.moved(to: path(.timeIndex))
            indexes.transaction.file.moved(to: path(.transactionIndex))
        }
    }

    /// Takes note that the directory has been renamed.
    func moved(to directory: String) {
        self.directory = directory
        indexes?.offset.file.moved(to: path(.offsetIndex))
        indexes?.time.file.moved(to: path(.timeIndex))
        indexes?.transaction.file.moved(to: path(.transactionIndex))
    }

    // MARK: Rolling

    /// Whether the next append of `byteCount` bytes is to go to a new segment.
    func shouldRoll(
        _ config: LogConfig, jitterMs: Int64, byteCount: Int, lastOffset: Offset,
        maxTimestamp: Int64, now: Int64
    ) throws(FileError) -> Bool {
        if lastOffset - baseOffset > Self.maxOffsetSpan { return true }
        guard size > 0 else { return false }
        if size > config.segmentBytes - byteCount { return true }
        if try timeWaited(maxTimestamp, now) > config.segmentMs - jitterMs { return true }
        let indexes = try loadedIndexes()
        return indexes.offset.count >= config.segmentIndexBytes / OffsetIndex.entrySize
            || indexes.time.count >= config.segmentIndexBytes / TimeIndex.entrySize - 1
    }

    /// Milliseconds that the segment has taken records for: by the timestamps of its first batch
    /// and the next one, or, when the first has none, since the segment was made.
    private func timeWaited(_ timestamp: Int64, _ now: Int64) throws(FileError) -> Int64 {
        let first = try firstTimestamp()
        guard let first, first >= 0 else { return now &- created }
        return timestamp.saturatingDifference(first)
    }

    /// The largest timestamp of the first batch; -1 when it has none, `nil` when there is no batch.
    func firstTimestamp() throws(FileError) -> Int64? {
        if rollingTimestamp == nil && size > 0 {
            rollingTimestamp = try header(at: 0)?.maxTimestamp
        }
        return rollingTimestamp
    }
}
