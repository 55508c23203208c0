import Coordinators
import KafkaProtocol
import KafkaWire

/// ConsumerGroupHeartbeat and ConsumerGroupDescribe (keys 68 and 69): groups of the consumer
/// protocol (KIP-848).
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
        coordinate(view.groupShard(of: request.groupID), context, failed: refusal) {
            machine, caller, now in
            machine.consumerHeartbeat(request, from: GroupClient(context), caller, now)
        }
    }

    func consumerGroupDescribe(
        _ request: ConsumerGroupDescribeRequest, _ context: RequestContext
    ) {
        let isServed = view.groupEnvironment.hasConsumerGroups
        let parts = request.groupIDs.map { group in
            GatheredPart<GroupMachine>(cell: isServed ? view.groupShard(of: group) : nil) {
                ConsumerGroupDescribeResponse.refusal(
                    isServed ? $0 : .unsupportedVersion, of: group)
            } operation: { machine, caller, _ in
                machine.describeConsumerGroup(group, caller)
            }
        }
        let tellsOperations = request.includeAuthorizedOperations
        gather(context, parts) { parts in
            var groups = parts.flatMap { ($0 as? ConsumerGroupDescribeResponse)?.groups ?? [] }
            if tellsOperations {
                for index in groups.indices where groups[index].errorCode == 0 {
                    groups[index].authorizedOperations = GroupOperations.all
                }
            }
            return ConsumerGroupDescribeResponse(groups: groups)
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
