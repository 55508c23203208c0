import ClientCore
import KafkaProtocol
import KafkaWire

/// Programs with the production consumer that read a topic as members of one group, end and are
/// followed by others: whoever gets a partition goes on no later than where the group has read to,
/// and in the end all of it is read, and committed.
final class SwiftGroupWorkload {
    fileprivate static let group = "swift-readers"

    private unowned let world: SimulatedWorld
    private let topic: String
    private var members: [SwiftMember] = []
    /// Those that have not told the group yet that they leave.
    private var leaving: [SwiftMember] = []
    private var started = 0
    /// Up to where somebody of the group has read each partition.
    private var read: [Int32: Int64] = [:]
    /// The offset of each partition that the coordinator gave last, once all had healed.
    private var committed: [Int32: Int64] = [:]
    private let client: SimulatedClient

    init(_ world: SimulatedWorld, topic: String) {
        self.world = world
        self.topic = topic
        client = SimulatedClient(world, "swift-offsets")
    }

    func start() {
        for _ in 0..<world.options.clients.members { add() }
        world.repeating(world.options.clients.memberMs) { [weak self] in self?.replaceOne() }
        askCommitted()
    }

    /// Asks now and then what is committed, once all has healed: whoever committed last may have
    /// been killed before it was told.
    private func askCommitted() {
        world.scheduler.after(500_000_000) { [weak self] in
            guard let self else { return }
            guard world.isHealed else { return askCommitted() }
            let request = OffsetFetchRequest(
                groupID: Self.group,
                topics: [
                    .init(
                        name: topic,
                        partitionIndexes: Array(0..<world.options.clients.partitions))
                ])
            client.call(request, version: 7, to: .group(Self.group)) { [weak self] answer in
                guard let self else { return }
                if answer?.message.errorCode != 0 { client.forgetRoutes() }
                for found in answer?.message.topics.first?.partitions ?? []
                where found.errorCode == 0 {
                    committed[found.partitionIndex] = found.committedOffset
                }
                askCommitted()
            }
        }
    }

    /// What the group has not done yet, when its partitions end there.
    func obstacle(ends: [Int32: Int64]) -> String? {
        guard world.options.clients.members > 0 else { return nil }
        for (partition, end) in ends.sorted(by: { $0.key < $1.key }) {
            if read[partition] ?? 0 < end {
                return "Swift readers: \(topic)-\(partition) is read to "
                    + "\(read[partition] ?? 0) of \(end); "
                    + (members.map(\.state) + leaving.map { "leaving: \($0.state)" })
                    .joined(separator: ", ")
            }
            if committed[partition] ?? 0 < end {
                return "Swift readers: of \(topic)-\(partition) \(committed[partition] ?? 0) is "
                    + "committed, \(end) read"
            }
        }
        return nil
    }

    private func add() {
        started += 1
        members.append(SwiftMember(world, self, number: started, topic: topic))
    }

    /// A member leaves, or its program is killed; another comes by and by.
    private func replaceOne() {
        guard let member = world.pick(members) else { return }
        members.removeAll { $0 === member }
        let leaves = world.chance(50)
        world.trace.note(
            world.scheduler.now, "Swift reader \(member.number) \(leaves ? "leaves" : "is killed")")
        if leaves {
            leaving.append(member)
            member.leave()
        } else {
            member.kill()
        }
        world.scheduler.after(world.draw(0...3000) * 1_000_000) { [weak self] in self?.add() }
    }

    fileprivate func left(_ member: SwiftMember) { leaving.removeAll { $0 === member } }

    /// A member has read a record; `isFirst` of the partition since it got it.
    func take(_ record: ConsumerRecord, isFirst: Bool) {
        let key = PartitionKey(topic: record.topic, partition: record.partition)
        let offset = record.offset.rawValue
        let end = read[key.partition] ?? 0
        if isFirst, offset > end {
            world.violation("\(key): a Swift reader begins at \(offset), the group has read \(end)")
        }
        if offset >= end { read[key.partition] = offset + 1 }
        guard let id = RecordID(record.value) else {
            return world.violation("\(key): a Swift reader gets a value nobody wrote at \(offset)")
        }
        if let fault = world.history.see(id, at: offset, of: key) { world.violation(fault) }
        world.history.countOperation()
    }

    func take(committed offsets: [TopicPartition: CommittedOffset]) {
        for (id, committed) in offsets {
            let offset = committed.offset.rawValue
            if offset > read[id.partition] ?? 0 {
                world.violation(
                    "\(id): \(offset) is committed, the group has read \(read[id.partition] ?? 0)")
            }
            world.history.countOperation()
        }
    }
}

/// One program.
private final class SwiftMember {
    let number: Int
    private unowned let world: SimulatedWorld
    private unowned let group: SwiftGroupWorkload
    private let settings: ConsumerSettings
    private var shell: ClientShell<ConsumerCore>!
    /// The offset that must come next of each partition, since it was assigned.
    private var next: [TopicPartition: Int64] = [:]
    private var isWaiting = false

    init(_ world: SimulatedWorld, _ group: SwiftGroupWorkload, number: Int, topic: String) {
        self.world = world
        self.group = group
        self.number = number
        settings = Self.settings(world, number)
        shell = ClientShell(world, settings) { [unowned self] in take($0) }
        shell.subscribe(to: topic, "Swift reader \(number)")
    }

