import KafkaProtocol
import KafkaRecords
import KafkaWire

/// A client with a connection to each node that it needs: finds out who leads a partition or
/// coordinates a group, encodes requests as any client would, and learns the answer, or that there
/// will be none.
final class SimulatedClient {
    /// Whom a request is for.
    enum Destination: Hashable {
        case anyone
        case node(Int32)
        case leader(PartitionKey)
        case group(String)
        case transaction(String)
    }

    /// A decoded answer, and the bytes that its record fields lie in.
    struct Answer<Message> {
        var message: Message
        var body: [UInt8]
        /// Who gave it.
        var node: Int32
    }

    let world: SimulatedWorld
    let name: String
    private var sessions: [Int32: ClientSession] = [:]
    private var routes: [Destination: Int32] = [:]
    /// The newest leader epoch that was heard of, by partition: what a node says that does not know
    /// of it yet is not believed (KIP-320).
    private var leaderEpochs: [PartitionKey: Int32] = [:]
    /// Requests that wait for a route, by destination, in order.
    private var lookups: [Destination: [(Int32?) -> Void]] = [:]
    private var nextCorrelation: Int32 = 1
    /// Requests without an answer, of all connections.
    private(set) var inFlight = 0

    /// How long a client waits for an answer before it gives the connection up, in ns.
    private static let requestTimeout: Int64 = 10_000_000_000

    init(_ world: SimulatedWorld, _ name: String) {
        self.world = world
        self.name = name
        world.add(self)
    }

    /// The world has ended: lets go of what still waits.
    func end() {
        for session in sessions.values { session.letGo() }
        sessions = [:]
        lookups = [:]
    }

    /// Sends a request; `done` gets `nil` when no answer will come (it may have had its effect).
    func call<Request: KafkaRequest>(
        _ request: Request, version: Int16, to destination: Destination = .anyone,
        _ done: @escaping (Answer<Request.Response>?) -> Void
    ) {
        inFlight += 1
        route(destination) { [self] node in
            guard let node else {
                world.scheduler.after(world.latency()) { [self] in
                    inFlight -= 1
                    done(nil)
                }
                return
            }
            send(request, version, to: node) { [self] answer in
                if answer == nil { forgetRoutes() }
                inFlight -= 1
                done(answer)
            }
        }
    }

    /// What was believed about leaders and coordinators has turned out to be wrong.
    func forgetRoutes() { routes = [:] }

    // MARK: Routes

    private func route(_ destination: Destination, _ then: @escaping (Int32?) -> Void) {
        if case .anyone = destination { return then(world.pick(world.options.topology.brokers)) }
        if case .node(let id) = destination { return then(id) }
        // Nothing overtakes what waits.
        if lookups[destination] == nil, let node = routes[destination] { return then(node) }
        let isFirst = lookups[destination] == nil
        lookups[destination, default: []].append(then)
        if isFirst { look(destination) }
    }

    private func look(_ destination: Destination) {
        switch destination {
        case .anyone, .node: break
        case .leader(let key): lookForLeaders(of: key.topic, destination)
        case .group(let id): lookForCoordinator(0, id, destination)
        case .transaction(let id): lookForCoordinator(1, id, destination)
        }
    }

    private func found(_ destination: Destination) {
        let node = routes[destination]
        for then in lookups.removeValue(forKey: destination) ?? [] { then(node) }
    }

    /// The epoch of the newest leader it has heard of, by which a broker knows that either of the
    /// two is behind (KIP-320); -1 for none.
    func leaderEpoch(of key: PartitionKey) -> Int32 { leaderEpochs[key] ?? -1 }

    /// Who leads no more says who does now (KIP-951); another one that was replaced need not know.
    func heard(of leaderEpoch: Int32, of key: PartitionKey) {
        leaderEpochs[key] = max(leaderEpoch, leaderEpochs[key] ?? 0)
    }

