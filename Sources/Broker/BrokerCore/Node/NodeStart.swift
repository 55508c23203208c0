import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage
import MetadataQuorum
import Replication

/// Starts a node: directories, metadata log, registration, partitions; in this order.
///
/// An empty set of directories is formatted by itself; a set that Kafka wrote opens in place.
public enum NodeStart {
    /// - Throws: `NodeError` with cause and remedy.
    public static func start(
        _ options: NodeOptions, settings: (String) -> ControllerSettings,
        surroundings: NodeSurroundings, seed: UInt64, clock: @escaping @Sendable () -> ClockReading
    ) throws(NodeError) -> NodeController {
        var random = SplitMix64(seed: seed)
        do {
            let (directories, ensemble) = try openDirectories(options, surroundings, &random)
            guard let clusterID = ensemble.clusterID else {
                throw NodeError("no log directory has a cluster id")
            }
            let quorum = try openQuorum(
                options, ensemble, clusterID, surroundings, seed: random.next(), clock())
            let node = NodeController(
                controller: Controller(image: .empty, settings: settings(clusterID)),
                bootstrap: try QuorumFormat.readBootstrap(
                    in: options.metadataDirectory, surroundings.fileSystem)
                    ?? BootstrapRecords.records(at: .latestProduction),
                options: options, surroundings: surroundings, quorum: quorum,
                directories: directories, plans: try planLoads(directories, surroundings),
                random: random, clock: clock)
            try node.begin()
            return node
        } catch let error as NodeError {
            throw error
        } catch {
            throw NodeError("\(error)")
        }
    }

    // MARK: Directories

    private static func openDirectories(
        _ options: NodeOptions, _ surroundings: NodeSurroundings, _ random: inout SplitMix64
    ) throws -> (NodeDirectories, MetaPropertiesEnsemble) {
        let fileSystem = surroundings.fileSystem
        var directories = try LogDirectories.open(options.logDirectories, in: fileSystem)
        let isApart = directories.directory(at: options.metadataDirectory) == nil
        let metadata =
            isApart ? try LogDirectories.open([options.metadataDirectory], in: fileSystem) : nil
        var ensemble = MetaPropertiesEnsemble.load(
            directories: options.logDirectories, metadataDirectory: options.metadataDirectory,
            from: fileSystem)
        try ensemble.verify(nodeID: options.nodeID)
        if ensemble.clusterID == nil {
            guard options.isAlone else {
                throw NodeError(
                    "\(options.logDirectories.joined(separator: ", ")) are not formatted. A node "
                        + "of several must know its cluster: run martlet storage format "
                        + "--cluster-id ID --config FILE with the same id on each")
            }
            let clusterID = KafkaUUID.random(using: &random).description
            ensemble.complete(
                clusterID: clusterID, nodeID: options.nodeID, in: fileSystem, using: &random)
            try format(options, ensemble, fileSystem)
        } else {
            ensemble.complete(clusterID: nil, nodeID: nil, in: fileSystem, using: &random)
        }
        directories.adopt(ensemble)
        for (path, reason) in directories.offline {
            surroundings.report("log directory \(path) is offline: \(reason)")
        }
        let shared = NodeDirectories(
            directories, metadata: metadata, fileSystem: fileSystem,
            random: SplitMix64(seed: random.next()), makeLock: surroundings.makeLock)
        return (shared, ensemble)
    }

    /// Writes `bootstrap.checkpoint` and the quorum's first voter, as `storage format
    /// --standalone`.
    private static func format(
        _ options: NodeOptions, _ ensemble: MetaPropertiesEnsemble, _ fileSystem: any FileSystem
    ) throws {
        guard let directoryID = ensemble.directoryID(of: options.metadataDirectory) else {
            throw NodeError("the metadata directory \(options.metadataDirectory) has no id")
        }
        let records = try BootstrapRecords.records(at: .latestProduction)
        try QuorumFormat.write(
            [
                QuorumFormat.Voter(
                    nodeID: options.nodeID, directoryID: directoryID,
                    listener: options.controllerListener.name,
                    host: options.controllerListener.host, port: options.controllerListener.port)
            ],
            bootstrap: records, in: options.metadataDirectory, fileSystem: fileSystem
        ) { MetadataVersion.latestProduction.version(of: $0) }
    }

    private static func planLoads(
        _ directories: NodeDirectories, _ surroundings: NodeSurroundings
    ) throws -> [LogDirectoryPlan] {
        try directories.online.map { directory in
            let plan = try LogDirectoryLoader.plan(directory.path, in: surroundings.fileSystem)
            directories.noteCheckpointed(plan.checkpointed, in: plan.directory)
            for damage in plan.damage { surroundings.report(damage.description) }
            return plan
        }
    }

    // MARK: Metadata

    private static func openQuorum(
        _ options: NodeOptions, _ ensemble: MetaPropertiesEnsemble, _ clusterID: String,
        _ surroundings: NodeSurroundings, seed: UInt64, _ now: ClockReading
    ) throws -> QuorumReplica {
        guard let directoryID = ensemble.directoryID(of: options.metadataDirectory) else {
            throw NodeError("the metadata directory \(options.metadataDirectory) has no id")
        }
        return try QuorumReplica(
            logDirectory: options.metadataDirectory, nodeID: options.nodeID,
            directoryID: directoryID, clusterID: clusterID, settings: options.quorumSettings,
            fileSystem: surroundings.fileSystem, random: SplitMix64(seed: seed),
            now: QuorumTime(monotonic: now.monotonicMs, wall: now.wallMs))
    }
}

extension NodeController {
    /// Takes part in the quorum. A single voter leads at once: its broker is registered, the
    /// partitions are open, and it serves, when this returns. Others find their leader first.
    fileprivate func begin() throws {
        try quorum.start(now: quorumTime)
        settle()
        if let failure { throw NodeError(failure) }
    }
}
