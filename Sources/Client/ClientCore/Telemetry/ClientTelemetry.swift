import KafkaProtocol
import KafkaRecords
public import KafkaWire

/// A client's metrics for its cluster (KIP-714): what the cluster has subscribed to, when it is
/// pushed, and who waits for the id that the cluster has given the client.
///
/// States: `unsubscribed` → `asking` → `subscribed` → `pushing` → `subscribed` …, back to
/// `unsubscribed` when the subscription has changed or nothing is asked for, and `over` after the
/// last push or when the cluster wants no more of it.
public struct ClientTelemetry: Sendable {
    /// Between two attempts, where no broker has said otherwise.
    static let defaultInterval = Duration.seconds(300)
    /// However often a broker wants to be told.
    static let shortestInterval = Duration.milliseconds(100)

    enum State: Sendable, Equatable {
        /// A subscription is asked for at that moment, or as soon as a broker can be asked.
        case unsubscribed(askAt: ClientInstant?)
        case asking
        case subscribed(pushAt: ClientInstant)
        case pushing(isLast: Bool)
        case over
    }

    /// What a broker has subscribed to.
    struct Subscription: Sendable, Equatable {
        var id: Int32
        var interval: Duration
        var compression: CompressionType
        var maxBytes: Int
        var isDelta: Bool
        /// Beginnings of the names that are wanted.
        var prefixes: [String]

        func wants(_ name: String) -> Bool { prefixes.contains { name.hasPrefix($0) } }
    }

    private struct Wait {
        var id: UInt64
        var deadline: ClientInstant
    }

    private(set) var state: State
    private(set) var subscription: Subscription?
    private(set) var instanceID: KafkaUUID?
    /// What has been counted so far.
    var ledger: MetricLedger
    /// What the metrics are of (`group_id` and the like).
    var labels: [String: String] = [:]
    /// The node that was last asked; the same one is asked again while it is connected.
    var node: NodeKey?
    private var refused: Set<CompressionType> = []
    private var waits: [Wait] = []
    private var answers: [(id: UInt64, result: Result<KafkaUUID, ClientError>)] = []
    /// Why there will be no id.
    private var failure: ClientError?

    init(_ kind: ClientKind, isEnabled: Bool) {
        state = isEnabled ? .unsubscribed(askAt: nil) : .over
        ledger = MetricLedger(kind)
        if !isEnabled { failure = .invalidState("enable.metrics.push is false") }
    }

    // MARK: What the shell asks

    /// Has `takeAnswers` tell the id that the cluster knows this client by.
    public mutating func waitForInstanceID(_ id: UInt64, until deadline: ClientInstant) {
        if let instanceID {
            answers.append((id, .success(instanceID)))
        } else if let failure {
            answers.append((id, .failure(failure)))
        } else {
            waits.append(Wait(id: id, deadline: deadline))
        }
    }

    /// The ends of waits since the last call.
    public mutating func takeAnswers() -> [(id: UInt64, result: Result<KafkaUUID, ClientError>)] {
        defer { answers = [] }
        return answers
    }

    /// The client is about to end: what has been counted is pushed a last time, if anybody wants
    /// it. Whether there is anything to wait for.
    public mutating func finish(now: ClientInstant) -> Bool {
        endWaits(.closed)
        switch state {
        case .subscribed:
            state = .subscribed(pushAt: now)
            isFinishing = true
            return true
        case .pushing:
            isFinishing = true
            return true
        case .unsubscribed, .asking, .over:
            state = .over
            return false
        }
    }

    /// Whether a last push has not ended.
    public private(set) var isFinishing = false

    // MARK: The clock

    /// What is due; `nil` for nothing.
    func due(_ now: ClientInstant) -> Request? {
        switch state {
        case .unsubscribed(let moment): moment.map { $0 <= now } ?? true ? .subscription : nil
        case .subscribed(let moment): moment <= now ? .push(isLast: isFinishing) : nil
        case .asking, .pushing, .over: nil
        }
    }

    mutating func endLateWaits(_ now: ClientInstant) {
        guard !waits.isEmpty else { return }
        for wait in waits where wait.deadline <= now {
            answers.append((wait.id, .failure(.timedOut("the client's instance id"))))
        }
        waits.removeAll { $0.deadline <= now }
    }

    /// When there is something to do next, if it is not due already.
    func nextWake(after now: ClientInstant) -> ClientInstant? {
        var wake = waits.map(\.deadline).min()
        switch state {
        case .unsubscribed(let moment?), .subscribed(let moment):
            if moment > now { wake = earlier(wake, moment) }
        case .unsubscribed(nil), .asking, .pushing, .over: break
        }
        return wake
    }

