import Coordinators
import KafkaProtocol
import KafkaRecords
import KafkaWire

/// WriteTxnMarkers (key 27): ends transactions in partitions that this node leads, as the
/// coordinator of another broker asks, or an administrator who aborts a hanging one (KIP-664).
extension BrokerLoop {
    func writeTxnMarkers(_ request: WriteTxnMarkersRequest, _ context: RequestContext) {
        typealias Written = WriteTxnMarkersResponse.WritableTxnMarkerResult
        let collector = AnswerCollector<Written>(count: request.markers.count) {
            [unowned self] results in
            answer(WriteTxnMarkersResponse(markers: results), to: context)
        }
        for (index, asked) in request.markers.enumerated() {
            let partitions = asked.topics.flatMap { topic in
                topic.partitionIndexes.map { TopicPartition(topic: topic.name, partition: $0) }
            }
            let marker = CoordinatorMarker(
                producerID: ProducerID(asked.producerID), producerEpoch: asked.producerEpoch,
                marker: TransactionMarker(
                    isCommit: asked.transactionResult, coordinatorEpoch: asked.coordinatorEpoch),
                transactionVersion: Int16(asked.transactionVersion))
            write(marker, to: partitions, now: context.now) { errors, _ in
                collector.set(
                    index,
                    Written(
                        producerID: asked.producerID,
                        topics: errors.keys.byTopic.map { topic in
                            .init(
                                name: topic.topic,
                                partitions: topic.partitions.map {
                                    let one = TopicPartition(topic: topic.topic, partition: $0)
                                    return .init(
                                        partitionIndex: $0,
                                        errorCode: (errors[one] ?? .none).rawValue)
                                })
                        }))
            }
        }
    }
}
