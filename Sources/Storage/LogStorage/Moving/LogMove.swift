public import KafkaWire

/// Copies a log into another log directory while it is in use, and puts the copy in its place
/// (KIP-113).
///
/// `copying`: batches go over, until the copy is near the end. `settled`: all that the original
/// held at one moment is durable in the copy, which is still named as a future replica. `placed`:
/// the copy's directory has the partition's name; should the node crash, then it finds two, and the
/// one without the marker of a placed copy counts. `closed`: flushes of the original do not count
/// any more, so that nothing is acknowledged that the copy does not have on disk. `replaced`: the
/// original's directory has been renamed, and the copy is the log. From `placed` and `closed` it
/// goes back to `copying` (`retreat`) when the original was truncated.
///
/// `next`, `place`, `retreat` and `replace` are called with the lock held that guards the original,
/// and read and write no more than names and a little of what was appended last; `perform` is
/// called without it. One thread does all of this.
public final class LogMove {
    /// What is to be done next, without the lock.
    public enum Action: Sendable {
        /// Bring a part of the original into memory, without which it cannot be looked at.
        case warm(FileSlice)
        /// Append these batches to the copy.
        case copy(FileSlice)
        /// Cut the copy, as the original was. The owner has lowered the copy's recovery point.
        case truncate(to: Offset)
        /// Begin the copy anew: the original does not have what it has.
        case restart(at: Offset)
        /// Append these and make all of it durable, with what the original remembers.
        case settle(FileSlice?)
        /// The same for what came since.
        case close(FileSlice?)
    }

    /// How far the move is.
    public enum Stage: Sendable { case copying, settled, placed, closed, replaced }

    /// What `replace` did.
    public enum Replacement: Sendable, Equatable {
        case done
        /// Too much was appended meanwhile: go on with `next`.
        case again
        /// The original was truncated, or its start was raised: `retreat`.
        case superseded
    }

    /// Most bytes that are copied at once; a single larger batch is copied as a whole.
    public static let chunkBytes = 1 << 20
    /// Most bytes that are copied with the lock held.
    static let lockedBytes = 4 << 20
    /// How often a part of the original is brought into memory before it is read from the disk with
    /// the lock held.
    static let warmings = 3

    /// The log in the other directory; used by the move's thread alone until it has replaced the
    /// original.
    public let copy: PartitionLog
    public private(set) var stage = Stage.copying
    /// The original's log start when it was last looked at.
    public private(set) var logStartOffset: Offset
    /// Where the copy has to be cut first.
    private var cut: Offset?
    private var handover: PartitionLog.Handover?
    private var warmed = 0
    /// Where the copy begins, for a log start of the original.
    private var first: (of: Offset, offset: Offset)?

    /// Begins a move of `source`, or resumes one: what the copy has and the original has not is cut
    /// off. Nobody writes to either meanwhile.
    public init(of source: PartitionLog, to copy: PartitionLog) {
        precondition(source.moving == nil, "a log is moved twice at once")
        source.moving = MovingState()
        self.copy = copy
        logStartOffset = source.logStartOffset
        let end = Self.commonEnd(source, copy)
        if end < copy.logEndOffset { cut = end }
        if !Self.hasSameBatch(source, copy, before: end) { cut = copy.logStartOffset }
    }

    /// Whether the last batch of the copy below `end` is the original's; false too when it cannot
    /// be read, for then there is nothing to go on with.
    private static func hasSameBatch(
        _ source: PartitionLog, _ copy: PartitionLog, before end: Offset
    ) -> Bool {
        let start = max(source.logStartOffset, copy.logStartOffset)
        guard end > start else { return true }
        do throws(LogError) {
            let last = try copy.header(at: end + -1)
            return try last == source.header(at: end + -1)
        } catch {
            return false
        }
    }

