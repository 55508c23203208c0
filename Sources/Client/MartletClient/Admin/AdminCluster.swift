public import ClientCore
import KafkaProtocol
public import KafkaWire

/// The brokers of a cluster.
public struct ClusterDescription: Sendable, Hashable {
    public struct Node: Sendable, Hashable {
        public var id: BrokerID
        public var address: BrokerAddress
        public var rack: String?
        /// Registered, and not in service.
        public var isFenced: Bool
    }
    public var clusterID: String
    /// A broker that takes requests for the controller; `nil` when there is none.
    public var controller: BrokerID?
    /// By id.
    public var nodes: [Node]
}

/// Features that the cluster has agreed on, and what the broker could do (KIP-584).
public struct FeatureMetadata: Sendable, Hashable {
    public var finalized: [String: Int16]
    public var supported: [String: ClosedRange<Int16>]
    /// Grows with each change; -1 when unknown.
    public var epoch: Int64
}

/// How a feature is to change.
public struct FeatureUpdate: Sendable, Hashable {
    public enum Kind: Int8, Sendable {
        case upgrade = 1
        case safeDowngrade = 2
        /// What a lower level does not know is lost.
        case unsafeDowngrade = 3
    }
    /// 0 takes the feature away.
    public var level: Int16
    public var kind: Kind

    public init(level: Int16, kind: Kind = .upgrade) {
        self.level = level
        self.kind = kind
    }
}

/// The metadata quorum (KIP-595).
public struct QuorumDescription: Sendable, Hashable {
    public struct Replica: Sendable, Hashable {
        public var id: BrokerID
        public var directoryID: KafkaUUID
        public var logEndOffset: Offset
        /// Milliseconds since the epoch; `nil` when unknown.
        public var lastFetchTimestamp: Int64?
        public var lastCaughtUpTimestamp: Int64?
    }
    public var leader: BrokerID
    public var leaderEpoch: Int32
    public var highWatermark: Offset
    public var voters: [Replica]
    public var observers: [Replica]
    /// Where controllers listen, by their ids and the names of listeners.
    public var endpoints: [BrokerID: [String: BrokerAddress]]
}

extension Admin {
    /// The cluster's id, its brokers and its controller; of a client that asks controllers, those.
    public func describeCluster(
        includingFenced: Bool = false
    ) async throws(ClientError) -> ClusterDescription {
        let asksControllers = settings.network.asksControllers
        do throws(ClientError) {
            return try await call(
                .any, atLeast: asksControllers ? 1 : 0,
                { version in
                    var request = DescribeClusterRequest()
                    if version >= 2 { request.includeFencedBrokers = includingFenced }
                    if asksControllers { request.endpointType = 2 }
                    return request
                }
            ) { answer, _ throws(ClientError) in
                try ClientError.check(code: answer.errorCode, answer.errorMessage)
                return ClusterDescription(answer)
            }
        } catch {
            // Brokers before 2.8 tell it together with topics.
            guard case .unsupportedRequest = error, !asksControllers else { throw error }
        }
        return ClusterDescription(try await metadata([]))
    }

    /// Removes the registration of a broker that has been stopped for good.
    public func unregisterBroker(_ id: BrokerID) async throws(ClientError) {
        try await call(.controller, UnregisterBrokerRequest(brokerID: id.rawValue)) {
            answer throws(ClientError) in
            try ClientError.check(code: answer.errorCode, answer.errorMessage)
        }
    }

    // MARK: Features

    /// The versions of requests that a node serves, by API key.
    public func apiVersions(
        of node: BrokerID
    ) async throws(ClientError) -> [Int16: ClosedRange<Int16>] {
        try await askVersions(.broker(node)) { answer in
            var versions: [Int16: ClosedRange<Int16>] = [:]
            for key in answer.apiKeys where key.minVersion <= key.maxVersion {
                versions[key.apiKey] = key.minVersion...key.maxVersion
            }
            return versions
        }
    }

    private func askVersions<Value: Sendable>(
        _ target: AdminTarget, _ read: @escaping @Sendable (ApiVersionsResponse) -> Value
    ) async throws(ClientError) -> Value {
        try await call(
            target,
            { version in
                var request = ApiVersionsRequest()
                if version >= 3 {
                    request.clientSoftwareName = "martlet"
                    request.clientSoftwareVersion = "4.4.0"
                }
                return request
            }
        ) { answer, _ throws(ClientError) in
            try ClientError.check(code: answer.errorCode)
            return read(answer)
        }
    }

