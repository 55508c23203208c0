public import KafkaProtocol
public import KafkaWire

/// The groups and committed offsets of one partition of `__consumer_offsets`.
public final class GroupMachine: CoordinatorMachine {
    public var outbox = CoordinatorOutbox<GroupRecord, GroupCommand>()

    public init() {}

    public func replay(_ record: GroupRecord, at offset: Offset, by writer: RecordWriter) {}

    public func replay(_ marker: CoordinatorMarker) {}

    public func loaded(_ now: Moment) {}

    public func unload(_ error: KafkaError) {}

    public func timersDue(_ now: Moment) {}

    public var nextDeadline: Int64? { nil }
}

/// Groups need nothing done elsewhere.
public enum GroupCommand: Sendable {}
