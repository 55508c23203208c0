import KafkaProtocol
import KafkaWire

/// InitProducerId (key 22): a fresh producer id for an idempotent producer (KIP-98).
extension BrokerLoop {
    func initProducerID(_ request: InitProducerIDRequest, _ context: RequestContext) {
        guard request.transactionalID == nil else {
            // There is no transaction coordinator yet, as FindCoordinator says too.
            return answer(
                InitProducerIDResponse(
                    errorCode: KafkaError.coordinatorNotAvailable.rawValue, producerID: -1,
                    producerEpoch: -1),
                to: context)
        }
        onController(context) { controller in
            switch controller.takeProducerID() {
            case .success(let id):
                InitProducerIDResponse(producerID: id.rawValue, producerEpoch: 0)
            case .failure(let error):
                InitProducerIDResponse(
                    errorCode: error.rawValue, producerID: -1, producerEpoch: -1)
            }
        }
    }

    /// Lets the controller run `decide` and answers with what it gives.
    func onController(
        _ context: RequestContext,
        _ decide: @escaping @Sendable (any ControllerAccess) -> any KafkaMessage
    ) {
        let ticket = newTicket()
        delay(
            PendingRequest(context: context, kind: .elsewhere), ticket: ticket, deadline: nil)
        emit(.controller(ControllerJob(ticket: ticket, context: context, run: decide)))
    }
}
