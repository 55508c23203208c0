import KafkaProtocol
import KafkaRecords
import KafkaWire
import LogStorage

/// The metadata log of a quorum with one voter: this node (KIP-595, KIP-630).
///
/// The log is `__cluster_metadata-0` in Kafka's format, with `quorum-state` and snapshots beside
/// it, so a quorum of several voters, or Apache Kafka, can go on from the same directory.
///
/// Invariants: the epoch is on disk in `quorum-state` before a record carries it; records are
/// synced before they count as committed; with one voter the high watermark is what is synced.
public final class MetadataQuorum {
    public let nodeID: BrokerID
    /// The directory of the metadata log.
    public let directory: String
    public private(set) var state: QuorumState
    /// Voters, where the quorum keeps them in its log (kraft.version 1).
    public private(set) var voters: VotersRecord?
    public private(set) var kraftVersion: KRaftVersionRecord?
    /// The newest snapshot.
    public private(set) var latestSnapshot: SnapshotID?
    /// Bytes of log since the newest snapshot.
    public private(set) var bytesSinceSnapshot = 0
    let log: PartitionLog
    let fileSystem: any FileSystem
    private var lastTimestamp: Int64 = 0

    /// The log's topic and partition.
    public static let topicPartition = TopicPartition(topic: "__cluster_metadata", partition: 0)

    /// One past the last record.
    public var endOffset: Offset { log.logEndOffset }
    /// One past the last committed record.
    public var highWatermark: Offset { log.flushedOffset }
    public var epoch: LeaderEpoch { LeaderEpoch(state.leaderEpoch) }

    /// Opens the log below `logDirectory` (`metadata.log.dir`), making it when there is none.
    ///
    /// - Throws: `QuorumError` naming the file that cannot be read or understood.
    public init(
        logDirectory: String, nodeID: BrokerID, fileSystem: any FileSystem, now: Int64
    ) throws(QuorumError) {
        self.nodeID = nodeID
        self.fileSystem = fileSystem
        self.directory = "\(logDirectory)/\(Self.topicPartition)"
        do {
            try fileSystem.createDirectory(directory)
            try fileSystem.syncDirectory(logDirectory)
            state = try Self.readState("\(directory)/\(QuorumState.fileName)", fileSystem)
            latestSnapshot = try Self.snapshots(in: directory, fileSystem).last
        } catch let error as FileError {
            throw .io(error)
        } catch let error as QuorumError {
            throw error
        } catch {
            throw .corrupt(directory, "\(error)")
        }
        do throws(LogError) {
            // The whole log is checked: it is small, and all else hangs on it.
            log = try PartitionLog.open(
                directory: directory, topicPartition: Self.topicPartition,
                topicID: .metadataTopic, config: Self.logConfig, fileSystem: fileSystem,
                recoveryPoint: .zero, logStartOffset: .zero, cleanShutdown: false, now: now)
        } catch {
            throw .log(error)
        }
    }

    private static var logConfig: LogConfig {
        var config = LogConfig()
        config.delete = false
        config.retentionMs = -1
        config.maxMessageBytes = 8 << 20
        return config
    }

