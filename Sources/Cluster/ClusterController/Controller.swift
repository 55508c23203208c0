import KafkaProtocol
import KafkaWire

/// What the controller is told by the node's own configuration.
public struct ControllerSettings: Sendable {
    /// The id of the node that decides.
    public var nodeID: Int32
    public var clusterID: String
    /// Nodes that vote in the metadata quorum.
    public var quorumNodeIDs: [Int32]
    /// `num.partitions`: for topics created with -1 partitions.
    public var defaultPartitions: Int32
    /// `default.replication.factor`: for topics created with a factor of -1.
    public var defaultReplicationFactor: Int16
    /// What `server.properties` sets, by key.
    public var staticConfigs: [String: String]
    /// The feature levels that this node can run with, by name.
    public var supportedFeatures: [String: VersionRange]
    /// The level of `kraft.version`, which the quorum keeps.
    public var kraftVersion: Int16
    /// How long a broker may be silent before it is fenced, `broker.session.timeout.ms`.
    public var brokerSessionTimeoutMs: Int64

    /// Settings with Kafka's defaults.
    public init(
        nodeID: Int32, clusterID: String, quorumNodeIDs: [Int32]? = nil,
        defaultPartitions: Int32 = 1, defaultReplicationFactor: Int16 = 1,
        staticConfigs: [String: String] = [:],
        supportedFeatures: [String: VersionRange] = SupportedFeatures.ranges(allowUnstable: false),
        kraftVersion: Int16 = 1, brokerSessionTimeoutMs: Int64 = 9000
    ) {
        self.nodeID = nodeID
        self.clusterID = clusterID
        self.quorumNodeIDs = quorumNodeIDs ?? [nodeID]
        self.defaultPartitions = defaultPartitions
        self.defaultReplicationFactor = defaultReplicationFactor
        self.staticConfigs = staticConfigs
        self.supportedFeatures = supportedFeatures
        self.kraftVersion = kraftVersion
        self.brokerSessionTimeoutMs = brokerSessionTimeoutMs
    }
}

/// Decides over changes of the cluster's metadata.
///
/// A value: an image and the settings. Its methods compute records and a response from a request
/// and change nothing. The caller appends the records to the metadata log, replays them into its
/// image, and answers once they are committed. Who may ask at all was settled before (admission).
public struct Controller: Sendable {
    public var image: MetadataImage
    public var settings: ControllerSettings

    /// Most records that one request may lead to, as in Kafka.
    public static let maxRecordsPerRequest = 10_000

    /// A controller that decides over `image`.
    public init(image: MetadataImage, settings: ControllerSettings) {
        self.image = image
        self.settings = settings
    }
}

extension MetadataVersion {
    /// The version to write `record` in, so that every node at this level can read it.
    public func version(of record: MetadataRecord) -> Int16 {
        switch record {
        case .registerBrokerRecord: registerBrokerVersion
        case .partitionRecord, .partitionChangeRecord: partitionVersion
        case .brokerRegistrationChangeRecord(let change):
            if change.cordonedLogDirs != nil {
                3
            } else if !change.logDirs.isEmpty {
                2
            } else {
                change.inControlledShutdown != 0 ? 1 : 0
            }
        default: 0
        }
    }
}
