import KafkaProtocol
import KafkaRecords
import KafkaWire

@testable import Coordinators

/// Answers and records as a transcript shows them.
enum GroupTranscriptText {
    static func answer(_ message: any KafkaMessage) -> String {
        switch message {
        case let message as JoinGroupResponse: join(message)
        case let message as SyncGroupResponse:
            message.errorCode == 0
                ? "assignment '\(text(message.assignment))' under \(message.protocolName ?? "nil")"
                : name(message.errorCode)
        case let message as HeartbeatResponse: name(message.errorCode)
        case let message as LeaveGroupResponse:
            ([name(message.errorCode)]
                + message.members.map { member in
                    let instance = member.groupInstanceID.map { "(\($0))" } ?? ""
                    return "\(member.memberID)\(instance)=\(name(member.errorCode))"
                }).joined(separator: " ")
        case let message as OffsetCommitResponse:
            message.topics.flatMap { topic in
                topic.partitions.map {
                    "\(known(topic.name, topic.topicID))-\($0.partitionIndex)="
                        + name($0.errorCode)
                }
            }.joined(separator: " ")
        case let message as TxnOffsetCommitResponse:
            message.topics.flatMap { topic in
                topic.partitions.map {
                    "\(known(topic.name, topic.topicID))-\($0.partitionIndex)="
                        + name($0.errorCode)
                }
            }.joined(separator: " ")
        case let message as OffsetFetchResponse: fetched(message)
        case let message as OffsetDeleteResponse:
            message.errorCode != 0
                ? name(message.errorCode)
                : message.topics.flatMap { topic in
                    topic.partitions.map {
                        "\(topic.name)-\($0.partitionIndex)=\(name($0.errorCode))"
                    }
                }.joined(separator: " ")
        case let message as ConsumerGroupHeartbeatResponse: GroupConsumerText.beat(message)
        case let message as ConsumerGroupDescribeResponse: GroupConsumerText.described(message)
        default: listing(message)
        }
    }

    private static func join(_ message: JoinGroupResponse) -> String {
        guard message.errorCode == 0 else {
            return "\(name(message.errorCode)) member '\(message.memberID)'"
        }
        var text = "generation \(message.generationID) member \(message.memberID)"
        text += " leader \(message.leader) under \(message.protocolName ?? "nil")"
        if message.skipAssignment { text += " skip assignment" }
        if !message.members.isEmpty {
            text +=
                " of "
                + message.members.map { member in
                    member.memberID + (member.groupInstanceID.map { "(\($0))" } ?? "")
                }.joined(separator: ",")
        }
        return text
    }

    private static func fetched(_ message: OffsetFetchResponse) -> String {
        message.groups.map { group in
            guard group.errorCode == 0 else { return name(group.errorCode) }
            guard !group.topics.isEmpty else { return "nothing" }
            return group.topics.flatMap { topic in
                topic.partitions.map { partition in
                    var text = "\(known(topic.name, topic.topicID))-\(partition.partitionIndex)="
                    text += "\(partition.committedOffset)"
                    if let metadata = partition.metadata, !metadata.isEmpty {
                        text += "'\(metadata)'"
                    }
                    if partition.errorCode != 0 { text += " \(name(partition.errorCode))" }
                    return text
                }
            }.joined(separator: " ")
        }.joined(separator: "; ")
    }

    private static func listing(_ message: any KafkaMessage) -> String {
        switch message {
        case let message as ListGroupsResponse:
            message.groups.map {
                "\($0.groupID) \($0.groupType) \($0.groupState) '\($0.protocolType)'"
            }.joined(separator: "; ")
        case let message as DescribeGroupsResponse:
            message.groups.map { group in
                let members = group.members.map { member in
                    "\(member.memberID) \(member.clientID)@\(member.clientHost) "
                        + "'\(text(member.memberAssignment))'"
                }
                return
                    ([
                        "\(group.groupID) \(group.groupState) '\(group.protocolType)' "
                            + "'\(group.protocolData)' \(name(group.errorCode))"
                    ] + members).joined(separator: "; ")
            }.joined(separator: "; ")
        case let message as DeleteGroupsResponse:
            message.results.map { "\($0.groupID)=\(name($0.errorCode))" }.joined(separator: " ")
        default: "\(type(of: message))"
        }
    }

    // MARK: Records

    static func record(_ record: Record) -> String {
        guard let key = record.key else { return "no key" }
        let decoded: GroupRecord?
        do {
            if let value = record.value {
                decoded = try GroupRecord.decode(key: key.span.bytes, value: value.span.bytes)
            } else {
                decoded = try GroupRecord.decode(key: key.span.bytes, value: nil)
            }
        } catch {
            return "what cannot be read: \(error)"
        }
        switch decoded {
        case .offsetCommit(let key, nil):
            return "no offset \(key.group) \(key.topic)-\(key.partition)"
        case .offsetCommit(let key, let value?):
            let version = record.value.map { "\($0[1])" } ?? ""
            return "offset \(key.group) \(key.topic)-\(key.partition)=\(value.offset) v\(version)"
                + (value.expireTimestamp == -1 ? "" : " until \(value.expireTimestamp)")
        case .groupMetadata(let key, nil): return "no group \(key.group)"
        case .groupMetadata(let key, let value?):
            let members = value.members.map { member in
                "\(member.memberID)\(member.groupInstanceID.map { "(\($0))" } ?? "")"
                    + ":'\(text(member.assignment))'"
            }
            return "group \(key.group) generation \(value.generation) '\(value.protocolType)' "
                + "\(value.protocol ?? "nil") leader \(value.leader ?? "nil") "
                + members.joined(separator: " ")
        case let decoded?: return GroupConsumerText.record(decoded)
        case nil: return "a record of another kind"
        }
    }

    // MARK: Pieces

    static func name(_ code: Int16) -> String {
        code == 0 ? "ok" : KafkaError(code: code).name
    }

    /// Text as it is, an assignment of consumers as its partitions.
    private static func text(_ bytes: [UInt8]) -> String {
        if bytes.allSatisfy({ (32..<127).contains($0) }) {
            return String(decoding: bytes, as: UTF8.self)
        }
        guard let assignment = ClassicProtocolCoding.assignment(bytes) else { return "?" }
        return assignment.assignedPartitions.map { topic in
            "\(topic.topic):" + topic.partitions.map(String.init).joined(separator: ",")
        }.joined(separator: " ")
    }

    static func known(_ name: String, _ id: KafkaUUID) -> String {
        guard name.isEmpty else { return name }
        var low = id.low
        var bytes: [UInt8] = []
        while low > 0 {
            bytes.insert(UInt8(low & 0xFF), at: 0)
            low >>= 8
        }
        return "id(\(text(bytes)))"
    }

    /// The member ids in a line: a name, a dash and a UUID, or an id of 22 characters.
    static func memberIDs(in line: String) -> [String] {
        line.split { !($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }.map(String.init)
            .filter { word in
                let parts = word.split(separator: "-")
                if parts.count == 6, parts.suffix(5).map(\.count) == [8, 4, 4, 4, 12] {
                    return true
                }
                return word.count == 22 && word.contains { $0.isLowercase || $0.isNumber }
            }
    }
}
