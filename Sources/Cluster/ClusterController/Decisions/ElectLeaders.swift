import KafkaProtocol
import KafkaWire

extension Controller {
    /// Decides over elections: the preferred leader (type 0), or any replica when nobody in sync is
    /// left (type 1, unclean), for the given partitions or, with `null`, for all (KIP-183,
    /// KIP-460).
    ///
    /// Refusals: INVALID_REQUEST for another type; per partition UNKNOWN_TOPIC_OR_PARTITION,
    /// ELECTION_NOT_NEEDED, PREFERRED_LEADER_NOT_AVAILABLE, ELIGIBLE_LEADERS_NOT_AVAILABLE.
    public func electLeaders(_ request: ElectLeadersRequest) -> Decision<ElectLeadersResponse> {
        var decision = Decision(ElectLeadersResponse(), isAtomic: false)
        let election: PartitionChange.Election
        switch request.electionType {
        case 0: election = .preferred
        case 1: election = .unclean
        default:
            decision.response.errorCode = KafkaError.invalidRequest.rawValue
            return decision
        }
        let rules = ElectionRules(self)
        let targets =
            request.topicPartitions?.map { ($0.topic, $0.partitions) }
            ?? image.topics.sorted.map { ($0.name, $0.partitions.map(\.id)) }
        for (topic, partitions) in targets {
            var results = ElectLeadersResponse.ReplicaElectionResult()
            results.topic = topic
            for partition in partitions {
                do throws(DecisionFailure) {
                    decision.records.append(try elect(topic, partition, election, rules))
                    results.partitionResult.append(
                        .init(partitionID: partition, errorMessage: nil))
                } catch {
                    // Asked for all, those that have their leader already are not mentioned.
                    if request.topicPartitions == nil, error.error == .electionNotNeeded {
                        continue
                    }
                    results.partitionResult.append(
                        .init(
                            partitionID: partition, errorCode: error.error.rawValue,
                            errorMessage: error.message ?? error.error.message))
                }
            }
            decision.response.replicaElectionResults.append(results)
        }
        return decision
    }

    private func elect(
        _ name: String, _ id: Int32, _ election: PartitionChange.Election,
        _ rules: ElectionRules
    ) throws(DecisionFailure) -> MetadataRecord {
        guard let topic = image.topics[name] else {
            throw .init(.unknownTopicOrPartition, "No such topic as \(name)")
        }
        guard let partition = topic[id] else {
            throw .init(.unknownTopicOrPartition, "No such partition as \(name)-\(id)")
        }
        let isDone =
            election == .preferred
            ? partition.leader == partition.preferredLeader
            : partition.leader != PartitionImage.noLeader
        if isDone { throw .init(.electionNotNeeded) }
        var change = rules.changes(in: topic)(partition)
        change.election = election
        guard let record = change.record() else {
            throw .init(
                election == .preferred
                    ? .preferredLeaderNotAvailable : .eligibleLeadersNotAvailable)
        }
        return .partitionChangeRecord(record)
    }
}
