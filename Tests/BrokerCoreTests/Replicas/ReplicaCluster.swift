import KafkaProtocol
import KafkaRecords
import KafkaWire
import LogStorage
import Replication
import Testing

@testable import BrokerCore
@testable import ClusterController

/// Several brokers' replicas wired in memory: requests travel as bytes, and every step is one event
/// that a seed chose among those that may come next.
///
/// The controller is the real one, its log a list in the test. Events of one lane keep their order;
/// what belongs to a broker that was killed is dropped.
final class ReplicaCluster {
    static let clusterID = "cluster"

    /// Events of one lane come one after the other.
    enum Lane: Hashable, Comparable {
        case request(from: Int32, to: Int32)
        case answer(from: Int32, to: Int32)
        case flush(Int32)
        case background(Int32)
        case metadata(Int32)
        case controller
    }

    private(set) var brokers: [Int32: ReplicaBroker] = [:]
    private var disks: [Int32: MemoryFileSystem] = [:]
    private(set) var controller: Controller
    private var nextOffset: Int64 = 0
    private var lanes: [Lane: [() throws -> Void]] = [:]
    private var incarnations: [Int32: UInt64] = [:]
    private var calls: [ConnectionID: Call] = [:]
    private var clients: [ConnectionID: ([UInt8]) throws -> Void] = [:]
    private var nextConnection: UInt64 = 1
    var random: SplitMix64
    private(set) var nowMs: Int64 = 0
    let durability: Durability
    /// Lanes that are held up, as by a broken network.
    var isCut: (Lane) -> Bool = { _ in false }
    /// Changes brokers' settings, from their next metadata on.
    var adjust: (inout ReplicationSettings) -> Void = { _ in }
    /// Called after each event.
    var afterEach: () throws -> Void = {}

    /// A request of one broker's loop to another.
    private struct Call {
        let from: Int32
        let to: Int32
        let id: UInt64
        let apiKey: APIKey
        let version: Int16
        let generation: UInt64
    }

    init(seed: UInt64, brokers count: Int32 = 3, durability: Durability = .flushed) throws {
        random = SplitMix64(seed: seed)
        self.durability = durability
        controller = Controller(
            image: .empty,
            settings: ControllerSettings(
                nodeID: 0, clusterID: Self.clusterID,
                supportedFeatures: SupportedFeatures.ranges(allowUnstable: true)))
        try append(
            BootstrapRecords.activation(
                of: BootstrapRecords.records(at: .latestProduction, features: [:])))
        for id in 1...count {
            disks[id] = MemoryFileSystem()
            try start(id)
        }
    }

