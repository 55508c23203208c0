import KafkaRecords
import KafkaWire

/// What a cleaning starts from, taken under the partition's lock (`PartitionLog.cleanerInput`).
public struct CleanerInput: Sendable {
    let directory: String
    let fileSystem: any FileSystem
    let config: LogConfig
    /// Counts the log's truncations, after which its segments may hold something else.
    let generation: Int
    /// All closed segments below `range.firstUncleanableOffset`, oldest first.
    let segments: [CleanerSegment]
    /// What the transaction indexes say about them.
    let aborted: [AbortedTransaction]
    let lastRecords: [ProducerID: BatchCleaner.LastRecord]
    let highWatermark: Offset
    let range: CleanableRange
}

/// One cleaning of one log, in steps that each do a bounded amount of I/O.
///
/// States: mapping (the dirty segments are read, the last offset of each key noted) → cleaning
/// (group after group is copied without what is superseded) → waiting for the lock (the new segment
/// is complete on disk) → swapping → swapped → cleaning the next group … → done. Only the swap
/// touches the log, and only it needs the partition's lock; each group is swapped by itself, from
/// the oldest on, so that a cleaning may end after any of them without harm.
public final class CleanerWork {
    /// What is to be done next.
    public enum Step: Sendable, Equatable {
        /// Call `step` again; `bytes` were read or written, by which a throttle can count.
        case again(bytes: Int)
        /// Call `PartitionLog.swap` with this work under the partition's lock, then `step`.
        case needsLock
        /// All is done.
        case done(CleaningResult)
    }

    enum State {
        case mapping(index: Int, walk: SegmentWalk?)
        case cleaning(group: Int, index: Int, walk: SegmentWalk?)
        case sealing(group: Int)
        case waiting(group: Int)
        case swapping(group: Int)
        case swapped(group: Int)
        case done
    }

    let input: CleanerInput
    private let settings: CleanerSettings
    private(set) var state: State
    private var map: OffsetMap
    private var mapTransactions = CleanedTransactions()
    private var cleaner: BatchCleaner
    /// Ranges of `input.segments`.
    private(set) var groups: [Range<Int>] = []
    private(set) var writer: CleanedSegmentWriter?
    /// The group is not what it was before.
    private var isChanged = false
    private var result: CleaningResult

    /// - Parameters:
    ///   - now: milliseconds since the epoch.
    ///   - generator: gives the secret of the hash of keys.
    public init(
        _ input: CleanerInput, settings: CleanerSettings, now: Int64,
        using generator: inout some RandomNumberGenerator
    ) {
        self.input = input
        self.settings = settings
        let dirty = input.range.firstUncleanableOffset - input.range.firstDirtyOffset
        map = OffsetMap(
            memoryLimit: settings.dedupeBufferBytes, loadFactor: settings.dedupeBufferLoadFactor,
            keys: Int(max(0, dirty)), secret: KeyHash.Secret(using: &generator))
        cleaner = BatchCleaner(
            rules: BatchCleaner.Rules(
                now: now, deleteRetentionMs: input.config.deleteRetentionMs,
                decompressionLimit: input.config.maxDecompressedBatchBytes,
                highWatermark: input.highWatermark, lastRecords: input.lastRecords))
        mapTransactions.add(input.aborted)
        cleaner.transactions.add(input.aborted)
        result = CleaningResult(endOffset: input.range.firstDirtyOffset)
        let first = input.segments.lastIndex { $0.baseOffset <= input.range.firstDirtyOffset }
        state = .mapping(index: first ?? 0, walk: nil)
    }

    /// Does some of the work, on an I/O thread and without the partition's lock.
    ///
    /// After an error, call `cancel`; the log is as it was or cleaned up to some group.
    public func step() throws(CleanerError) -> Step {
        switch state {
        case .mapping(let index, let walk): return try mapSome(index, walk)
        case .cleaning(let group, let index, let walk): return try cleanSome(group, index, walk)
        case .sealing(let group): return try seal(group)
        case .waiting: return .needsLock
        case .swapping: preconditionFailure("a swap that failed is for recovery to finish")
        case .swapped(let group): return try finishSwap(group)
        case .done: return .done(result)
        }
    }

    /// Gives up, and removes the segment that was being written. One whose swap failed half way
    /// stays, for what it was made from may be given up already: recovery puts it in place.
    public func cancel() throws(CleanerError) {
        var isInUse = PlantedBug.discardedSwap.isPlanted ? false : isSwapping
        switch state {
        case .mapping(_, let walk), .cleaning(_, _, let walk): walk?.close()
        case .swapped: isInUse = true
        case .sealing, .waiting, .swapping, .done: break
        }
        state = .done
        guard let writer, !isInUse else { return }
        sometimes(.cleaningGivenUp)
        self.writer = nil
        try Self.io { () throws(FileError) in try writer.discard() }
    }

