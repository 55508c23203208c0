import KafkaProtocol
import KafkaWire

extension Controller {
    /// Decides over reassignments: new replicas for partitions, or, with `null`, the end of one
    /// that is under way (KIP-455, KIP-860).
    ///
    /// Refusals per partition: UNKNOWN_TOPIC_OR_PARTITION, INVALID_REPLICA_ASSIGNMENT,
    /// INVALID_REPLICATION_FACTOR, NO_REASSIGNMENT_IN_PROGRESS.
    public func alterPartitionReassignments(
        _ request: AlterPartitionReassignmentsRequest
    ) -> Decision<AlterPartitionReassignmentsResponse> {
        var decision = Decision(AlterPartitionReassignmentsResponse())
        decision.response.errorMessage = nil
        decision.response.allowReplicationFactorChange = request.allowReplicationFactorChange
        for topic in request.topics {
            var results = AlterPartitionReassignmentsResponse.ReassignableTopicResponse()
            results.name = topic.name
            for target in topic.partitions {
                var result = AlterPartitionReassignmentsResponse.ReassignablePartitionResponse()
                result.partitionIndex = target.partitionIndex
                result.errorMessage = nil
                do throws(DecisionFailure) {
                    let record = try reassign(
                        topic.name, target, mayResize: request.allowReplicationFactorChange)
                    if let record { decision.records.append(.partitionChangeRecord(record)) }
                } catch {
                    result.errorCode = error.error.rawValue
                    result.errorMessage = error.message ?? error.error.message
                }
                results.partitions.append(result)
            }
            decision.response.responses.append(results)
        }
        return decision
    }

    /// The reassignments under way, of all topics or the given partitions.
    public func listPartitionReassignments(
        _ request: ListPartitionReassignmentsRequest
    ) -> ListPartitionReassignmentsResponse {
        var response = ListPartitionReassignmentsResponse()
        response.errorMessage = nil
        let wanted =
            request.topics?.map { ($0.name, $0.partitionIndexes as [Int32]?) }
            ?? image.topics.names.map { ($0, nil) }
        for (name, indexes) in wanted {
            guard let topic = image.topics[name] else { continue }
            let partitions = topic.partitions.filter { partition in
                partition.isReassigning && (indexes?.contains(partition.id) ?? true)
            }
            if partitions.isEmpty { continue }
            var ongoing = ListPartitionReassignmentsResponse.OngoingTopicReassignment()
            ongoing.name = name
            ongoing.partitions = partitions.map {
                .init(
                    partitionIndex: $0.id, replicas: $0.replicas,
                    addingReplicas: $0.addingReplicas, removingReplicas: $0.removingReplicas)
            }
            response.topics.append(ongoing)
        }
        return response
    }
}

extension Controller {
    private func reassign(
        _ name: String, _ target: AlterPartitionReassignmentsRequest.ReassignablePartition,
        mayResize: Bool
    ) throws(DecisionFailure) -> PartitionChangeRecord? {
        guard let topic = image.topics[name] else {
            throw .init(
                .unknownTopicOrPartition, "Unable to find a topic named \(name).")
        }
        guard let partition = topic[target.partitionIndex] else {
            throw .init(
                .unknownTopicOrPartition,
                "Unable to find partition \(name):\(target.partitionIndex).")
        }
        guard let replicas = target.replicas else {
            return try cancelReassignment(of: partition, in: topic)
        }
        try validateAssignment(replicas, replicationFactor: nil)
        let current = partition.replicas.filter { !partition.removingReplicas.contains($0) }
        if !mayResize, current.count != replicas.count {
            throw .init(
                .invalidReplicationFactor,
                "The replication factor is changed from \(current.count) to \(replicas.count)")
        }
        sometimes(.reassignmentReplaced, when: partition.isReassigning)
        let removing = partition.replicas.filter { !replicas.contains($0) }.sorted()
        let adding = replicas.filter {
            !partition.replicas.contains($0) || partition.addingReplicas.contains($0)
        }.sorted()
        var change = ElectionRules(self).changes(in: topic)(partition)
        change.election = .online
        change.replicas = replicas + removing
        // Nothing is left of a plan before: who was to go may stay, who was to come may go.
        change.removing = removing
        change.adding = adding
        return change.record()
    }

    private func cancelReassignment(
        of partition: PartitionImage, in topic: TopicImage
    ) throws(DecisionFailure) -> PartitionChangeRecord? {
        if !partition.isReassigning { throw .init(.noReassignmentInProgress) }
        let rules = ElectionRules(self)
        var change = rules.changes(in: topic)(partition)
        let mayBeUnclean = rules.allowsUnclean(topic)
        change.replicas.removeAll(where: partition.addingReplicas.contains)
        change.isr.removeAll(where: partition.addingReplicas.contains)
        if change.isr.isEmpty {
            guard let first = change.replicas.first else {
                throw .init(
                    .invalidReplicaAssignment,
                    "Invalid replica assignment: addingReplicas contains all replicas.")
            }
            if !mayBeUnclean {
                throw .init(
                    .invalidReplicaAssignment,
                    "Unable to revert partition assignment for \(topic.name):\(partition.id) "
                        + "because it would require an unclean leader election.")
            }
            change.isr = [first]
        }
        sometimes(.reassignmentCancelled)
        change.removing = []
        change.adding = []
        return change.record()
    }
}
