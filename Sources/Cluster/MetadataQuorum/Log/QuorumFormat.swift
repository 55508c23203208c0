import KafkaProtocol
import KafkaWire
import LogStorage

/// What formatting leaves in the metadata directory: `bootstrap.checkpoint` with the first metadata
/// records, and the snapshot at offset 0 with the first voters (KIP-853).
public enum QuorumFormat {
    /// A voter as the quorum's log names it.
    public struct Voter: Sendable {
        public var nodeID: BrokerID
        public var directoryID: KafkaUUID
        /// The controller listener's name and address.
        public var listener: String
        public var host: String
        public var port: UInt16
        public init(
            nodeID: BrokerID, directoryID: KafkaUUID, listener: String, host: String, port: UInt16
        ) {
            self.nodeID = nodeID
            self.directoryID = directoryID
            self.listener = listener
            self.host = host
            self.port = port
        }
    }

    public static let bootstrapFileName = "bootstrap.checkpoint"
    private static let firstSnapshot = SnapshotID(endOffset: .zero, epoch: LeaderEpoch(0))
    /// Far more than such a file takes.
    private static let fileLimit = 64 << 20

    /// Formats `directory` for a quorum of the voters given; with none, of a member that others
    /// tell who votes (`--no-initial-controllers`).
    public static func write(
        _ voters: [Voter], bootstrap: [MetadataRecord], in directory: String,
        fileSystem: any FileSystem, now: Int64 = 0, version: (MetadataRecord) -> Int16
    ) throws(QuorumError) {
        let first = SnapshotContents(
            kraftVersion: KRaftVersionRecord(kRaftVersion: 1),
            voters: voters.isEmpty ? nil : VotersRecord(voters: voters.map(voter)))
        let records = SnapshotContents(records: bootstrap)
        let logDirectory = "\(directory)/\(QuorumReplica.topicPartition)"
        let firstBytes = try first.encoded(epoch: LeaderEpoch(0), now: now, version: version)
        let recordBytes = try records.encoded(epoch: LeaderEpoch(0), now: now, version: version)
        do throws(FileError) {
            try fileSystem.createDirectory(logDirectory)
            try fileSystem.replaceFile(
                "\(logDirectory)/\(firstSnapshot.fileName)", with: firstBytes,
                syncingDirectory: logDirectory)
            try fileSystem.replaceFile(
                "\(directory)/\(bootstrapFileName)", with: recordBytes,
                syncingDirectory: directory)
        } catch {
            throw .io(error)
        }
    }

    private static func voter(_ voter: Voter) -> VotersRecord.Voter {
        VotersRecord.Voter(
            voterID: voter.nodeID.rawValue, voterDirectoryID: voter.directoryID,
            endpoints: [.init(name: voter.listener, host: voter.host, port: voter.port)],
            kRaftVersionFeature: .init(minSupportedVersion: 0, maxSupportedVersion: 1))
    }

    /// The records of `bootstrap.checkpoint`; `nil` when there is no such file.
    public static func readBootstrap(
        in directory: String, _ fileSystem: any FileSystem
    ) throws(QuorumError) -> [MetadataRecord]? {
        try read("\(directory)/\(bootstrapFileName)", fileSystem)?.records
    }

    /// What the snapshot at offset 0 says; `nil` when there is none.
    ///
    /// The voters are missing on a member that was formatted without (`--no-initial-controllers`).
    static func readFirstControls(
        in directory: String, _ fileSystem: any FileSystem
    ) throws(QuorumError) -> (KRaftVersionRecord?, VotersRecord?)? {
        let path = "\(directory)/\(QuorumReplica.topicPartition)/\(firstSnapshot.fileName)"
        guard let contents = try read(path, fileSystem) else { return nil }
        return (contents.kraftVersion, contents.voters)
    }

    private static func read(
        _ path: String, _ fileSystem: any FileSystem
    ) throws(QuorumError) -> SnapshotContents? {
        let bytes: [UInt8]?
        do throws(FileError) {
            bytes = try fileSystem.readFile(path, limit: fileLimit)
        } catch {
            throw .io(error)
        }
        guard let bytes else { return nil }
        return try SnapshotContents(decoding: bytes, path: path)
    }
}
