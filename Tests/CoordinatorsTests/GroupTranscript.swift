import KafkaProtocol
import KafkaRecords
import KafkaWire

@testable import Coordinators

/// Topics of a transcript, by name: how many partitions they have.
struct TranscriptTopics: GroupMetadataSource {
    var partitions: [String: Int32] = [:]
    var version: Int64 = 0
    var groupVersion: Int16 { 1 }
    var topicNames: [String] { partitions.keys.sorted() }

    static func id(_ name: String) -> KafkaUUID {
        KafkaUUID(high: 1, low: name.utf8.reduce(0) { $0 << 8 | UInt64($1) })
    }
    func topicID(of name: String) -> KafkaUUID? { partitions[name].map { _ in Self.id(name) } }
    func topicName(of id: KafkaUUID) -> String? { partitions.keys.first { Self.id($0) == id } }
    func partitionCount(of topic: KafkaUUID) -> Int32? {
        topicName(of: topic).flatMap { partitions[$0] }
    }
    func topicChanges(since version: Int64) -> ArraySlice<GroupTopicChange>? { nil }
    func racks(of topic: KafkaUUID, partition: Int32) -> [String] { [] }
    func groupConfigs(of group: String) -> [String: String] { [:] }
}

/// Runs the events of a transcript on a shard of groups and says what came of them.
///
/// Events, one a line; words of the form `key=value` are optional. Member ids are written `m1`,
/// `m2`, … in the order in which the coordinator gave them out.
///
///     topic NAME PARTITIONS    drop NAME    set KEY=VALUE …    wait MS    hold    release
///     crash    unload
///     join [GROUP] [member=M] [v=N] [session=MS] [rebalance=MS] [type=T] [protocols=a,b:topic]
///          [instance=I]
///     sync [GROUP] member=M gen=N [v=N] [assign=M:text,…] [instance=I] [protocol=P] [type=T]
///     heartbeat [GROUP] member=M gen=N [instance=I]
///     leave [GROUP] [v=N] M|instance=I …
///     beat [GROUP] member=NAME epoch=N [topics=a,b] [regex=R] [owned=t:0,1;u:] [instance=I]
///          [assignor=A] [v=N]      members GROUP
///     commit [GROUP] topic-0=OFFSET … [member=M gen=N] [v=N] [text=T] [keep=MS] [instance=I]
///     txncommit [GROUP] P/E topic-0=OFFSET … [member=M gen=N] [v=N]      end commit|abort P/E
///     fetch [GROUP] [topic-0 …] [v=N] [stable]      forget [GROUP] topic-0 …
///     list [states=A,B] [types=A,B]     describe GROUP [v=N]     delete GROUP
final class GroupTranscript {
    private var log = MemoryCoordinatorLog()
    private let shard = CoordinatorShard<GroupMachine>()
    private var now = Moment(wallMs: 1_000_000, monotonicMs: 0)
    private var epoch: Int32 = 5
    private var topics = TranscriptTopics()
    private var configs: [String: String] = [:]
    private var holds = false
    private var nextRequest: UInt64 = 1
    private var shown = Offset.zero
    private var lines: [String] = []
    private var memberIDs: [String] = []

    init() { load() }

    /// What the event leads to, one line each.
    func run(_ event: String) -> [String] {
        lines = []
        let words = event.split(separator: " ").map(String.init)
        let event = Event(
            words,
            resolve: { [memberIDs] name in
                guard name.hasPrefix("m"), let number = Int(name.dropFirst()) else { return name }
                return memberIDs.indices.contains(number - 1) ? memberIDs[number - 1] : name
            })
        switch words[0] {
        case "topic":
            topics.partitions[words[1]] = Int32(words[2])
            topics.version += 1
        case "drop":
            topics.partitions[words[1]] = nil
            topics.version += 1
            operate { machine, _ in
                machine.topicDeleted(words[1], TranscriptTopics.id(words[1]))
            }
        case "set":
            for (key, value) in event.options { configs[key] = value }
        case "hold": holds = true
        case "release":
            holds = false
            commit()
        case "crash": load()
        case "unload": take(shard.deactivate(.notCoordinator))
        case "wait": wait(Int64(words[1]) ?? 0)
        default: request(words[0], event)
        }
        return lines
    }

    // MARK: Events

    private func request(_ name: String, _ event: Event) {
        if let refusal = shard.refusal { return lines.append("refused \(refusal.name)") }
        defer { nextRequest += 1 }
        operate { machine, caller in
            let isKnown =
                self.membership(name, event, machine, caller)
                || self.offsets(name, event, machine, caller)
                || self.listing(name, event, machine, caller)
            if !isKnown { self.lines.append("what is \(name)?") }
        }
    }

    private func membership(
        _ name: String, _ event: Event, _ machine: GroupMachine, _ caller: Caller
    ) -> Bool {
        switch name {
        case "join":
            machine.joinGroup(
                event.join,
                from: GroupClient(
                    clientID: "c", host: "/127.0.0.1", apiVersion: event.version(9)), caller, now)
        case "sync": machine.syncGroup(event.sync, version: event.version(5), caller, now)
        case "heartbeat":
            machine.heartbeat(
                HeartbeatRequest(
                    groupID: event.group, generationID: event.generation, memberID: event.member,
                    groupInstanceID: event.options["instance"]), caller, now)
        case "beat":
            let version = event.version(1)
            machine.consumerHeartbeat(
                event.beat,
                from: GroupClient(clientID: "c", host: "/127.0.0.1", apiVersion: version), caller,
                now)
        case "leave":
            machine.leaveGroup(event.leave, version: event.version(5), caller, now)
        default: return false
        }
        return true
    }

