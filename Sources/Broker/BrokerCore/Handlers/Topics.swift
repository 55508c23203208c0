import ClusterController
import KafkaProtocol
import KafkaWire

/// What only the active controller decides: topics, configurations, features, elections,
/// reassignments.
extension BrokerLoop {
    /// Has the active controller answer a request.
    func toController(_ request: some ControllerRequest, _ context: RequestContext) {
        onController(
            context,
            .decide(
                request,
                DecisionContext(now: context.now.wallMs, requestVersion: context.apiVersion),
                isForwarded: context.envelope != nil))
    }

    /// Lets the node's controller thread answer a request.
    func onController(_ context: RequestContext, _ work: ControllerWork) {
        let ticket = newTicket()
        delay(PendingRequest(context: context, kind: .elsewhere), ticket: ticket, deadline: nil)
        emit(.controller(ControllerJob(ticket: ticket, work: work)))
    }
}
