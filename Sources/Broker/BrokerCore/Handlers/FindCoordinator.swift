import KafkaProtocol
import KafkaWire

/// FindCoordinator (key 10): this version has no group, transaction or share coordinator, and says
/// so.
///
/// The code is `COORDINATOR_NOT_AVAILABLE`, as of a Kafka whose coordinators are not up: librdkafka
/// asks even for a consumer that only assigns partitions, and takes any final code for that
/// consumer's end.
extension BrokerLoop {
    func findCoordinator(_ request: FindCoordinatorRequest, _ context: RequestContext) {
        let kind =
            switch request.keyType {
            case 0: "consumer groups"
            case 1: "transactions"
            case 2: "share groups"
            default: "coordinators of type \(request.keyType)"
            }
        let message = "This version of Martlet has no \(kind)"
        var response = FindCoordinatorResponse()
        response.nodeID = -1
        response.port = -1
        if context.apiVersion < 4 {
            response.errorCode = KafkaError.coordinatorNotAvailable.rawValue
            response.errorMessage = message
        } else {
            response.coordinators = request.coordinatorKeys.map {
                .init(
                    key: $0, nodeID: -1, host: "", port: -1,
                    errorCode: KafkaError.coordinatorNotAvailable.rawValue, errorMessage: message)
            }
        }
        answer(response, to: context)
    }
}