    private var isSwapping: Bool { if case .swapping = state { true } else { false } }

    /// Notes that names begin to change.
    func willSwap() {
        guard case .waiting(let group) = state else {
            preconditionFailure("nothing waits to be swapped")
        }
        state = .swapping(group: group)
    }

    /// Notes that the log has taken over the group's segment.
    func didSwap() {
        guard case .swapping(let group) = state else {
            preconditionFailure("nothing is being swapped")
        }
        sometimes(.segmentSwapped)
        state = .swapped(group: group)
    }

    /// The group's segment that waits for its swap, and what it was made from.
    var readySegment: (writer: CleanedSegmentWriter, replaced: ArraySlice<CleanerSegment>) {
        guard case .waiting(let group) = state, let writer else {
            preconditionFailure("nothing waits to be swapped")
        }
        return (writer, input.segments[groups[group]])
    }

    static func io<T>(_ body: () throws(FileError) -> T) throws(CleanerError) -> T {
        do throws(FileError) {
            return try body()
        } catch {
            // Retention has removed the segment, or the partition's directory is gone.
            throw error.isNotFound ? .superseded : .io(error)
        }
    }

    // MARK: Mapping

    private func mapSome(_ index: Int, _ open: SegmentWalk?) throws(CleanerError) -> Step {
        guard index < input.segments.count else { return try beginCleaning() }
        var walk = try reopen(open, index)
        let path = walk.path
        var isFull = false
        var bytes = 0
        if !walk.isAtEnd {
            bytes = try walk.next(settings.ioBufferBytes) { (batch, header) throws(CleanerError) in
                isFull = try !self.map(batch, header, path)
                return !isFull
            }
        }
        if isFull {
            walk.close()
            return try beginCleaning()
        }
        guard walk.isAtEnd else {
            state = .mapping(index: index, walk: walk)
            return .again(bytes: bytes)
        }
        walk.close()
        // Offsets that are missing at a segment's end were cleaned away before.
        map.advance(to: end(of: index) + -1)
        state = .mapping(index: index + 1, walk: nil)
        return .again(bytes: bytes)
    }

    /// False when the map is full and the batch not all in it.
    private func map(
        _ bytes: RawSpan, _ header: RecordBatchHeader, _ path: String
    ) throws(CleanerError) -> Bool {
        let start = input.range.firstDirtyOffset
        if header.isControl {
            let type = try read(path) { () throws(BatchError) in
                try BatchCleaner.controlType(bytes, header)
            }
            _ = mapTransactions.end(header, type: type)
        } else if !mapTransactions.isAborted(header), header.lastOffset >= start {
            let limit = cleaner.rules.decompressionLimit
            let records = try read(path) { () throws(BatchError) in
                try BatchReader.records(bytes, limit: limit)
            }
            for record in records where record.offset >= start {
                guard let key = record.key else { continue }
                guard map.put(key, record.offset) else { return false }
            }
        }
        if header.lastOffset >= start { map.advance(to: header.lastOffset) }
        return true
    }

    private func read<T>(
        _ path: String, _ body: () throws(BatchError) -> T
    ) throws(CleanerError) -> T {
        do throws(BatchError) {
            return try body()
        } catch {
            throw .corrupt(path: path, reason: "\(error)")
        }
    }

    private func reopen(_ open: SegmentWalk?, _ index: Int) throws(CleanerError) -> SegmentWalk {
        if let open { return open }
        return try SegmentWalk(
            input.segments[index], in: input.directory, fileSystem: input.fileSystem)
    }

    /// The base offset of the segment that follows.
    private func end(of index: Int) -> Offset {
        index + 1 < input.segments.count
            ? input.segments[index + 1].baseOffset : input.range.firstUncleanableOffset
    }

    // MARK: Cleaning

    private func beginCleaning() throws(CleanerError) -> Step {
        result.endOffset = max(result.endOffset, map.latestOffset + 1)
        result.mapUtilization = map.utilization
        var segments: [GroupableSegment] = []
        for segment in input.segments where segment.baseOffset < result.endOffset {
            segments.append(
                GroupableSegment(
                    baseOffset: segment.baseOffset, logBytes: segment.logBytes,
                    offsetIndexBytes: try indexBytes(.offsetIndex, segment),
                    timeIndexBytes: try indexBytes(.timeIndex, segment)))
        }
        groups = SegmentGrouping.groups(
            segments,
            maxLogBytes: input.config.segmentBytes, maxIndexBytes: input.config.segmentIndexBytes,
            end: input.range.firstUncleanableOffset)
        begin(group: 0)
        return .again(bytes: 0)
    }

