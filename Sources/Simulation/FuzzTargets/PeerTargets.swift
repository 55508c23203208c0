import BrokerCore
import KafkaProtocol
import KafkaWire

/// The connections of a node to others, which accept, break off and say what the input says.
///
/// Each step begins with a byte that chooses it. Every request has one outcome in the end, and
/// nothing is sent on a connection that is not there.
let peerTargets = [FuzzTarget("peer-connection", fuzzPeers)]

private func fuzzPeers(_ bytes: RawSpan) {
    var input = FuzzInput(bytes)
    var run = PeerRun()
    for _ in 0..<64 where !input.isAtEnd { run.step(&input) }
    run.end()
}

private struct PeerRun {
    /// A frame that was sent and has no answer.
    private struct Sent {
        var on: PeerConnectionID
        var apiKey: APIKey
        var version: Int16
        var correlationID: Int32
    }
    private var connections: PeerConnections
    private var now = ClockReading(wallMs: 0, monotonicNs: 1)
    private var open: [PeerConnectionID] = []
    private var begun: [PeerConnectionID] = []
    private var sent: [Sent] = []
    private var waiting: Set<UInt64> = []
    private var nextID: UInt64 = 0

    init() {
        var settings = PeerSettings()
        settings.frameBytes = 4096
        settings.maxInFlight = 3
        settings.maxWaiting = 6
        connections = PeerConnections(settings: settings, random: SplitMix64(seed: 1))
    }

    mutating func step(_ input: inout FuzzInput) {
        switch input.byte() % 8 {
        case 0, 1: submit(lane: Int32(input.byte() % 2))
        case 2: pass(ms: Int64(input.short()))
        case 3: connect()
        case 4:
            guard let id = input.pick(begun + open, or: nil) else { return }
            hangUp(id)
        case 5:
            guard let id = input.pick(open, or: nil) else { return }
            receive(input.piece(), on: id)
        default: answer(&input)
        }
        carryOut()
    }

    private mutating func submit(lane: Int32) {
        nextID += 1
        waiting.insert(nextID)
        connections.submit(
            PeerRequest(
                id: nextID, to: PeerEndpoint(host: "other", port: 9), node: BrokerID(2),
                lane: .replica(lane), message: MetadataRequest(), timeoutMs: 1000), now: now)
    }

    private mutating func pass(ms: Int64) {
        now = ClockReading(wallMs: 0, monotonicNs: now.monotonicNs + ms * 1_000_000)
        connections.timersDue(now: now)
    }

    private mutating func connect() {
        guard !begun.isEmpty else { return }
        let id = begun.removeFirst()
        open.append(id)
        connections.connected(id)
    }

    private mutating func hangUp(_ id: PeerConnectionID) {
        forget(id)
        connections.closed(id, reason: "x", wasRefused: true, now: now)
    }

    private mutating func forget(_ id: PeerConnectionID) {
        begun.removeAll { $0 == id }
        open.removeAll { $0 == id }
        sent.removeAll { $0.on == id }
    }

    private mutating func receive(_ bytes: [UInt8], on id: PeerConnectionID) {
        bytes.withSpan { connections.received($0, on: id, now: now) }
    }

    /// The oldest frame of a connection is answered: as it should be, or with a piece for a body.
    private mutating func answer(_ input: inout FuzzInput) {
        guard !sent.isEmpty else { return }
        let frame = sent.removeFirst()
        var body = input.byte() % 4 == 0 ? input.piece() : []
        if body.isEmpty, frame.apiKey == .apiVersions {
            let known = [APIKey.metadata, .apiVersions].map {
                ApiVersionsResponse.ApiVersion(
                    apiKey: $0.rawValue, minVersion: 0, maxVersion: Int16(input.byte() % 16))
            }
            body = (try? ApiVersionsResponse(apiKeys: known).encoded(version: frame.version)) ?? []
        }
        var writer = WireWriter()
        writer.write(frame.correlationID)
        if frame.apiKey.responseHeaderVersion(for: frame.version) > 0 { writer.write(UInt8(0)) }
        writer.writeRaw(body)
        let payload = writer.toArray()
        var framed = WireWriter()
        framed.write(Int32(payload.count))
        framed.writeRaw(payload)
        let whole = framed.toArray()
        // In two parts: an answer may come in any.
        let cut = Int(input.byte()) % whole.count
        receive(Array(whole[..<cut]), on: frame.on)
        receive(Array(whole[cut...]), on: frame.on)
    }

    private mutating func carryOut() {
        var effects = connections.takeEffects()
        while !effects.isEmpty {
            for effect in effects {
                switch effect {
                case .connect(let id, _): begun.append(id)
                case .close(let id): forget(id)
                case .send(let id, let bytes): note(bytes, on: id)
                case .outcome(let id, _):
                    require(waiting.remove(id) != nil, "request \(id) has two outcomes")
                }
            }
            effects = connections.takeEffects()
        }
    }

    private mutating func note(_ bytes: [UInt8], on id: PeerConnectionID) {
        require(open.contains(id), "bytes go to a connection that is not there")
        bytes.withSpan { span in
            do throws(WireError) {
                var reader = WireReader(span)
                let count = try reader.readInt32()
                require(Int(count) == bytes.count - 4, "a frame of another length")
                guard let key = APIKey(rawValue: try reader.readInt16()) else {
                    return require(false, "a request of no API")
                }
                sent.append(
                    Sent(
                        on: id, apiKey: key, version: try reader.readInt16(),
                        correlationID: try reader.readInt32()))
            } catch {
                require(false, "a request of ours cannot be read: \(error)")
            }
        }
    }

    /// All hang up and time passes: nothing waits any longer.
    mutating func end() {
        for _ in 0..<20 {
            for id in begun + open { hangUp(id) }
            pass(ms: 20_000)
            carryOut()
        }
        require(waiting.isEmpty, "requests without an outcome: \(waiting.sorted())")
    }
}

extension FuzzInput {
    fileprivate mutating func pick<T>(_ choices: [T], or none: T?) -> T? {
        choices.isEmpty ? none : pick(choices)
    }
}
