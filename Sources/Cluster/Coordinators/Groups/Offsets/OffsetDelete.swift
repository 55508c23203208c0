public import KafkaProtocol
import KafkaWire

/// OffsetDelete (key 47).
extension GroupMachine {
    /// Removes committed offsets of topics that no member of the group reads.
    public func deleteOffsets(_ request: OffsetDeleteRequest, _ caller: Caller) {
        let group = groups[request.groupID]?.common
        let fault = group?.offsetDeletionFault ?? .groupIDNotFound
        guard fault == .none, let group else {
            return reply(to: caller, OffsetDeleteResponse(errorCode: fault.rawValue)) {
                OffsetDeleteResponse(errorCode: $0.rawValue)
            }
        }
        var records: [GroupRecord] = []
        var response = OffsetDeleteResponse()
        for topic in request.topics {
            let target = CommitTarget(topic.name, .zero, hasID: false, environment.metadata)
            let isRead = group.isSubscribed(to: topic.name)
            var result = OffsetDeleteResponse.OffsetDeleteResponseTopic(name: topic.name)
            for partition in topic.partitions.map(\.partitionIndex) {
                let error =
                    target.fault(of: partition) ?? (isRead ? .groupSubscribedToTopic : .none)
                if error == .none, hasOffset(request.groupID, topic.name, partition) {
                    records.append(.tombstone(request.groupID, topic.name, partition))
                }
                result.partitions.append(
                    .init(partitionIndex: partition, errorCode: error.rawValue))
            }
            response.topics.append(result)
        }
        write(records)
        reply(to: caller, response) { OffsetDeleteResponse(errorCode: $0.rawValue) }
    }

    private func hasOffset(_ group: String, _ topic: String, _ partition: Int32) -> Bool {
        offsets.committedOffset(group, topic, partition) != nil
            || offsets.isPending(group, topic, partition)
    }
}