    private func offsets(
        _ name: String, _ event: Event, _ machine: GroupMachine, _ caller: Caller
    ) -> Bool {
        switch name {
        case "commit":
            machine.commitOffsets(event.commit, version: event.version(9), caller, now)
        case "txncommit":
            machine.commitOffsets(event.transactionalCommit, version: event.version(5), caller, now)
        case "end":
            let (id, epoch) = event.producer
            machine.write(
                CoordinatorMarker(
                    producerID: id, producerEpoch: epoch,
                    marker: TransactionMarker(
                        isCommit: event.words.contains("commit"), coordinatorEpoch: 1)))
        case "fetch":
            machine.fetchOffsets(
                event.fetch, requireStable: event.words.contains("stable"),
                version: event.version(9), caller)
        case "forget":
            machine.deleteOffsets(
                OffsetDeleteRequest(
                    groupID: event.group,
                    topics: event.byTopic.map { name, partitions in
                        .init(
                            name: name,
                            partitions: partitions.map { .init(partitionIndex: $0.number) })
                    }), caller)
        default: return false
        }
        return true
    }

    private func listing(
        _ name: String, _ event: Event, _ machine: GroupMachine, _ caller: Caller
    ) -> Bool {
        switch name {
        case "list":
            machine.listGroups(
                ListGroupsRequest(
                    statesFilter: event.list("states"), typesFilter: event.list("types")), caller)
        case "describe": machine.describeGroup(event.group, version: event.version(6), caller)
        case "members": machine.describeConsumerGroup(event.group, caller)
        case "delete": machine.deleteGroup(event.group, caller)
        default: return false
        }
        return true
    }

    private func wait(_ ms: Int64) {
        now = Moment(wallMs: now.wallMs + ms, monotonicMs: now.monotonicMs + ms)
        while let due = shard.nextDeadline, due <= now.monotonicMs {
            operate { machine, _ in machine.timersDue(self.now) }
        }
    }

    private func load() {
        epoch += 1
        let machine = GroupMachine(random: CountingGenerator(state: UInt64(epoch) << 48))
        do {
            var replay = CoordinatorReplay()
            _ = try replay.replay(log.batches.span.bytes, from: .zero, into: machine)
            if replay.skipped > 0 { lines.append("skipped \(replay.skipped) records") }
        } catch {
            lines.append("cannot load: \(error)")
        }
        machine.environment = environment
        take(shard.beginLoading(LeaderEpoch(epoch)))
        take(shard.finishLoading(LeaderEpoch(epoch), machine, &log, now: now))
        showWritten()
        commit()
    }

    private var environment: GroupEnvironment {
        GroupEnvironment(settings: GroupSettings { self.configs[$0] }, metadata: topics)
    }

    private func operate(_ body: @escaping (GroupMachine, Caller) -> Void) {
        let caller = Caller(loop: 0, request: nextRequest)
        let output = shard.run(&log, now: now) {
            $0.environment = self.environment
            body($0, caller)
        }
        showWritten()
        take(output)
        commit()
    }

    private func commit() {
        guard !holds else { return }
        log.highWatermark = log.endOffset
        take(shard.committed(upTo: log.highWatermark))
    }

    // MARK: What came of it

    private func take(_ output: CoordinatorShard<GroupMachine>.Output) {
        for (caller, message) in output.replies {
            add("#\(caller.request) \(GroupTranscriptText.answer(message))")
        }
    }

    private func showWritten() {
        for (record, isMarker) in (try? records(from: shown)) ?? [] {
            add(isMarker ? "written marker" : "written \(GroupTranscriptText.record(record))")
        }
        shown = log.endOffset
    }

    /// Notes a line, with short names for the ids that the coordinator makes.
    private func add(_ line: String) {
        var line = line
        for id in GroupTranscriptText.memberIDs(in: line) where !memberIDs.contains(id) {
            memberIDs.append(id)
        }
        for (index, id) in memberIDs.enumerated() {
            line = line.split(separator: id, omittingEmptySubsequences: false)
                .joined(separator: "m\(index + 1)")
        }
        lines.append(line)
    }

    private func records(from start: Offset) throws -> [(Record, isMarker: Bool)] {
        let bytes = log.batches
        var records: [(Record, isMarker: Bool)] = []
        var batches = BatchIterator(bytes.span.bytes)
        while let batch = try batches.next() {
            guard batch.header.baseOffset >= start else { continue }
            records += try BatchReader.records(
                bytes.span.bytes, at: batch.range.lowerBound, limit: 1 << 20
            ).map { ($0, batch.header.isControl) }
        }
        return records
    }
}

/// Makes member ids that sort in the order of their making: members whose sessions end at the same
/// instant go in the order of their ids, and a transcript must be the same each time.
private struct CountingGenerator: RandomNumberGenerator, Sendable {
    var state: UInt64
    mutating func next() -> UInt64 {
        state += 1 << 16
        return state
    }
}
