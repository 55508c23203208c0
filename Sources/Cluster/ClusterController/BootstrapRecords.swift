import KafkaProtocol

/// The records that a new cluster starts from, as `kafka-storage format` writes them to
/// `bootstrap.checkpoint`, and those that the first controller appends to the empty metadata log.
public enum BootstrapRecords {
    /// Why a cluster cannot be formatted so.
    public struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// The feature levels of a cluster at `version`: the defaults of that level, changed by
    /// `features` (`kafka-storage format --feature`).
    ///
    /// - Throws: when a feature is unknown, its level is too high, or depends on another.
    public static func featureLevels(
        at version: MetadataVersion, features: [String: Int16] = [:]
    ) throws(Failure) -> [(name: String, level: Int16)] {
        for name in features.keys.sorted() where Feature(rawValue: name) == nil {
            if name != MetadataVersion.featureName {
                throw Failure(description: "Unsupported feature: \(name)")
            }
        }
        var levels = [(MetadataVersion.featureName, version.rawValue)]
        for feature in Feature.allCases.sorted(by: { $0.rawValue < $1.rawValue }) {
            let level = features[feature.rawValue] ?? feature.defaultLevel(at: version)
            guard 0...feature.latest ~= level else {
                throw Failure(
                    description: "No feature:\(feature.rawValue) with feature level \(level)")
            }
            if let unmet = feature.unmetDependency(level: level, metadataVersion: version) {
                throw Failure(description: unmet)
            }
            levels.append((feature.rawValue, level))
        }
        return levels
    }

    /// The records of `bootstrap.checkpoint`: `metadata.version` first, then the other features
    /// that are on, by name. `kraft.version` goes into a control record instead.
    ///
    /// - Parameter additional: more records, such as SCRAM credentials of `--add-scram`.
    public static func records(
        at version: MetadataVersion, features: [String: Int16] = [:],
        additional: [MetadataRecord] = []
    ) throws(Failure) -> [MetadataRecord] {
        var records: [MetadataRecord] = []
        for (name, level) in try featureLevels(at: version, features: features)
        where level > 0 && name != Feature.kraft.rawValue {
            records.append(
                .featureLevelRecord(FeatureLevelRecord(name: name, featureLevel: level)))
        }
        return records + additional
    }

    /// What the first controller appends to an empty log: the bootstrap records in a metadata
    /// transaction where the level has them, and with eligible leaders also the cluster's
    /// `min.insync.replicas`.
    public static func activation(
        of bootstrap: [MetadataRecord], minInSyncReplicas: String = "1"
    ) -> [MetadataRecord] {
        var levels: [String: Int16] = [:]
        for case .featureLevelRecord(let record) in bootstrap {
            levels[record.name] = record.featureLevel
        }
        var records = bootstrap
        if (levels[Feature.eligibleLeaderReplicas.rawValue] ?? 0) > 0 {
            records.append(
                .configRecord(
                    ConfigRecord(.allBrokers, "min.insync.replicas", minInSyncReplicas)))
        }
        let version = levels[MetadataVersion.featureName].flatMap {
            MetadataVersion(rawValue: $0)
        }
        guard let version, version.supportsTransactions else { return records }
        return [.beginTransactionRecord(BeginTransactionRecord(name: "Bootstrap records"))]
            + records + [.endTransactionRecord(EndTransactionRecord())]
    }

    /// What a controller appends first to a log that has records: the end of a metadata transaction
    /// that an earlier controller left open.
    public static func activation(of image: MetadataImage) -> [MetadataRecord] {
        guard image.isInTransaction else { return [] }
        return [
            .abortTransactionRecord(AbortTransactionRecord(reason: "Controller failover"))
        ]
    }
}
