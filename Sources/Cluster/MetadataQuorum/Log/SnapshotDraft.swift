import KafkaProtocol
import KafkaWire
import LogStorage

/// A snapshot of committed records that is to be written: what the quorum has to say in it.
///
/// `write` may run on any thread, as one of a large image takes seconds; the member goes on
/// meanwhile, and takes the snapshot over with `adopt`.
public struct SnapshotDraft: Sendable {
    let id: SnapshotID
    private let path: String
    private let directory: String
    private let fileSystem: any FileSystem
    private let contents: SnapshotContents
    private let now: QuorumTime
    /// Bytes of log that it makes up for.
    let byteCount: Int

    fileprivate init(_ quorum: QuorumReplica, upTo end: Offset, now: QuorumTime) {
        id = SnapshotID(endOffset: end, epoch: quorum.log.epoch(before: end))
        path = quorum.log.path(of: id)
        directory = quorum.log.directory
        fileSystem = quorum.log.fileSystem
        contents = SnapshotContents(
            lastTimestamp: quorum.lastCommittedTimestamp,
            kraftVersion: quorum.controls.kraftVersion(before: end).map {
                KRaftVersionRecord(kRaftVersion: $0)
            },
            voters: quorum.controls.voters(before: end).map(\.record))
        self.now = now
        byteCount = quorum.bytesSinceSnapshot
    }

    /// Writes the file; it is on disk on return.
    public func write(
        _ records: [MetadataRecord], version: (MetadataRecord) -> Int16
    ) throws(QuorumError) {
        var contents = contents
        contents.records = records
        let bytes = try contents.encoded(epoch: id.epoch, now: now.wall, version: version)
        do throws(FileError) {
            try fileSystem.replaceFile(path, with: bytes, syncingDirectory: directory)
        } catch {
            throw .io(error)
        }
    }
}

extension QuorumReplica {
    /// Begins a snapshot of all that is committed below `end`; `nil` when there is one already.
    public func draftSnapshot(upTo end: Offset, now: QuorumTime) -> SnapshotDraft? {
        precondition(end <= highWatermark, "a snapshot holds committed records")
        guard end > latestSnapshot?.endOffset ?? .zero else { return nil }
        return SnapshotDraft(self, upTo: end, now: now)
    }

    /// Takes over a snapshot that was written, then drops older ones and the log before them, as
    /// far as they need not be kept. One that a newer has overtaken goes at once.
    public func adopt(_ draft: SnapshotDraft, now: QuorumTime) throws(QuorumError) {
        guard draft.id.endOffset > latestSnapshot?.endOffset ?? .zero else {
            return try log.onDisk { () throws(FileError) in
                try log.fileSystem.remove(log.path(of: draft.id))
            }
        }
        log.note(draft.id)
        bytesSinceSnapshot = max(0, bytesSinceSnapshot - draft.byteCount)
        try log.clean(now: now.wall)
        controls.trim(before: log.startOffset)
    }

    /// Writes a snapshot on the spot.
    public func writeSnapshot(
        of records: [MetadataRecord], upTo end: Offset, now: QuorumTime,
        version: (MetadataRecord) -> Int16
    ) throws(QuorumError) {
        guard let draft = draftSnapshot(upTo: end, now: now) else { return }
        try draft.write(records, version: version)
        try adopt(draft, now: now)
    }
}
