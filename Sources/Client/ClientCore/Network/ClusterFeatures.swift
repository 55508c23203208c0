import KafkaProtocol

/// What the cluster has agreed on (KIP-584): levels by the names of features.
struct ClusterFeatures: Sendable, Equatable {
    /// Grows with each change; -1 when nothing has been told.
    var epoch: Int64 = -1
    var levels: [String: Int16] = [:]

    init() {}

    init(_ answer: ApiVersionsResponse) {
        epoch = answer.finalizedFeaturesEpoch
        for feature in answer.finalizedFeatures { levels[feature.name] = feature.maxVersionLevel }
    }

    /// Whether brokers add partitions to transactions by themselves and raise the epoch with each
    /// end (KIP-890, `transaction.version` 2).
    var raisesEpochs: Bool { levels["transaction.version", default: 0] >= 2 }
}
