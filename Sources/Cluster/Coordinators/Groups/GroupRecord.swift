public import KafkaProtocol
public import KafkaWire

/// A record of `__consumer_offsets`: a key and the value under it, `nil` for a tombstone.
///
/// The types are those of Kafka 4.4: 0 and 1 committed offsets, 2 classic groups, 3 to 8 and 16
/// consumer groups (KIP-848). Those of share and streams groups are passed over.
public enum GroupRecord: CoordinatorRecord, Equatable {
    case offsetCommit(OffsetCommitKey, OffsetCommitValue?)
    case groupMetadata(GroupMetadataKey, GroupMetadataValue?)
    case consumerGroup(ConsumerGroupMetadataKey, ConsumerGroupMetadataValue?)
    case partitionMetadata(ConsumerGroupPartitionMetadataKey, ConsumerGroupPartitionMetadataValue?)
    case memberMetadata(ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue?)
    case targetMetadata(
        ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue?)
    case targetMember(
        ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue?)
    case currentAssignment(
        ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue?)
    case regularExpression(
        ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue?)

    private var parts: (key: any CoordinatorRecordKey, value: (any CoordinatorRecordValue)?) {
        switch self {
        case .offsetCommit(let key, let value): (key, value)
        case .groupMetadata(let key, let value): (key, value)
        case .consumerGroup(let key, let value): (key, value)
        case .partitionMetadata(let key, let value): (key, value)
        case .memberMetadata(let key, let value): (key, value)
        case .targetMetadata(let key, let value): (key, value)
        case .targetMember(let key, let value): (key, value)
        case .currentAssignment(let key, let value): (key, value)
        case .regularExpression(let key, let value): (key, value)
        }
    }

    public func encodedKey() throws(WireError) -> [UInt8] {
        // The one that is written most, without the detour over an existential.
        if case .offsetCommit(let key, _) = self { return try key.coordinatorKey() }
        return try parts.key.coordinatorKey()
    }

    public func encodedValue() throws(WireError) -> [UInt8]? {
        switch self {
        case .offsetCommit(_, let value?):
            // Version 1 is the one that can say when the offset expires.
            try value.coordinatorValue(version: value.expireTimestamp == -1 ? 4 : 1)
        case .groupMetadata(_, let value?): try value.coordinatorValue(version: 3)
        default:
            try parts.value.map { value throws(WireError) in
                try value.coordinatorValue(version: type(of: value).validVersions.upperBound)
            }
        }
    }

    public static func decode(
        key: RawSpan, value: RawSpan?
    ) throws(WireError) -> GroupRecord? {
        var reader = WireReader(key)
        let type = try reader.readInt16()
        switch type {
        case 0, 1: return .offsetCommit(try read(&reader), try .read(value))
        case 2: return .groupMetadata(try read(&reader), try .read(value))
        case 3: return .consumerGroup(try read(&reader), try .read(value))
        case 4: return .partitionMetadata(try read(&reader), try .read(value))
        case 5: return .memberMetadata(try read(&reader), try .read(value))
        case 6: return .targetMetadata(try read(&reader), try .read(value))
        case 7: return .targetMember(try read(&reader), try .read(value))
        case 8: return .currentAssignment(try read(&reader), try .read(value))
        case 16: return .regularExpression(try read(&reader), try .read(value))
        default: return nil
        }
    }

    private static func read<Key: CoordinatorRecordKey>(
        _ reader: inout WireReader
    ) throws(WireError) -> Key {
        try Key(from: &reader, version: 0)
    }
}
