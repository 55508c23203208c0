import ClusterController
import KafkaProtocol

/// AlterConfigs (33) and IncrementalAlterConfigs (44): the controller decides. UpdateFeatures (57)
/// too.
extension BrokerLoop {
    func alterConfigs(_ request: AlterConfigsRequest, _ context: RequestContext) {
        onController(context) { controller in
            controller.decide(
                { decider, _ in
                    Self.unlessValidating(request.validateOnly, decider.alterConfigs(request))
                },
                failed: { response, error in
                    for index in response.responses.indices
                    where response.responses[index].errorCode == 0 {
                        response.responses[index].errorCode = error.rawValue
                    }
                })
        }
    }

    func incrementalAlterConfigs(
        _ request: IncrementalAlterConfigsRequest, _ context: RequestContext
    ) {
        onController(context) { controller in
            controller.decide(
                { decider, _ in
                    Self.unlessValidating(
                        request.validateOnly, decider.incrementalAlterConfigs(request))
                },
                failed: { response, error in
                    for index in response.responses.indices
                    where response.responses[index].errorCode == 0 {
                        response.responses[index].errorCode = error.rawValue
                    }
                })
        }
    }

    func updateFeatures(_ request: UpdateFeaturesRequest, _ context: RequestContext) {
        let decision = DecisionContext(
            now: context.now.wallMs, requestVersion: context.apiVersion)
        onController(context) { controller in
            controller.decide(
                { decider, _ in decider.updateFeatures(request, context: decision) },
                failed: { response, error in response.errorCode = error.rawValue })
        }
    }

    /// A request that only asks whether it would be accepted changes nothing.
    private static func unlessValidating<Response>(
        _ validateOnly: Bool, _ decision: Decision<Response>
    ) -> Decision<Response> {
        validateOnly ? Decision(decision.response) : decision
    }
}
