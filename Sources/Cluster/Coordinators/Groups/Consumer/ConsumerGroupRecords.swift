import KafkaProtocol
import KafkaWire

/// The records of consumer groups, as Kafka 4.4 writes them.
extension ConsumerGroupState {
    func epochRecord(_ epoch: Int32, metadataHash: Int64) -> GroupRecord {
        .consumerGroup(
            ConsumerGroupMetadataKey(groupID: groupID),
            ConsumerGroupMetadataValue(epoch: epoch, metadataHash: metadataHash))
    }

    /// - Parameter timestamp: when the assignment was made; 0 lets the next one follow at once.
    func targetRecord(epoch: Int32, timestamp: Int64) -> GroupRecord {
        .targetMetadata(
            ConsumerGroupTargetAssignmentMetadataKey(groupID: groupID),
            ConsumerGroupTargetAssignmentMetadataValue(
                assignmentEpoch: epoch, assignmentTimestamp: timestamp))
    }

    func targetRecord(of member: String, _ partitions: PartitionsByTopic) -> GroupRecord {
        .targetMember(
            ConsumerGroupTargetAssignmentMemberKey(groupID: groupID, memberID: member),
            ConsumerGroupTargetAssignmentMemberValue(
                topicPartitions: partitions.sorted { $0.key < $1.key }.map {
                    .init(topicID: $0.key, partitions: $0.value)
                }))
    }

    func patternRecord(_ pattern: String, _ resolved: ResolvedPattern?) -> GroupRecord {
        .regularExpression(
            ConsumerGroupRegularExpressionKey(groupID: groupID, regularExpression: pattern),
            resolved.map {
                ConsumerGroupRegularExpressionValue(
                    topics: $0.topics, version: $0.version, timestamp: $0.timestamp)
            })
    }

    /// The end of the record that a version before 4.1 wrote.
    var partitionMetadataTombstone: GroupRecord {
        .partitionMetadata(ConsumerGroupPartitionMetadataKey(groupID: groupID), nil)
    }

    /// The end of a member, in the order that readers rely on.
    func tombstones(of member: String) -> [GroupRecord] {
        [assignmentTombstone(member), targetTombstone(member), memberTombstone(member)]
    }

    /// The end of the group, in the order that readers rely on.
    func tombstones() -> [GroupRecord] {
        let ids = members.keys.sorted()
        return ids.map(assignmentTombstone) + ids.map(targetTombstone)
            + [.targetMetadata(ConsumerGroupTargetAssignmentMetadataKey(groupID: groupID), nil)]
            + ids.map(memberTombstone) + patterns.keys.sorted().map { patternRecord($0, nil) }
            + [
                partitionMetadataTombstone,
                .consumerGroup(ConsumerGroupMetadataKey(groupID: groupID), nil),
            ]
    }

    private func assignmentTombstone(_ member: String) -> GroupRecord {
        .currentAssignment(
            ConsumerGroupCurrentMemberAssignmentKey(groupID: groupID, memberID: member), nil)
    }

    private func targetTombstone(_ member: String) -> GroupRecord {
        .targetMember(
            ConsumerGroupTargetAssignmentMemberKey(groupID: groupID, memberID: member), nil)
    }

    private func memberTombstone(_ member: String) -> GroupRecord {
        .memberMetadata(ConsumerGroupMemberMetadataKey(groupID: groupID, memberID: member), nil)
    }
}
