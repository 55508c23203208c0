import KafkaProtocol
import KafkaWire

/// Classic groups and committed offsets.
extension BrokerLoop {
    static let groupAPIs: [APIKey] = [
        .offsetCommit, .offsetFetch, .joinGroup, .heartbeat, .leaveGroup, .syncGroup,
        .describeGroups, .listGroups, .txnOffsetCommit, .deleteGroups, .offsetDelete,
    ]

    func dispatchGroups(
        _ frame: RawSpan, _ start: Int, _ context: RequestContext
    ) throws(RequestError) -> Bool {
        switch context.apiKey {
        case .heartbeat:
            heartbeat(try decode(HeartbeatRequest.self, frame, from: start, context), context)
        case .offsetCommit:
            offsetCommit(try decode(OffsetCommitRequest.self, frame, from: start, context), context)
        case .offsetFetch:
            offsetFetch(try decode(OffsetFetchRequest.self, frame, from: start, context), context)
        case .joinGroup:
            joinGroup(try decode(JoinGroupRequest.self, frame, from: start, context), context)
        case .syncGroup:
            syncGroup(try decode(SyncGroupRequest.self, frame, from: start, context), context)
        case .leaveGroup:
            leaveGroup(try decode(LeaveGroupRequest.self, frame, from: start, context), context)
        case .listGroups:
            listGroups(try decode(ListGroupsRequest.self, frame, from: start, context), context)
        case .describeGroups:
            describeGroups(
                try decode(DescribeGroupsRequest.self, frame, from: start, context), context)
        case .deleteGroups:
            deleteGroups(try decode(DeleteGroupsRequest.self, frame, from: start, context), context)
        case .txnOffsetCommit:
            txnOffsetCommit(
                try decode(TxnOffsetCommitRequest.self, frame, from: start, context), context)
        case .offsetDelete:
            offsetDelete(try decode(OffsetDeleteRequest.self, frame, from: start, context), context)
        default: return false
        }
        return true
    }
}
