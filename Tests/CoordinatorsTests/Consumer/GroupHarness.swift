import KafkaProtocol
import KafkaRecords
import KafkaWire

@testable import Coordinators

/// Topics for groups in tests.
struct StubMetadata: GroupMetadataSource {
    var version: Int64 = 0
    var groupVersion: Int16 = 1
    private var topics: [String: (id: KafkaUUID, partitions: Int32)] = [:]
    private var changes = GroupTopicChanges(since: 0)
    var configs: [String: [String: String]] = [:]

    static func id(_ name: String) -> KafkaUUID {
        KafkaUUID(high: 1, low: name.utf8.reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// Creates a topic, gives it more partitions, or deletes it (`nil`).
    mutating func set(_ name: String, _ partitions: Int32?) {
        version += 1
        changes.note(.init(topic: name, version: version, isCreation: topics[name] == nil))
        topics[name] = partitions.map { (Self.id(name), $0) }
    }

    var topicNames: [String] { topics.keys.sorted() }
    func topicChanges(since version: Int64) -> ArraySlice<GroupTopicChange>? {
        changes.since(version)
    }
    func topicID(of name: String) -> KafkaUUID? { topics[name]?.id }
    func topicName(of id: KafkaUUID) -> String? { topics.first { $0.value.id == id }?.key }
    func partitionCount(of topic: KafkaUUID) -> Int32? {
        topics.values.first { $0.id == topic }?.partitions
    }
    func racks(of topic: KafkaUUID, partition: Int32) -> [String] { [] }
    func groupConfigs(of group: String) -> [String: String] { configs[group] ?? [:] }
}

/// One shard of groups in memory: answers come at once, time moves when told to.
final class GroupHarness {
    let shard = CoordinatorShard<GroupMachine>()
    var log = MemoryCoordinatorLog()
    var metadata = StubMetadata()
    var settings = GroupSettings()
    var nowMs: Int64 = 1_000_000
    private var machine = GroupMachine(random: MemberIDs(seed: 0))
    private var epoch: Int32 = 0
    private var nextRequest: UInt64 = 0
    private var answers: [UInt64: any KafkaMessage] = [:]

    init(_ topics: [String: Int32] = [:]) {
        for (name, partitions) in topics { metadata.set(name, partitions) }
        settings.consumer.assignmentIntervalMs = 0
        log.highWatermark = Offset(1 << 60)
        activate()
    }

    var now: Moment { Moment(wallMs: nowMs, monotonicMs: nowMs) }

    private func activate() {
        epoch += 1
        _ = shard.beginLoading(LeaderEpoch(epoch))
        machine.environment = GroupEnvironment(settings: settings, metadata: metadata)
        _ = shard.finishLoading(LeaderEpoch(epoch), machine, &log, now: now)
    }

    /// A failover: the log is all that is left.
    func reload() throws {
        machine = GroupMachine(random: MemberIDs(seed: UInt64(epoch)))
        var replay = CoordinatorReplay()
        let bytes = log.batches
        _ = try replay.replay(bytes.span.bytes, from: .zero, into: machine)
        activate()
    }

    /// Runs an operation; `answer(to:)` has its answer, at once or later.
    func send(_ operation: (GroupMachine, Caller) -> Void) -> UInt64 {
        nextRequest += 1
        let request = nextRequest
        step { operation($0, Caller(loop: 0, request: request)) }
        return request
    }

    private func step(_ operation: (GroupMachine) -> Void) {
        let output = shard.run(&log, now: now) { machine in
            machine.environment = GroupEnvironment(settings: settings, metadata: metadata)
            operation(machine)
        }
        for (caller, message) in output.replies { answers[caller.request] = message }
    }

    /// Takes the answer to a request, once there is one.
    func answer<Answer: KafkaMessage>(to request: UInt64) -> Answer? {
        answers.removeValue(forKey: request) as? Answer
    }

    /// Runs an operation that is answered at once.
    func run<Answer: KafkaMessage>(_ operation: (GroupMachine, Caller) -> Void) -> Answer? {
        answer(to: send(operation))
    }

    /// Moves the clock, running timers on the way.
    func advance(_ ms: Int64) {
        let end = nowMs + ms
        while let due = shard.nextDeadline, due <= end {
            nowMs = max(nowMs, due)
            step { $0.timersDue(now) }
        }
        nowMs = end
    }

    func heartbeat(
        _ request: ConsumerGroupHeartbeatRequest, version: Int16 = 1
    ) -> ConsumerGroupHeartbeatResponse {
        let client = GroupClient(clientID: "client", host: "/127.0.0.1", apiVersion: version)
        return run { machine, caller in
            machine.consumerHeartbeat(request, from: client, caller, self.now)
        } ?? .init()
    }

    func describe(_ group: String) -> ConsumerGroupDescribeResponse.DescribedGroup? {
        let response: ConsumerGroupDescribeResponse? = run {
            $0.describeConsumerGroup(group, $1)
        }
        return response?.groups.first
    }

    /// The group "g" as it is.
    var machineGroup: Group? { machine.groups["g"] }

    /// The kinds of the records from `offset` on, for what an operation wrote.
    func records(from offset: Offset) throws -> [GroupRecord] {
        let collector = RecordCollector()
        var replay = CoordinatorReplay()
        let bytes = log.batches
        _ = try replay.replay(bytes.span.bytes, from: offset, into: collector)
        return collector.records
    }
}

/// Keeps what a log holds.
private final class RecordCollector: CoordinatorMachine {
    var outbox = CoordinatorOutbox<GroupRecord, GroupCommand>()
    var records: [GroupRecord] = []
    func replay(_ record: GroupRecord, at offset: Offset, by writer: RecordWriter) {
        records.append(record)
    }
    func replay(_ marker: CoordinatorMarker) {}
    func loaded(_ now: Moment) {}
    func unload(_ error: KafkaError) {}
    func timersDue(_ now: Moment) {}
    var nextDeadline: Int64? { nil }
}

/// A consumer as KIP-848 wants it: it gives up what it must before it says so.
struct StubConsumer {
    let group: String
    let id: String
    var instanceID: String?
    var topics: [String]? = ["t"]
    var regex: String?
    var epoch: Int32 = 0
    /// What it reads from.
    var owned: Set<TopicPartition> = []
    /// What it has been told to have, once it has given up the rest.
    private var assigned: Set<TopicPartition>?
    private var lastReported: Set<TopicPartition>?
    /// Whether the last answer was lost: the next request says everything.
    private var hasLostAnswer = false

    init(_ id: String, group: String = "g", topics: [String]? = ["t"]) {
        self.id = id
        self.group = group
        self.topics = topics
    }

    /// The next request, in full when it joins.
    func request() -> ConsumerGroupHeartbeatRequest {
        var request = ConsumerGroupHeartbeatRequest(
            groupID: group, memberID: id, memberEpoch: epoch, instanceID: instanceID)
        if epoch == 0 || hasLostAnswer {
            request.rebalanceTimeoutMs = 60_000
            request.subscribedTopicNames = topics
            request.subscribedTopicRegex = regex
            request.topicPartitions = []
        }
        if epoch > 0, hasLostAnswer || lastReported != owned {
            request.topicPartitions = Dictionary(grouping: owned, by: \.topic).map { name, all in
                .init(topicID: StubMetadata.id(name), partitions: all.map(\.partition))
            }
        }
        return request
    }

    /// Sends a heartbeat and takes over what it says, at once.
    @discardableResult
    mutating func beat(_ harness: GroupHarness) -> ConsumerGroupHeartbeatResponse {
        let request = request()
        let response = harness.heartbeat(request)
        take(response, harness.metadata, reported: request.topicPartitions != nil)
        settle()
        return response
    }

    mutating func take(
        _ response: ConsumerGroupHeartbeatResponse, _ metadata: StubMetadata, reported: Bool
    ) {
        hasLostAnswer = false
        switch KafkaError(rawValue: response.errorCode) {
        case KafkaError.none?: break
        case .fencedMemberEpoch?, .unknownMemberID?, .groupIDNotFound?:
            epoch = 0
            owned = []
            assigned = nil
            lastReported = nil
            return
        default: return
        }
        if epoch == 0 { owned = [] }
        if reported { lastReported = owned }
        epoch = response.memberEpoch
        if let assignment = response.assignment {
            assigned = Set(
                assignment.topicPartitions.flatMap { topic in
                    let name = metadata.topicName(of: topic.topicID) ?? "?"
                    return topic.partitions.map { TopicPartition(topic: name, partition: $0) }
                })
        }
    }

    mutating func loseAnswer() { hasLostAnswer = true }

    /// Gives up what it must, then has what it may.
    mutating func settle() {
        if let assigned { owned = assigned }
        assigned = nil
    }
}

/// What member ids are made of: the same in each run, others after each failover.
private struct MemberIDs: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed << 32 }

    mutating func next() -> UInt64 {
        state += 1
        return state &* 0x9E37_79B9_7F4A_7C15
    }
}
