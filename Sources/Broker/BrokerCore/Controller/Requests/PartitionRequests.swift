import ClusterController
import KafkaProtocol
import KafkaWire

/// What concerns partitions' replicas: ElectLeaders (43), AlterPartitionReassignments (45),
/// ListPartitionReassignments (46), AlterPartition (56), AssignReplicasToDirs (73).
extension ElectLeadersRequest: ControllerRequest {
    func answer(by active: ActiveController, _ context: DecisionContext) -> Response {
        active.decide { controller, _ in controller.electLeaders(self) }
    }
    /// Asked for all partitions, there is nothing to name: the error is for the request then.
    var blankAnswer: ElectLeadersResponse {
        ElectLeadersResponse(
            replicaElectionResults: (topicPartitions ?? []).map { topic in
                .init(
                    topic: topic.topic,
                    partitionResult: topic.partitions.map { .init(partitionID: $0) })
            })
    }
}

extension ElectLeadersResponse: ControllerResponse {
    mutating func fail(_ error: KafkaError) {
        if errorCode == KafkaError.none.rawValue { errorCode = error.rawValue }
        for index in replicaElectionResults.indices {
            replicaElectionResults[index].partitionResult.fail(error)
        }
    }
}
extension ElectLeadersResponse.PartitionResult: AnswerItem {}

extension AlterPartitionReassignmentsRequest: ControllerRequest {
    func answer(by active: ActiveController, _ context: DecisionContext) -> Response {
        active.decide { controller, _ in controller.alterPartitionReassignments(self) }
    }
}
extension AlterPartitionReassignmentsResponse: WholeResponse {}

extension ListPartitionReassignmentsRequest: ControllerRequest {
    func answer(by active: ActiveController, _ context: DecisionContext) -> Response {
        active.decider.listPartitionReassignments(self)
    }
}
extension ListPartitionReassignmentsResponse: WholeResponse {}

extension AlterPartitionRequest: ControllerRequest {
    func answer(by active: ActiveController, _ context: DecisionContext) -> Response {
        active.decide { controller, _ in controller.alterPartition(self, context: context) }
    }
}
extension AlterPartitionResponse: WholeResponse {}

extension AssignReplicasToDirsRequest: ControllerRequest {
    func answer(by active: ActiveController, _ context: DecisionContext) -> Response {
        let failed = active.sessions.failedDirectories(of: brokerID)
        return active.decide { controller, _ in
            controller.assignReplicasToDirs(self, failed: failed)
        }
    }
}
extension AssignReplicasToDirsResponse: WholeResponse {}
