import ClusterController
import KafkaProtocol
import KafkaWire
import Replication

/// DescribeProducers (key 61): the idempotent and transactional producers a partition knows
/// (KIP-664).
extension BrokerLoop {
    func describeProducers(_ request: DescribeProducersRequest, _ context: RequestContext) {
        let topics = request.topics.map { topic in
            DescribeProducersResponse.TopicResponse(
                name: topic.name,
                partitions: topic.partitionIndexes.map { producers(topic.name, $0) })
        }
        answer(DescribeProducersResponse(topics: topics), to: context)
    }

    private func producers(
        _ topic: String, _ number: Int32
    ) -> DescribeProducersResponse.PartitionResponse {
        var response = DescribeProducersResponse.PartitionResponse(partitionIndex: number)
        if let flaw = TopicName.flaw(of: topic) {
            response.errorCode = KafkaError.invalidTopicException.rawValue
            response.errorMessage = flaw
            return response
        }
        guard let cell = view.topic(named: topic)?[number] else {
            response.errorCode = view.refusal(named: topic, number).rawValue
            return response
        }
        let replica = cell.enter()
        defer { cell.leave() }
        if case .offline = replica.role {
            response.errorCode = replica.refusal.rawValue
            return response
        }
        response.activeProducers = replica.log.activeProducers().map {
            .init(
                producerID: $0.producerID.rawValue, producerEpoch: Int32($0.producerEpoch),
                lastSequence: $0.lastSequence, lastTimestamp: $0.lastTimestamp,
                coordinatorEpoch: $0.coordinatorEpoch,
                currentTxnStartOffset: $0.currentTxnFirstOffset?.rawValue ?? -1)
        }
        return response
    }
}
