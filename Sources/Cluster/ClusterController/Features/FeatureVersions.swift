/// The features other than `metadata.version` whose levels a cluster agrees on (KIP-584, KIP-1022).
public enum Feature: String, CaseIterable, Sendable {
    /// KRaft's own version: 1 allows voters to change (KIP-853). Kept in control records of the
    /// log, never in a `FeatureLevelRecord`.
    case kraft = "kraft.version"
    /// Transactions: 1 writes flexible records, 2 raises the epoch with each transaction (KIP-890).
    case transaction = "transaction.version"
    /// Groups: 1 is the consumer rebalance protocol (KIP-848).
    case group = "group.version"
    /// Eligible leader replicas (KIP-966).
    case eligibleLeaderReplicas = "eligible.leader.replicas.version"
    /// Share groups: 1 (KIP-932), 2 with dead letter queues (KIP-1191).
    case share = "share.version"
    /// Streams groups (KIP-1071).
    case streams = "streams.version"

    /// The metadata levels from which on a new cluster gets level 1, 2, … by default.
    private var bootstrapLevels: [Int16] {
        switch self {
        case .kraft: [21]
        case .transaction: [24, 24]
        case .group: [22]
        case .eligibleLeaderReplicas: [26]
        case .share: [28, 31]
        case .streams: [29]
        }
    }

    /// The highest level that there is.
    public var latest: Int16 { Int16(bootstrapLevels.count) }

    /// The level that `kafka-storage format` gives a new cluster of `metadataVersion`.
    public func defaultLevel(at metadataVersion: MetadataVersion) -> Int16 {
        Int16(bootstrapLevels.prefix { $0 <= metadataVersion.rawValue }.count)
    }

    /// The `metadata.version` that `level` needs; `nil` when level 0 or any version will do.
    func requiredMetadataLevel(at level: Int16) -> Int16? {
        self == .eligibleLeaderReplicas && level >= 1 ? 23 : nil
    }

    /// Why `level` cannot be set in a cluster at `metadataVersion`; `nil` when it can.
    func unmetDependency(level: Int16, metadataVersion: MetadataVersion) -> String? {
        guard let needed = requiredMetadataLevel(at: level), metadataVersion.rawValue < needed
        else { return nil }
        return "\(rawValue) could not be set to \(level) because it depends on "
            + "\(MetadataVersion.featureName) level \(needed)"
    }
}

/// Which feature levels a node can run with.
public enum SupportedFeatures {
    /// The ranges that this build registers, by feature name.
    ///
    /// - Parameter allowUnstable: whether `unstable.feature.versions.enable` is set; it admits
    ///   `metadata.version` levels above the stable ones.
    public static func ranges(allowUnstable: Bool) -> [String: VersionRange] {
        let top: MetadataVersion = allowUnstable ? .latest : .latestProduction
        var ranges = [
            MetadataVersion.featureName:
                VersionRange(MetadataVersion.minimum.rawValue, top.rawValue)
        ]
        for feature in Feature.allCases {
            ranges[feature.rawValue] = VersionRange(0, feature.latest)
        }
        return ranges
    }
}