    private static func settings(_ world: SimulatedWorld, _ number: Int) -> ConsumerSettings {
        var settings = ConsumerSettings.simulated(world, "swift-reader-\(number)")
        settings.group = GroupSettings.simulated(world, SwiftGroupWorkload.group)
        return settings
    }

    /// For a report.
    var state: String {
        shell.look { core in
            let group = core.groupMetadata
            return "\(number) (\(group?.memberID ?? "")) in \(group?.generation ?? -1) has "
                + "\(core.assignment)"
        }
    }

    func kill() { shell.stop() }

    /// Leaves in order. The program ends when nothing is left to say to the group.
    func leave() { shell.enter { $0.leave(now: $1) } }

    private func take(_ output: ConsumerCore.Output) {
        switch output {
        case .readable: readSoon()
        case .rebalance(let event, let ticket):
            change(event)
            guard let ticket else { return }
            // A program's own handler takes its time.
            world.scheduler.after(world.draw(0...200) * 1_000_000) { [weak self] in
                self?.shell.enter { $0.finishRebalance(ticket, now: $1) }
            }
        case .hasCommitted(let offsets): group.take(committed: offsets)
        case .committed(_, let error): if let error { commitAgain(error) }
        case .left:
            shell.stop()
            // Not while it is being told.
            world.scheduler.after(0) { [self] in group.left(self) }
        case .offsets, .partitions, .fetched: break
        }
    }

    private func change(_ event: RebalanceEvent) {
        world.trace.note(world.scheduler.now, "Swift reader \(number): \(event)")
        switch event {
        case .assigned(let ids): for id in ids { next[id] = nil }
        case .revoked, .lost: break
        }
    }

    /// Reads what there is, after the time that a program takes for it.
    private func readSoon() {
        guard !isWaiting else { return }
        isWaiting = true
        world.scheduler.after(world.draw(0...20) * 1_000_000) { [weak self] in
            guard let self, !shell.isStopped else { return }
            isWaiting = false
            read()
        }
    }

    private func read() {
        shell.takeErrors("Swift reader \(number)")
        var hasRead = false
        while let chunk = shell.enter({ core, _ in core.takeChunk() }) {
            hasRead = true
            read(chunk)
            shell.enter { core, _ in core.release(chunk) }
        }
        if hasRead, !world.options.clients.commitsAutomatically { commit() }
    }

    private func commit() {
        shell.enter { core, now in
            do throws(ClientError) {
                try core.commit(nil, waiter: 1, now: now)
            } catch {
                world.violation("Swift reader \(number) cannot commit: \(error)")
            }
        }
    }

    /// What could not be committed for now is later, by this member or by whoever reads it again.
    private func commitAgain(_ error: ClientError) {
        world.trace.tell(world.scheduler.now, "Swift reader \(number): \(error)")
        world.scheduler.after(world.draw(100...1000) * 1_000_000) { [weak self] in
            guard let self, !shell.isStopped else { return }
            commit()
        }
    }

    private func read(_ chunk: FetchedChunk) {
        var reader = ChunkReader(chunk, settings)
        do throws(ClientError) {
            while shell.enter({ core, _ in
                core.isCurrent(chunk.partition, generation: chunk.generation)
            }) {
                guard let batch = try reader.next() else { return }
                for record in batch.records { take(record, of: batch.partition) }
                shell.enter { core, _ in
                    core.consumed(
                        batch.partition, generation: batch.generation, to: batch.nextOffset,
                        epoch: batch.leaderEpoch)
                }
            }
        } catch {
            world.violation("Swift reader \(number): \(error)")
        }
    }

    private func take(_ record: ConsumerRecord, of id: TopicPartition) {
        let offset = record.offset.rawValue
        if let expected = next[id], offset != expected {
            world.violation("\(id): Swift reader \(number) gets \(offset) after \(expected - 1)")
        }
        group.take(record, isFirst: next[id] == nil)
        next[id] = offset + 1
    }
}

extension ConsumerSettings {
    /// Those of a consumer in a world; it reads from the beginning.
    static func simulated(_ world: SimulatedWorld, _ clientID: String) -> ConsumerSettings {
        var network = NetworkSettings(bootstrap: ClientShell<ConsumerCore>.bootstrap(world))
        network.clientID = clientID
        network.requestTimeout = .seconds(10)
        var settings = ConsumerSettings(network: network)
        settings.offsetReset = .earliest
        settings.partitionMaxBytes = Int(world.draw(200...20_000))
        settings.bufferBytes = 40_000
        settings.apiTimeout = .seconds(20)
        return settings
    }
}

extension GroupSettings {
    /// Those of a member in a world.
    static func simulated(_ world: SimulatedWorld, _ id: String) -> GroupSettings {
        let plan = world.options.clients
        var settings = GroupSettings(id: id)
        settings.groupProtocol = plan.usesConsumerProtocol ? .consumer : .classic
        settings.sessionTimeout = .milliseconds(world.options.groupSessionMs)
        settings.heartbeatInterval = .milliseconds(world.options.groupSessionMs / 4)
        settings.rebalanceTimeout = .seconds(15)
        settings.commitsAutomatically = plan.commitsAutomatically
        settings.commitInterval = .milliseconds(world.draw(200...3000))
        return settings
    }
}
