import BrokerCore
import ClusterController
import Foundation
import KafkaConfig
import KafkaWire
import MetadataQuorum
import NIOCore
import Replication

/// All that a server is started with.
public struct ServerConfiguration: Sendable {
    public var node: NodeOptions
    /// Where to bind, in the order of `node.listeners`.
    public var bindings: [Binding]
    /// Where the controller's listeners bind; none on a node without that role.
    public var controllerBindings: [Binding] = []
    /// `num.network.threads`: event loops.
    public var networkThreads: Int
    /// `num.io.threads`: threads for slow work.
    public var ioThreads: Int
    public var limits = LoopLimits()
    public var intervals = MaintenanceIntervals()
    public var connections = ConnectionSettings()

    /// - Precondition: one binding for each of the node's listeners.
    public init(
        node: NodeOptions, bindings: [Binding], networkThreads: Int, ioThreads: Int = 8
    ) {
        precondition(
            bindings.count == node.listeners.count, "each listener is bound and advertised")
        self.node = node
        self.bindings = bindings
        self.networkThreads = networkThreads
        self.ioThreads = ioThreads
    }

    func controllerSettings(clusterID: String) -> ControllerSettings {
        ControllerSettings(
            nodeID: node.nodeID.rawValue, clusterID: clusterID,
            defaultPartitions: node.defaultPartitions,
            defaultReplicationFactor: node.defaultReplicationFactor,
            staticConfigs: node.staticConfigs)
    }
}

extension ServerConfiguration {
    /// The server that a node's configuration asks for.
    ///
    /// - Parameter workingDirectory: where relative log directories begin.
    /// - Throws: `NodeError` for what this version cannot do yet: name, value and remedy.
    public init(_ config: BrokerConfig, workingDirectory: String) throws(NodeError) {
        for listener in config.listeners where listener.securityProtocol != .plaintext {
            throw NodeError(
                "the listener \(listener.name) uses \(listener.securityProtocol.rawValue), which "
                    + "this version does not have yet: use PLAINTEXT")
        }
        func absolute(_ path: String) -> String {
            var path = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
            if !path.hasPrefix("/") { path = "\(workingDirectory)/\(path)" }
            while path.count > 1, path.hasSuffix("/") { path.removeLast() }
            return path
        }
        let host = ProcessInfo.processInfo.hostName
        func advertised(_ endpoint: ListenerEndpoint) -> NodeOptions.Listener {
            NodeOptions.Listener(
                name: endpoint.name, host: endpoint.host ?? host, port: UInt16(endpoint.port),
                securityProtocol: Int16(endpoint.securityProtocol.code))
        }
        var node = NodeOptions(
            nodeID: BrokerID(config.nodeID), logDirectories: config.logDirs.map(absolute),
            metadataDirectory: absolute(config.metadataLogDir),
            listeners: config.brokerListeners.map { bound in
                advertised(config.advertisedListeners.first { $0.name == bound.name } ?? bound)
            },
            controllerListener: config.advertisedControllerListeners.first.map(advertised)
                ?? .init(name: config.controllerListenerNames.first ?? "", host: "", port: 0))
        node.isBroker = config.isBroker
        node.isController = config.isController
        node.quorum = QuorumSettings(
            config, listeners: config.advertisedControllerListeners.map(advertised))
        node.rack = config.text("broker.rack")
        node.durability = config.durability == .flushed ? .flushed : .replicated
        node.staticConfigs = config.staticConfigs
        node.defaultPartitions = Int32(clamping: config.number("num.partitions"))
        node.defaultReplicationFactor = Int16(
            clamping: config.number("default.replication.factor"))
        node.snapshotBytes = Int(config.number("metadata.log.max.record.bytes.between.snapshots"))
        node.snapshotMs = config.number("metadata.log.max.snapshot.interval.ms")
        self.init(
            node: node,
            bindings: config.brokerListeners.map {
                Binding(name: $0.name, host: $0.host ?? "", port: $0.port)
            },
            networkThreads: config.networkThreads ?? ProcessInfo.processInfo.activeProcessorCount,
            ioThreads: Int(config.number("num.io.threads")))
        if config.isController {
            controllerBindings = config.controllerListeners.map {
                Binding(name: $0.name, host: $0.host ?? "", port: $0.port, serves: .controller)
            }
        }
        limits.frameBytes = Int(config.number("socket.request.max.bytes"))
        let idleMs = config.number("connections.max.idle.ms")
        limits.idleNs =
            idleMs < 0 ? nil : min(idleMs, Int64.max / 2_000_000) * 1_000_000
        limits.fetchSessions = max(
            1,
            Int(config.number("max.incremental.fetch.session.cache.slots")) / networkThreads)
        limits.flushPace.intervalMs = config.number("martlet.flush.interval.ms")
        limits.flushPace.intervalBytes = Int(config.number("martlet.flush.interval.bytes"))
        limits.outstandingPerConnection = min(
            limits.outstandingPerConnection, Int(config.number("queued.max.requests")))
        connections = ConnectionSettings(config)
        readIntervals(config)
    }

    private mutating func readIntervals(_ config: BrokerConfig) {
        func interval(_ key: String) -> TimeAmount { .milliseconds(max(1, config.number(key))) }
        intervals.highWatermarks = interval("replica.high.watermark.checkpoint.interval.ms")
        intervals.recoveryPoints = interval("log.flush.offset.checkpoint.interval.ms")
        intervals.logStartOffsets = interval("log.flush.start.offset.checkpoint.interval.ms")
        intervals.retention = interval("log.retention.check.interval.ms")
        intervals.cleaning = interval("log.cleaner.backoff.ms")
    }
}

extension QuorumSettings {
    /// - Parameter listeners: those of this node's controller, as others reach them.
    fileprivate init(_ config: BrokerConfig, listeners: [NodeOptions.Listener]) {
        let name = config.controllerListenerNames.first ?? ""
        func endpoint(_ address: HostPort) -> QuorumEndpoint {
            QuorumEndpoint(host: address.host, port: UInt16(address.port))
        }
        self.init(
            staticVoters: VoterSet(
                config.quorumVoters.map { voter in
                    Voter(
                        key: MemberKey(BrokerID(voter.id)),
                        listeners: [.init(name: name, endpoint: endpoint(voter.address))])
                }),
            bootstrap: config.quorumBootstrapServers.map(endpoint),
            listeners: config.isController
                ? listeners.map {
                    .init(name: $0.name, endpoint: QuorumEndpoint(host: $0.host, port: $0.port))
                } : [],
            listenerName: name, mayVote: config.isController)
        autoJoin = config.flag("controller.quorum.auto.join.enable")
        electionTimeoutMs = config.number("controller.quorum.election.timeout.ms")
        fetchTimeoutMs = config.number("controller.quorum.fetch.timeout.ms")
        electionBackoffMaxMs = config.number("controller.quorum.election.backoff.max.ms")
        requestTimeoutMs = config.number("controller.quorum.request.timeout.ms")
        retryBackoffMs = config.number("controller.quorum.retry.backoff.ms")
        fetchMaxBytes = Int32(clamping: config.number("controller.quorum.fetch.max.bytes"))
        fetchSnapshotMaxBytes = Int32(
            clamping: config.number("controller.quorum.fetch.snapshot.max.bytes"))
        retentionBytes = config.number("metadata.max.retention.bytes")
        retentionMs = config.number("metadata.max.retention.ms")
        segmentBytes = Int(config.number("metadata.log.segment.bytes"))
        segmentMs = config.number("metadata.log.segment.ms")
    }
}
