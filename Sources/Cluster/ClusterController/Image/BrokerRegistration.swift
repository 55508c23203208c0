import KafkaProtocol
import KafkaWire

/// Where a node listens under one listener name.
public struct Endpoint: Hashable, Sendable {
    public var listener: String
    public var host: String
    public var port: UInt16
    /// Kafka's number of the security protocol: 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.
    public var securityProtocol: Int16

    /// An endpoint that clients reach at `host:port`.
    public init(listener: String, host: String, port: UInt16, securityProtocol: Int16) {
        self.listener = listener
        self.host = host
        self.port = port
        self.securityProtocol = securityProtocol
    }
}

/// What the cluster knows of one broker: its registration and whether it may lead.
public struct BrokerRegistration: Equatable, Sendable {
    public var id: Int32
    /// The broker's epoch: the offset that its registration was written at. Grows with each
    /// incarnation, and fences requests of earlier ones.
    public var epoch: Int64
    /// Chosen anew by every process that starts.
    public var incarnationID: KafkaUUID
    /// In the order in which the broker gave them.
    public var endpoints: [Endpoint]
    /// By feature name.
    public var features: [String: VersionRange]
    public var rack: String?
    /// A fenced broker leads nothing, is in no ISR, and is not shown to clients.
    public var isFenced: Bool { didSet { if !isFenced { servedEpoch.value = epoch } } }
    /// The epoch of the last registration that it was not fenced with. Not in snapshots: after one
    /// it is taken for the present one.
    private(set) var servedEpoch: BesidesSnapshots<Int64>
    /// It has asked to stop and hands over what it leads.
    public var inControlledShutdown: Bool
    public var isMigratingZkBroker: Bool
    /// The log directories that are online, sorted.
    public var logDirs: [KafkaUUID]
    /// Directories that take no new replicas (KIP-1066); `nil` until the broker has said.
    public var cordonedLogDirs: [KafkaUUID]?

    /// Neither fenced nor shutting down: may lead and join an ISR.
    public var isActive: Bool { !isFenced && !inControlledShutdown }

    /// Whether some directory takes new replicas.
    public var hasUncordonedDirs: Bool {
        guard let cordonedLogDirs, !logDirs.isEmpty else { return true }
        return !logDirs.allSatisfy(cordonedLogDirs.contains)
    }

    /// Whether a process that stopped in order at `epoch` left all that the cluster counts on: no
    /// later one was unfenced, so none was in an ISR.
    ///
    /// The epoch may be older than the last registration's when the answer to that was lost.
    func hasAllSince(_ epoch: Int64) -> Bool {
        epoch >= servedEpoch.value && epoch <= self.epoch
    }

    /// The endpoint of `listener`, if the broker has it.
    public func endpoint(of listener: String) -> Endpoint? {
        endpoints.first { $0.listener == listener }
    }

    /// Whether a replica that is recorded in `directory` is online.
    ///
    /// A broker that registered before directories had ids (KAFKA-16162) counts as online.
    public func isOnline(_ directory: KafkaUUID) -> Bool {
        switch directory {
        case DirectoryID.unassigned, DirectoryID.migrating: true
        case DirectoryID.lost: false
        default: logDirs.isEmpty || logDirs.contains(directory)
        }
    }

    /// The directory of a replica that is newly placed here: the only one, or left to the broker.
    var defaultDirectory: KafkaUUID {
        if logDirs.isEmpty { return DirectoryID.migrating }
        return logDirs.count == 1 ? logDirs[0] : DirectoryID.unassigned
    }
}

/// What replaying records tells and a snapshot does not hold: images are equal without it.
struct BesidesSnapshots<Value: Sendable>: Equatable, Sendable {
    var value: Value

    static func == (_: Self, _: Self) -> Bool { true }
}

extension BrokerRegistration {
    /// What the record says of a broker that was registered as `earlier` before.
    init(_ record: RegisterBrokerRecord, after earlier: BrokerRegistration?) {
        id = record.brokerID
        epoch = record.brokerEpoch
        let served = record.fenced ? earlier?.servedEpoch.value : nil
        servedEpoch = .init(value: served ?? record.brokerEpoch)
        incarnationID = record.incarnationID
        endpoints = record.endPoints.map {
            Endpoint(
                listener: $0.name, host: $0.host, port: $0.port,
                securityProtocol: $0.securityProtocol)
        }
        features = [:]
        for feature in record.features {
            features[feature.name] = VersionRange(
                feature.minSupportedVersion, feature.maxSupportedVersion)
        }
        rack = record.rack
        isFenced = record.fenced
        inControlledShutdown = record.inControlledShutdown
        isMigratingZkBroker = record.isMigratingZkBroker
        logDirs = record.logDirs.sorted()
        cordonedLogDirs = record.cordonedLogDirs
    }

    /// The record that re-creates this registration. What `version` cannot hold is left out.
    func record(at version: MetadataVersion) -> RegisterBrokerRecord {
        var record = RegisterBrokerRecord()
        record.brokerID = id
        record.brokerEpoch = epoch
        record.incarnationID = incarnationID
        record.endPoints = endpoints.map {
            .init(
                name: $0.listener, host: $0.host, port: $0.port,
                securityProtocol: $0.securityProtocol)
        }
        record.features = features.sorted { $0.key < $1.key }.map {
            .init(
                name: $0.key, minSupportedVersion: $0.value.min,
                maxSupportedVersion: $0.value.max)
        }
        record.rack = rack
        record.fenced = isFenced
        record.inControlledShutdown = inControlledShutdown
        if version.registerBrokerVersion >= 2 { record.isMigratingZkBroker = isMigratingZkBroker }
        if version.supportsDirectories { record.logDirs = logDirs }
        if version.supportsCordonedDirectories { record.cordonedLogDirs = cordonedLogDirs }
        return record
    }
}