    // MARK: Requests and answers

    enum Request: Sendable, Equatable {
        case subscription
        case push(isLast: Bool)
    }

    mutating func begin(_ request: Request, to node: NodeKey) {
        self.node = node
        switch request {
        case .subscription: state = .asking
        case .push(let isLast): state = .pushing(isLast: isLast)
        }
    }

    /// No broker that can be asked serves it; perhaps one does later.
    mutating func isNotServed(_ node: NodeKey, now: ClientInstant) {
        endWaits(.unsupportedRequest(.getTelemetrySubscriptions, broker: "\(node)"))
        pauseOrEnd(Self.defaultInterval, now)
    }

    /// Takes in what a broker subscribes to.
    mutating func take(
        _ answer: GetTelemetrySubscriptionsResponse, pause: Duration, now: ClientInstant,
        using random: inout SplitMix64
    ) {
        guard case .asking = state else { return }
        guard answer.errorCode == 0 else { return refuse(answer.errorCode, pause, now) }
        guard answer.clientInstanceID != .zero else {
            return end(.malformedResponse("GetTelemetrySubscriptions gives no instance id"))
        }
        let accepted = answer.acceptedCompressionTypes.compactMap { CompressionType(rawValue: $0) }
        let told = Duration.milliseconds(Int64(answer.pushIntervalMs))
        let fresh = Subscription(
            id: answer.subscriptionID,
            interval: told <= .zero ? Self.defaultInterval : max(told, Self.shortestInterval),
            compression: accepted.first { !refused.contains($0) } ?? .none,
            maxBytes: answer.telemetryMaxBytes > 0 ? Int(answer.telemetryMaxBytes) : .max,
            isDelta: answer.deltaTemporality,
            // All is wanted under "*" or nothing's name.
            prefixes: answer.requestedMetrics.map { $0 == "*" ? "" : $0 })
        if let subscription, subscription.isDelta != fresh.isDelta { ledger.startAnew(now) }
        subscription = fresh
        ledger.keepsSamples = ledger.keepsSamples || !fresh.prefixes.isEmpty
        instanceID = answer.clientInstanceID
        for wait in waits { answers.append((wait.id, .success(answer.clientInstanceID))) }
        waits = []
        let interval = fresh.interval.wholeNanoseconds
        if fresh.prefixes.isEmpty {
            state = .unsubscribed(askAt: now + .nanoseconds(interval))
        } else {
            // The first push is spread, for many clients may have begun at the same time.
            let spread = Int64.random(in: interval / 2...interval + interval / 2, using: &random)
            state = .subscribed(pushAt: now + .nanoseconds(spread))
        }
    }

    /// Takes in what became of a push.
    mutating func take(_ answer: PushTelemetryResponse, pause: Duration, now: ClientInstant) {
        guard case .pushing(let isLast) = state else { return }
        if isLast { return finished() }
        guard answer.errorCode == 0 else { return refuse(answer.errorCode, pause, now) }
        ledger.pushed()
        state = .subscribed(pushAt: isFinishing ? now : now + interval)
    }

    /// The request has not been answered.
    mutating func failed(now: ClientInstant) {
        node = nil
        switch state {
        case .asking: pauseOrEnd(interval, now)
        case .pushing: state = .subscribed(pushAt: now + interval)
        case .unsubscribed, .subscribed, .over: break
        }
        if isFinishing { finished() }
    }

    private var interval: Duration { subscription?.interval ?? Self.defaultInterval }

    private mutating func refuse(_ code: Int16, _ pause: Duration, _ now: ClientInstant) {
        switch KafkaError(code: code) {
        case .unsupportedCompressionType:
            if let used = subscription?.compression { refused.insert(used) }
            pauseOrEnd(pause, now)
        case .unknownSubscriptionID: pauseOrEnd(pause, now)
        case .telemetryTooLarge, .throttlingQuotaExceeded: pauseOrEnd(interval, now)
        case let error: end(.broker(error, message: "the cluster refuses telemetry"))
        }
    }

    /// Asks for a subscription after a pause.
    private mutating func pauseOrEnd(_ pause: Duration, _ now: ClientInstant) {
        if isFinishing { return finished() }
        state = .unsubscribed(askAt: now + pause)
    }

    private mutating func finished() {
        state = .over
        isFinishing = false
    }

    /// There is no more to it.
    mutating func end(_ error: ClientError) {
        endWaits(error)
        failure = error
        finished()
    }

    private mutating func endWaits(_ error: ClientError) {
        for wait in waits { answers.append((wait.id, .failure(error))) }
        waits = []
    }
}
