import KafkaProtocol
import KafkaWire
import LogStorage
import MetadataQuorum
import Testing

@testable import BrokerCore

/// Several whole nodes on one thread, under one clock; requests go from node to node at once, as
/// the bytes that they are.
final class TestCluster {
    let clock = VirtualClock()
    private(set) var nodes: [Int32: TestNode] = [:]
    private var disks: [Int32: MemoryFileSystem] = [:]
    private var lines: [LineID: Line] = [:]
    private let voters: [Int32]
    private let customize: (Int32, inout NodeOptions) -> Void
    private var starts: UInt64 = 0
    /// The first request of each API on each lane, in the order in which they were sent: header
    /// and body.
    private(set) var firstRequests: [(name: String, version: Int16, bytes: [UInt8])] = []
    /// Nodes that no request reaches, nor any from them another node.
    var isolated: Set<Int32> = []

    fileprivate struct LineID: Hashable {
        let from: Int32
        let loop: Int32?
        let to: PeerEndpoint
        let lane: PeerLane
    }
    /// A connection of one node to another, with the requests that are not answered.
    fileprivate struct Line {
        let client: TestClient
        let target: Int32
        var sent: [(loop: Int32?, request: PeerRequest, version: Int16)] = []
    }

    /// - Parameter nodes: all of them; those up to `voters` are controllers too.
    init(
        nodes count: Int32 = 3, voters: Int32 = 3,
        customize: @escaping (Int32, inout NodeOptions) -> Void = { _, _ in }
    ) throws {
        self.voters = Array(1...voters)
        self.customize = customize
        var random = SplitMix64(seed: 7)
        for id in 1...count {
            let disk = MemoryFileSystem()
            try disk.createDirectory("/data")
            var ensemble = MetaPropertiesEnsemble.load(
                directories: ["/data"], metadataDirectory: "/data", from: disk)
            ensemble.complete(
                clusterID: "cluster-under-test--w", nodeID: BrokerID(id), in: disk, using: &random)
            disks[id] = disk
        }
        for id in 1...count { try start(id) }
    }

    subscript(_ id: Int32) -> TestNode {
        guard let node = nodes[id] else { preconditionFailure("node \(id) is down") }
        return node
    }

    // MARK: Processes

    func start(_ id: Int32) throws {
        guard let disk = disks[id] else { preconditionFailure("there is no node \(id)") }
        starts += 1
        nodes[id] = try TestNode(on: disk, clock: clock, seed: starts) { options in
            options.nodeID = BrokerID(id)
            options.listeners = [.init(name: "PLAINTEXT", host: "node-\(id)", port: 9092)]
            options.controllerListener = .init(name: "CONTROLLER", host: "node-\(id)", port: 9093)
            options.isController = voters.contains(id)
            options.quorum = QuorumSettings(
                staticVoters: VoterSet(voters.map { Self.voter($0) }),
                listeners: options.isController ? [Self.listener(id)] : [],
                listenerName: "CONTROLLER", mayVote: options.isController)
            customize(id, &options)
        }
    }

    private static func listener(_ id: Int32) -> QuorumListener {
        QuorumListener(
            name: "CONTROLLER", endpoint: QuorumEndpoint(host: "node-\(id)", port: 9093))
    }
    private static func voter(_ id: Int32) -> Voter {
        Voter(key: MemberKey(BrokerID(id)), listeners: [listener(id)])
    }

    /// The process is gone at once, and its connections with it.
    func kill(_ id: Int32) {
        guard let node = nodes.removeValue(forKey: id) else { return }
        disks[id] = node.fileSystem.afterKill()
        for (key, line) in lines.sorted(by: {
            $0.value.client.id.rawValue < $1.value.client.id.rawValue
        })
        where key.from == id || line.target == id {
            lines[key] = nil
            if line.target != id {
                line.client.disconnect()
            } else {
                for sent in line.sent {
                    nodes[key.from]?.answerPeer(
                        (sent.loop, sent.request), .failed(.closed("killed")))
                }
            }
        }
    }

    // MARK: Time