    private func indexBytes(
        _ kind: SegmentFileKind, _ segment: CleanerSegment
    ) throws(CleanerError) -> Int {
        let name = SegmentFileName(baseOffset: segment.baseOffset, kind: kind)
        return try Self.io { () throws(FileError) in
            let path = SmallFile.path(input.directory, name.text)
            return try input.fileSystem.status(path)?.size ?? 0
        }
    }

    private func begin(group: Int) {
        writer = nil
        isChanged = false
        guard group < groups.count else {
            result.keylessRecords = cleaner.keylessRecords
            state = .done
            return
        }
        state = .cleaning(group: group, index: groups[group].lowerBound, walk: nil)
    }

    private func cleanSome(
        _ group: Int, _ index: Int, _ open: SegmentWalk?
    ) throws(CleanerError) -> Step {
        guard index < groups[group].upperBound else {
            state = .sealing(group: group)
            return .again(bytes: 0)
        }
        let writer = try makeWriter(group)
        var walk = try reopen(open, index)
        let path = walk.path
        keepLegacyTombstones(in: index)
        let before = writer.count
        var bytes = 0
        if !walk.isAtEnd {
            bytes = try walk.next(settings.ioBufferBytes) { (batch, header) throws(CleanerError) in
                try self.clean(batch, header, path, writer)
                return true
            }
        }
        let written = writer.count - before
        result.bytesRead += bytes
        result.bytesWritten += written
        if walk.isAtEnd {
            walk.close()
            state = .cleaning(group: group, index: index + 1, walk: nil)
        } else {
            state = .cleaning(group: group, index: index, walk: walk)
        }
        return .again(bytes: bytes + written)
    }

    private func makeWriter(_ group: Int) throws(CleanerError) -> CleanedSegmentWriter {
        if let writer { return writer }
        let made = try Self.io { () throws(FileError) in
            try CleanedSegmentWriter(
                input.segments[groups[group].lowerBound].baseOffset, in: input.directory,
                config: input.config, fileSystem: input.fileSystem, now: cleaner.rules.now)
        }
        writer = made
        return made
    }

    /// Tombstones of the old formats go once the last clean segment is old enough.
    private func keepLegacyTombstones(in index: Int) {
        let clean = input.segments.prefix { $0.baseOffset < input.range.firstDirtyOffset }
        let modified = clean.last?.modified ?? .min
        let horizon = modified.saturatingDifference(input.config.deleteRetentionMs)
        cleaner.keepsLegacyTombstones = input.segments[index].modified > horizon
    }

    private func clean(
        _ bytes: RawSpan, _ header: RecordBatchHeader, _ path: String,
        _ writer: CleanedSegmentWriter
    ) throws(CleanerError) {
        let outcome = try read(path) { () throws(BatchError) in
            try cleaner.clean(bytes, header, map)
        }
        let listed = cleaner.listed
        cleaner.listed.removeAll()
        result.recordsRead += Int(header.recordCount)
        try Self.io { () throws(FileError) in
            for transaction in listed { try writer.list(transaction) }
            switch outcome {
            case .dropped: isChanged = true
            case .kept:
                result.recordsKept += Int(header.recordCount)
                try writer.append(bytes)
            case .rewritten(let batch, let count):
                isChanged = true
                result.recordsKept += count
                // Bytes have no padding; the array outlives the call.
                try writer.append(unsafe batch.span.bytes)
            }
        }
    }

    // MARK: Swapping

    private func seal(_ group: Int) throws(CleanerError) -> Step {
        guard let writer else { preconditionFailure("a group is sealed that was not begun") }
        if !isChanged, groups[group].count == 1 {
            // Nothing to gain: the segment stays as it is.
            try Self.io { () throws(FileError) in try writer.discard() }
            begin(group: group + 1)
            return .again(bytes: 0)
        }
        try Self.io { () throws(FileError) in try writer.seal() }
        state = .waiting(group: group)
        return .needsLock
    }

    private func finishSwap(_ group: Int) throws(CleanerError) -> Step {
        try Self.io { () throws(FileError) in
            try input.fileSystem.syncDirectory(input.directory)
        }
        begin(group: group + 1)
        return .again(bytes: 0)
    }
}
