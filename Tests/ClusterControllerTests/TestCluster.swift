import KafkaProtocol
import KafkaWire
import Testing

@testable import ClusterController

/// A controller with a log: what it decides is encoded as in the log, decoded and replayed.
struct TestCluster {
    var controller: Controller
    var generator = SplitMix64(seed: 1)
    /// The offset of the next record.
    var nextOffset: Int64 = 0
    /// What the last applied decision changed.
    var delta = MetadataDelta()

    var image: MetadataImage { controller.image }

    static let clusterID = "test-cluster"

    /// A formatted cluster with `brokers` unfenced brokers, numbered from 1.
    init(
        brokers: Int = 1, version: MetadataVersion = .latestProduction,
        racks: [String?] = [], features: [String: Int16] = [:]
    ) throws {
        controller = Controller(
            image: .empty,
            settings: ControllerSettings(
                nodeID: 1, clusterID: Self.clusterID,
                supportedFeatures: SupportedFeatures.ranges(allowUnstable: true)))
        let bootstrap = try BootstrapRecords.records(at: version, features: features)
        try append(BootstrapRecords.activation(of: bootstrap))
        for index in 0..<brokers {
            try register(
                Int32(index + 1), rack: racks.indices.contains(index) ? racks[index] : nil)
            try heartbeat(Int32(index + 1))
        }
    }

    /// Appends records as a batch and replays what a reader of the log would see.
    mutating func append(_ records: [MetadataRecord]) throws {
        delta = MetadataDelta()
        for record in records {
            let version = image.metadataVersion.version(of: record)
            let read = try MetadataRecord(decoding: record.encoded(version: version))
            #expect(read == record)
            try controller.image.replay(read, noting: &delta)
            nextOffset += 1
        }
    }

    /// Applies a decision.
    @discardableResult
    mutating func apply<Response>(_ decision: Decision<Response>) throws -> Response {
        try append(decision.records)
        return decision.response
    }

    static func directory(of broker: Int32) -> KafkaUUID {
        KafkaUUID(high: 0xD1, low: UInt64(broker))
    }

    static func registration(
        _ id: Int32, rack: String? = nil, incarnation: UInt64 = 1
    ) -> BrokerRegistrationRequest {
        var request = BrokerRegistrationRequest()
        request.brokerID = id
        request.clusterID = clusterID
        request.incarnationID = KafkaUUID(high: UInt64(id), low: incarnation)
        request.listeners = [
            .init(name: "PLAINTEXT", host: "host\(id)", port: 9092, securityProtocol: 0),
            .init(name: "INTERNAL", host: "inner\(id)", port: 9093, securityProtocol: 0),
        ]
        let ranges = SupportedFeatures.ranges(allowUnstable: true)
        request.features = ranges.sorted { $0.key < $1.key }.map {
            .init(
                name: $0.key, minSupportedVersion: $0.value.min,
                maxSupportedVersion: $0.value.max)
        }
        request.rack = rack
        request.logDirs = [directory(of: id)]
        return request
    }

    @discardableResult
    mutating func register(
        _ id: Int32, rack: String? = nil, incarnation: UInt64 = 1
    ) throws -> BrokerRegistrationResponse {
        try register(Self.registration(id, rack: rack, incarnation: incarnation))
    }

    @discardableResult
    mutating func register(
        _ request: BrokerRegistrationRequest
    ) throws -> BrokerRegistrationResponse {
        try apply(
            controller.registerBroker(request, context: context(4), newEpoch: nextOffset))
    }

    @discardableResult
    mutating func heartbeat(
        _ id: Int32, wantFence: Bool = false, wantShutDown: Bool = false
    ) throws -> BrokerHeartbeatResponse {
        var request = BrokerHeartbeatRequest()
        request.brokerID = id
        request.brokerEpoch = try #require(image.brokers[id]).epoch
        request.currentMetadataOffset = nextOffset
        request.wantFence = wantFence
        request.wantShutDown = wantShutDown
        let sessions = BrokerSessions(image: .empty, timeoutMs: 9000, now: 0)
        return try apply(controller.heartbeat(request, sessions: sessions))
    }

    func context(_ version: Int16) -> DecisionContext {
        DecisionContext(now: 1_700_000_000_000, requestVersion: version)
    }

    /// Creates one topic and returns its answer.
    @discardableResult
    mutating func create(
        _ name: String, partitions: Int32 = 1, replicas: Int16 = 1,
        configs: [String: String?] = [:], assignments: [[Int32]] = []
    ) throws -> CreateTopicsResponse.CreatableTopicResult {
        var topic = CreateTopicsRequest.CreatableTopic()
        topic.name = name
        topic.numPartitions = partitions
        topic.replicationFactor = replicas
        topic.configs = configs.sorted { $0.key < $1.key }.map {
            .init(name: $0.key, value: $0.value)
        }
        topic.assignments = assignments.enumerated().map {
            .init(partitionIndex: Int32($0.offset), brokerIDs: $0.element)
        }
        var request = CreateTopicsRequest()
        request.topics = [topic]
        let response = try createTopics(request)
        return try #require(response.topics.first)
    }

    mutating func createTopics(_ request: CreateTopicsRequest) throws -> CreateTopicsResponse {
        var generator = generator
        let decision = controller.createTopics(
            request, context: context(7), using: &generator)
        self.generator = generator
        return try apply(decision)
    }

    /// The partition, which must exist.
    func partition(_ topic: String, _ index: Int32 = 0) throws -> PartitionImage {
        try #require(image.topics[topic]?[index])
    }
}

/// Expects an error code and, when given, its message.
func expectError(
    _ code: Int16, _ message: String?, is error: KafkaError, _ expected: String? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(KafkaError(rawValue: code) == error, sourceLocation: sourceLocation)
    if let expected { #expect(message == expected, sourceLocation: sourceLocation) }
}
