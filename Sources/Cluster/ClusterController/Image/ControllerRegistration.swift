import KafkaProtocol
import KafkaWire

/// What the cluster knows of one controller (KIP-919).
public struct ControllerRegistration: Equatable, Sendable {
    public var id: Int32
    /// Chosen anew by every process that starts.
    public var incarnationID: KafkaUUID
    public var zkMigrationReady: Bool
    /// In the order in which the controller gave them.
    public var endpoints: [Endpoint]
    /// By feature name.
    public var features: [String: VersionRange]

    init(_ record: RegisterControllerRecord) {
        id = record.controllerID
        incarnationID = record.incarnationID
        zkMigrationReady = record.zkMigrationReady
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
    }

    /// The record that re-creates this registration.
    var record: RegisterControllerRecord {
        var record = RegisterControllerRecord()
        record.controllerID = id
        record.incarnationID = incarnationID
        record.zkMigrationReady = zkMigrationReady
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
        return record
    }
}
