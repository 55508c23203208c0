public import KafkaProtocol
import KafkaWire

/// ListGroups (key 16).
extension GroupMachine {
    /// Lists the groups of this shard that are in one of the states and of one of the types; empty
    /// filters let all pass. Case does not matter.
    public func listGroups(_ request: ListGroupsRequest, _ caller: Caller) {
        let states = Set(request.statesFilter.map { Self.trimmed($0.lowercased()) })
        let types = Set(request.typesFilter.map { $0.lowercased() })
        let listed = groups.keys.sorted().compactMap { groups[$0]?.common }.filter { group in
            (states.isEmpty || states.contains(group.stateName.lowercased()))
                && (types.isEmpty || types.contains(group.typeName))
        }
        let answer = ListGroupsResponse(
            groups: listed.map {
                .init(
                    groupID: $0.groupID, protocolType: $0.listedProtocolType,
                    groupState: $0.stateName, groupType: $0.typeName)
            })
        reply(to: caller, answer) { ListGroupsResponse(errorCode: $0.rawValue) }
    }

    private static func trimmed(_ text: String) -> String {
        guard let first = text.firstIndex(where: { !$0.isWhitespace }),
            let last = text.lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(text[first...last])
    }
}
