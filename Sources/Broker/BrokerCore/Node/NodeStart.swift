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
        surroundings: NodeSurroundings, seed: UInt64, clock: @escaping @Sendable () -> Int64
    ) throws(NodeError) -> NodeController {
        var random = SplitMix64(seed: seed)
        do {
            let (directories, ensemble) = try openDirectories(options, surroundings, &random)
            guard let clusterID = ensemble.clusterID else {
                throw NodeError("no log directory has a cluster id")
            }
            let quorum = try MetadataQuorum(
                logDirectory: options.metadataDirectory, nodeID: options.nodeID,
                fileSystem: surroundings.fileSystem, now: clock())
            let image = try load(quorum)
            let node = NodeController(
                controller: Controller(image: image, settings: settings(clusterID)),
                options: options, surroundings: surroundings, quorum: quorum,
                directories: directories, random: random, clock: clock)
            try node.lead()
            let plans = try planLoads(directories, surroundings)
            try node.registerBroker(
                previousEpoch: LogDirectoryLoader.provenBrokerEpoch(
                    plans, configuredDirectories: options.logDirectories.count))
            try node.openPartitions(plans)
            try node.unfence()
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

    private static func load(_ quorum: MetadataQuorum) throws -> MetadataImage {
        var image = MetadataImage.empty
        try quorum.load(
            snapshot: { _, contents in try image.replay(contents.records) },
            batch: { try image.replay($0.records) })
        return image
    }
}

extension NodeController {
    /// Becomes the quorum's leader; gives an empty log its first records.
    func lead() throws {
        let path = options.metadataDirectory
        let isEmpty = quorum.endOffset == .zero
        let initial = isEmpty ? try QuorumFormat.readVoters(in: path, surroundings.fileSystem) : nil
        try quorum.becomeLeader(initialVoters: initial, now: clock())
        if isEmpty {
            let bootstrap =
                try QuorumFormat.readBootstrap(in: path, surroundings.fileSystem)
                ?? BootstrapRecords.records(at: .latestProduction)
            let minimum = controller.settings.staticConfigs["min.insync.replicas"] ?? "1"
            try append(BootstrapRecords.activation(of: bootstrap, minInSyncReplicas: minimum))
        } else {
            try append(BootstrapRecords.activation(of: controller.image))
        }
        try registerController()
    }

    private func registerController() throws {
        var request = ControllerRegistrationRequest()
        request.controllerID = options.nodeID.rawValue
        request.incarnationID = KafkaUUID.random(using: &random)
        let listener = options.controllerListener
        request.listeners = [
            .init(
                name: listener.name, host: listener.host, port: listener.port,
                securityProtocol: listener.securityProtocol)
        ]
        request.features = supportedFeatures.map {
            .init(name: $0.name, minSupportedVersion: $0.min, maxSupportedVersion: $0.max)
        }
        try append(controller.registerController(request).records)
    }

    var supportedFeatures: [(name: String, min: Int16, max: Int16)] {
        controller.settings.supportedFeatures.sorted { $0.key < $1.key }.map {
            ($0.key, $0.value.min, $0.value.max)
        }
    }

    /// Registers this process as a broker, fenced; its epoch is the registration's offset.
    func registerBroker(previousEpoch: Int64?) throws {
        var request = BrokerRegistrationRequest()
        request.brokerID = options.nodeID.rawValue
        request.clusterID = controller.settings.clusterID
        request.incarnationID = KafkaUUID.random(using: &random)
        request.listeners = options.listeners.map {
            .init(
                name: $0.name, host: $0.host, port: $0.port, securityProtocol: $0.securityProtocol)
        }
        request.features = supportedFeatures.map {
            .init(name: $0.name, minSupportedVersion: $0.min, maxSupportedVersion: $0.max)
        }
        request.rack = options.rack
        request.logDirs = directories.online.compactMap(\.id).sorted()
        request.previousBrokerEpoch = previousEpoch ?? -1
        let decision = controller.registerBroker(
            request, context: DecisionContext(now: clock(), requestVersion: 4),
            newEpoch: quorum.endOffset.rawValue)
        try check(decision.response.errorCode, "register the broker")
        try append(decision.records)
        brokerEpoch = decision.response.brokerEpoch
    }

    /// Lets the broker serve: partitions get their leaders.
    func unfence() throws { try heartbeat(wantShutDown: false) }

    /// Tells the controller that the broker serves, or that it stops.
    func heartbeat(wantShutDown: Bool) throws {
        var request = heartbeatRequest()
        request.wantShutDown = wantShutDown
        let decision = controller.heartbeat(request, sessions: sessions)
        try check(decision.response.errorCode, "send a heartbeat")
        try append(decision.records)
    }

    /// A heartbeat of this process that asks for nothing.
    func heartbeatRequest() -> BrokerHeartbeatRequest {
        var request = BrokerHeartbeatRequest()
        request.brokerID = options.nodeID.rawValue
        request.brokerEpoch = brokerEpoch
        request.currentMetadataOffset = quorum.endOffset.rawValue - 1
        return request
    }

    private func check(_ code: Int16, _ what: String) throws(NodeError) {
        guard code != KafkaError.none.rawValue else { return }
        let name = KafkaError(rawValue: code)?.name ?? "error \(code)"
        throw NodeError("could not \(what): \(name)")
    }
}
