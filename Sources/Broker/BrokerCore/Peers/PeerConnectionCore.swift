import KafkaProtocol
import KafkaWire

/// One lane to one node, connected or not: events and the time go in, effects come out.
///
/// States: `idle` → (a request) `connecting` → `asking` for versions → `ready`. Whatever fails
/// leads to `resting`, and from there, once the back-off is over, to `connecting` when requests
/// wait, else to `idle`. Requests are sent in order once `ready`, and answers come in that order. A
/// connection that cannot be made, or breaks, fails all requests of the lane at once; those that
/// come while it rests wait for the next attempt. An answer that is late ends the connection: it is
/// stuck, and what comes after would wait behind it.
struct PeerConnectionCore {
    private enum State {
        case idle, connecting, asking, ready
        case resting(until: Int64)
    }

    private struct Sent {
        /// `nil` for the question for versions.
        let request: PeerRequest?
        let apiKey: APIKey
        let version: Int16
        let correlationID: Int32
        let deadline: Int64
    }

    private struct Waiting {
        let request: PeerRequest
        let deadline: Int64
    }

    let endpoint: PeerEndpoint
    private let slot: UInt64
    private let settings: PeerSettings
    private var random: SplitMix64
    private var state = State.idle
    private var attempt: UInt64 = 0
    private var setupDeadline = Int64.max
    private var failures = 0
    private var versions: [Int16: ClosedRange<Int16>] = [:]
    private var waiting: [Waiting] = []
    private var sent: [Sent] = []
    private var nextCorrelationID: Int32 = 0
    private var reader: PeerAnswerReader
    private var effects: [PeerEffect] = []

    init(slot: UInt64, endpoint: PeerEndpoint, settings: PeerSettings, random: SplitMix64) {
        self.slot = slot
        self.endpoint = endpoint
        self.settings = settings
        self.random = random
        reader = PeerAnswerReader(limit: settings.frameBytes)
    }

    private var id: PeerConnectionID { PeerConnectionID(slot: slot, attempt: attempt) }

    /// Nothing is connected and nothing to be remembered.
    var isIdle: Bool {
        if case .idle = state { return waiting.isEmpty }
        return false
    }

    mutating func takeEffects() -> [PeerEffect] {
        defer { effects.removeAll(keepingCapacity: true) }
        return effects
    }

    /// The instant (monotonic ns) at which `timersDue` has something to do.
    var nextDeadline: Int64? {
        var next = Int64.max
        switch state {
        case .resting(let until): next = until
        case .connecting, .asking: next = setupDeadline
        case .idle, .ready: break
        }
        for entry in waiting { next = min(next, entry.deadline) }
        for entry in sent { next = min(next, entry.deadline) }
        return next == .max ? nil : next
    }

    // MARK: Events

    /// Takes in a request.
    mutating func submit(_ request: PeerRequest, now: ClockReading) {
        guard waiting.count < settings.maxWaiting else {
            return fail(request, .unreachable("\(waiting.count) requests wait already"))
        }
        waiting.append(
            Waiting(request: request, deadline: now.deadline(afterMs: request.timeoutMs)))
        switch state {
        case .idle: connect(now)
        case .ready: sendWaiting()
        case .connecting, .asking, .resting: break
        }
    }

    /// The connection is there.
    mutating func connected(_ id: PeerConnectionID) {
        guard id == self.id, case .connecting = state else { return }
        state = .asking
        askVersions(APIKey.apiVersions.validVersions.upperBound)
    }

    /// The connection could not be made, or has ended.
    mutating func closed(
        _ id: PeerConnectionID, reason: String, wasRefused: Bool = false, now: ClockReading
    ) {
        guard id == self.id else { return }
        switch state {
        case .idle, .resting: return
        case .ready where sent.isEmpty && waiting.isEmpty: state = .idle
        case .connecting, .asking, .ready: lose(reason, wasRefused: wasRefused, now)
        }
    }