    /// Up to where the copy has what the original has, as their leader epochs tell (KIP-101).
    private static func commonEnd(_ source: PartitionLog, _ copy: PartitionLog) -> Offset {
        var end = min(source.logEndOffset, copy.logEndOffset)
        var epoch = copy.latestEpoch
        while epoch > .none {
            let (found, sourceEnd) = source.endOffset(forEpoch: epoch)
            guard found > .none else { break }
            end = min(end, sourceEnd)
            if found == epoch { break }
            let (known, copyEnd) = copy.endOffset(forEpoch: found)
            end = min(end, copyEnd)
            epoch = known == found ? .none : known
        }
        return end
    }

    // MARK: With the lock

    /// What to do next; in the stages `copying` and `placed`.
    public func next(_ source: PartitionLog) throws(LogMoveError) -> Action {
        precondition(stage == .copying || stage == .placed, "there is nothing to copy")
        copy.config = source.config
        noteTruncation(source)
        if let cut { return .truncate(to: cut) }
        logStartOffset = source.logStartOffset
        let first = try firstOffset(source)
        if copy.logEndOffset < first || copy.isBare && copy.logEndOffset != first {
            return .restart(at: first)
        }
        let read = try read(source)
        if read.slice == nil, let cold = read.cold {
            warmed += 1
            return .warm(cold)
        }
        warmed = 0
        if let slice = read.slice, read.nextOffset < source.logEndOffset { return .copy(slice) }
        handover = source.handover
        guard stage == .placed else { return .settle(read.slice) }
        source.holdFlushes()
        return .close(read.slice)
    }

    /// Whether the original was cut since `next`: what was read of it meanwhile may have been
    /// anything, and `next` sees to it.
    public func wasCut(_ source: PartitionLog) -> Bool { source.moving?.truncatedTo != nil }

    private func noteTruncation(_ source: PartitionLog) {
        if let end = source.moving?.truncatedTo, end < cut ?? copy.logEndOffset { cut = end }
        if source.moving?.truncatedTo != nil { first = nil }
        source.moving?.truncatedTo = nil
    }

    /// Where the batch begins that holds the original's log start.
    private func firstOffset(_ source: PartitionLog) throws(LogMoveError) -> Offset {
        if let first, first.of == logStartOffset { return first.offset }
        var offset = logStartOffset
        do throws(LogError) {
            if let header = try source.header(at: offset) {
                offset = min(offset, header.baseOffset)
            }
        } catch {
            throw .original(error)
        }
        // Until there is a batch it may come yet, though it will begin there.
        if logStartOffset < source.logEndOffset { first = (logStartOffset, offset) }
        return offset
    }

    private func read(_ source: PartitionLog) throws(LogMoveError) -> LogRead {
        do throws(LogError) {
            return try source.read(
                from: max(copy.logEndOffset, source.logStartOffset), maxBytes: Self.chunkBytes,
                upTo: source.logEndOffset,
                atLeastOneBatch: true, cachedOnly: warmed < Self.warmings)
        } catch {
            throw .original(error)
        }
    }

    /// Gives the settled copy the partition's name; durable once its log directory is synced.
    public func place(as directory: String) throws(LogMoveError) {
        precondition(stage == .settled, "only a settled copy is placed")
        try writing { () throws(LogError) in try copy.rename(to: directory) }
        stage = .placed
    }

    /// Makes the placed copy a future replica again. Flushes of the original count again.
    public func retreat(to directory: String, from source: PartitionLog) throws(LogMoveError) {
        precondition(stage == .placed || stage == .closed, "the copy has no other name")
        let truncatedTo = source.moving?.truncatedTo
        source.endMoving()
        source.moving = MovingState(truncatedTo: truncatedTo)
        try writing { () throws(LogError) in try copy.rename(to: directory) }
        stage = .copying
    }

