import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore

/// A small answer with something in it.
enum ControllerlessMetadata {
    static func body(version: Int16) -> [UInt8] {
        do {
            return try MetadataResponse(clusterID: version >= 2 ? "c" : nil)
                .encoded(version: version)
        } catch {
            Issue.record("\(error)")
            return []
        }
    }
}

/// The connections of one owner, with a test in the place of the shell and of the other node.
struct ScriptedPeer {
    struct SentRequest {
        let key: APIKey
        let version: Int16
        let correlationID: Int32
    }

    var connections: PeerConnections
    var nowNs: Int64 = 1_000_000_000
    private(set) var current = PeerConnectionID(slot: 0, attempt: 0)
    private(set) var connects = 0
    private(set) var closes = 0
    private(set) var answers: [UInt64: (version: Int16, body: [UInt8])] = [:]
    private(set) var failures: [UInt64: PeerFailure] = [:]
    private var outcomeIDs: [UInt64] = []
    private var sent: [SentRequest] = []

    var now: ClockReading { ClockReading(wallMs: 0, monotonicNs: nowNs) }
    /// All outcomes, sorted: one entry for each.
    var outcomes: [UInt64] { outcomeIDs.sorted() }

    init(_ settings: PeerSettings = PeerSettings()) {
        connections = PeerConnections(settings: settings, random: SplitMix64(seed: 7))
    }

    /// One whose handshake is done.
    static func ready(
        _ settings: PeerSettings = PeerSettings(),
        offering: [APIKey: ClosedRange<Int16>] = [.metadata: 0...13]
    ) throws -> ScriptedPeer {
        var peer = ScriptedPeer(settings)
        peer.submit(1000)
        peer.answerVersions(try peer.connect(), offering)
        for request in peer.takeSent() {
            peer.answer(request, ControllerlessMetadata.body(version: request.version))
        }
        peer.answers = [:]
        peer.failures = [:]
        return peer
    }

    mutating func submit(
        _ id: UInt64, versions: ClosedRange<Int16>? = nil, timeoutMs: Int64 = 30_000
    ) {
        connections.submit(
            PeerRequest(
                id: id, to: PeerEndpoint(host: "other", port: 9092), node: BrokerID(2),
                lane: .control, message: MetadataRequest(), versions: versions,
                timeoutMs: timeoutMs), now: now)
        carryOut()
    }

    /// Lets the connection come about; the question for versions.
    mutating func connect() throws -> SentRequest {
        connections.connected(current)
        carryOut()
        return try #require(takeSent().first)
    }

    mutating func refuse(_ reason: String) { breakOff(reason) }

    mutating func breakOff(_ reason: String) {
        connections.closed(current, reason: reason, now: now)
        carryOut()
    }

    mutating func answerVersions(
        _ question: SentRequest, _ apis: [APIKey: ClosedRange<Int16>]
    ) {
        let response = ApiVersionsResponse(
            apiKeys: apis.map {
                .init(
                    apiKey: $0.key.rawValue, minVersion: $0.value.lowerBound,
                    maxVersion: $0.value.upperBound)
            })
        do {
            answer(question, try response.encoded(version: question.version), headerVersion: 0)
        } catch {
            Issue.record("\(error)")
        }
    }

    mutating func answer(_ request: SentRequest, _ body: [UInt8], headerVersion: Int16? = nil) {
        receive(Self.frame(request, body, headerVersion: headerVersion))
    }

    static func frame(
        _ request: SentRequest, _ body: [UInt8], headerVersion: Int16? = nil
    ) -> [UInt8] {
        let version = headerVersion ?? request.key.responseHeaderVersion(for: request.version)
        var writer = WireWriter()
        writer.write(Int32(4 + Int(version) + body.count))
        writer.write(request.correlationID)
        if version > 0 { writer.write(UInt8(0)) }
        writer.writeRaw(body)
        return writer.toArray()
    }

    mutating func receive(_ bytes: [UInt8]) {
        connections.received(bytes.span.bytes, on: current, now: now)
        carryOut()
    }

    mutating func advance(ms: Int64) {
        nowNs += ms * 1_000_000
        connections.timersDue(now: now)
        carryOut()
    }

    mutating func advanceToDeadline() {
        guard let next = connections.nextDeadline else { return }
        nowNs = max(nowNs, next)
        connections.timersDue(now: now)
        carryOut()
    }

    mutating func takeSent() -> [SentRequest] {
        defer { sent = [] }
        return sent
    }

    mutating func carryOut() {
        for effect in connections.takeEffects() {
            switch effect {
            case .connect(let id, _):
                current = id
                connects += 1
                sent = []
            case .close:
                closes += 1
                sent = []
            case .send(_, let bytes): note(bytes)
            case .outcome(let id, .answered(let version, let body)):
                outcomeIDs.append(id)
                answers[id] = (version, body)
            case .outcome(let id, .failed(let failure)):
                outcomeIDs.append(id)
                failures[id] = failure
            }
        }
    }

    private mutating func note(_ bytes: [UInt8]) {
        do {
            var reader = WireReader(bytes.span.bytes)
            let length = try reader.readInt32()
            #expect(Int(length) == bytes.count - 4)
            let key = try #require(APIKey(rawValue: try reader.readInt16()))
            let version = try reader.readInt16()
            sent.append(
                SentRequest(key: key, version: version, correlationID: try reader.readInt32()))
        } catch {
            Issue.record("\(error)")
        }
    }
}
