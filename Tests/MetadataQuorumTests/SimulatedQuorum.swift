import KafkaProtocol
import KafkaWire
import LogStorage

@testable import MetadataQuorum

/// Several quorum members on one thread, with a network and disks that obey a seed.
///
/// Each message takes a random time, or is lost; members crash, with or without their unsynced
/// bytes, and come back. Every event is followed by the checks of `QuorumChecks`.
final class SimulatedQuorum {
    /// One node: its disk stays, its member comes and goes.
    final class Node {
        let id: BrokerID
        let directoryID: KafkaUUID
        var disk: MemoryFileSystem
        var member: QuorumReplica?
        /// Counts lives; what was under way for an older one is dropped.
        var life = 0
        let mayVote: Bool
        var autoJoin = false
        var isStatic = false
        /// The state that was last found on disk.
        var lastState: QuorumState?
        /// What the member has given as committed, by offset.
        var applied: [(offset: Offset, text: String)] = []
        var appliedEnd = Offset.zero
        var leadership: (leader: BrokerID?, epoch: LeaderEpoch, isSelf: Bool) = (nil, .none, false)

        init(_ id: Int32, directory: UInt64, mayVote: Bool) {
            self.id = BrokerID(id)
            directoryID = KafkaUUID(high: directory, low: UInt64(id))
            self.mayVote = mayVote
            disk = MemoryFileSystem()
        }
        var endpoint: QuorumEndpoint { QuorumEndpoint(host: "n\(id.rawValue)", port: 9093) }
        var listener: QuorumListener { QuorumListener(name: "CONTROLLER", endpoint: endpoint) }
        var key: MemberKey { MemberKey(id, directoryID) }
    }

    /// What is to happen at some instant.
    private enum Event {
        case request(QuorumRequest, from: BrokerID, life: Int)
        case answer(UInt64, QuorumOutcome, to: BrokerID, life: Int)
    }
    private struct Scheduled {
        var at: Int64
        var sequence: Int
        var event: Event
    }
    /// A request that a member works on.
    private struct Origin {
        var node: BrokerID
        var life: Int
        var id: UInt64
        var version: Int16
        /// Who works on it.
        var by: BrokerID
    }

    private(set) var nodes: [BrokerID: Node] = [:]
    private var random: SplitMix64
    private var queue: [Scheduled] = []
    private var sequence = 0
    private(set) var now: Int64 = 1_000
    private var origins: [QuorumTicket: Origin] = [:]
    private var nextTicket: UInt64 = 1
    /// Answers to requests of no node.
    private(set) var clientAnswers: [QuorumTicket: any KafkaResponse] = [:]
    /// Probability in percent that a message is lost.
    var lossPercent = 0
    /// Longest way of a message, in ms.
    var longestDelay: Int64 = 5
    /// Nodes that reach only each other; the rest reaches the rest.
    var island: Set<BrokerID> = []
    var checks = QuorumChecks()
    var failures: [String] = []
    /// What all say that they can do of the quorum's protocol.
    var kraftVersions: ClosedRange<Int16> = 0...1
    /// Timeouts and sizes for all members.
    var tune: (inout QuorumSettings) -> Void = { _ in }