    var now: ClockReading {
        ClockReading(wallMs: 1_700_000_000_000 + nowMs, monotonicNs: nowMs * 1_000_000)
    }
    func draw(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

    // MARK: The controller

    private func append(_ records: [MetadataRecord]) throws {
        guard !records.isEmpty else { return }
        for record in records { try controller.image.replay([record]) }
        nextOffset += Int64(records.count)
        let image = controller.image
        for id in brokers.keys.sorted() {
            add(.metadata(id), of: id) { [self] broker in
                let wakes = try broker.apply(image)
                broker.loop.woken(wakes, now: now)
            }
        }
    }

    func createTopic(_ name: String, assignments: [[Int32]]) throws {
        var topic = CreateTopicsRequest.CreatableTopic()
        topic.name = name
        topic.numPartitions = -1
        topic.replicationFactor = -1
        topic.configs = [.init(name: "min.insync.replicas", value: "2")]
        topic.assignments = assignments.enumerated().map {
            .init(partitionIndex: Int32($0.offset), brokerIDs: $0.element)
        }
        let decision = controller.createTopics(
            CreateTopicsRequest(topics: [topic]), context: context(7), using: &random)
        #expect(decision.response.topics.first?.errorCode == 0)
        try append(decision.records)
    }

    private func context(_ version: Int16) -> DecisionContext {
        DecisionContext(now: now.wallMs, requestVersion: version)
    }

    func partition(_ topic: String, _ index: Int32 = 0) throws -> PartitionImage {
        try #require(controller.image.topics[topic]?[index])
    }

    /// Moves the leadership to `leader`, whatever the rules would choose.
    func elect(_ leader: Int32, _ topic: String, _ index: Int32 = 0, isr: [Int32]? = nil) throws {
        var record = PartitionChangeRecord(
            partitionID: index, topicID: try #require(controller.image.topics[topic]).id)
        record.leader = leader
        record.isr = isr
        try append([.partitionChangeRecord(record)])
    }

    func reassign(_ topic: String, to replicas: [Int32]) throws {
        let request = AlterPartitionReassignmentsRequest(
            topics: [
                .init(name: topic, partitions: [.init(partitionIndex: 0, replicas: replicas)])
            ])
        try append(controller.alterPartitionReassignments(request).records)
    }

    func fence(_ id: Int32) throws { try append(controller.fenceBroker(id).records) }

    private func decide(_ proposal: IsrProposal, from id: Int32) throws {
        var request = AlterPartitionRequest(
            brokerID: id, brokerEpoch: controller.image.brokers[id]?.epoch ?? -1)
        request.topics = [.init(topicID: proposal.topicID, partitions: [.init(proposal)])]
        let decision = controller.alterPartition(request, context: context(3))
        try append(decision.records)
        add(.answer(from: 0, to: id), of: id) { [self] broker in
            guard let cell = broker.table.topics[proposal.topicID]?[proposal.partition] else {
                return
            }
            let wakes = cell.locked {
                $0.isrAnswered(
                    proposal, IsrAnswer(decision.response, for: proposal),
                    durability: durability)
            }
            broker.loop.woken(wakes, now: now)
        }
    }

    // MARK: Brokers

    /// Starts a broker: registers it, opens what it holds, lets it serve.
    func start(_ id: Int32) throws {
        incarnations[id, default: 0] += 1
        var request = BrokerRegistrationRequest()
        request.brokerID = id
        request.clusterID = Self.clusterID
        request.incarnationID = KafkaUUID(high: UInt64(id), low: incarnations[id] ?? 0)
        request.listeners = [
            .init(name: "PLAINTEXT", host: "host\(id)", port: UInt16(id), securityProtocol: 0)
        ]
        request.features = SupportedFeatures.ranges(allowUnstable: true)
            .sorted { $0.key < $1.key }.map {
                .init(
                    name: $0.key, minSupportedVersion: $0.value.min,
                    maxSupportedVersion: $0.value.max)
            }
        request.rack = "rack\(id)"
        request.logDirs = [KafkaUUID(high: 0xD1, low: UInt64(id))]
        let registration = controller.registerBroker(
            request, context: context(4), newEpoch: nextOffset)
        #expect(registration.response.errorCode == 0)
        try append(registration.records)
        let disk = try #require(disks[id])
        brokers[id] = try ReplicaBroker(
            id: id, on: disk, image: controller.image, durability: durability,
            adjust: { [unowned self] in adjust(&$0) })
        var heartbeat = BrokerHeartbeatRequest()
        heartbeat.brokerID = id
        heartbeat.brokerEpoch = registration.response.brokerEpoch
        heartbeat.currentMetadataOffset = nextOffset
        let sessions = BrokerSessions(image: .empty, timeoutMs: 9000, now: 0)
        try append(controller.heartbeat(heartbeat, sessions: sessions).records)
        try settle(id)
    }

    /// Kills a broker. With `powerCut` its disk loses any legal part of what was not synced.
    func kill(_ id: Int32, powerCut: Bool) throws {
        guard let broker = brokers.removeValue(forKey: id) else { return }
        disks[id] =
            powerCut
            ? broker.fileSystem.afterPowerCut(seed: random.next()) : broker.fileSystem.afterKill()
        for (connection, call) in calls.sorted(by: { $0.key.rawValue < $1.key.rawValue })
        where call.to == id {
            calls[connection] = nil
            fail(call, .closed("killed"))
        }
    }

    private func fail(_ call: Call, _ failure: PeerFailure) {
        add(.answer(from: call.to, to: call.from), of: call.from) { [self] broker in
            broker.loop.peerAnswered(call.id, .failed(failure), now: now)
        }
    }

    /// An event of a broker that lives on until then.
    private func add(
        _ lane: Lane, of id: Int32, _ event: @escaping (ReplicaBroker) throws -> Void
    ) {
        let generation = incarnations[id]
        lanes[lane, default: []].append { [self] in
            guard incarnations[id] == generation, let broker = brokers[id] else { return }
            try event(broker)
            try settle(id)
        }
    }

    // MARK: Running

    /// Runs one event; whether there was one.
    func step() throws -> Bool {
        let open = lanes.keys.filter { lanes[$0]?.isEmpty == false && !isCut($0) }.sorted()
        guard !open.isEmpty else { return try passTime() }
        let lane = open[draw(open.count)]
        let event = lanes[lane]?.removeFirst()
        try event?()
        if draw(4) == 0 { try advance(ms: Int64(draw(5))) }
        try afterEach()
        return true
    }

    func run(_ steps: Int) throws {
        for _ in 0..<steps where try !step() { return }
    }

    /// Runs until `condition` holds.
    func run(
        until condition: () throws -> Bool, within ms: Int64 = 60_000,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let end = nowMs + ms
        while try !condition() {
            guard nowMs < end, try step() else {
                Issue.record(
                    "does not come true: \(state)", sourceLocation: sourceLocation)
                throw Stuck()
            }
        }
    }
    struct Stuck: Error {}

    /// Nothing happens until a timer is due.
    private func passTime() throws -> Bool {
        guard let next = brokers.values.compactMap(\.loop.nextDeadline).min() else {
            try advance(ms: 1000)
            return true
        }
        try advance(ms: max(1, next / 1_000_000 + 1 - nowMs))
        return true
    }

    private var nextCheck: Int64 = 1000
    private func advance(ms: Int64) throws {
        nowMs += ms
        for id in brokers.keys.sorted() {
            brokers[id]?.loop.timersDue(now: now)
            try settle(id)
        }
        guard nowMs >= nextCheck else { return }
        nextCheck = nowMs + 500
        for id in brokers.keys.sorted() { try checkFollowers(of: id) }
    }

    private func checkFollowers(of id: Int32) throws {
        guard let broker = brokers[id] else { return }
        for cell in broker.table.cells {
            let progress = cell.locked {
                $0.checkFollowers(
                    now: nowMs, maxLagMs: 2000, durability: durability,
                    isEligible: { broker.image.brokers[$0.rawValue]?.isActive == true })
            }
            broker.loop.woken(progress.wakes, now: now)
            if let proposal = progress.proposal { propose(proposal, from: id) }
        }
        if draw(3) == 0 {
            try broker.directories.checkpoint(.highWatermark, of: ReplicaBroker.directory)
            try broker.directories.checkpoint(.recoveryPoint, of: ReplicaBroker.directory)
        }
        try settle(id)
    }

    private func propose(_ proposal: IsrProposal, from id: Int32) {
        lanes[.controller, default: []].append { [self] in try decide(proposal, from: id) }
    }

    // MARK: Effects

    private func settle(_ id: Int32) throws {
        guard let broker = brokers[id] else { return }
        while true {
            let effects = broker.loop.takeEffects()
            if effects.isEmpty { return }
            for effect in effects { try carryOut(effect, of: broker) }
        }
    }

    private func carryOut(_ effect: LoopEffect, of broker: ReplicaBroker) throws {
        switch effect {
        case .send(let connection, let response):
            try answered(connection, TestNode.bytes(of: response), by: broker.id)
        case .close(let connection, let reason):
            Issue.record("connection \(connection) closed: \(reason)")
        case .flush(let cell, _): flush(cell, of: broker)
        case .wake(let tickets): broker.loop.woken(tickets, now: now)
        case .background(let job):
            add(.background(broker.id), of: broker.id) { [self] broker in
                let result = job.run()
                #expect(result.failures.isEmpty)
                broker.loop.woken(result.wakes, now: now)
                broker.loop.completed(job.ticket, message: result.message, now: now)
            }
        case .warm(let slices, let ticket):
            for slice in slices { try slice.file.prefetch(at: slice.position, count: slice.count) }
            broker.loop.warmed(ticket)
        case .peer(let request): try send(request, from: broker)
        case .isr(let proposal): propose(proposal, from: broker.id)
        case .brokerDisconnected: break
        case .directoryFailed(let path, let error): Issue.record("\(path): \(error)")
        case .controller, .complete, .reloadCoordinator, .report, .pauseReading, .resumeReading,
            .holding:
            break
        }
    }

    private func flush(_ cell: PartitionCell, of broker: ReplicaBroker) {
        add(.flush(broker.id), of: broker.id) { [self] broker in
            guard let ticket = cell.locked({ $0.beginFlush() }) else { return }
            let result = ticket.run()
            lanes[.flush(broker.id), default: []].insert(
                { [self] in
                    guard brokers[broker.id] === broker else { return }
                    let wakes = try cell.completeFlush(result, durability: durability)
                    broker.loop.woken(wakes, now: now)
                    try settle(broker.id)
                }, at: 0)
        }
    }

    // MARK: Requests

    private func send(_ request: PeerRequest, from broker: ReplicaBroker) throws {
        let target = Int32(request.to.port)
        let version = request.versions.upperBound
        let frame =
            try RequestHeader(
                requestAPIKey: request.apiKey.rawValue, requestAPIVersion: version,
                correlationID: 1, clientID: "broker"
            ).encoded(version: request.apiKey.requestHeaderVersion(for: version))
            + request.message.encoded(version: version)
        let call = Call(
            from: broker.id, to: target, id: request.id, apiKey: request.apiKey, version: version,
            generation: incarnations[broker.id] ?? 0)
        lanes[.request(from: broker.id, to: target), default: []].append { [self] in
            guard brokers[target] != nil else { return fail(call, .unreachable("down")) }
            let connection = newConnection()
            calls[connection] = call
            try deliver(frame, to: target, on: connection)
        }
    }

    private func newConnection() -> ConnectionID {
        defer { nextConnection += 1 }
        return ConnectionID(nextConnection)
    }

    private func deliver(_ frame: [UInt8], to id: Int32, on connection: ConnectionID) throws {
        guard let broker = brokers[id] else { return }
        broker.loop.connected(
            connection, listener: "PLAINTEXT", clientAddress: "test", now: now)
        var bytes = frame
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        broker.loop.received(&raw, on: connection, now: now)
        try settle(id)
    }

    private func answered(_ connection: ConnectionID, _ frame: [UInt8], by id: Int32) throws {
        brokers[id]?.loop.disconnected(connection)
        if let client = clients.removeValue(forKey: connection) { return try client(frame) }
        guard let call = calls.removeValue(forKey: connection),
            incarnations[call.from] == call.generation
        else { return }
        let header = call.apiKey.responseHeaderVersion(for: call.version) == 0 ? 4 : 5
        add(.answer(from: id, to: call.from), of: call.from) { [self] broker in
            broker.loop.peerAnswered(
                call.id,
                .answered(version: call.version, body: Array(frame.dropFirst(header))), now: now)
        }
    }

    /// Sends a client's request; `then` gets the answer's body, unless the broker dies first.
    func send<Request: KafkaRequest>(
        _ request: Request, version: Int16, to id: Int32,
        then: @escaping ([UInt8]) throws -> Void
    ) throws {
        let connection = newConnection()
        let header = Request.apiKey.responseHeaderVersion(for: version) == 0 ? 4 : 5
        clients[connection] = { try then(Array($0.dropFirst(header))) }
        try deliver(
            TestClient.frame(request, version: version, correlation: 1), to: id, on: connection)
    }

    // MARK: Looking

    /// The replica of a broker, which must live.
    func withReplica<R>(
        _ id: Int32, _ topic: String, _ partition: Int32 = 0, _ body: (PartitionReplica) -> R
    ) throws -> R {
        try #require(brokers[id]?.cell(topic, partition)).locked(body)
    }

    /// All batches of a log with their offsets and epochs.
    func batches(_ id: Int32, _ topic: String, _ partition: Int32 = 0) throws -> [Batch] {
        let log = try withReplica(id, topic, partition) { $0.log }
        var found: [Batch] = []
        var offset = log.logStartOffset
        while offset < log.logEndOffset {
            let read = try log.read(
                from: offset, maxBytes: 1 << 20, upTo: log.logEndOffset, atLeastOneBatch: true)
            let bytes = try #require(read.slice).bytes()
            var position = 0
            while position < bytes.count {
                let header = try RecordBatchHeader(bytes.span.bytes, at: position)
                let end = position + header.sizeInBytes
                found.append(
                    Batch(
                        offset: header.baseOffset, epoch: header.partitionLeaderEpoch,
                        bytes: Array(bytes[position..<end])))
                position = end
            }
            offset = read.nextOffset
        }
        return found
    }

    struct Batch: Equatable {
        let offset: Offset
        let epoch: LeaderEpoch
        let bytes: [UInt8]
    }

    /// Where everything stands, for a failure's message.
    var state: String {
        var lines = ["at \(nowMs) ms"]
        for topic in controller.image.topics.sorted {
            for partition in topic.partitions {
                lines.append(
                    "\(topic.name)-\(partition.id) leader \(partition.leader) "
                        + "epoch \(partition.leaderEpoch) isr \(partition.isr)")
                for id in brokers.keys.sorted() {
                    guard let cell = brokers[id]?.cell(topic.name, partition.id) else { continue }
                    lines.append(
                        cell.locked {
                            "  \(id): \($0.role) hw \($0.highWatermark) flushed "
                                + "\($0.log.flushedOffset) end \($0.log.logEndOffset) "
                                + "epoch \($0.log.latestEpoch)"
                        })
                }
            }
        }
        for (lane, events) in lanes.sorted(by: { $0.key < $1.key }) where !events.isEmpty {
            lines.append("  waiting: \(lane) \(events.count)")
        }
        return lines.joined(separator: "\n")
    }
}