    mutating func received(_ bytes: RawSpan, on id: PeerConnectionID, now: ClockReading) {
        guard id == self.id else { return }
        switch state {
        case .idle, .connecting, .resting: return
        case .asking, .ready: break
        }
        // The reader is out of `self` while it runs: what it hands out changes `self`.
        var reader = self.reader
        self.reader = PeerAnswerReader(limit: settings.frameBytes)
        var bodies: [[UInt8]] = []
        var expected = reader.isWithinAnswer ? sent.dropFirst() : sent[...]
        var fault: PeerAnswerReader.Fault?
        do throws(PeerAnswerReader.Fault) {
            try reader.add(
                bytes,
                header: { correlationID in
                    guard let first = expected.first, first.correlationID == correlationID else {
                        return nil
                    }
                    expected.removeFirst()
                    return first.apiKey.responseHeaderVersion(for: first.version)
                },
                answer: { body in
                    bodies.append(body)
                    return true
                })
        } catch {
            fault = error
        }
        self.reader = reader
        for body in bodies {
            guard id == self.id, !sent.isEmpty else { return }
            take(body, for: sent.removeFirst(), now)
        }
        if let fault, id == self.id { giveUp(fault.reason, now) }
        if case .ready = state { sendWaiting() }
    }

    /// Does what is due.
    mutating func timersDue(now: ClockReading) {
        let instant = now.monotonicNs
        let late = waiting.filter { $0.deadline <= instant }
        if !late.isEmpty {
            sometimes(.peerRequestExpires)
            waiting.removeAll { $0.deadline <= instant }
            for entry in late { fail(entry.request, .timedOut) }
        }
        if sent.contains(where: { $0.deadline <= instant }) {
            sometimes(.peerAnswersLate)
            for entry in sent where entry.deadline <= instant {
                if let request = entry.request { fail(request, .timedOut) }
            }
            sent.removeAll { $0.deadline <= instant }
            return giveUp("an answer did not come in time", now)
        }
        switch state {
        case .resting(let until) where until <= instant:
            state = .idle
            if !waiting.isEmpty { connect(now) }
        case .connecting, .asking:
            guard setupDeadline <= instant else { return }
            giveUp("no connection within \(settings.setupTimeoutMs) ms", now)
        case .resting, .idle, .ready: break
        }
    }

    // MARK: Connecting

    private mutating func connect(_ now: ClockReading) {
        attempt += 1
        state = .connecting
        setupDeadline = now.deadline(afterMs: settings.setupTimeoutMs)
        reader = PeerAnswerReader(limit: settings.frameBytes)
        versions = [:]
        effects.append(.connect(id, endpoint))
    }

    private mutating func askVersions(_ version: Int16) {
        do throws(WireError) {
            try send(
                ApiVersionsRequest.ofThisNode, of: .apiVersions, version, for: nil,
                deadline: setupDeadline)
        } catch {
            preconditionFailure("ApiVersions \(version) cannot be encoded: \(error)")
        }
    }

    private mutating func takeVersions(_ body: [UInt8], _ version: Int16, _ now: ClockReading) {
        do throws(WireError) {
            // A node of an older Kafka answers in version 0, with the versions that it knows.
            let isRefusal =
                body.count >= 2
                && Int16(body[0]) << 8 | Int16(body[1]) == KafkaError.unsupportedVersion.rawValue
            let answer = try ApiVersionsResponse(decoding: body, version: isRefusal ? 0 : version)
            if isRefusal, version > 0 {
                let known = answer.apiKeys.first { $0.apiKey == APIKey.apiVersions.rawValue }
                return askVersions(max(0, min(known?.maxVersion ?? 0, version - 1)))
            }
            guard answer.errorCode == KafkaError.none.rawValue else {
                return giveUp("ApiVersions answered error \(answer.errorCode)", now)
            }
            for api in answer.apiKeys where api.minVersion <= api.maxVersion {
                versions[api.apiKey] = api.minVersion...api.maxVersion
            }
            failures = 0
            setupDeadline = .max
            state = .ready
        } catch {
            giveUp("a malformed answer to ApiVersions: \(error)", now)
        }
    }

