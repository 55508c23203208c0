import KafkaProtocol
import KafkaWire

/// FindCoordinator (key 10): this version has no group, transaction or share coordinator, and says
/// so.
///
/// `INVALID_REQUEST` is final for clients: a retriable code would have them ask for ever.
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
            response.errorCode = KafkaError.invalidRequest.rawValue
            response.errorMessage = message
        } else {
            response.coordinators = request.coordinatorKeys.map {
                .init(
                    key: $0, nodeID: -1, host: "", port: -1,
                    errorCode: KafkaError.invalidRequest.rawValue, errorMessage: message)
            }
        }
        answer(response, to: context)
    }
}
