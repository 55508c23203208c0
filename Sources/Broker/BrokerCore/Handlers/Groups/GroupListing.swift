import Coordinators
import KafkaProtocol
import KafkaWire

/// ListGroups, DescribeGroups and DeleteGroups (keys 16, 15 and 42): the groups that this broker
/// coordinates, over all of its shards.
extension BrokerLoop {
    func listGroups(_ request: ListGroupsRequest, _ context: RequestContext) {
        let cells = view.coordinators.groups.sorted { $0.key < $1.key }.map(\.value)
        let parts = cells.map { cell in
            GatheredPart<GroupMachine>(cell: cell) {
                // What another broker coordinates that one lists.
                ListGroupsResponse(errorCode: $0 == .notCoordinator ? 0 : $0.rawValue)
            } operation: { machine, caller, _ in
                machine.listGroups(request, caller)
            }
        }
        gather(context, parts) { parts in
            let lists = parts.compactMap { $0 as? ListGroupsResponse }
            if let failed = lists.first(where: { $0.errorCode != 0 }) {
                return ListGroupsResponse(errorCode: failed.errorCode)
            }
            return ListGroupsResponse(groups: lists.flatMap(\.groups))
        }
    }

    func describeGroups(_ request: DescribeGroupsRequest, _ context: RequestContext) {
        let version = context.apiVersion
        let parts = request.groups.map { group in
            GatheredPart<GroupMachine>(cell: view.groupShard(of: group)) {
                DescribeGroupsResponse.refusal($0, of: group)
            } operation: { machine, caller, _ in
                machine.describeGroup(group, version: version, caller)
            }
        }
        let tellsOperations = version >= 3 && request.includeAuthorizedOperations
        gather(context, parts) { parts in
            var groups = parts.flatMap { ($0 as? DescribeGroupsResponse)?.groups ?? [] }
            if tellsOperations {
                for index in groups.indices where groups[index].errorCode == 0 {
                    groups[index].authorizedOperations = GroupOperations.all
                }
            }
            return DescribeGroupsResponse(groups: groups)
        }
    }

    func deleteGroups(_ request: DeleteGroupsRequest, _ context: RequestContext) {
        var seen: Set<String> = []
        let groups = request.groupsNames.filter { seen.insert($0).inserted }
        let parts = groups.map { group in
            GatheredPart<GroupMachine>(cell: view.groupShard(of: group)) {
                DeleteGroupsResponse.result($0, of: group)
            } operation: { machine, caller, _ in
                machine.deleteGroup(group, caller)
            }
        }
        gather(context, parts) { parts in
            DeleteGroupsResponse(
                results: parts.flatMap { ($0 as? DeleteGroupsResponse)?.results ?? [] })
        }
    }
}

/// What may be done with a group, as a set of bits by the number of the operation.
enum GroupOperations {
    /// Read (3), Delete (6), Describe (8), DescribeConfigs (10), AlterConfigs (11).
    static let all: Int32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11
}
