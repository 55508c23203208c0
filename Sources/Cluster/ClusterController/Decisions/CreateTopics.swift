import KafkaProtocol
import KafkaWire

extension Controller {
    /// Most partitions that one CreateTopics request may ask for.
    static let maxPartitionsPerRequest = 10_000

    /// Decides over new topics: each of them is created whole or refused by itself.
    ///
    /// Refusals: INVALID_REQUEST (a name twice, the metadata topic, both an assignment and counts),
    /// INVALID_TOPIC_EXCEPTION (the name's characters, or a collision), TOPIC_ALREADY_EXISTS,
    /// INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR, INVALID_REPLICA_ASSIGNMENT, INVALID_CONFIG,
    /// and POLICY_VIOLATION for all of them when there are too many partitions in one request.
    public func createTopics(
        _ request: CreateTopicsRequest, context: DecisionContext,
        using generator: inout some RandomNumberGenerator
    ) -> Decision<CreateTopicsResponse> {
        var decision = Decision(CreateTopicsResponse())
        let tooMany = asksForTooManyPartitions(request)
        let duplicates = Self.duplicates(request.topics.map(\.name))
        for topic in request.topics where !duplicates.contains(topic.name) {
            do throws(DecisionFailure) {
                if let tooMany { throw tooMany }
                let created = try create(topic, context: context, using: &generator)
                decision.records += created.records
                decision.response.topics.append(created.result)
            } catch {
                decision.response.topics.append(Self.refused(topic.name, error))
            }
        }
        for name in duplicates {
            decision.response.topics.append(
                Self.refused(name, DecisionFailure(.invalidRequest, "Duplicate topic name.")))
        }
        if request.validateOnly { decision.records = [] }
        return decision
    }

    /// What occurs more than once in `names`, each once, in order of appearance.
    static func duplicates(_ names: [String]) -> [String] {
        var counts: [String: Int] = [:]
        for name in names { counts[name, default: 0] += 1 }
        var found: [String] = []
        for name in names where (counts[name] ?? 0) > 1 {
            found.append(name)
            counts[name] = 0
        }
        return found
    }

    private static func refused(
        _ name: String, _ failure: DecisionFailure
    ) -> CreateTopicsResponse.CreatableTopicResult {
        var result = CreateTopicsResponse.CreatableTopicResult()
        result.name = name
        result.errorCode = failure.error.rawValue
        result.errorMessage = failure.message ?? failure.error.message
        return result
    }

    private func asksForTooManyPartitions(_ request: CreateTopicsRequest) -> DecisionFailure? {
        var total = 0
        for topic in request.topics {
            if !topic.assignments.isEmpty {
                total += topic.assignments.count
            } else if topic.numPartitions == -1 {
                total += Int(settings.defaultPartitions)
            } else {
                total += Int(max(topic.numPartitions, 0))
            }
        }
        if total <= Self.maxPartitionsPerRequest { return nil }
        return DecisionFailure(
            .policyViolation, "Excessively large number of partitions per request.")
    }
}

extension Controller {
    private func create(
        _ topic: CreateTopicsRequest.CreatableTopic, context: DecisionContext,
        using generator: inout some RandomNumberGenerator
    ) throws(DecisionFailure) -> (
        records: [MetadataRecord], result: CreateTopicsResponse.CreatableTopicResult
    ) {
        try validateNewName(topic.name)
        let configs = try creationConfigs(of: topic)
        let partitions =
            topic.assignments.isEmpty
            ? try placedPartitions(of: topic, using: &generator)
            : try assignedPartitions(of: topic)
        let id = KafkaUUID.random(using: &generator)
        var records = [MetadataRecord.topicRecord(TopicRecord(name: topic.name, topicID: id))]
        records += configs.map { .configRecord($0) }
        records += partitions.map {
            .partitionRecord($0.record(of: id, options: image.recordOptions))
        }
        var result = CreateTopicsResponse.CreatableTopicResult()
        result.name = topic.name
        result.topicID = id
        result.errorMessage = nil
        if context.mayDescribeConfigs(topic.name) {
            result.numPartitions = Int32(partitions.count)
            result.replicationFactor = Int16(partitions[0].replicas.count)
            result.configs = effectiveConfigs(ofNew: topic)
        } else {
            result.topicConfigErrorCode = KafkaError.topicAuthorizationFailed.rawValue
        }
        return (records, result)
    }

