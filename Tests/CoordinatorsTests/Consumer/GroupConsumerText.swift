import KafkaProtocol
import KafkaWire

@testable import Coordinators

/// Answers and records of consumer groups as a transcript shows them.
enum GroupConsumerText {
    static func beat(_ message: ConsumerGroupHeartbeatResponse) -> String {
        guard message.errorCode == 0 else { return GroupTranscriptText.name(message.errorCode) }
        var text = "epoch \(message.memberEpoch) member \(message.memberID ?? "nil")"
        if let assignment = message.assignment {
            text += " has " + list(assignment.topicPartitions.map { ($0.topicID, $0.partitions) })
        }
        return text
    }

    static func described(_ message: ConsumerGroupDescribeResponse) -> String {
        message.groups.map { group in
            guard group.errorCode == 0 else { return GroupTranscriptText.name(group.errorCode) }
            let members = group.members.map { member in
                let held = member.assignment.topicPartitions.map { ($0.topicID, $0.partitions) }
                let target = member.targetAssignment.topicPartitions.map {
                    ($0.topicID, $0.partitions)
                }
                return "\(member.memberID) epoch \(member.memberEpoch)"
                    + (member.memberType == 0 ? " classic" : "")
                    + " has \(list(held)) of \(list(target))"
            }
            return
                ([
                    "\(group.groupState) epoch \(group.groupEpoch)/\(group.assignmentEpoch) "
                        + group.assignorName
                ] + members).joined(separator: "; ")
        }.joined(separator: "; ")
    }

    static func record(_ record: GroupRecord) -> String {
        switch record {
        case .offsetCommit, .groupMetadata: "a record of another kind"
        case .consumerGroup(let key, let value?):
            "consumer group \(key.groupID) epoch \(value.epoch)"
        case .consumerGroup(let key, nil): "no consumer group \(key.groupID)"
        case .partitionMetadata(let key, let value):
            "\(value == nil ? "no " : "")partition metadata \(key.groupID)"
        case .memberMetadata(let key, let value?):
            "member \(key.memberID)" + (value.instanceID.map { "(\($0))" } ?? "")
                + (value.classicMemberMetadata == nil ? "" : " classic")
                + " of \((value.subscribedTopicNames).joined(separator: ","))"
                + (value.subscribedTopicRegex.map { $0.isEmpty ? "" : " /\($0)/" } ?? "")
        case .memberMetadata(let key, nil): "no member \(key.memberID)"
        case .targetMetadata(_, let value?): "target of epoch \(value.assignmentEpoch)"
        case .targetMetadata(_, nil): "no target"
        case .targetMember(let key, let value?):
            "target \(key.memberID) "
                + list(value.topicPartitions.map { ($0.topicID, $0.partitions) })
        case .targetMember(let key, nil): "no target \(key.memberID)"
        case .currentAssignment(let key, let value?): current(key.memberID, value)
        case .currentAssignment(let key, nil): "no assignment \(key.memberID)"
        case .regularExpression(let key, let value?):
            "pattern /\(key.regularExpression)/ \(value.topics.joined(separator: ","))"
        case .regularExpression(let key, nil): "no pattern /\(key.regularExpression)/"
        }
    }

    private static func current(
        _ member: String, _ value: ConsumerGroupCurrentMemberAssignmentValue
    ) -> String {
        let states: [Int8: String] = [0: "stable", 1: "revoking", 2: "waiting"]
        var text =
            "assignment \(member) epoch \(value.previousMemberEpoch)→\(value.memberEpoch) "
            + "\(states[value.state] ?? "unknown") "
            + list(value.assignedPartitions.map { ($0.topicID, $0.partitions) })
        if !value.partitionsPendingRevocation.isEmpty {
            text +=
                " without "
                + list(value.partitionsPendingRevocation.map { ($0.topicID, $0.partitions) })
        }
        return text
    }

    private static func list(_ topics: [(id: KafkaUUID, partitions: [Int32])]) -> String {
        topics.isEmpty
            ? "nothing"
            : topics.map { topic in
                let name = GroupTranscriptText.known("", topic.id).dropFirst(3).dropLast()
                return "\(name):" + topic.partitions.map(String.init).joined(separator: ",")
            }.joined(separator: " ")
    }
}
