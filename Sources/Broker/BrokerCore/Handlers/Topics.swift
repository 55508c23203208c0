import ClusterController
import KafkaProtocol
import KafkaWire

/// What only the active controller decides: topics, configurations, features, elections,
/// reassignments.
extension BrokerLoop {
    /// Has the active controller, here or on another node, answer a request.
    func toController<Request: ControllerRequest>(_ request: Request, _ context: RequestContext) {
        toController(
            request, context,
            here: { context in
                .decide(
                    request,
                    DecisionContext(now: context.now.wallMs, requestVersion: context.apiVersion),
                    isForwarded: context.envelope != nil)
            }, refused: { request.refusal($0) })
    }

    /// Lets the node's controller thread answer a request.
    func onController(_ context: RequestContext, _ work: ControllerWork) {
        let ticket = newTicket()
        delay(PendingRequest(context: context, kind: .elsewhere), ticket: ticket, deadline: nil)
        emit(.controller(ControllerJob(ticket: ticket, work: work)))
    }
}
