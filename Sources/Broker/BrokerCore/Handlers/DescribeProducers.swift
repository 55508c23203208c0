import KafkaProtocol
import KafkaWire
import Replication

/// DescribeProducers (key 61): the idempotent and transactional producers a partition knows
/// (KIP-664).
extension BrokerLoop {
    func describeProducers(_ request: DescribeProducersRequest, _ context: RequestContext) {
        let topics = request.topics.map { topic in
            let cells = view.topic(named: topic.name)
            return DescribeProducersResponse.TopicResponse(
                name: topic.name,
                partitions: topic.partitionIndexes.map { producers(of: cells?[$0], number: $0) })
        }
        answer(DescribeProducersResponse(topics: topics), to: context)
    }

    private func producers(
        of cell: PartitionCell?, number: Int32
    ) -> DescribeProducersResponse.PartitionResponse {
        var response = DescribeProducersResponse.PartitionResponse(partitionIndex: number)
        guard let cell else {
            response.errorCode = KafkaError.unknownTopicOrPartition.rawValue
            return response
        }
        let replica = cell.enter()
        defer { cell.leave() }
        guard replica.leaderEpoch != nil else {
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