    private func validateNewName(_ name: String) throws(DecisionFailure) {
        if name == TopicName.clusterMetadata {
            throw .init(
                .invalidRequest,
                "Creation of internal topic \(TopicName.clusterMetadata) is prohibited.")
        }
        if let flaw = TopicName.flaw(of: name) { throw .init(.invalidTopicException, flaw) }
        if image.topics.id(of: name) != nil {
            throw .init(.topicAlreadyExists, "Topic '\(name)' already exists.")
        }
        if let other = image.topics.collision(with: name) {
            throw .init(
                .invalidTopicException,
                "Topic '\(name)' collides with existing topic: \(other)")
        }
    }

    /// Partitions on the brokers that the request names.
    private func assignedPartitions(
        of topic: CreateTopicsRequest.CreatableTopic
    ) throws(DecisionFailure) -> [PartitionImage] {
        for (value, name) in [
            (Int32(topic.replicationFactor), "replication factor"),
            (topic.numPartitions, "numPartitions"),
        ] where value != -1 {
            throw .init(
                .invalidRequest,
                "A manual partition assignment was specified, but \(name) was not set to -1.")
        }
        var partitions: [Int32: PartitionImage] = [:]
        var replicationFactor: Int?
        for assignment in topic.assignments {
            let index = assignment.partitionIndex
            if partitions[index] != nil {
                throw .init(
                    .invalidReplicaAssignment,
                    "Found multiple manual partition assignments for partition \(index)")
            }
            try validateAssignment(
                assignment.brokerIDs, replicationFactor: replicationFactor)
            replicationFactor = assignment.brokerIDs.count
            guard let partition = newPartition(index, on: assignment.brokerIDs) else {
                throw Self.noActiveReplica(index)
            }
            partitions[index] = partition
        }
        let sorted = partitions.values.sorted { $0.id < $1.id }
        guard sorted.enumerated().allSatisfy({ $0.offset == Int($0.element.id) }) else {
            throw .init(
                .invalidReplicaAssignment,
                "partitions should be a consecutive 0-based integer sequence")
        }
        return sorted
    }

    static func noActiveReplica(_ partition: Int32) -> DecisionFailure {
        DecisionFailure(
            .invalidReplicaAssignment,
            "All brokers specified in the manual partition assignment for partition \(partition) "
                + "are fenced or in controlled shutdown.")
    }

    /// As many partitions and replicas as the request or the defaults say, placed by rack.
    private func placedPartitions(
        of topic: CreateTopicsRequest.CreatableTopic,
        using generator: inout some RandomNumberGenerator
    ) throws(DecisionFailure) -> [PartitionImage] {
        if topic.replicationFactor < -1 || topic.replicationFactor == 0 {
            throw .init(
                .invalidReplicationFactor,
                "Replication factor must be larger than 0, or -1 to use the default value.")
        }
        if topic.numPartitions < -1 || topic.numPartitions == 0 {
            throw .init(
                .invalidPartitions,
                "Number of partitions was set to an invalid non-positive value.")
        }
        let count = topic.numPartitions == -1 ? settings.defaultPartitions : topic.numPartitions
        let factor =
            topic.replicationFactor == -1
            ? settings.defaultReplicationFactor : topic.replicationFactor
        do throws(DecisionFailure) {
            return try place(
                from: 0, count: Int(count), replicas: Int(factor), using: &generator)
        } catch {
            throw .init(
                error.error,
                "Unable to replicate the partition \(factor) time(s): \(error.message ?? "")")
        }
    }

    /// New partitions numbered from `first` on, placed by rack.
    ///
    /// - Throws: INVALID_REPLICATION_FACTOR.
    func place(
        from first: Int32, count: Int, replicas: Int,
        using generator: inout some RandomNumberGenerator
    ) throws(DecisionFailure) -> [PartitionImage] {
        var placer = ReplicaPlacer(image.usableBrokers, using: &generator)
        let placed = try placer.place(partitions: count, replicas: replicas, using: &generator)
        var partitions: [PartitionImage] = []
        partitions.reserveCapacity(count)
        for brokers in placed {
            let id = first + Int32(partitions.count)
            guard let partition = newPartition(id, on: brokers) else {
                throw .init(
                    .invalidReplicationFactor,
                    "All brokers are currently fenced or in controlled shutdown.")
            }
            partitions.append(partition)
        }
        return partitions
    }
}