    static let clusterID = "cluster"
    static let logDirectory = "/meta"

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    func pick(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &random) }
    func chance(_ percent: Int) -> Bool { pick(0...99) < Int64(percent) }
    func element<Element>(of elements: [Element]) -> Element? {
        elements.randomElement(using: &random)
    }
    private func seed() -> UInt64 { random.next() }

    var sorted: [Node] { nodes.values.sorted { $0.id < $1.id } }
    var running: [Node] { sorted.filter { $0.member != nil } }
    var leader: Node? {
        running.filter { $0.member?.isActiveLeader == true }
            .max { $0.member?.epoch ?? .none < $1.member?.epoch ?? .none }
    }

    // MARK: Nodes

    /// Makes a node with a formatted disk.
    @discardableResult
    func add(
        _ id: Int32, directory: UInt64 = 7, mayVote: Bool = true, autoJoin: Bool = false
    ) throws -> Node {
        let node = Node(id, directory: directory, mayVote: mayVote)
        node.autoJoin = autoJoin
        nodes[node.id] = node
        try node.disk.createDirectory(Self.logDirectory)
        try node.disk.syncDirectory("/")
        return node
    }

    /// Formats nodes with these voters (kraft.version 1).
    func format(_ voters: [Node], others: [Node] = []) throws {
        for node in voters + others {
            let contents = SnapshotContents(
                kraftVersion: KRaftVersionRecord(kRaftVersion: 1),
                voters: voters.contains { $0 === node }
                    ? VoterSet(voters.map { Voter(key: $0.key, listeners: [$0.listener]) }).record
                    : nil)
            let directory = "\(Self.logDirectory)/\(QuorumReplica.topicPartition)"
            try node.disk.createDirectory(directory)
            try node.disk.syncDirectory(Self.logDirectory)
            try node.disk.replaceFile(
                "\(directory)/\(SnapshotID(endOffset: .zero, epoch: LeaderEpoch(0)).fileName)",
                with: try contents.encoded(epoch: LeaderEpoch(0), now: 0) { _ in 0 },
                syncingDirectory: directory)
        }
    }

    private func settings(_ node: Node) -> QuorumSettings {
        var settings = QuorumSettings(
            bootstrap: sorted.filter(\.mayVote).map(\.endpoint),
            listeners: node.mayVote ? [node.listener] : [], listenerName: "CONTROLLER",
            mayVote: node.mayVote)
        settings.autoJoin = node.autoJoin
        if node.isStatic {
            settings.bootstrap = []
            settings.staticVoters = VoterSet(
                sorted.filter { $0.mayVote && $0.isStatic }.map {
                    Voter(key: MemberKey($0.id), listeners: [$0.listener])
                })
        }
        // Logs are cleaned as soon as may be.
        settings.retentionBytes = 0
        tune(&settings)
        return settings
    }

    func start(_ node: Node) throws {
        node.life += 1
        node.applied = []
        node.appliedEnd = .zero
        let member = try QuorumReplica(
            logDirectory: Self.logDirectory, nodeID: node.id, directoryID: node.directoryID,
            clusterID: Self.clusterID, settings: settings(node), fileSystem: node.disk,
            random: SplitMix64(seed: seed()), now: time)
        node.member = member
        try member.start(now: time)
        try carry(node)
    }

    func startAll() throws { for node in sorted { try start(node) } }

    /// Ends a member as a crash does; with a power cut also what was not synced.
    func crash(_ node: Node, losingPower: Bool) {
        node.member = nil
        node.life += 1
        node.lastState = nil
        // Its connections break.
        for (ticket, origin) in origins.sorted(by: { $0.key.rawValue < $1.key.rawValue })
        where origin.by == node.id {
            origins[ticket] = nil
            schedule(
                .answer(origin.id, .failed("closed"), to: origin.node, life: origin.life), in: 1)
        }
        node.disk = losingPower ? node.disk.afterPowerCut(seed: seed()) : node.disk.afterKill()
    }

    var time: QuorumTime { QuorumTime(monotonic: now, wall: now + 1_000_000) }

    // MARK: Events

    private func schedule(_ event: Event, in delay: Int64) {
        sequence += 1
        let item = Scheduled(at: now + delay, sequence: sequence, event: event)
        let index = queue.firstIndex { ($0.at, $0.sequence) > (item.at, item.sequence) }
        queue.insert(item, at: index ?? queue.endIndex)
    }

    private func reaches(_ a: BrokerID, _ b: BrokerID) -> Bool {
        island.contains(a) == island.contains(b)
    }

    /// Carries out what a member wants done.
    private func carry(_ node: Node) throws {
        guard let member = node.member else { return }
        for effect in member.takeEffects() {
            switch effect {
            case .send(let request): send(request, from: node)
            case .answer(let ticket, let answer): try deliver(answer, to: ticket, from: node)
            case .installed(let id, let contents):
                checks.installed(id, names(contents.records), on: node)
                node.applied = []
                node.appliedEnd = id.endOffset
            case .committed(let batches):
                for batch in batches { checks.committed(batch, on: node) }
            case .leadership(let leader, let epoch, let isSelf):
                node.leadership = (leader, epoch, isSelf)
                if isSelf { checks.leads(node.id, epoch) }
            case .failed(let reason): failures.append("node \(node.id.rawValue): \(reason)")
            case .report: break
            }
        }
        checks.state(of: member, on: node)
    }

    func names(_ records: [MetadataRecord]) -> [String] {
        records.compactMap { if case .topicRecord(let topic) = $0 { topic.name } else { nil } }
    }

    private func send(_ request: QuorumRequest, from node: Node) {
        if let target = sorted.first(where: { $0.endpoint == request.endpoint }),
            target.member != nil
        {
            if reaches(node.id, target.id) && !chance(lossPercent) {
                return schedule(
                    .request(request, from: node.id, life: node.life), in: pick(0...longestDelay))
            }
            // Lost on a path that is not known to be broken: only the clock tells.
            return schedule(
                .answer(request.id, .failed("timed out"), to: node.id, life: node.life),
                in: request.timeoutMs)
        }
        schedule(
            .answer(request.id, .failed("refused"), to: node.id, life: node.life),
            in: pick(0...longestDelay))
    }

    private func deliver(
        _ answer: any KafkaResponse, to ticket: QuorumTicket, from node: Node
    ) throws {
        guard let origin = origins.removeValue(forKey: ticket) else {
            clientAnswers[ticket] = answer
            return
        }
        let body = try answer.encoded(version: origin.version)
        let isLost = !reaches(node.id, origin.node) || chance(lossPercent)
        schedule(
            .answer(
                origin.id,
                isLost ? .failed("lost") : .answered(version: origin.version, body: body),
                to: origin.node, life: origin.life),
            in: isLost ? 2_000 : pick(0...longestDelay))
    }

    private func handle(_ event: Event) throws {
        switch event {
        case .request(let request, let from, let life):
            guard let target = sorted.first(where: { $0.endpoint == request.endpoint }),
                let member = target.member
            else {
                return schedule(
                    .answer(request.id, .failed("closed"), to: from, life: life), in: 1)
            }
            let version = request.versions.upperBound
            if request.apiKey == .apiVersions {
                let answer = ApiVersionsResponse(
                    supportedFeatures: [
                        .init(
                            name: "kraft.version", minVersion: kraftVersions.lowerBound,
                            maxVersion: kraftVersions.upperBound)
                    ])
                let body = try answer.encoded(version: version)
                return schedule(
                    .answer(
                        request.id, .answered(version: version, body: body), to: from, life: life),
                    in: 1)
            }
            // Over the wire, so that fields that a version lacks are missing.
            let body = try request.message.encoded(version: version)
            let ticket = newTicket()
            origins[ticket] = Origin(
                node: from, life: life, id: request.id, version: version,
                by: target.id)
            member.receive(
                try QuorumMessage(request.apiKey, body, version: version), version: version,
                ticket: ticket, now: time)
            try carry(target)
        case .answer(let id, let outcome, let to, let life):
            guard let node = nodes[to], node.life == life, let member = node.member else { return }
            member.answered(id, outcome, now: time)
            try carry(node)
        }
    }

    private func newTicket() -> QuorumTicket {
        defer { nextTicket += 1 }
        return QuorumTicket(nextTicket)
    }

    /// Gives a request of a client to a node; the answer is found among `clientAnswers`.
    func ask(_ message: QuorumMessage, version: Int16, of node: Node) throws -> QuorumTicket {
        let ticket = newTicket()
        node.member?.receive(message, version: version, ticket: ticket, now: time)
        try carry(node)
        return ticket
    }

    /// Appends a topic on the leader; its offset, or `nil` when it does not lead.
    @discardableResult
    func append(_ name: String, on node: Node) throws -> Offset? {
        guard let member = node.member, member.isActiveLeader else { return nil }
        let record = MetadataRecord.topicRecord(
            TopicRecord(name: name, topicID: KafkaUUID(high: 1, low: 2)))
        let offset: Offset
        do {
            offset = try member.append([record], now: time) { _ in 0 }
        } catch QuorumError.notLeader {
            return nil
        }
        try carry(node)
        return offset
    }

    func resign(_ node: Node) throws {
        node.member?.resign(now: time)
        try carry(node)
    }

    func raiseKRaftVersion(on node: Node) throws {
        try node.member?.raiseKRaftVersion(now: time)
        try carry(node)
    }

    func snapshot(_ node: Node) throws {
        guard let member = node.member, node.appliedEnd > .zero else { return }
        let records = checks.names(below: node.appliedEnd).map {
            MetadataRecord.topicRecord(
                TopicRecord(name: $0, topicID: KafkaUUID(high: 1, low: 2)))
        }
        try member.writeSnapshot(of: records, upTo: node.appliedEnd, now: time) { _ in 0 }
    }

    /// Each member in a few words.
    var summary: String {
        running.compactMap { node in
            node.member.map {
                "\(node.id.rawValue) \($0.role.name) of \($0.state.leaderID) in "
                    + "\($0.epoch.rawValue), \($0.highWatermark.rawValue)/\($0.endOffset.rawValue)"
                    + ", voters \($0.voters.ids.map(\.rawValue))"
            }
        }.joined(separator: "; ")
    }

    /// Events that beget events, and no time passes.
    struct Stalled: Error { var roles: [String] }

    /// Lets time pass.
    func run(ms: Int64, until isDone: () -> Bool = { false }) throws {
        let end = now + ms
        var steps = 0
        while now < end, !isDone() {
            let next = min(queue.first?.at ?? end, deadline ?? end, end)
            steps = next > now ? 0 : steps + 1
            if steps > 10_000 { throw Stalled(roles: running.compactMap { $0.member?.role.name }) }
            now = max(now, next)
            if let first = queue.first, first.at <= now {
                queue.removeFirst()
                try handle(first.event)
                continue
            }
            var didTick = false
            for node in running {
                guard let due = node.member?.nextDeadline, due <= now else { continue }
                node.member?.tick(now: time)
                try carry(node)
                didTick = true
            }
            if !didTick, next == end { now = end }
        }
    }

    private var deadline: Int64? { running.compactMap { $0.member?.nextDeadline }.min() }
}

