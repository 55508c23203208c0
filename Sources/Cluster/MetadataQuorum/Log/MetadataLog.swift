import KafkaRecords
import KafkaWire
import LogStorage

/// How a follower's end of log stands to the leader's log (KIP-595, KIP-630).
enum LogPosition: Equatable {
    /// The follower has a prefix of the leader's log.
    case valid
    /// It does not; the largest epoch not above the follower's, and where the leader's log ends it.
    case diverging(LeaderEpoch, end: Offset)
    /// The leader's log does not reach so far back: this snapshot does.
    case snapshot(SnapshotID)
}

/// `__cluster_metadata-0` on disk: the log, and the snapshots beside it.
///
/// What `append` and `truncate` did is durable when they return.
final class MetadataLog {
    let directory: String
    let fileSystem: any FileSystem
    let log: PartitionLog
    private let settings: QuorumSettings
    /// The finished snapshots but for the one at offset 0, oldest first.
    private(set) var snapshots: [SnapshotID]

    /// Most bytes of one read.
    static let readLimit = 4 << 20
    /// Most bytes of one batch.
    static let batchLimit = 8 << 20
    static let snapshotLimit = 4 << 30

    /// Opens the log below `logDirectory`, making it when there is none.
    init(
        logDirectory: String, settings: QuorumSettings, fileSystem: any FileSystem, now: Int64
    ) throws(QuorumError) {
        self.fileSystem = fileSystem
        self.settings = settings
        directory = "\(logDirectory)/\(QuorumReplica.topicPartition)"
        do throws(FileError) {
            try fileSystem.createDirectory(directory)
            try fileSystem.syncDirectory(logDirectory)
            let names = try fileSystem.list(directory)
            for name in names where name.hasSuffix(PartialSnapshot.suffix) {
                try fileSystem.remove("\(directory)/\(name)")
            }
            snapshots = names.compactMap { SnapshotID(fileName: $0) }
                .filter { $0.endOffset > .zero }.sorted()
        } catch {
            throw .io(error)
        }
        do throws(LogError) {
            // The whole log is checked: it is small, and all else hangs on it.
            log = try PartitionLog.open(
                directory: directory, topicPartition: QuorumReplica.topicPartition,
                topicID: .metadataTopic, config: Self.logConfig(settings), fileSystem: fileSystem,
                recoveryPoint: .zero, logStartOffset: .zero, cleanShutdown: false, now: now)
        } catch {
            throw .log(error)
        }
        // A process that was killed may have left what is not on disk yet: records, a snapshot's
        // name, the election state. None of it counts before it is.
        try flush()
        try onDisk { () throws(FileError) in try fileSystem.syncDirectory(directory) }
    }

    private static func logConfig(_ settings: QuorumSettings) -> LogConfig {
        var config = LogConfig()
        config.segmentBytes = settings.segmentBytes
        config.segmentMs = settings.segmentMs
        config.delete = false
        config.retentionMs = -1
        config.maxMessageBytes = batchLimit
        return config
    }

    var endOffset: Offset { log.logEndOffset }
    var startOffset: Offset { log.logStartOffset }
    /// The epoch of the last record, in the log or in the snapshot before it; 0 for none.
    var lastEpoch: LeaderEpoch {
        log.latestEpoch == .none ? snapshots.last?.epoch ?? LeaderEpoch(0) : log.latestEpoch
    }
    /// The epoch of the record before `offset`.
    func epoch(before offset: Offset) -> LeaderEpoch {
        let epoch = log.epoch(of: offset + -1)
        return epoch == .none ? snapshots.last { $0.endOffset <= offset }?.epoch ?? epoch : epoch
    }

    // MARK: Comparing

    /// The largest epoch not above `epoch` that the log knows, and where it ends.
    private func end(of epoch: LeaderEpoch) -> (LeaderEpoch, Offset) {
        let (found, end) = log.endOffset(forEpoch: epoch)
        return found == .none ? (lastEpoch, endOffset) : (found, end)
    }

    /// The snapshot behind which the log begins; older ones may be at hand, where it began anew
    /// behind one that was fetched.
    private var base: SnapshotID? { snapshots.last { $0.endOffset <= startOffset } }

    func position(of offset: Offset, _ epoch: LeaderEpoch) -> LogPosition {
        if offset == .zero, let latest = snapshots.last { return .snapshot(latest) }
        if offset == .zero, startOffset == .zero { return .valid }
        if let latest = snapshots.last, let base,
            offset < startOffset || offset == startOffset && epoch != base.epoch
                || epoch < base.epoch
        {
            return .snapshot(latest)
        }
        let (found, end) = end(of: epoch)
        if PlantedBug.unseenMetadataDivergence.isPlanted, offset <= endOffset { return .valid }
        return found != epoch || end < offset ? .diverging(found, end: end) : .valid
    }

    /// Where to cut this log so that it agrees with a leader whose `epoch` ends at `end`.
    func divergence(from epoch: LeaderEpoch, end: Offset) -> Offset {
        if epoch == LeaderEpoch(0) { return end }
        let (found, ownEnd) = self.end(of: epoch)
        return found == epoch ? min(ownEnd, end) : ownEnd
    }

    // MARK: Changing

