import Coordinators
import KafkaProtocol
import KafkaWire

/// JoinGroup, SyncGroup, Heartbeat and LeaveGroup (keys 11 to 14): membership in a classic group.
extension BrokerLoop {
    func joinGroup(_ request: JoinGroupRequest, _ context: RequestContext) {
        coordinate(view.groupShard(of: request.groupID), context) {
            JoinGroupResponse(errorCode: $0.rawValue, memberID: request.memberID)
                .fitting(context.apiVersion)
        } _: { machine, caller, now in
            machine.joinGroup(request, from: GroupClient(context), caller, now)
        }
    }

    func syncGroup(_ request: SyncGroupRequest, _ context: RequestContext) {
        coordinate(view.groupShard(of: request.groupID), context) {
            SyncGroupResponse(errorCode: $0.rawValue)
        } _: { machine, caller, now in
            machine.syncGroup(request, version: context.apiVersion, caller, now)
        }
    }

    func heartbeat(_ request: HeartbeatRequest, _ context: RequestContext) {
        coordinate(view.groupShard(of: request.groupID), context) {
            // A member need not leave because its coordinator has just moved.
            HeartbeatResponse(errorCode: $0 == .coordinatorLoadInProgress ? 0 : $0.rawValue)
        } _: { machine, caller, now in
            machine.heartbeat(request, caller, now)
        }
    }

    func leaveGroup(_ request: LeaveGroupRequest, _ context: RequestContext) {
        coordinate(view.groupShard(of: request.groupID), context) {
            LeaveGroupResponse(errorCode: $0.rawValue)
        } _: { machine, caller, now in
            machine.leaveGroup(request, version: context.apiVersion, caller, now)
        }
    }
}
