import KafkaRecords
import KafkaWire

/// Writes the segment that takes the place of a group: files in the state `cleaned`, which recovery
/// removes, and then, once they are complete and on disk, in the state `swap`, which recovery puts
/// into place.
final class CleanedSegmentWriter {
    private let segment: LogSegment
    private let fileSystem: any FileSystem
    /// Whole batches that are not in the file yet.
    private var pending: [UInt8] = []
    private static let pendingLimit = 1 << 20

    /// Begins the segment; what an earlier attempt left is emptied.
    init(
        _ baseOffset: Offset, in directory: String, config: LogConfig,
        fileSystem: any FileSystem, now: Int64
    ) throws(FileError) {
        self.fileSystem = fileSystem
        segment = try LogSegment.create(
            directory: directory, baseOffset: baseOffset, state: .cleaned,
            indexIntervalBytes: config.indexIntervalBytes, fileSystem: fileSystem, now: now)
    }

    var baseOffset: Offset { segment.baseOffset }
    /// Bytes of log so far.
    var count: Int { segment.size + pending.count }

    /// Appends one batch.
    func append(_ batch: RawSpan) throws(FileError) {
        // The buffer is the span's own; its bytes are copied.
        unsafe batch.withUnsafeBytes { unsafe pending.append(contentsOf: $0) }
        if pending.count >= Self.pendingLimit { try writePending() }
    }

    /// Lists an aborted transaction of which data is left.
    func list(_ aborted: AbortedTransaction) throws(FileError) { try segment.note(aborted) }

    private func writePending() throws(FileError) {
        guard !pending.isEmpty else { return }
        let batches = pending
        // Whether the file could be cut back does not matter: after an error all of it is removed.
        var isIntact = true
        // Bytes have no padding; the array outlives the call.
        try segment.append(unsafe batches.span.bytes, isIntact: &isIntact)
        pending.removeAll()
    }

    /// Writes the rest and makes all files durable in the state `swap`: from here on recovery
    /// finishes the replacement.
    ///
    /// As long as one file is in the state `cleaned`, recovery removes the files of both states.
    func seal() throws(FileError) {
        try writePending()
        for index in try segment.finishIndexes() { try index.sync() }
        try segment.file().sync()
        // Every name is on disk before the first one changes; else a power cut could leave only
        // some of the `swap` files, and nothing that says so.
        try fileSystem.syncDirectory(segment.directory)
        try segment.rename(to: .swap)
        try fileSystem.syncDirectory(segment.directory)
        segment.closeFiles()
    }

    /// The segment for the log to take over: sealed, in the state `swap`. `modified` is when the
    /// youngest of the segments that it replaces was changed.
    func replacement(modified: Int64, now: Int64) -> LogSegment {
        precondition(segment.state == .swap, "only a sealed segment can replace others")
        return LogSegment(
            directory: segment.directory, baseOffset: segment.baseOffset, state: .swap,
            size: segment.size, modified: modified,
            indexIntervalBytes: segment.indexIntervalBytes, fileSystem: fileSystem, now: now)
    }

    /// Removes what has been written; the segments that it was made from are what counts.
    func discard() throws(FileError) {
        segment.closeFiles()
        // The log first loses its name, durably: no crash from here on may put a lone index into
        // place.
        let log = path(.log, .swap)
        if try fileSystem.status(log) != nil {
            try fileSystem.rename(log, to: path(.log, .cleaned))
            try fileSystem.syncDirectory(segment.directory)
        }
        try removeAll(.swap)
        try fileSystem.syncDirectory(segment.directory)
        try removeAll(.cleaned)
    }

    private func path(_ kind: SegmentFileKind, _ state: SegmentFileName.State) -> String {
        let name = SegmentFileName(baseOffset: baseOffset, kind: kind, state: state)
        return SmallFile.path(segment.directory, name.text)
    }

    private func removeAll(_ state: SegmentFileName.State) throws(FileError) {
        for kind in SegmentFileKind.allCases {
            let path = path(kind, state)
            if try fileSystem.status(path) != nil { try fileSystem.remove(path) }
        }
    }
}
