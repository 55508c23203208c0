import KafkaProtocol
import KafkaWire

/// A group of the consumer protocol (KIP-848) over the partitions of one topic: members come, crash
/// and leave. No partition has two owners, and who gets a partition finds the offset that was last
/// committed; in the end each partition has an owner.
final class GroupWorkload {
    let world: SimulatedWorld
    let topic: String
    private let partitions: Int32
    private var members: [GroupMember] = []
    private var joined = 0
    private var owners: [Int32: String] = [:]
    /// Which node each member heard last.
    private var coordinators: [String: Int32] = [:]
    /// By partition: the highest offset that was ever sent, and the last whose commit was
    /// acknowledged, by the coordinator that said so: one that has been replaced and does not know
    /// yet answers reads from what it has.
    private var sent: [Int32: Int64] = [:]
    private var acknowledged: [Int32: [Int32: Int64]] = [:]

    init(_ world: SimulatedWorld, topic: String, partitions: Int32) {
        self.world = world
        self.topic = topic
        self.partitions = partitions
    }

    func start() {
        for _ in 0..<world.options.groupMembers { join() }
        world.repeating(4000) { [self] in churn() }
    }

    private func join() {
        joined += 1
        let member = GroupMember(self, "member-\(joined)")
        members.append(member)
        member.start()
    }

    private func churn() {
        if !members.isEmpty, world.chance(60) {
            let member = members.remove(at: Int(world.draw(0...Int64(members.count - 1))))
            if world.chance(50) { member.crash() } else { member.leave() }
        }
        while members.count < world.options.groupMembers { join() }
    }

    /// Whether each partition has a living owner.
    var isSettled: Bool { world.options.groupMembers == 0 || owners.count == Int(partitions) }
    var state: String {
        isSettled
            ? ""
            : "group: \(owners.count) of \(partitions) partitions have an owner; "
                + members.map(\.state).joined(separator: ", ")
    }

    // MARK: What members tell

    func heard(_ member: String, of node: Int32) { coordinators[member] = node }

    func own(_ partition: Int32, _ member: String) {
        if let other = owners[partition], other != member, !mayBePutOut(other, by: member) {
            world.violation("\(topic)-\(partition) is owned by \(other) and by \(member)")
        }
        owners[partition] = member
    }

    /// Whether a coordinator may have put `other` out while it still listened to the one before,
    /// which had been replaced and did not know yet: where sessions are that short.
    private func mayBePutOut(_ other: String, by member: String) -> Bool {
        world.options.groupSessionMs < 45_000 && coordinators[other] != coordinators[member]
    }

    func release(_ partition: Int32, _ member: String) {
        if owners[partition] == member { owners[partition] = nil }
    }

    /// The next offset to commit for a partition.
    func nextCommit(_ partition: Int32) -> Int64 {
        let next = (sent[partition] ?? 0) + 1
        sent[partition] = next
        return next
    }

    func acknowledge(_ offset: Int64, _ partition: Int32, by node: Int32) {
        world.history.countOperation()
        let before = acknowledged[partition]?[node] ?? 0
        acknowledged[partition, default: [:]][node] = max(before, offset)
    }

    /// The least that a fetch which begins now may find, by who answers it.
    func leastCommitted(_ partition: Int32) -> [Int32: Int64] { acknowledged[partition] ?? [:] }

    func found(_ offset: Int64, _ partition: Int32, atLeast least: Int64) {
        world.history.countOperation()
        // Nothing committed reads as -1.
        guard max(offset, 0) < least || offset > sent[partition] ?? 0 else { return }
        world.violation(
            "\(topic)-\(partition): offset \(offset) is committed; \(least) was acknowledged, "
                + "\(sent[partition] ?? 0) sent")
    }
}

