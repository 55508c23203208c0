import KafkaProtocol
import KafkaRecords
import KafkaWire
import LogStorage

/// Which prefix of the metadata log a snapshot stands for.
public struct SnapshotID: Hashable, Comparable, Sendable {
    /// One past the last offset that it contains.
    public var endOffset: Offset
    /// The epoch of the last record that it contains.
    public var epoch: LeaderEpoch

    public init(endOffset: Offset, epoch: LeaderEpoch) {
        self.endOffset = endOffset
        self.epoch = epoch
    }
    public static func < (a: SnapshotID, b: SnapshotID) -> Bool {
        (a.endOffset, a.epoch) < (b.endOffset, b.epoch)
    }

    /// `00000000000000000064-0000000001.checkpoint`
    public var fileName: String {
        Self.padded(endOffset.rawValue, 20) + "-" + Self.padded(Int64(epoch.rawValue), 10)
            + ".checkpoint"
    }

    /// `nil` for the name of anything but a finished snapshot.
    public init?(fileName: String) {
        let suffix = ".checkpoint"
        guard fileName.hasSuffix(suffix) else { return nil }
        let stem = fileName.dropLast(suffix.count)
        guard stem.utf8.count == 31 else { return nil }
        let parts = stem.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 20, let offset = Int64(parts[0]),
            let epoch = Int32(parts[1]), offset >= 0, epoch >= 0
        else { return nil }
        self.init(endOffset: Offset(offset), epoch: LeaderEpoch(epoch))
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}

/// The contents of a snapshot or of `bootstrap.checkpoint`: control records and metadata records.
///
/// On disk: a batch with the snapshot header (and what control records there are), batches of
/// metadata records, a batch with the snapshot footer; offsets run from 0 (KIP-630).
public struct SnapshotContents: Sendable {
    /// The timestamp of the last record in the log that the snapshot contains, in ms.
    public var lastTimestamp: Int64
    /// Voters and kraft.version, where the quorum keeps them (KIP-853).
    public var kraftVersion: KRaftVersionRecord?
    public var voters: VotersRecord?
    public var records: [MetadataRecord]

    public init(
        lastTimestamp: Int64 = 0, kraftVersion: KRaftVersionRecord? = nil,
        voters: VotersRecord? = nil, records: [MetadataRecord] = []
    ) {
        self.lastTimestamp = lastTimestamp
        self.kraftVersion = kraftVersion
        self.voters = voters
        self.records = records
    }

    /// Records in one batch of a snapshot.
    static let recordsPerBatch = 1024

    /// The file's bytes. `version` chooses each record's version.
    public func encoded(
        epoch: LeaderEpoch, now: Int64, version: (MetadataRecord) -> Int16
    ) throws(QuorumError) -> [UInt8] {
        var controls: [QuorumControlRecord] = [
            .snapshotHeader(SnapshotHeaderRecord(lastContainedLogTimestamp: lastTimestamp))
        ]
        if let kraftVersion { controls.append(.kraftVersion(kraftVersion)) }
        if let voters { controls.append(.voters(voters)) }
        var offset = Offset.zero
        var bytes = try MetadataBatch.control(controls, at: offset, epoch: epoch, now: now)
        offset = offset + Int64(controls.count)
        var index = 0
        while index < records.count {
            let chunk = Array(records[index..<min(index + Self.recordsPerBatch, records.count)])
            bytes += try MetadataBatch.data(
                chunk, at: offset, epoch: epoch, now: now, version: version)
            offset = offset + Int64(chunk.count)
            index += chunk.count
        }
        bytes += try MetadataBatch.control(
            [.snapshotFooter(SnapshotFooterRecord())], at: offset, epoch: epoch, now: now)
        return bytes
    }

    /// Reads a snapshot; throws when it is damaged or has no footer.
    public init(decoding bytes: [UInt8], path: String) throws(QuorumError) {
        self.init()
        var hasFooter = false
        for batch in try MetadataBatch.all(in: bytes, path: path) {
            for control in batch.controls {
                switch control {
                case .snapshotHeader(let header): lastTimestamp = header.lastContainedLogTimestamp
                case .snapshotFooter: hasFooter = true
                case .kraftVersion(let record): kraftVersion = record
                case .voters(let record): voters = record
                case .leaderChange: break
                }
            }
            records += batch.records
        }
        guard hasFooter else { throw .corrupt(path, "the snapshot has no footer") }
    }
}