    private func lookForLeaders(of topic: String, _ destination: Destination) {
        let request = MetadataRequest(topics: [.init(name: topic)], allowAutoTopicCreation: false)
        ask(request, version: 11) { [self] message in
            for partition in message?.topics.first?.partitions ?? [] where partition.leaderID >= 0 {
                let key = PartitionKey(topic: topic, partition: partition.partitionIndex)
                guard partition.leaderEpoch >= leaderEpochs[key] ?? 0 else { continue }
                leaderEpochs[key] = partition.leaderEpoch
                routes[.leader(key)] = partition.leaderID
            }
            found(destination)
        }
    }

    private func lookForCoordinator(_ type: Int8, _ id: String, _ destination: Destination) {
        let request = FindCoordinatorRequest(keyType: type, coordinatorKeys: [id])
        ask(request, version: 4) { [self] message in
            if let coordinator = message?.coordinators.first, coordinator.errorCode == 0 {
                routes[destination] = coordinator.nodeID
            }
            found(destination)
        }
    }

    private func ask<Request: KafkaRequest>(
        _ request: Request, version: Int16, _ done: @escaping (Request.Response?) -> Void
    ) {
        guard let node = world.pick(world.options.topology.brokers) else { return done(nil) }
        send(request, version, to: node) { done($0?.message) }
    }

    // MARK: Requests

    private func send<Request: KafkaRequest>(
        _ request: Request, _ version: Int16, to node: Int32,
        _ done: @escaping (Answer<Request.Response>?) -> Void
    ) {
        let correlation = nextCorrelation
        nextCorrelation += 1
        let session = connected(to: node)
        session.send(encode(request, version, correlation), correlation) { [self] frame in
            done(frame.flatMap { decode($0, Request.Response.self, version, node) })
        }
        world.scheduler.after(Self.requestTimeout) { [self] in
            guard session.isWaiting(for: correlation) else { return }
            world.trace.note(world.scheduler.now, "\(name) gives up waiting for node \(node)")
            session.close()
        }
    }

    private func connected(to node: Int32) -> ClientSession {
        if let session = sessions[node], session.isOpen { return session }
        let fresh = ClientSession(world, name, node)
        sessions[node] = fresh
        return fresh
    }

    private func encode<Request: KafkaRequest>(
        _ request: Request, _ version: Int16, _ correlation: Int32
    ) -> [UInt8] {
        let header = RequestHeader(
            requestAPIKey: Request.apiKey.rawValue, requestAPIVersion: version,
            correlationID: correlation, clientID: name)
        do throws(WireError) {
            return try header.encoded(version: Request.apiKey.requestHeaderVersion(for: version))
                + request.encoded(version: version)
        } catch {
            preconditionFailure("a workload built a request that has no encoding: \(error)")
        }
    }

    private func decode<Response: KafkaResponse>(
        _ frame: [UInt8], _: Response.Type, _ version: Int16, _ node: Int32
    ) -> Answer<Response>? {
        let size = Response.apiKey.responseHeaderVersion(for: version) == 0 ? 4 : 5
        let body = Array(frame.dropFirst(size))
        do throws(WireError) {
            return Answer(
                message: try Response(decoding: body, version: version), body: body, node: node)
        } catch {
            world.violation("\(name): malformed \(Response.apiKey.name) answer: \(error)")
            return nil
        }
    }

    /// The records of a field of an answer; a violation when they cannot be read.
    func records<Message>(_ field: RecordsField, of answer: Answer<Message>) -> [Record] {
        guard case .inFrame(let range) = field else { return [] }
        do throws(BatchError) {
            let bytes = Array(answer.body[range])
            // Bytes have no padding.
            let span = unsafe bytes.span.bytes
            var records: [Record] = []
            var batches = BatchIterator(span)
            while let batch = try batches.next() {
                let bytes = span.extracting(batch.range)
                try RecordBatchHeader.verifyCRC(bytes, header: batch.header)
                if batch.header.isControl { continue }
                records += try BatchReader.records(bytes, limit: 16 << 20)
            }
            return records
        } catch {
            world.violation("\(name): records that cannot be read: \(error)")
            return []
        }
    }
}
