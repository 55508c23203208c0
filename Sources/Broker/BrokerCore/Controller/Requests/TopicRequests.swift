import ClusterController
import KafkaProtocol
import KafkaWire

/// CreateTopics (19), DeleteTopics (20), CreatePartitions (37) at the active controller.
extension CreateTopicsRequest: ControllerRequest {
    func answer(by active: ActiveController, _ context: DecisionContext) -> Response {
        active.decide { $0.createTopics(self, context: context, using: &$1) }
    }
    var blankAnswer: CreateTopicsResponse {
        CreateTopicsResponse(topics: topics.map { .init(name: $0.name) })
    }
}

extension CreateTopicsResponse: ControllerResponse {
    mutating func fail(_ error: KafkaError) { topics.fail(error) }
}
extension CreateTopicsResponse.CreatableTopicResult: AnswerItem {}

extension DeleteTopicsRequest: ControllerRequest {
    func answer(by active: ActiveController, _ context: DecisionContext) -> Response {
        guard active.decider.effectiveBrokerConfig("delete.topic.enable") != "false" else {
            // Versions before 3 do not know the code.
            return refusal(context.requestVersion < 3 ? .invalidRequest : .topicDeletionDisabled)
        }
        return active.decide { controller, _ in controller.deleteTopics(self) }
    }
    var blankAnswer: DeleteTopicsResponse {
        DeleteTopicsResponse(
            responses: topicNames.map { .init(name: $0) }
                + topics.map { .init(name: $0.name, topicID: $0.topicID) })
    }
}

extension DeleteTopicsResponse: ControllerResponse {
    mutating func fail(_ error: KafkaError) { responses.fail(error) }
}
extension DeleteTopicsResponse.DeletableTopicResult: AnswerItem {}

extension CreatePartitionsRequest: ControllerRequest {
    func answer(by active: ActiveController, _ context: DecisionContext) -> Response {
        active.decide { $0.createPartitions(self, using: &$1) }
    }
    var blankAnswer: CreatePartitionsResponse {
        CreatePartitionsResponse(results: topics.map { .init(name: $0.name) })
    }
}

extension CreatePartitionsResponse: ControllerResponse {
    mutating func fail(_ error: KafkaError) { results.fail(error) }
}
extension CreatePartitionsResponse.CreatePartitionsTopicResult: AnswerItem {}
