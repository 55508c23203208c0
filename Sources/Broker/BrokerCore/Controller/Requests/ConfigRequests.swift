import ClusterController
import KafkaProtocol
import KafkaWire

/// AlterConfigs (33), IncrementalAlterConfigs (44), UpdateFeatures (57) and AlterClientQuotas (49)
/// at the active controller.
extension AlterConfigsRequest: ControllerRequest {
    func answer(by active: ActiveController, _ context: DecisionContext) -> Response {
        active.decide { controller, _ in
            controller.alterConfigs(self).unless(validateOnly)
        }
    }
    var blankAnswer: AlterConfigsResponse {
        AlterConfigsResponse(
            responses: resources.map {
                .init(resourceType: $0.resourceType, resourceName: $0.resourceName)
            })
    }
}

extension AlterConfigsResponse: ControllerResponse {
    mutating func fail(_ error: KafkaError) { responses.fail(error) }
}
extension AlterConfigsResponse.AlterConfigsResourceResponse: AnswerItem {}

extension IncrementalAlterConfigsRequest: ControllerRequest {
    func answer(by active: ActiveController, _ context: DecisionContext) -> Response {
        active.decide { controller, _ in
            controller.incrementalAlterConfigs(self).unless(validateOnly)
        }
    }
    var blankAnswer: IncrementalAlterConfigsResponse {
        IncrementalAlterConfigsResponse(
            responses: resources.map {
                .init(resourceType: $0.resourceType, resourceName: $0.resourceName)
            })
    }
}

extension IncrementalAlterConfigsResponse: ControllerResponse {
    mutating func fail(_ error: KafkaError) { responses.fail(error) }
}
extension IncrementalAlterConfigsResponse.AlterConfigsResourceResponse: AnswerItem {}

extension UpdateFeaturesRequest: ControllerRequest {
    func answer(by active: ActiveController, _ context: DecisionContext) -> Response {
        active.updateFeatures(self, context)
    }
}
extension UpdateFeaturesResponse: WholeResponse {}

extension AlterClientQuotasRequest: ControllerRequest {
    func answer(by active: ActiveController, _ context: DecisionContext) -> Response {
        active.decide { controller, _ in
            controller.alterClientQuotas(self).unless(validateOnly)
        }
    }
    var blankAnswer: AlterClientQuotasResponse {
        AlterClientQuotasResponse(
            entries: entries.map { entry in
                .init(
                    entity: entry.entity.map {
                        .init(entityType: $0.entityType, entityName: $0.entityName)
                    })
            })
    }
}

extension AlterClientQuotasResponse: ControllerResponse {
    mutating func fail(_ error: KafkaError) { entries.fail(error) }
}
extension AlterClientQuotasResponse.EntryData: AnswerItem {}

extension Decision {
    /// A request that only asks whether it would be accepted changes nothing.
    fileprivate func unless(_ validateOnly: Bool) -> Decision {
        validateOnly ? Decision(response) : self
    }
}
