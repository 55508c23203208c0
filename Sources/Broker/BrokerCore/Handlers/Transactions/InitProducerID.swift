import Coordinators
import KafkaProtocol
import KafkaWire

/// InitProducerId (key 22): a fresh producer id for an idempotent producer, or the id and the next
/// epoch of a transactional id (KIP-98, KIP-360).
///
/// Two-phase commit (KIP-939, version 6) is not final in Kafka and not there: that version is not
/// offered.
extension BrokerLoop {
    func initProducerID(_ request: InitProducerIDRequest, _ context: RequestContext) {
        let expected = ProducerIdentity(
            id: ProducerID(request.producerID), epoch: request.producerEpoch)
        guard (expected.id == .none) == (expected.epoch == -1) else {
            return answer(failure(.invalidRequest), to: context)
        }
        guard let id = request.transactionalID else {
            return onController(
                context,
                .producerID { result in
                    switch result {
                    case .success(let id):
                        InitProducerIDResponse(producerID: id.rawValue, producerEpoch: 0)
                    case .failure(let error): failure(error)
                    }
                })
        }
        guard !id.isEmpty else { return answer(failure(.invalidRequest), to: context) }
        let version = context.apiVersion
        coordinate(view.transactionShard(of: id), context, failed: failure) {
            machine, caller, now in
            machine.initProducerID(
                InitTransactionalID(
                    transactionalID: id, timeoutMs: request.transactionTimeoutMs,
                    expected: expected.id == .none ? nil : expected),
                Respondent(caller) { result in
                    switch result {
                    case .success(let producer):
                        InitProducerIDResponse(
                            producerID: producer.id.rawValue, producerEpoch: producer.epoch)
                    case .failure(let error): failure(error.fencing(knownTo: version >= 4))
                    }
                }, now)
        }
    }
}

private func failure(_ error: KafkaError) -> any KafkaMessage {
    InitProducerIDResponse(errorCode: error.rawValue, producerID: -1, producerEpoch: -1)
}

extension KafkaError {
    /// Older clients know `INVALID_PRODUCER_EPOCH` and not `PRODUCER_FENCED` (KIP-588).
    func fencing(knownTo isKnown: Bool) -> KafkaError {
        self == .producerFenced && !isKnown ? .invalidProducerEpoch : self
    }
}