    private static func readState(
        _ path: String, _ fileSystem: any FileSystem
    ) throws -> QuorumState {
        guard let bytes = try fileSystem.readFile(path, limit: 1 << 20) else {
            return QuorumState()
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let state = QuorumState(text: text) else {
            throw QuorumError.corrupt(path, "not a quorum state: \(text.prefix(80))")
        }
        return state
    }

    /// The finished snapshots of a metadata log directory, oldest first.
    static func snapshots(
        in directory: String, _ fileSystem: any FileSystem
    ) throws(FileError) -> [SnapshotID] {
        try fileSystem.list(directory).compactMap { SnapshotID(fileName: $0) }.sorted()
    }

    // MARK: Replay

    /// Gives the newest snapshot, then the log behind it, batch by batch.
    ///
    /// A snapshot that is damaged stops the start: the log before it may be gone already.
    public func load(
        snapshot: (SnapshotID, SnapshotContents) throws -> Void,
        batch: (MetadataBatch) throws -> Void
    ) throws {
        var next = log.logStartOffset
        if let id = latestSnapshot {
            let path = "\(directory)/\(id.fileName)"
            guard let bytes = try fileSystem.readFile(path, limit: 4 << 30) else {
                throw QuorumError.corrupt(path, "the snapshot has gone")
            }
            let contents = try SnapshotContents(decoding: bytes, path: path)
            voters = contents.voters
            kraftVersion = contents.kraftVersion
            lastTimestamp = contents.lastTimestamp
            try snapshot(id, contents)
            if id.endOffset > next { next = id.endOffset }
        }
        guard next >= log.logStartOffset, next <= log.logEndOffset || log.logEndOffset == .zero
        else {
            throw QuorumError.corrupt(
                directory,
                "the log has offsets \(log.logStartOffset) to \(log.logEndOffset), "
                    + "which do not reach the snapshot's end \(next)")
        }
        if next > log.logEndOffset { try log.truncateFullyAndStart(at: next) }
        try replay(from: next, batch)
    }

    private func replay(from start: Offset, _ body: (MetadataBatch) throws -> Void) throws {
        var next = start
        while next < log.logEndOffset {
            let read = try log.read(
                from: next, maxBytes: 4 << 20, upTo: log.logEndOffset, atLeastOneBatch: true)
            guard let slice = read.slice else { break }
            let bytes = try slice.file.readBytes(at: slice.position, count: slice.count)
            let before = next
            let batches = try MetadataBatch.all(in: bytes, path: directory)
            for batch in batches where batch.lastOffset >= start {
                take(batch)
                try body(batch)
                next = batch.lastOffset + 1
            }
            guard next > before else { break }
        }
    }

    private func take(_ batch: MetadataBatch) {
        bytesSinceSnapshot += batch.byteCount
        lastTimestamp = max(lastTimestamp, batch.timestamp)
        for control in batch.controls {
            switch control {
            case .kraftVersion(let record): kraftVersion = record
            case .voters(let record): voters = record
            default: break
            }
        }
    }

    // MARK: Leading

    /// Becomes the leader of the next epoch: `quorum-state` first, then the leader-change record.
    ///
    /// - Parameter initialVoters: what a new quorum's log begins with (KIP-853).
    public func becomeLeader(
        initialVoters: (KRaftVersionRecord, VotersRecord)? = nil, now: Int64
    ) throws(QuorumError) {
        state.leaderEpoch += 1
        state.leaderID = nodeID.rawValue
        state.votedID = -1
        state.votedDirectoryID = .zero
        do {
            try fileSystem.replaceFile(
                "\(directory)/\(QuorumState.fileName)", with: Array(state.text.utf8),
                syncingDirectory: directory)
        } catch {
            throw .io(error)
        }
        let voter = LeaderChangeMessage.Voter(voterID: nodeID.rawValue)
        var controls: [QuorumControlRecord] = [
            .leaderChange(
                LeaderChangeMessage(
                    leaderID: nodeID.rawValue, voters: [voter], grantingVoters: [voter]))
        ]
        if let (version, voters) = initialVoters {
            controls += [.kraftVersion(version), .voters(voters)]
            self.kraftVersion = version
            self.voters = voters
        }
        try commit(
            MetadataBatch.control(controls, at: log.logEndOffset, epoch: epoch, now: now),
            now: now)
    }

    /// Appends `records` as one batch, all or nothing, and returns once they are on disk.
    ///
    /// - Returns: the offset of the last record.
    public func append(
        _ records: [MetadataRecord], now: Int64, version: (MetadataRecord) -> Int16
    ) throws(QuorumError) -> Offset {
        precondition(!records.isEmpty, "a metadata batch has records")
        try commit(
            MetadataBatch.data(
                records, at: log.logEndOffset, epoch: epoch, now: now, version: version),
            now: now)
        return log.logEndOffset + -1
    }

    private func commit(_ bytes: [UInt8], now: Int64) throws(QuorumError) {
        do throws(AppendError) {
            // Bytes have no padding that could be read.
            _ = try unsafe log.appendReplicated(bytes.span.bytes)
        } catch {
            throw .append(error)
        }
        bytesSinceSnapshot += bytes.count
        lastTimestamp = now
        guard let ticket = log.beginFlush() else { return }
        do throws(FileError) {
            try log.completeFlush(ticket.run())
        } catch {
            // The records are in the log and may be on disk or not: nothing may follow them.
            log.markFailed(error)
            throw .io(error)
        }
    }

    // MARK: Snapshots

    /// Writes a snapshot of all that is committed, then drops older snapshots and the log before
    /// it.
    public func writeSnapshot(
        of records: [MetadataRecord], now: Int64, version: (MetadataRecord) -> Int16
    ) throws(QuorumError) {
        let id = SnapshotID(endOffset: log.logEndOffset, epoch: log.latestEpoch)
        guard id != latestSnapshot else { return }
        let contents = SnapshotContents(
            lastTimestamp: lastTimestamp, kraftVersion: kraftVersion, voters: voters,
            records: records)
        do {
            let bytes = try contents.encoded(epoch: id.epoch, now: now, version: version)
            try fileSystem.replaceFile(
                "\(directory)/\(id.fileName)", with: bytes, syncingDirectory: directory)
            latestSnapshot = id
            bytesSinceSnapshot = 0
            // One older snapshot stays, with the log behind it: a follower may be reading it.
            let all = try Self.snapshots(in: directory, fileSystem)
            guard all.count > 2 else { return }
            let oldestKept = all[all.count - 2]
            for old in all where old < oldestKept {
                try fileSystem.remove("\(directory)/\(old.fileName)")
            }
            try log.deleteRecords(before: oldestKept.endOffset)
        } catch let error as FileError {
            throw .io(error)
        } catch let error as LogError {
            throw .log(error)
        } catch let error as QuorumError {
            throw error
        } catch {
            throw .corrupt(directory, "\(error)")
        }
    }

    /// Closes the log after an orderly stop.
    public func close() throws(LogError) { try log.close() }
}