extension QuorumRole {
    fileprivate var name: String {
        switch self {
        case .unattached: "unattached"
        case .follower: "follower"
        case .prospective: "prospective"
        case .candidate: "candidate"
        case .leader: "leader"
        case .resigned: "resigned"
        }
    }
}

extension QuorumMessage {
    /// Reads a request as it came over the wire.
    init(_ key: APIKey, _ body: [UInt8], version: Int16) throws {
        switch key {
        case .vote: self = .vote(try VoteRequest(decoding: body, version: version))
        case .beginQuorumEpoch:
            self = .beginQuorumEpoch(
                try BeginQuorumEpochRequest(decoding: body, version: version))
        case .endQuorumEpoch:
            self = .endQuorumEpoch(try EndQuorumEpochRequest(decoding: body, version: version))
        case .fetch: self = .fetch(try FetchRequest(decoding: body, version: version))
        case .fetchSnapshot:
            self = .fetchSnapshot(try FetchSnapshotRequest(decoding: body, version: version))
        case .addRaftVoter:
            self = .addRaftVoter(try AddRaftVoterRequest(decoding: body, version: version))
        case .removeRaftVoter:
            self = .removeRaftVoter(try RemoveRaftVoterRequest(decoding: body, version: version))
        case .updateRaftVoter:
            self = .updateRaftVoter(try UpdateRaftVoterRequest(decoding: body, version: version))
        default: throw WireError.badValue("\(key) is no request of the quorum")
        }
    }
}