    /// Lets things happen until `condition` holds.
    func run(
        ms limit: Int64 = 30_000, until condition: () throws -> Bool,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        var passed: Int64 = 0
        while true {
            try exchange()
            if try condition() { return }
            guard passed < limit else { break }
            clock.advance(ms: 5)
            passed += 5
            for id in nodes.keys.sorted() { nodes[id]?.runTimers() }
        }
        let told = nodes.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.reports.all)" }
        Issue.record(
            "nothing came of it within \(limit) ms: \(told)", sourceLocation: sourceLocation)
        throw Unmet()
    }

    private struct Unmet: Error {}

    /// Carries requests and answers until nothing is under way.
    private func exchange() throws {
        var isQuiet = false
        while !isQuiet {
            isQuiet = true
            for id in nodes.keys.sorted() {
                for sent in nodes[id]?.takePeerRequests() ?? [] {
                    isQuiet = false
                    try carry(sent, from: id)
                }
            }
            for key in lines.keys.sorted(by: { lines[$0]?.order ?? 0 < lines[$1]?.order ?? 0 }) {
                while try answer(key) { isQuiet = false }
            }
        }
    }

    private func carry(_ sent: (loop: Int32?, request: PeerRequest), from id: Int32) throws {
        let request = sent.request
        let target = Int32(request.to.host.dropFirst(5)) ?? 0
        guard !isolated.contains(id), !isolated.contains(target) else {
            nodes[id]?.answerPeer(sent, .failed(.unreachable("cut off")))
            return
        }
        guard let node = nodes[target] else {
            nodes[id]?.answerPeer(sent, .failed(.refused("down")))
            return
        }
        let key = LineID(from: id, loop: sent.loop, to: request.to, lane: request.lane)
        if lines[key] == nil {
            let isController = request.to.port == 9093
            lines[key] = Line(
                client: node.connect(
                    listener: isController ? "CONTROLLER" : "PLAINTEXT",
                    serves: isController ? .controller : .broker), target: target)
        }
        let versions = request.apiKey.validVersions.clamped(to: request.versions)
        lines[key]?.sent.append((sent.loop, request, versions.upperBound))
        let frame = try Self.frame(request, version: versions.upperBound)
        note(request, frame, version: versions.upperBound)
        lines[key]?.client.send(raw: frame)
    }

    /// The first request of each kind.
    private func note(_ request: PeerRequest, _ frame: [UInt8], version: Int16) {
        let name = "\(request.apiKey.name) \(request.lane)"
        guard !firstRequests.contains(where: { $0.name == name }) else { return }
        firstRequests.append((name, version, frame))
    }

    private static func frame(_ request: PeerRequest, version: Int16) throws -> [UInt8] {
        let header = RequestHeader(
            requestAPIKey: request.apiKey.rawValue, requestAPIVersion: version, correlationID: 1,
            clientID: "peer")
        return try header.encoded(version: request.apiKey.requestHeaderVersion(for: version))
            + request.message.encoded(version: version)
    }

    private func answer(_ key: LineID) throws -> Bool {
        guard let line = lines[key], let node = nodes[line.target],
            let frame = node.takeAnswer(line.client.id)
        else { return false }
        guard let sent = lines[key]?.sent.removeFirst() else { return false }
        if isolated.contains(key.from) || isolated.contains(line.target) {
            nodes[key.from]?.answerPeer((sent.loop, sent.request), .failed(.closed("cut off")))
            return true
        }
        let header = sent.request.apiKey.responseHeaderVersion(for: sent.version)
        let body = Array(frame.dropFirst(header == 0 ? 4 : 5))
        nodes[key.from]?.answerPeer(
            (sent.loop, sent.request), .answered(version: sent.version, body: body))
        return true
    }

    // MARK: What to expect

    /// The node whose controller is active, if it is exactly one.
    var active: Int32? {
        let all = nodes.filter { $0.value.controller.active != nil }.keys.sorted()
        return all.count == 1 ? all[0] : nil
    }

    /// Waits until every node that runs serves as a broker.
    func runUntilServing(
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try run(
            until: {
                let ids = nodes.filter { $0.value.options.isBroker }.keys
                return nodes.values.allSatisfy { node in
                    ids.allSatisfy { node.view.image.brokers[$0]?.isActive == true }
                }
            }, sourceLocation: sourceLocation)
    }

    /// Sends a request to a node and waits for the answer.
    func ask<Request: KafkaRequest>(
        _ id: Int32, _ request: Request, controller: Bool = false, version: Int16? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Request.Response {
        let client = self[id].connect(
            listener: controller ? "CONTROLLER" : "PLAINTEXT",
            serves: controller ? .controller : .broker)
        let version = version ?? Request.apiKey.validVersions.upperBound
        try client.send(request, version: version)
        var answer: Request.Response?
        try run(
            until: {
                answer = try client.receive(Request.Response.self, version: version)?.message
                return answer != nil
            }, sourceLocation: sourceLocation)
        client.disconnect()
        return try #require(answer, sourceLocation: sourceLocation)
    }
}

extension TestCluster.Line {
    fileprivate var order: UInt64 { client.id.rawValue * 64 + UInt64(target) }
}
