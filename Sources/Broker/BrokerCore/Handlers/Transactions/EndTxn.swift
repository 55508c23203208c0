import Coordinators
import KafkaProtocol
import KafkaWire

/// EndTxn (key 26): commits or aborts. The answer leaves once the outcome is decided durably; the
/// markers follow.
extension BrokerLoop {
    func endTxn(_ request: EndTxnRequest, _ context: RequestContext) {
        let id = request.transactionalID
        guard !id.isEmpty else { return answer(failure(.invalidRequest), to: context) }
        let version = context.apiVersion
        coordinate(view.transactionShard(of: id), context, failed: failure) {
            machine, caller, now in
            machine.endTransaction(
                TransactionOutcome(
                    transactionalID: id,
                    producer: ProducerIdentity(
                        id: ProducerID(request.producerID), epoch: request.producerEpoch),
                    commits: request.committed,
                    // From version 5 on the client expects a new epoch (KIP-890).
                    version: version >= 5 ? 2 : 0),
                Respondent(caller) { result in
                    switch result {
                    case .success(let producer):
                        EndTxnResponse(
                            producerID: producer.id.rawValue, producerEpoch: producer.epoch)
                    case .failure(let error): failure(error.fencing(knownTo: version >= 2))
                    }
                }, now)
        }
    }
}

private func failure(_ error: KafkaError) -> any KafkaMessage {
    EndTxnResponse(errorCode: error.rawValue)
}