    // MARK: Sending and answers

    private mutating func sendWaiting() {
        guard !waiting.isEmpty, sent.count < settings.maxInFlight else { return }
        var taken = 0
        while taken < waiting.count, sent.count < settings.maxInFlight {
            let entry = waiting[taken]
            taken += 1
            let request = entry.request
            guard let known = versions[request.apiKey.rawValue],
                known.overlaps(request.versions)
            else {
                fail(request, .unsupportedVersion)
                continue
            }
            let version = min(known.upperBound, request.versions.upperBound)
            do throws(WireError) {
                try send(
                    request.message, of: request.apiKey, version, for: request,
                    deadline: entry.deadline)
            } catch {
                fail(request, .malformed("\(request.apiKey.name) \(version): \(error)"))
            }
        }
        waiting.removeFirst(taken)
    }

    private mutating func send(
        _ message: any KafkaMessage, of apiKey: APIKey, _ version: Int16,
        for request: PeerRequest?, deadline: Int64
    ) throws(WireError) {
        let correlationID = nextCorrelationID
        var writer = WireWriter(capacity: 256)
        writer.write(Int32(0))
        try RequestHeader(
            requestAPIKey: apiKey.rawValue, requestAPIVersion: version,
            correlationID: correlationID, clientID: settings.clientID
        ).encode(to: &writer, version: apiKey.requestHeaderVersion(for: version))
        try message.encode(to: &writer, version: version)
        writer.patch(Int32(writer.count - 4), at: 0)
        nextCorrelationID &+= 1
        sent.append(
            Sent(
                request: request, apiKey: apiKey, version: version, correlationID: correlationID,
                deadline: deadline))
        effects.append(.send(id, writer.toArray()))
    }

    private mutating func take(_ body: [UInt8], for entry: Sent, _ now: ClockReading) {
        if let request = entry.request {
            effects.append(.outcome(request.id, .answered(version: entry.version, body: body)))
        } else {
            takeVersions(body, entry.version, now)
        }
    }

    // MARK: Failing

    private mutating func fail(_ request: PeerRequest, _ failure: PeerFailure) {
        effects.append(.outcome(request.id, .failed(failure)))
    }

    /// Ends a connection that cannot be used.
    private mutating func giveUp(_ reason: String, _ now: ClockReading) {
        effects.append(.close(id))
        lose(reason, now)
    }

    /// The connection is no more: rests, and fails what it had.
    private mutating func lose(
        _ reason: String, wasRefused: Bool = false, _ now: ClockReading
    ) {
        sometimes(.peerLost)
        let wasReady = if case .ready = state { true } else { false }
        let limit = min(
            settings.backoffMaxMs, settings.backoffMs << Int64(min(failures, 16)))
        failures += 1
        // Between half and all of it: nodes that lost the same one must not come back at once.
        let restMs = limit / 2 + Int64.random(in: 0...max(0, limit - limit / 2), using: &random)
        state = .resting(until: now.deadline(afterMs: restMs))
        setupDeadline = .max
        attempt += 1
        let lost = sent.compactMap(\.request)
        let unsent = waiting.map(\.request)
        sent = []
        waiting = []
        sometimes(.peerLostWithRequests, when: !lost.isEmpty)
        for request in lost { fail(request, .closed("\(endpoint): \(reason)")) }
        let text = "\(endpoint): \(reason)"
        let failure: PeerFailure =
            wasReady ? .closed(text) : wasRefused ? .refused(text) : .unreachable(text)
        for request in unsent { fail(request, failure) }
    }
}

extension ApiVersionsRequest {
    /// What this node asks others with.
    static var ofThisNode: ApiVersionsRequest {
        ApiVersionsRequest(clientSoftwareName: "martlet", clientSoftwareVersion: "4.4.0")
    }
}
