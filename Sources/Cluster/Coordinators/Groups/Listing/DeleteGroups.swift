public import KafkaProtocol
import KafkaWire

/// DeleteGroups (key 42).
extension GroupMachine {
    /// Deletes a group without members, with its offsets; the response has that one group.
    public func deleteGroup(_ name: String, _ caller: Caller) {
        let group = groups[name]?.common
        let fault = group?.deletionFault ?? .groupIDNotFound
        if fault == .none, let group {
            write(offsets.tombstones(of: name) + group.tombstones())
        }
        reply(to: caller, DeleteGroupsResponse.result(fault, of: name)) {
            DeleteGroupsResponse.result($0, of: name)
        }
    }
}

extension DeleteGroupsResponse {
    /// The answer that says how it went with one group.
    public static func result(_ error: KafkaError, of group: String) -> Self {
        Self(results: [.init(groupID: group, errorCode: error.rawValue)])
    }
}
