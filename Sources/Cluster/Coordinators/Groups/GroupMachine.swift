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
    var offsets = OffsetStore()
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
        case .offsetCommit(let key, let value):
            if value != nil { replayGroupOfCommit(key.group) }
            offsets.replay(key, value, at: offset, by: writer)
        case .groupMetadata(let key, let value): replay(key, value)
        case .consumerGroup, .partitionMetadata, .memberMetadata, .targetMetadata, .targetMember,
            .currentAssignment, .regularExpression:
            replayConsumer(record)
        }
    }

    public func replay(_ marker: CoordinatorMarker) {
        offsets.end(marker.producerID, isCommit: marker.marker.isCommit)
    }

    // MARK: Life

    public func loaded(_ now: Moment) {
        for name in groups.keys.sorted() {
            switch groups[name] {
            case .classic(let group): classicLoaded(group, now)
            case .consumer(let group): consumerLoaded(group, now)
            case nil: break
            }
        }
        scheduleOffsetExpiry(now)
    }

    public func unload(_ error: KafkaError) {
        for name in groups.keys.sorted() {
            switch groups[name] {
            case .classic(let group): classicUnload(group, error)
            case .consumer, nil: break
            }
        }
    }

    public var nextDeadline: Int64? { timers.next }

    public func timersDue(_ now: Moment) {
        while let timer = timers.popDue(by: now.monotonicMs) {
            switch timer.kind {
            case .classicSession: classicSessionOver(timer, now)
            case .classicJoin: classicJoinOver(timer, now)
            case .classicSync: classicSyncOver(timer, now)
            case .offsetExpiry: expireOffsets(now)
            case .consumerSession, .consumerRevocation, .consumerJoin, .consumerSync:
                consumerTimerDue(timer, now)
            }
        }
    }

    // MARK: Effects

    /// Answers a caller; with what `onLoss` gives if something written before is lost.
    func reply(
        to caller: Caller, _ message: any KafkaMessage,
        onLoss: @escaping @Sendable (KafkaError) -> any KafkaMessage
    ) {
        outbox.reply(CoordinatorReply(message, to: caller, onLoss: onLoss))
    }

    /// Has records appended whose effect the state has already: classic groups change by soft
    /// state, and tell the log what must survive.
    func writeWithoutReplay(_ records: [GroupRecord]) {
        outbox.append(records, as: .coordinator)
    }
}

/// Groups need nothing done elsewhere.
public enum GroupCommand: Sendable {}
