import KafkaProtocol
import KafkaWire

extension Controller {
    /// Decides over more partitions for existing topics.
    ///
    /// Refusals: INVALID_REQUEST (a topic twice), UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS
    /// (no increase), INVALID_REPLICA_ASSIGNMENT, INVALID_REPLICATION_FACTOR.
    public func createPartitions(
        _ request: CreatePartitionsRequest,
        using generator: inout some RandomNumberGenerator
    ) -> Decision<CreatePartitionsResponse> {
        var decision = Decision(CreatePartitionsResponse())
        let duplicates = Self.duplicates(request.topics.map(\.name))
        for name in duplicates {
            decision.response.results.append(
                Self.result(name, DecisionFailure(.invalidRequest, "Duplicate topic name.")))
        }
        for topic in request.topics where !duplicates.contains(topic.name) {
            do throws(DecisionFailure) {
                decision.records += try addPartitions(topic, using: &generator)
                decision.response.results.append(Self.result(topic.name, nil))
            } catch {
                decision.response.results.append(Self.result(topic.name, error))
            }
        }
        if request.validateOnly { decision.records = [] }
        return decision
    }

    private static func result(
        _ name: String, _ failure: DecisionFailure?
    ) -> CreatePartitionsResponse.CreatePartitionsTopicResult {
        var result = CreatePartitionsResponse.CreatePartitionsTopicResult()
        result.name = name
        if let failure {
            result.errorCode = failure.error.rawValue
            result.errorMessage = failure.message ?? failure.error.message
        }
        return result
    }

    private func addPartitions(
        _ request: CreatePartitionsRequest.CreatePartitionsTopic,
        using generator: inout some RandomNumberGenerator
    ) throws(DecisionFailure) -> [MetadataRecord] {
        guard let topic = image.topics[request.name] else {
            throw .init(.unknownTopicOrPartition)
        }
        let additional = try additionalPartitions(request, of: topic)
        guard let replicas = topic.partitions.first?.replicas.count else {
            throw .init(
                .unknownServerError,
                "Invalid state: topic \(topic.name) appears to have no partitions.")
        }
        let first = Int32(topic.partitions.count)
        let partitions: [PartitionImage]
        if let assignments = request.assignments {
            partitions = try assigned(
                assignments.map(\.brokerIDs), from: first, replicationFactor: replicas)
        } else {
            partitions = try place(
                from: first, count: additional, replicas: replicas, using: &generator)
        }
        return partitions.map {
            .partitionRecord($0.record(of: topic.id, options: image.recordOptions))
        }
    }

    private func additionalPartitions(
        _ request: CreatePartitionsRequest.CreatePartitionsTopic, of topic: TopicImage
    ) throws(DecisionFailure) -> Int {
        let existing = topic.partitions.count
        let wanted = Int(request.count)
        if wanted == existing {
            throw .init(.invalidPartitions, "Topic already has \(existing) partition(s).")
        }
        if wanted < existing {
            throw .init(
                .invalidPartitions,
                "The topic \(topic.name) currently has \(existing) partition(s); \(wanted) would "
                    + "not be an increase.")
        }
        let additional = wanted - existing
        if let given = request.assignments?.count, given != additional {
            throw .init(
                .invalidReplicaAssignment,
                "Attempted to add \(additional) additional partition(s), but only \(given) "
                    + "assignment(s) were specified.")
        }
        if additional > Self.maxRecordsPerRequest {
            throw .init(
                .policyViolation, "Excessively large number of partitions per request.")
        }
        return additional
    }

    private func assigned(
        _ assignments: [[Int32]], from first: Int32, replicationFactor: Int
    ) throws(DecisionFailure) -> [PartitionImage] {
        var partitions: [PartitionImage] = []
        for brokers in assignments {
            let id = first + Int32(partitions.count)
            try validateAssignment(brokers, replicationFactor: replicationFactor)
            guard let partition = newPartition(id, on: brokers) else {
                throw Self.noActiveReplica(id)
            }
            partitions.append(partition)
        }
        return partitions
    }
}
