public import KafkaProtocol
public import KafkaWire

/// The groups and committed offsets of one partition of `__consumer_offsets`.
///
/// What a protocol does is in its folder: `Classic`, `Consumer` (KIP-848), `Offsets`, `Listing`,
/// as extensions of this class, one file an API. Answers are those of Kafka 4.4.
public final class GroupMachine: CoordinatorMachine {
    public var outbox = CoordinatorOutbox<GroupRecord, GroupCommand>()
    /// What is known of the cluster; set before any operation, replay does without.
    public var environment = GroupEnvironment.none {
        didSet {
            if environment.metadata.version != oldValue.metadata.version { noteTopicChanges() }
        }
    }
    var groups: [String: Group] = [:]
    var timers = GroupTimers()
    var topicSubscriptions = TopicSubscriptions()
    var random: any RandomNumberGenerator & Sendable

    /// A machine that knows nothing yet: its log is replayed into it.
    ///
    /// - Parameter random: makes the ids of members.
    public init(random: any RandomNumberGenerator & Sendable) { self.random = random }

    var settings: GroupSettings { environment.settings }

    // MARK: Replay

    public func replay(_ record: GroupRecord, at offset: Offset, by writer: RecordWriter) {
        switch record {
        case .offsetCommit: break
        case .groupMetadata: break
        case .consumerGroup, .partitionMetadata, .memberMetadata, .targetMetadata, .targetMember,
            .currentAssignment, .regularExpression:
            replayConsumer(record)
        }
    }

    public func replay(_ marker: CoordinatorMarker) {}

    // MARK: Life

    public func loaded(_ now: Moment) { startConsumerTimers(now) }

    public func unload(_ error: KafkaError) {}

    public var nextDeadline: Int64? { timers.next }

    public func timersDue(_ now: Moment) {
        while let timer = timers.popDue(by: now.monotonicMs) {
            switch timer.kind {
            case .classicSession, .classicJoin, .classicSync, .offsetExpiry: break
            case .consumerSession, .consumerRevocation, .consumerJoin, .consumerSync:
                consumerTimerDue(timer, now)
            }
        }
    }
}

/// Groups need nothing done elsewhere.
public enum GroupCommand: Sendable {}