/// A member as KIP-848 wants it: it asks one thing at a time, and gives partitions up before it
/// says so. What it has been told it keeps until it hears otherwise, or has not been heard of for
/// as long as a session lasts.
final class GroupMember {
    private static let group = "group"
    /// How long a coordinator knows of it for certain, in ns: its clock may be too fast, and counts
    /// whole milliseconds.
    private var session: Int64 {
        (world.options.groupSessionMs - 1) * 1_000_000_000
            / (1000 + world.options.changes.driftPermille)
    }

    private unowned let workload: GroupWorkload
    private let name: String
    /// By which coordinators know it. A join without an answer is not asked for again under the
    /// same one: arriving late, it would say that the member has given up what it has got since (so
    /// it would to Kafka).
    private var id: String
    private var joins = 1
    private let client: SimulatedClient
    private var world: SimulatedWorld { workload.world }
    private var epoch: Int32 = 0
    private var owned: [KafkaUUID: [Int32]] = [:]
    /// Partitions whose committed offset it has yet to look at.
    private var fresh: [Int32] = []
    /// Whether the next heartbeat says everything, for an answer was lost; or what it has, for that
    /// has changed.
    private var saysAll = false
    private var saysOwned = false
    private var isGone = false
    /// How often it has given everything up: answers to what it asked before count for nothing.
    private var life = 0
    /// When the last heartbeat that was answered was sent.
    private var heardOf: Int64 = 0

    init(_ workload: GroupWorkload, _ name: String) {
        self.workload = workload
        self.name = name
        id = name
        client = SimulatedClient(workload.world, name)
    }

    var state: String {
        "\(name) epoch \(epoch) has \(owned.values.flatMap { $0 }.sorted())"
    }

    func start() { next() }

    /// Ends without a word.
    func crash() {
        commitLate()
        dropAll()
        isGone = true
    }

    func leave() {
        commitLate()
        dropAll()
        isGone = true
        client.call(
            ConsumerGroupHeartbeatRequest(groupID: Self.group, memberID: id, memberEpoch: -1),
            version: 1, to: .group(Self.group)
        ) { _ in }
    }

    private func next(afterMs delay: Int64? = nil) {
        let delay = delay ?? world.draw(50...400)
        world.scheduler.after(delay * 1_000_000) { [self] in
            guard !isGone else { return }
            if epoch > 0, let partition = fresh.popLast() {
                fetch(partition)
            } else if epoch > 0, world.chance(30), let partition = anyPartition() {
                commit(partition)
            } else {
                beat()
            }
        }
    }

    private func anyPartition() -> Int32? {
        let all = owned.values.flatMap { $0 }.sorted()
        return all.isEmpty ? nil : all[Int(world.draw(0...Int64(all.count - 1)))]
    }

    // MARK: Heartbeats

    private func beat() {
        var request = ConsumerGroupHeartbeatRequest(
            groupID: Self.group, memberID: id, memberEpoch: epoch)
        if epoch == 0 || saysAll {
            request.rebalanceTimeoutMs = 30_000
            request.subscribedTopicNames = [workload.topic]
        }
        if epoch == 0 || saysAll || saysOwned {
            request.topicPartitions = owned.sorted { $0.key < $1.key }.map {
                .init(topicID: $0.key, partitions: $0.value)
            }
        }
        let sentAt = world.scheduler.now
        let asked = life
        let isJoin = epoch == 0
        client.call(request, version: 1, to: .group(Self.group)) { [self] answer in
            guard !isGone else { return }
            guard asked == life, let message = answer?.message else {
                saysAll = true
                if isJoin, epoch == 0 {
                    joins += 1
                    id = "\(name)-\(joins)"
                }
                return next()
            }
            let error = KafkaError(rawValue: message.errorCode) ?? .unknownServerError
            world.trace.note(
                world.scheduler.now,
                "\(name) at node \(answer?.node ?? -1): \(error.name), epoch "
                    + "\(message.memberEpoch), "
                    + "\(message.assignment?.topicPartitions.map(\.partitions) ?? [])")
            switch error {
            // The coordinator may have put it out since.
            case .none where world.scheduler.now >= sentAt + session: dropAll()
            case .none:
                workload.heard(name, of: answer?.node ?? -1)
                take(message, sentAt)
            case .notCoordinator, .coordinatorLoadInProgress, .coordinatorNotAvailable,
                .requestTimedOut:
                // It may have been heard, and what it was given is on record.
                saysAll = true
                client.forgetRoutes()
            case .unknownMemberID, .fencedMemberEpoch, .groupIDNotFound:
                dropAll()
            case let error: world.violation("\(name): heartbeat: \(error.name)")
            }
            next()
        }
    }