    func append(_ bytes: [UInt8]) throws(QuorumError) {
        do throws(AppendError) {
            // Bytes have no padding that could be read.
            _ = try unsafe log.appendReplicated(bytes.span.bytes)
        } catch {
            throw .append(error)
        }
        try flush()
    }

    private func flush() throws(QuorumError) {
        do throws(LogError) { try log.flush() } catch {
            // The records are in the log and may be on disk or not: nothing may follow them.
            throw .log(error)
        }
    }

    func truncate(to offset: Offset) throws(QuorumError) {
        do throws(LogError) { try log.truncate(to: offset) } catch { throw .log(error) }
        try flush()
    }

    /// The batches from `offset` on; empty at the end of the log.
    func read(from offset: Offset, maxBytes: Int) throws(QuorumError) -> [UInt8] {
        let read: LogRead
        do throws(LogError) {
            read = try log.read(
                from: offset, maxBytes: maxBytes, upTo: log.logEndOffset, atLeastOneBatch: true)
        } catch {
            throw .log(error)
        }
        return try onDisk { () throws(FileError) in try read.slice?.bytes() ?? [] }
    }

    // MARK: Snapshots

    func path(of snapshot: SnapshotID) -> String { "\(directory)/\(snapshot.fileName)" }

    /// The contents of a snapshot; a damaged one throws, for the log before it may be gone already.
    func contents(of id: SnapshotID) throws(QuorumError) -> SnapshotContents {
        let bytes = try onDisk { () throws(FileError) in
            try fileSystem.readFile(path(of: id), limit: Self.snapshotLimit)
        }
        guard let bytes else { throw .corrupt(path(of: id), "the snapshot has gone") }
        return try SnapshotContents(decoding: bytes, path: path(of: id))
    }

    /// Runs what touches files, with their errors as the quorum's.
    func onDisk<T>(_ body: () throws(FileError) -> T) throws(QuorumError) -> T {
        do throws(FileError) { return try body() } catch { throw .io(error) }
    }

    func note(_ id: SnapshotID) {
        guard !snapshots.contains(id) else { return }
        snapshots.append(id)
        snapshots.sort()
    }

    /// Drops the oldest snapshots while they are too old or there is too much of all
    /// (`metadata.max.retention.ms`, `.bytes`), and the log before the first that is left. The
    /// newest two stay whatever they take: a follower may be reading the older one.
    func clean(now: Int64) throws(QuorumError) {
        while snapshots.count > 2,
            try onDisk({ () throws(FileError) in try isOverdue(snapshots[0], now: now) })
        {
            sometimes(.metadataLogCleaned)
            try remove(path(of: snapshots[0]))
            snapshots.removeFirst()
            guard snapshots[0].endOffset > startOffset else { continue }
            // Nobody holds a segment beyond a call.
            for file in try giveUp(before: min(snapshots[0].endOffset, endOffset), now: now) {
                try remove(file)
            }
        }
    }

    private func remove(_ path: String) throws(QuorumError) {
        try onDisk { () throws(FileError) in try fileSystem.remove(path) }
    }

    /// Raises the log start; the files that are out of use.
    private func giveUp(before offset: Offset, now: Int64) throws(QuorumError) -> [String] {
        do throws(LogError) {
            try log.deleteRecords(before: offset)
            return try log.applyRetention(now: now, highWatermark: endOffset).files
        } catch {
            throw .log(error)
        }
    }

    private func isOverdue(_ id: SnapshotID, now: Int64) throws(FileError) -> Bool {
        if settings.retentionBytes >= 0 {
            var bytes = Int64(log.sizeInBytes)
            for each in snapshots {
                bytes += Int64(try fileSystem.status(path(of: each))?.size ?? 0)
            }
            if bytes > settings.retentionBytes { return true }
        }
        guard settings.retentionMs >= 0, let last = try lastTimestamp(in: id) else { return false }
        return now - last > settings.retentionMs
    }

    /// When the last record was written that a snapshot holds; `nil` when it does not say.
    private func lastTimestamp(in id: SnapshotID) throws(FileError) -> Int64? {
        let file = try fileSystem.open(path(of: id), .read)
        defer { file.close() }
        let head = try file.readBytes(at: 0, count: min(try file.size, 1 << 16))
        let first = try? MetadataBatch.whole(in: head, path: path(of: id)).batches.first
        guard case .snapshotHeader(let header)? = first?.controls.first else { return nil }
        return header.lastContainedLogTimestamp
    }

    /// Begins the log anew behind the newest snapshot when that is ahead of it.
    func startBehindNewestSnapshot() throws(QuorumError) {
        guard let newest = snapshots.last else { return }
        let isAhead =
            newest.epoch > lastLogEpoch
            || newest.epoch == lastLogEpoch && newest.endOffset > endOffset
        if isAhead {
            try start(behind: newest)
        }
    }

    /// Drops the whole log, which begins anew behind a snapshot.
    func start(behind id: SnapshotID) throws(QuorumError) {
        do throws(LogError) {
            try log.truncateFullyAndStart(at: id.endOffset)
        } catch {
            throw .log(error)
        }
        try flush()
    }

    private var lastLogEpoch: LeaderEpoch {
        log.latestEpoch == .none && endOffset == snapshots.last?.endOffset
            ? lastEpoch : log.latestEpoch
    }

    func close() throws(LogError) { try log.close() }
}