    /// The cluster's features, as a node tells them: any of them unless one is named.
    public func describeFeatures(
        at node: BrokerID? = nil
    ) async throws(ClientError) -> FeatureMetadata {
        try await askVersions(node.map { .broker($0) } ?? .any) { answer in
            var features = FeatureMetadata(
                finalized: [:], supported: [:], epoch: answer.finalizedFeaturesEpoch)
            for one in answer.finalizedFeatures {
                features.finalized[one.name] = one.maxVersionLevel
            }
            for one in answer.supportedFeatures where one.minVersion <= one.maxVersion {
                features.supported[one.name] = one.minVersion...one.maxVersion
            }
            return features
        }
    }

    /// Changes features together: all or none.
    ///
    /// - Throws: `broker` with the reason for which they cannot be changed.
    public func updateFeatures(
        _ updates: [String: FeatureUpdate], validateOnly: Bool = false
    ) async throws(ClientError) {
        let timeout = timeoutMs
        try await call(
            .controller,
            { version in
                var request = UpdateFeaturesRequest(
                    timeoutMs: timeout,
                    featureUpdates: updates.sorted { $0.key < $1.key }.map { name, update in
                        version >= 1
                            ? .init(
                                feature: name, maxVersionLevel: update.level,
                                upgradeType: update.kind.rawValue)
                            : .init(
                                feature: name, maxVersionLevel: update.level,
                                allowDowngrade: update.kind != .upgrade)
                    })
                if version >= 1 { request.validateOnly = validateOnly }
                return request
            }
        ) { answer, _ throws(ClientError) in
            try ClientError.check(code: answer.errorCode, answer.errorMessage)
            for result in answer.results {
                try ClientError.check(
                    code: result.errorCode, result.errorMessage ?? result.feature)
            }
        }
    }

    // MARK: The metadata quorum

    /// The voters and observers of the metadata quorum.
    public func describeQuorum() async throws(ClientError) -> QuorumDescription {
        let request = DescribeQuorumRequest(
            topics: [.init(topicName: "__cluster_metadata", partitions: [.init(partitionIndex: 0)])]
        )
        return try await call(.controller, request) { answer throws(ClientError) in
            try ClientError.check(code: answer.errorCode, answer.errorMessage)
            guard let part = answer.topics.first?.partitions.first else {
                throw .malformedResponse("DescribeQuorum names no partition")
            }
            try ClientError.check(code: part.errorCode, part.errorMessage)
            var endpoints: [BrokerID: [String: BrokerAddress]] = [:]
            for node in answer.nodes {
                for listener in node.listeners {
                    endpoints[BrokerID(node.nodeID), default: [:]][listener.name] = BrokerAddress(
                        host: listener.host, port: listener.port)
                }
            }
            return QuorumDescription(
                leader: BrokerID(part.leaderID), leaderEpoch: part.leaderEpoch,
                highWatermark: Offset(part.highWatermark),
                voters: part.currentVoters.map(Self.replica),
                observers: part.observers.map(Self.replica), endpoints: endpoints)
        }
    }

    private static func replica(
        _ state: DescribeQuorumResponse.ReplicaState
    ) -> QuorumDescription.Replica {
        .init(
            id: BrokerID(state.replicaID), directoryID: state.replicaDirectoryID,
            logEndOffset: Offset(state.logEndOffset),
            lastFetchTimestamp: state.lastFetchTimestamp < 0 ? nil : state.lastFetchTimestamp,
            lastCaughtUpTimestamp: state.lastCaughtUpTimestamp < 0
                ? nil : state.lastCaughtUpTimestamp)
    }
}

extension ClusterDescription {
    fileprivate init(_ answer: DescribeClusterResponse) {
        self.init(
            clusterID: answer.clusterID,
            controller: answer.controllerID < 0 ? nil : BrokerID(answer.controllerID),
            nodes: answer.brokers.map {
                Node($0.brokerID, $0.host, $0.port, $0.rack, isFenced: $0.isFenced)
            }.sorted { $0.id < $1.id })
    }

    fileprivate init(_ answer: MetadataResponse) {
        self.init(
            clusterID: answer.clusterID ?? "",
            controller: answer.controllerID < 0 ? nil : BrokerID(answer.controllerID),
            nodes: answer.brokers.map {
                Node($0.nodeID, $0.host, $0.port, $0.rack, isFenced: false)
            }.sorted { $0.id < $1.id })
    }
}

extension ClusterDescription.Node {
    fileprivate init(
        _ id: Int32, _ host: String, _ port: Int32, _ rack: String?, isFenced: Bool
    ) {
        self.init(
            id: BrokerID(id), address: BrokerAddress(host: host, port: UInt16(clamping: port)),
            rack: rack, isFenced: isFenced)
    }
}