    /// Puts the closed copy in the original's place, whose directory gets the name `aside`. When it
    /// is `done` the owner uses the copy as the log; its flushes count once the owner has synced
    /// the original's log directory and called `endMoving` on it.
    public func replace(
        _ source: PartitionLog, movingItTo aside: String, now: Int64
    ) throws(LogMoveError) -> Replacement {
        precondition(stage == .closed, "the copy is not complete")
        guard source.moving?.truncatedTo == nil, source.logStartOffset == logStartOffset else {
            return .superseded
        }
        guard try copyRest(source) else {
            stage = .placed
            return .again
        }
        precondition(copy.flushedOffset >= source.flushedOffset, "the copy is not on disk")
        try writing { () throws(LogError) in
            try copy.take(source.handover, rolls: false, now: now)
        }
        do throws(LogError) { try source.rename(to: aside) } catch { throw .original(error) }
        copy.config = source.config
        copy.moving = MovingState()
        copy.holdFlushes()
        source.closeIdleFiles()
        source.moving = nil
        stage = .replaced
        return .done
    }

    private func copyRest(_ source: PartitionLog) throws(LogMoveError) -> Bool {
        var copied = 0
        warmed = Self.warmings
        defer { warmed = 0 }
        while copy.logEndOffset < source.logEndOffset {
            let read = try read(source)
            guard let slice = read.slice else { return true }
            copied += slice.count
            guard copied <= Self.lockedBytes else { return false }
            try append(slice)
        }
        return true
    }

    // MARK: Without the lock

    /// Does what `next` said.
    public func perform(_ action: Action, now: Int64) throws(LogMoveError) {
        switch action {
        case .warm(let slice):
            try reading { () throws(FileError) in
                try slice.file.prefetch(at: slice.position, count: slice.count)
            }
        case .copy(let slice): try append(slice)
        case .truncate(let end):
            try writing { () throws(LogError) in try copy.truncate(to: end) }
            cut = nil
        case .restart(let start):
            try writing { () throws(LogError) in try copy.truncateFullyAndStart(at: start) }
        case .settle(let slice):
            try finish(slice, rolls: true, now)
            stage = .settled
        case .close(let slice):
            try finish(slice, rolls: false, now)
            stage = .closed
        }
        try raiseStart()
    }

    /// Makes durable what has been copied so far.
    public func flush() throws(LogMoveError) {
        try writing { () throws(LogError) in try copy.flush() }
    }

    private func finish(_ slice: FileSlice?, rolls: Bool, _ now: Int64) throws(LogMoveError) {
        if let slice { try append(slice) }
        guard let handover else { preconditionFailure("nothing was handed over") }
        self.handover = nil
        guard copy.logEndOffset <= handover.end else {
            throw .damaged("the log was cut while it was read")
        }
        try writing { () throws(LogError) in try copy.take(handover, rolls: rolls, now: now) }
        try raiseStart()
        try flush()
    }

    private func raiseStart() throws(LogMoveError) {
        let start = min(logStartOffset, copy.logEndOffset)
        try writing { () throws(LogError) in try copy.deleteRecords(before: start) }
    }

    private func append(_ slice: FileSlice) throws(LogMoveError) {
        let bytes = try reading { () throws(FileError) in try slice.bytes() }
        // A batch that was taken when segments could be larger still has its place.
        copy.config.segmentBytes = max(copy.config.segmentBytes, bytes.count)
        do throws(AppendError) {
            // Bytes have no padding.
            _ = try unsafe copy.appendReplicated(bytes.span.bytes)
        } catch {
            switch error {
            case .io(let cause): throw .copy(.io(cause))
            case .kafka(_, let reason): throw .damaged(reason)
            case .invalidRecords: preconditionFailure("records of a copy are not looked at")
            }
        }
    }

    private func reading<T>(_ body: () throws(FileError) -> T) throws(LogMoveError) -> T {
        do throws(FileError) { return try body() } catch { throw .original(.io(error)) }
    }

    private func writing(_ body: () throws(LogError) -> Void) throws(LogMoveError) {
        do throws(LogError) { try body() } catch { throw .copy(error) }
    }
}

/// Why a move cannot go on.
public enum LogMoveError: Error, Sendable, Equatable {
    /// The original could not be read or renamed.
    case original(LogError)
    /// The copy could not be written.
    case copy(LogError)
    /// The original holds a batch that is not valid.
    case damaged(String)
}
