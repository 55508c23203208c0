import KafkaProtocol

/// The feature levels that the cluster agreed on.
public struct FeaturesImage: Equatable, Sendable {
    /// `nil` before the first record of a new cluster.
    public private(set) var metadataVersion: MetadataVersion?
    /// Levels of all other features that are above 0, by name.
    public private(set) var levels: [String: Int16] = [:]

    /// None.
    init() {}

    /// The level of `feature`, 0 when it is not on.
    public func level(of feature: Feature) -> Int16 { levels[feature.rawValue] ?? 0 }

    /// Whether partitions keep eligible leader replicas (KIP-966).
    public var keepsEligibleLeaders: Bool { level(of: .eligibleLeaderReplicas) >= 1 }

    /// All levels with `metadata.version` among them, sorted by name: what ApiVersions reports.
    public var finalized: [(name: String, level: Int16)] {
        var all = levels.map { (name: $0.key, level: $0.value) }
        if let metadataVersion {
            all.append((MetadataVersion.featureName, metadataVersion.rawValue))
        }
        return all.sorted { $0.name < $1.name }
    }

    mutating func apply(_ record: FeatureLevelRecord) throws(ReplayError) {
        switch record.name {
        case MetadataVersion.featureName:
            guard let version = MetadataVersion(rawValue: record.featureLevel) else {
                throw .unknownMetadataVersion(record.featureLevel)
            }
            metadataVersion = version
        case Feature.kraft.rawValue:
            // Control records hold kraft.version; old logs may have it here too (KAFKA-18979).
            break
        default:
            levels[record.name] = record.featureLevel == 0 ? nil : record.featureLevel
        }
    }
}
