import ClusterController
import KafkaProtocol
import KafkaWire

/// CreateTopics (19), DeleteTopics (20), CreatePartitions (37): the controller decides.
extension BrokerLoop {
    func createTopics(_ request: CreateTopicsRequest, _ context: RequestContext) {
        onController(context) { $0.createTopics(request, context) }
    }

    func deleteTopics(_ request: DeleteTopicsRequest, _ context: RequestContext) {
        guard view.settings.deletesTopics else {
            // Versions before 3 do not know the code.
            let error: KafkaError =
                context.apiVersion < 3 ? .invalidRequest : .topicDeletionDisabled
            return answer(DeleteTopicsResponse(refusing: request, error), to: context)
        }
        onController(context) { controller in
            controller.decide(
                { decider, _ in decider.deleteTopics(request) },
                failed: { response, error in
                    for index in response.responses.indices
                    where response.responses[index].errorCode == 0 {
                        response.responses[index].errorCode = error.rawValue
                    }
                })
        }
    }

    func createPartitions(_ request: CreatePartitionsRequest, _ context: RequestContext) {
        onController(context) { controller in
            controller.decide(
                { decider, random in decider.createPartitions(request, using: &random) },
                failed: { response, error in
                    for index in response.results.indices
                    where response.results[index].errorCode == 0 {
                        response.results[index].errorCode = error.rawValue
                    }
                })
        }
    }
}

extension DeleteTopicsResponse {
    /// The answer that refuses every topic with `error`.
    fileprivate init(refusing request: DeleteTopicsRequest, _ error: KafkaError) {
        self.init()
        let named = request.topicNames.map { (name: String?.some($0), id: KafkaUUID.zero) }
        responses = (named + request.topics.map { ($0.name, $0.topicID) }).map { name, id in
            .init(
                name: name, topicID: id, errorCode: error.rawValue, errorMessage: error.message)
        }
    }
}

extension ControllerAccess {
    /// Decides over new topics, commits them, and answers.
    func createTopics(
        _ request: CreateTopicsRequest, _ context: RequestContext
    ) -> CreateTopicsResponse {
        let decision = DecisionContext(
            now: context.now.wallMs, requestVersion: context.apiVersion)
        return decide(
            { decider, random in
                decider.createTopics(request, context: decision, using: &random)
            },
            failed: { response, error in
                for index in response.topics.indices where response.topics[index].errorCode == 0 {
                    response.topics[index].errorCode = error.rawValue
                }
            })
    }

    /// Computes a decision, commits its records, and gives its response.
    ///
    /// - Parameter failed: marks what the response claims and the metadata log did not take.
    func decide<Response>(
        _ decision: (Controller, inout SplitMix64) -> Decision<Response>,
        failed: (inout Response, KafkaError) -> Void
    ) -> Response {
        let decided = withRandom { decision(controller, &$0) }
        var response = decided.response
        guard !decided.records.isEmpty else { return response }
        let error = commit(decided.records)
        if error != .none { failed(&response, error) }
        return response
    }
}