    private func take(_ message: ConsumerGroupHeartbeatResponse, _ sentAt: Int64) {
        heardOf = sentAt
        world.scheduler.at(sentAt + session) { [self] in
            // By now the coordinator may have put it out.
            if heardOf == sentAt { dropAll() }
        }
        epoch = message.memberEpoch
        saysAll = false
        saysOwned = false
        guard let assignment = message.assignment else { return }
        var next: [KafkaUUID: [Int32]] = [:]
        for topic in assignment.topicPartitions { next[topic.topicID] = topic.partitions }
        guard next != owned else { return }
        let before = Set(owned.values.flatMap { $0 })
        let after = Set(next.values.flatMap { $0 })
        for partition in before.subtracting(after).sorted() { workload.release(partition, name) }
        for partition in after.subtracting(before).sorted() {
            workload.own(partition, name)
            fresh.append(partition)
        }
        fresh.removeAll { !after.contains($0) }
        owned = next
        saysOwned = true
    }

    private func dropAll() {
        for partition in owned.values.flatMap({ $0 }) { workload.release(partition, name) }
        owned = [:]
        fresh = []
        epoch = 0
        life += 1
    }

    // MARK: Offsets

    private func commit(_ partition: Int32) {
        let offset = workload.nextCommit(partition)
        let request = committing(offset, partition)
        send(request, offset, partition) { [self] in if !isGone { next() } }
    }

    private func committing(_ offset: Int64, _ partition: Int32) -> OffsetCommitRequest {
        OffsetCommitRequest(
            groupID: Self.group, generationIDOrMemberEpoch: epoch, memberID: id,
            topics: [
                .init(
                    name: workload.topic,
                    partitions: [.init(partitionIndex: partition, committedOffset: offset)])
            ])
    }

    private func send(
        _ request: OffsetCommitRequest, _ offset: Int64, _ partition: Int32,
        _ done: @escaping () -> Void
    ) {
        client.call(request, version: 9, to: .group(Self.group)) { [self] answer in
            if let answer, answer.message.topics.first?.partitions.first?.errorCode == 0 {
                workload.acknowledge(offset, partition, by: answer.node)
            }
            done()
        }
    }

    /// What it was about to commit comes when it is gone: it must not take the place of what its
    /// successor has committed.
    private func commitLate() {
        guard world.options.hasOperators, epoch > 0, world.operators.chance(50),
            let partition = owned.values.flatMap({ $0 }).min()
        else { return }
        let offset = workload.nextCommit(partition)
        let request = committing(offset, partition)
        world.inOperatorsTime(ms: 200...9000) { [self] in
            send(request, offset, partition) {}
        }
    }

    private func fetch(_ partition: Int32) {
        let least = workload.leastCommitted(partition)
        let request = OffsetFetchRequest(
            groups: [
                .init(
                    groupID: Self.group, memberID: id, memberEpoch: epoch,
                    topics: [.init(name: workload.topic, partitionIndexes: [partition])])
            ])
        client.call(request, version: 9, to: .group(Self.group)) { [self] answer in
            guard !isGone else { return }
            let group = answer?.message.groups.first
            let found = group?.topics.first?.partitions.first
            if let found, group?.errorCode == 0, found.errorCode == 0 {
                workload.found(
                    found.committedOffset, partition, atLeast: least[answer?.node ?? -1] ?? 0)
            }
            next()
        }
    }
}
