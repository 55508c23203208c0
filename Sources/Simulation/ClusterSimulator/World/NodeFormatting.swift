import ClusterController
import KafkaWire
import LogStorage
import MetadataQuorum

/// How directories come to a cluster, and how they are lost.
extension SimulatedNode {
    private var directories: [String] {
        NodeProcess.directories(world.options.changes.directories)
    }

    /// Gives the log directories to the cluster, as `storage format` does.
    func format(clusterID: String) {
        format(clusterID: clusterID, seed: world.random.next())
    }

    private func format(clusterID: String, seed: UInt64) {
        var random = SplitMix64(seed: seed)
        do throws(FileError) {
            for directory in directories { try disk.createDirectory(directory) }
            try disk.syncDirectory("/")
        } catch {
            preconditionFailure("a fresh disk takes no directory: \(error)")
        }
        var ensemble = properties
        ensemble.complete(clusterID: clusterID, nodeID: BrokerID(id), in: disk, using: &random)
    }

    /// Makes the metadata log know of voters that change: those given, or that there are some.
    func formatQuorum(_ voters: [QuorumFormat.Voter]) {
        do {
            try QuorumFormat.write(
                voters, bootstrap: try BootstrapRecords.records(at: .latestProduction),
                in: directories[0], fileSystem: disk
            ) { MetadataVersion.latestProduction.version(of: $0) }
        } catch {
            preconditionFailure("a fresh disk takes no metadata log: \(error)")
        }
    }

    private var properties: MetaPropertiesEnsemble {
        .load(directories: directories, metadataDirectory: directories[0], from: disk)
    }

    /// The id of each log directory, by path.
    var directoryIDs: [String: KafkaUUID] {
        properties.valid.reduce(into: [:]) { $0[$1.directory] = $1.properties.directoryID }
    }

    /// Whether there is something of that name on the disk.
    func holds(_ path: String) -> Bool {
        do throws(FileError) {
            return try disk.status(path) != nil
        } catch {
            return false
        }
    }

    /// The replica of the metadata log on this machine; `nil` while there is none.
    var memberKey: MemberKey? {
        properties.directoryID(of: directories[0]).map { MemberKey(BrokerID(id), $0) }
    }

    /// This controller as formatting names it.
    var asFirstVoter: QuorumFormat.Voter {
        QuorumFormat.Voter(
            nodeID: BrokerID(id), directoryID: memberKey?.directoryID ?? .zero,
            listener: "CONTROLLER", host: "node-\(id)", port: NodeProcess.controllerPort)
    }

    // MARK: Loss

    /// The machine has new disks, and is formatted as one that joins the cluster.
    func wipe() {
        replaceDisk(with: MemoryFileSystem())
        world.quorumChecker.forget(id)
        format(clusterID: SimulatedWorld.clusterID, seed: world.operators.next())
        if world.options.changes.hasDynamicVoters { formatQuorum([]) }
    }

    /// One log directory, other than that of the metadata, is on a new disk.
    func wipe(_ directory: String) {
        do throws(FileError) {
            try disk.removeTree(directory)
            try disk.createDirectory(directory)
            try disk.syncDirectory("/")
        } catch {
            preconditionFailure("a directory cannot be emptied: \(error)")
        }
    }
}
