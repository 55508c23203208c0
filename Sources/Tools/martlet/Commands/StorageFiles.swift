import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage
import MetadataQuorum

extension InitialVoters {
    /// Writes what a controller's metadata directory begins with: `bootstrap.checkpoint` with the
    /// first metadata records and, for a dynamic quorum, the snapshot at offset 0 with its version
    /// and voters (KIP-853).
    func write(
        bootstrap records: [MetadataRecord], at version: MetadataVersion, in directory: String,
        _ node: NodeProperties, _ fileSystem: any FileSystem
    ) throws {
        let now = Clocks.wall
        if !isStatic {
            let first = SnapshotContents(
                kraftVersion: KRaftVersionRecord(kRaftVersion: 1),
                voters: voters.isEmpty ? nil : record(node))
            let log = "\(directory)/\(QuorumReplica.topicPartition)"
            try fileSystem.createDirectory(log)
            let id = SnapshotID(endOffset: .zero, epoch: LeaderEpoch(0))
            try fileSystem.replaceFile(
                "\(log)/\(id.fileName)",
                with: try first.encoded(epoch: LeaderEpoch(0), now: now) {
                    version.version(of: $0)
                },
                syncingDirectory: log)
        }
        try fileSystem.replaceFile(
            "\(directory)/\(QuorumFormat.bootstrapFileName)",
            with: try SnapshotContents(records: records).encoded(epoch: LeaderEpoch(0), now: now) {
                version.version(of: $0)
            }, syncingDirectory: directory)
    }

    private func record(_ node: NodeProperties) -> VotersRecord {
        VotersRecord(
            voters: voters.map { voter in
                .init(
                    voterID: voter.nodeID, voterDirectoryID: voter.directoryID,
                    endpoints: [
                        .init(name: node.controllerListener, host: voter.host, port: voter.port)
                    ], kRaftVersionFeature: .init(minSupportedVersion: 0, maxSupportedVersion: 1))
            })
    }
}
