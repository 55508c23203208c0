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
            let now = clock().quorumTime
            let quorum = try openQuorum(
                options, ensemble, clusterID, surroundings, seed: ~seed, now)
            let image = try load(quorum, now)
            let node = NodeController(
                controller: Controller(image: image, settings: settings(clusterID)),
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
            makeLock: surroundings.makeLock)
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
            QuorumFormat.Voter(
                nodeID: options.nodeID, directoryID: directoryID,
                listener: options.controllerListener.name, host: options.controllerListener.host,
                port: options.controllerListener.port),
            bootstrap: records, in: options.metadataDirectory, fileSystem: fileSystem
        ) { MetadataVersion.latestProduction.version(of: $0) }
    }

    private static func planLoads(
        _ directories: NodeDirectories, _ surroundings: NodeSurroundings
    ) throws -> [LogDirectoryPlan] {
        try directories.online.map { directory in
            let plan = try LogDirectoryLoader.plan(directory.path, in: surroundings.fileSystem)
            for damage in plan.damage { surroundings.report(damage.description) }
            return plan
        }
    }

    // MARK: Metadata

    private static func openQuorum(
        _ options: NodeOptions, _ ensemble: MetaPropertiesEnsemble, _ clusterID: String,
        _ surroundings: NodeSurroundings, seed: UInt64, _ now: QuorumTime
    ) throws -> QuorumReplica {
        guard let directoryID = ensemble.directoryID(of: options.metadataDirectory) else {
            throw NodeError("the metadata directory \(options.metadataDirectory) has no id")
        }
        let own = options.controllerListener
        let listener = QuorumListener(
            name: own.name, endpoint: QuorumEndpoint(host: own.host, port: own.port))
        let voter = Voter(key: MemberKey(options.nodeID), listeners: [listener])
        return try QuorumReplica(
            logDirectory: options.metadataDirectory, nodeID: options.nodeID,
            directoryID: directoryID, clusterID: clusterID,
            settings: QuorumSettings(
                staticVoters: VoterSet([voter]), listeners: [listener], listenerName: own.name,
                mayVote: true),
            fileSystem: surroundings.fileSystem, random: SplitMix64(seed: seed), now: now)
    }

    /// Starts the quorum's only voter, and gives what the log holds.
    private static func load(
        _ quorum: QuorumReplica, _ now: QuorumTime
    ) throws -> MetadataImage {
        try quorum.start(now: now)
        var image = MetadataImage.empty
        for effect in quorum.takeEffects() {
            switch effect {
            case .installed(_, let contents):
                image = .empty
                try image.replay(contents.records)
            case .committed(let batches):
                for batch in batches { try image.replay(batch.records) }
            default: break
            }
        }
        guard quorum.isActiveLeader else {
            throw NodeError(
                "node \(quorum.nodeID.rawValue) is not the only voter of its metadata quorum")
        }
        return image
    }
}

extension NodeController {
    /// Takes part in the quorum: with one voter it leads at once, the broker is registered, its
    /// partitions are open, and it serves, when this returns.
    fileprivate func begin() throws {
        activate()
        settle()
        if let failure { throw NodeError(failure) }
    }
}
