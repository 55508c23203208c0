import KafkaProtocol
import KafkaWire

extension Controller {
    /// Decides over a new ISR that a partition's leader proposes (KIP-497, KIP-841, KIP-903), or
    /// the end of its recovery from an unclean election.
    ///
    /// Refusals: STALE_BROKER_EPOCH for the request; per partition UNKNOWN_TOPIC_ID,
    /// UNKNOWN_TOPIC_OR_PARTITION, NOT_CONTROLLER (the leader knows more than this controller),
    /// FENCED_LEADER_EPOCH, INVALID_UPDATE_VERSION, INVALID_REQUEST, INELIGIBLE_REPLICA, and
    /// NEW_LEADER_ELECTED when the change itself moved the leader.
    public func alterPartition(
        _ request: AlterPartitionRequest, context: DecisionContext
    ) -> Decision<AlterPartitionResponse> {
        var decision = Decision(AlterPartitionResponse(), isAtomic: false)
        guard let broker = image.brokers[request.brokerID], broker.epoch == request.brokerEpoch
        else {
            decision.response.errorCode = KafkaError.staleBrokerEpoch.rawValue
            return decision
        }
        for topic in request.topics {
            var results = AlterPartitionResponse.TopicData()
            results.topicID = topic.topicID
            for wanted in topic.partitions {
                var result = AlterPartitionResponse.PartitionData()
                result.partitionIndex = wanted.partitionIndex
                do throws(DecisionFailure) {
                    let (changed, record) = try alter(
                        topic.topicID, wanted, leader: broker.id)
                    if let record { decision.records.append(.partitionChangeRecord(record)) }
                    if changed.leader == broker.id {
                        result.leaderID = changed.leader
                        result.leaderEpoch = changed.leaderEpoch
                        result.isr = changed.isr
                        result.leaderRecoveryState = changed.isRecovering ? 1 : 0
                        result.partitionEpoch = changed.partitionEpoch
                    } else {
                        sometimes(.isrEndsLeadership)
                        result.errorCode = KafkaError.newLeaderElected.rawValue
                    }
                } catch {
                    result.errorCode = error.error.rawValue
                }
                results.partitions.append(result)
            }
            decision.response.topics.append(results)
        }
        return decision
    }

    private func alter(
        _ topicID: KafkaUUID, _ wanted: AlterPartitionRequest.PartitionData, leader: Int32
    ) throws(DecisionFailure) -> (PartitionImage, PartitionChangeRecord?) {
        guard let topic = image.topics[topicID] else { throw .init(.unknownTopicID) }
        guard let partition = topic[wanted.partitionIndex] else {
            throw .init(.unknownTopicOrPartition)
        }
        // Version 2 has ids alone; -1 skips the check of the epoch.
        let isr =
            wanted.newIsrWithEpochs.isEmpty
            ? wanted.newIsr.map { (id: $0, epoch: Int64(-1)) }
            : wanted.newIsrWithEpochs.map { (id: $0.brokerID, epoch: $0.brokerEpoch) }
        try validate(wanted, isr: isr.map(\.id), of: partition, leader: leader)
        guard isr.allSatisfy({ isEligible($0.id, epoch: $0.epoch) }) else {
            sometimes(.isrWithAbsentBroker)
            throw .init(.ineligibleReplica)
        }
        var change = ElectionRules(self).changes(in: topic)(partition)
        change.isr = isr.map(\.id)
        change.isRecovering = wanted.leaderRecoveryState == 1
        guard let record = change.record() else { return (partition, nil) }
        var changed = partition
        do throws(ReplayError) {
            try changed.apply(record)
        } catch {
            preconditionFailure("a change that the controller made does not apply: \(error)")
        }
        return (changed, record)
    }

    private func isEligible(_ broker: Int32, epoch: Int64) -> Bool {
        if PlantedBug.fencedJoiner.isPlanted { return true }
        guard let registration = image.brokers[broker], registration.isActive else { return false }
        return epoch == -1 || epoch == registration.epoch
    }

    private func validate(
        _ wanted: AlterPartitionRequest.PartitionData, isr: [Int32],
        of partition: PartitionImage, leader: Int32
    ) throws(DecisionFailure) {
        if wanted.leaderEpoch > partition.leaderEpoch
            || wanted.partitionEpoch > partition.partitionEpoch
        {
            throw .init(.notController)
        }
        if wanted.leaderEpoch < partition.leaderEpoch {
            sometimes(.isrOfOldLeader)
            throw .init(.fencedLeaderEpoch)
        }
        if leader != partition.leader { throw .init(.invalidRequest) }
        if wanted.partitionEpoch < partition.partitionEpoch, !PlantedBug.staleIsr.isPlanted {
            sometimes(.isrOfOldMetadata)
            throw .init(.invalidUpdateVersion)
        }
        let isRecovering = wanted.leaderRecoveryState == 1
        guard !isr.isEmpty, Set(isr).count == isr.count, isr.contains(leader),
            isr.allSatisfy(partition.replicas.contains),
            0...1 ~= wanted.leaderRecoveryState, !isRecovering || isr.count == 1,
            !isRecovering || partition.isRecovering
        else { throw .init(.invalidRequest) }
    }
}
