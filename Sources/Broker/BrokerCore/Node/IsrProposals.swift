import ClusterController
import KafkaProtocol
import KafkaWire
import MetadataQuorum
import Replication

extension NodeController {
    /// Has the controller decide over another in-sync set, and tells the partition's leader.
    public func propose(_ proposal: IsrProposal) {
        guard let cell = table.topics[proposal.topicID]?[proposal.partition] else { return }
        var request = AlterPartitionRequest(
            brokerID: options.nodeID.rawValue, brokerEpoch: brokerEpoch)
        request.topics = [
            .init(
                topicID: proposal.topicID, partitions: [.init(proposal)])
        ]
        let decision = controller.alterPartition(
            request, context: DecisionContext(now: clock(), requestVersion: 3))
        let error = commit(decision.records)
        let answer =
            error == .none
            ? IsrAnswer(decision.response, for: proposal) : .refused(error.rawValue)
        effects.wakes += cell.locked {
            $0.isrAnswered(proposal, answer, durability: options.durability)
        }
    }
}

extension AlterPartitionRequest.PartitionData {
    init(_ proposal: IsrProposal) {
        self.init(
            partitionIndex: proposal.partition, leaderEpoch: proposal.leaderEpoch.rawValue,
            newIsrWithEpochs: proposal.isr.map {
                .init(brokerID: $0.broker.rawValue, brokerEpoch: $0.brokerEpoch)
            },
            leaderRecoveryState: 0, partitionEpoch: proposal.partitionEpoch)
    }
}

extension IsrAnswer {
    /// What the controller's response says of the proposal.
    init(_ response: AlterPartitionResponse, for proposal: IsrProposal) {
        let topic = response.topics.first { $0.topicID == proposal.topicID }
        let found = topic?.partitions.first { $0.partitionIndex == proposal.partition }
        guard response.errorCode == KafkaError.none.rawValue, let found else {
            let isWhole = response.errorCode != KafkaError.none.rawValue
            self = .refused(
                isWhole ? response.errorCode : KafkaError.unknownServerError.rawValue)
            return
        }
        guard found.errorCode == KafkaError.none.rawValue else {
            self = .refused(found.errorCode)
            return
        }
        self = .accepted(
            leaderEpoch: LeaderEpoch(found.leaderEpoch), partitionEpoch: found.partitionEpoch,
            isr: found.isr.map { BrokerID($0) })
    }
}
