import Coordinators
import KafkaProtocol
import KafkaWire

/// ConsumerGroupHeartbeat (key 68): a member of a consumer group joins, goes on or leaves.
extension BrokerLoop {
    func consumerGroupHeartbeat(
        _ request: ConsumerGroupHeartbeatRequest, _ context: RequestContext
    ) {
        func refusal(_ error: KafkaError) -> any KafkaMessage {
            ConsumerGroupHeartbeatResponse(errorCode: error.rawValue)
        }
        guard view.groupEnvironment.hasConsumerGroups else {
            return answer(refusal(.unsupportedVersion), to: context)
        }
        let client = GroupClient(context)
        coordinate(view.groupShard(of: request.groupID), context, failed: refusal) {
            machine, caller, now in
            machine.heartbeat(request, from: client, for: caller, now: now)
        }
    }
}

extension GroupClient {
    init(_ context: RequestContext) {
        self.init(
            clientID: context.clientID ?? "", host: "/\(context.clientAddress)",
            apiVersion: context.apiVersion)
    }
}
