import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage
import MetadataQuorum
import Replication

/// What a node is told when it starts.
public struct NodeOptions: Sendable {
    /// An address that the node gives out to others.
    public struct Listener: Sendable, Equatable {
        /// The listener's name (`PLAINTEXT`).
        public var name: String
        public var host: String
        public var port: UInt16
        /// Kafka's number of the security protocol: 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3
        /// SASL_SSL.
        public var securityProtocol: Int16
        public init(name: String, host: String, port: UInt16, securityProtocol: Int16 = 0) {
            self.name = name
            self.host = host
            self.port = port
            self.securityProtocol = securityProtocol
        }
    }

    public var nodeID: BrokerID
    /// `process.roles`: whether it holds partitions and serves clients, and whether it may vote in
    /// the metadata quorum and lead it.
    public var isBroker = true
    public var isController = true
    /// `log.dirs`, absolute paths.
    public var logDirectories: [String]
    /// `metadata.log.dir`; the first log directory when not set.
    public var metadataDirectory: String
    /// What clients are told (`advertised.listeners`).
    public var listeners: [Listener]
    public var controllerListener: Listener
    /// How this node finds the metadata quorum; `nil`: it is the only voter.
    public var quorum: QuorumSettings?
    public var rack: String?
    /// `martlet.durability`
    public var durability = Durability.flushed
    /// What the configuration file and the command line set, by key.
    public var staticConfigs: [String: String] = [:]
    /// `num.partitions`
    public var defaultPartitions: Int32 = 1
    /// `default.replication.factor`
    public var defaultReplicationFactor: Int16 = 1
    /// Bytes of metadata log after which a snapshot is written
    /// (`metadata.log.max.record.bytes.between.snapshots`).
    public var snapshotBytes = 20_971_520
    /// How long committed records may be without a snapshot that has them, in ms
    /// (`metadata.log.max.snapshot.interval.ms`); 0 for ever.
    public var snapshotMs: Int64 = 3_600_000

    public init(
        nodeID: BrokerID, logDirectories: [String], metadataDirectory: String? = nil,
        listeners: [Listener], controllerListener: Listener
    ) {
        precondition(!logDirectories.isEmpty, "a node has a log directory")
        self.nodeID = nodeID
        self.logDirectories = logDirectories
        self.metadataDirectory = metadataDirectory ?? logDirectories[0]
        self.listeners = listeners
        self.controllerListener = controllerListener
    }
}

extension NodeOptions {
    /// Whether this node makes a cluster of its own.
    public var isAlone: Bool {
        guard let quorum else { return true }
        let others = quorum.staticVoters.ids.contains { $0 != nodeID }
        return isController && !others && quorum.bootstrap.isEmpty
    }

    /// How this node takes part in the quorum.
    var quorumSettings: QuorumSettings {
        if let quorum { return quorum }
        let listener = QuorumListener(
            name: controllerListener.name,
            endpoint: QuorumEndpoint(host: controllerListener.host, port: controllerListener.port))
        let own = Voter(key: MemberKey(nodeID), listeners: [listener])
        return QuorumSettings(
            staticVoters: VoterSet([own]), listeners: [listener], listenerName: listener.name,
            mayVote: true)
    }
}

/// What the node's core needs of its surroundings.
public struct NodeSurroundings: Sendable {
    public var fileSystem: any FileSystem
    public var makeLock: @Sendable () -> any PartitionLock
    /// Says something that an operator should look into.
    public var report: @Sendable (String) -> Void
    /// Says something that an operator may want to know later.
    public var note: @Sendable (String) -> Void

    public init(
        fileSystem: any FileSystem, makeLock: @escaping @Sendable () -> any PartitionLock,
        report: @escaping @Sendable (String) -> Void,
        note: (@Sendable (String) -> Void)? = nil
    ) {
        self.fileSystem = fileSystem
        self.makeLock = makeLock
        self.report = report
        self.note = note ?? report
    }
}

/// Why a node does not start.
public struct NodeError: Error, CustomStringConvertible, Sendable {
    public let description: String
    public init(_ description: String) { self.description = description }
}
