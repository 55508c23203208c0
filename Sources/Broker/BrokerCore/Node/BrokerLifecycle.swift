import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage

/// Where this broker stands with the controller.
///
/// `unregistered` → (BrokerRegistration is answered) `registered` → (the metadata here have the
/// registration; then I/O threads have opened the partitions) `serving` → (`leave`) `leaving` →
/// (the controller lets it go) `gone`. From `registered` on, heartbeats keep the session; they ask
/// to be unfenced from `serving` on.
struct BrokerLifecycle {
    enum Stage { case unregistered, registered, serving, leaving, gone }

    var stage = Stage.unregistered
    /// The epoch of the registration; -1 before it.
    var epoch: Int64 = -1
    let incarnationID: KafkaUUID
    /// What the log directories hold, until it is opened.
    var plans: [LogDirectoryPlan]
    /// The epoch at which an earlier process stopped cleanly.
    let previousEpoch: Int64?
    /// A request is on its way.
    var isAsking = false
    /// When to ask next, in monotonic ms.
    var nextAttempt: Int64
    /// When not to be registered becomes a failure.
    let registrationDeadline: Int64
    let heartbeatMs: Int64
    /// What the last heartbeat was refused with, to tell the operator once.
    var refusal = KafkaError.none

    /// What to wait after a request that was not answered as hoped.
    static let retryMs: Int64 = 100
    /// How often a broker asks that wants to go.
    static let leavingMs: Int64 = 50

    init(
        incarnationID: KafkaUUID, plans: [LogDirectoryPlan], configuredDirectories: Int,
        _ controller: Controller, now: Int64
    ) {
        func number(_ key: String, _ byDefault: Int64) -> Int64 {
            controller.effectiveBrokerConfig(key).flatMap { Int64($0) } ?? byDefault
        }
        self.incarnationID = incarnationID
        self.plans = plans
        previousEpoch = LogDirectoryLoader.provenBrokerEpoch(
            plans, configuredDirectories: configuredDirectories)
        nextAttempt = now
        registrationDeadline = now + number("initial.broker.registration.timeout.ms", 60_000)
        heartbeatMs = number("broker.heartbeat.interval.ms", 2000)
    }

    /// When the lifecycle goes on by itself.
    /// When a heartbeat was last answered, in monotonic ms.
    var heardMs = Int64.min
    var nextAction: Int64 { isAsking || stage == .gone ? .max : nextAttempt }

    mutating func retry(after ms: Int64 = retryMs, now: Int64) {
        nextAttempt = now + ms
    }
}

extension NodeController {
    /// Takes the next step of this broker's life, if one is due.
    func stepLifecycle(now: Int64) -> Bool {
        guard options.isBroker, !lifecycle.isAsking else { return false }
        switch lifecycle.stage {
        case .gone: return false
        case .registered where stepOpening(now: now): return true
        case .unregistered, .registered, .serving, .leaving: break
        }
        guard now >= lifecycle.nextAttempt else { return false }
        guard knowsController else {
            lifecycle.retry(now: now)
            return false
        }
        lifecycle.isAsking = true
        if lifecycle.stage == .unregistered { register() } else { sendHeartbeat() }
        return true
    }

    /// Opens the partitions once the metadata are known, and serves once they are open.
    private func stepOpening(now: Int64) -> Bool {
        guard ownRegistration?.epoch == lifecycle.epoch else { return false }
        if !holdsPartitions {
            let plans = lifecycle.plans
            lifecycle.plans = []
            openPartitions(plans)
            return true
        }
        guard hasOpenedPartitions, logWork.isEmpty else { return false }
        lifecycle.stage = .serving
        effects.serves = true
        lifecycle.nextAttempt = now
        return true
    }

    // MARK: Registration

    /// Registers this process as a broker, fenced; its epoch is the registration's offset.
    private func register() {
        var request = BrokerRegistrationRequest()
        request.brokerID = options.nodeID.rawValue
        request.clusterID = controller.settings.clusterID
        request.incarnationID = lifecycle.incarnationID
        request.listeners = options.listeners.map {
            .init(
                name: $0.name, host: $0.host, port: $0.port, securityProtocol: $0.securityProtocol)
        }
        request.features = supportedFeatures.map {
            .init(name: $0.name, minSupportedVersion: $0.min, maxSupportedVersion: $0.max)
        }
        request.rack = options.rack
        request.logDirs = directories.online.compactMap(\.id).sorted()
        request.previousBrokerEpoch = lifecycle.previousEpoch ?? -1
        ask(request) { [unowned self] result in
            lifecycle.isAsking = false
            let now = clock().monotonicMs
            switch result {
            case .success(let response) where response.errorCode == 0:
                lifecycle.epoch = response.brokerEpoch
                lifecycle.stage = .registered
                lifecycle.nextAttempt = now
            case .success(let response):
                registrationFailed(KafkaError(code: response.errorCode), now)
            case .failure(let error): registrationFailed(error, now)
            }
        }
    }

    private func registrationFailed(_ error: KafkaError, _ now: Int64) {
        let isFinal: Bool =
            switch error {
            case .inconsistentClusterID, .invalidRegistration, .unsupportedVersion,
                .clusterAuthorizationFailed:
                true
            default: now >= lifecycle.registrationDeadline
            }
        sometimes(.registrationRetried, when: !isFinal)
        if isFinal { return end("could not register the broker: \(error.name)") }
        lifecycle.retry(now: now)
    }

    // MARK: Heartbeats

    private func sendHeartbeat() {
        var request = BrokerHeartbeatRequest()
        request.brokerID = options.nodeID.rawValue
        request.brokerEpoch = lifecycle.epoch
        request.currentMetadataOffset = committedEnd.rawValue - 1
        // What failed is told before leadership may come.
        let isFirstTold = duties.tellsDirectories && ownRegistration?.isFenced ?? true
        request.wantFence = lifecycle.stage == .registered || isFirstTold
        request.wantShutDown = lifecycle.stage == .leaving
        request.offlineLogDirs = duties.lostDirectories
        if duties.cordons {
            request.cordonedLogDirs =
                directories.all.filter(\.isCordoned).compactMap(\.id).sorted()
        }
        let told = duties.directoryChanges
        ask(request) { [unowned self] result in
            lifecycle.isAsking = false
            let now = clock().monotonicMs
            switch result {
            case .success(let response) where response.errorCode == 0:
                lifecycle.refusal = .none
                lifecycle.heardMs = now
                duties.toldDirectoryChanges = told
                heartbeatAnswered(response, now)
                if isFirstTold { lifecycle.nextAttempt = now }
            case .success(let response): heartbeatRefused(KafkaError(code: response.errorCode), now)
            case .failure: lifecycle.retry(now: now)
            }
        }
    }

    private func heartbeatAnswered(_ response: BrokerHeartbeatResponse, _ now: Int64) {
        guard lifecycle.stage == .leaving else {
            return lifecycle.retry(after: lifecycle.heartbeatMs, now: now)
        }
        if response.shouldShutDown {
            hasHandedOver()
        } else {
            lifecycle.retry(after: BrokerLifecycle.leavingMs, now: now)
        }
    }

    private func heartbeatRefused(_ error: KafkaError, _ now: Int64) {
        if lifecycle.refusal != error {
            surroundings.report("the controller refuses this broker's heartbeats: \(error.name)")
        }
        sometimes(.heartbeatRefused)
        lifecycle.refusal = error
        lifecycle.retry(after: lifecycle.heartbeatMs, now: now)
    }

    // MARK: Leaving

    /// Asks the controller to take over what this broker leads, then gives up being the controller;
    /// `hasLeft` tells when that is done.
    public func leave() {
        switch lifecycle.stage {
        case .registered, .serving:
            lifecycle.stage = .leaving
            lifecycle.nextAttempt = clock().monotonicMs
            settle()
        case .unregistered:
            hasHandedOver()
            settle()
        case .leaving, .gone: break
        }
    }

    /// When a controller last answered this broker's heartbeats, in monotonic ms.
    public var lastHeardMs: Int64 { lifecycle.heardMs }

    /// Nothing is led here any more; somebody else is to be the controller.
    private func hasHandedOver() {
        lifecycle.stage = .gone
        if quorum.voters.count > 1 { quorum.resign(now: quorumTime) }
    }

    /// A broker that leaves may go once all others know that it leads nothing: they say so at once.
    func noteLeaving(_ delta: MetadataDelta) {
        let isLeaving = delta.brokers.contains {
            controller.image.brokers[$0]?.inControlledShutdown == true
        }
        guard isLeaving, lifecycle.stage == .serving else { return }
        lifecycle.nextAttempt = clock().monotonicMs
    }

    /// Whether nothing is left that this broker leads, and another controller knows that it may
    /// take over; or nobody is there to be told.
    public var hasLeft: Bool {
        (lifecycle.stage == .gone && !quorum.isResigning) || failure != nil
    }
}

/// The registration of this process as a controller (KIP-919).
struct ControllerLifecycle {
    let incarnationID: KafkaUUID
    /// A request is on its way.
    var isAsking = false
    /// When to ask next, in monotonic ms; nothing before it is known to be missing.
    var nextAttempt = Int64.min
    /// The last answer was not as hoped.
    var isRetrying = false

    init(incarnationID: KafkaUUID) { self.incarnationID = incarnationID }

    var nextAction: Int64 { isRetrying && !isAsking ? nextAttempt : .max }
}

extension NodeController {
    /// Registers this process as a controller where the metadata do not have it.
    func stepControllerRegistration(now: Int64) -> Bool {
        guard options.isController, !registration.isAsking, now >= registration.nextAttempt,
            knowsController, controller.image.metadataVersion.supportsControllerRegistration,
            controller.image.controllers[options.nodeID.rawValue]?.incarnationID
                != registration.incarnationID
        else { return false }
        registration.isAsking = true
        var request = ControllerRegistrationRequest()
        request.controllerID = options.nodeID.rawValue
        request.incarnationID = registration.incarnationID
        let listener = options.controllerListener
        request.listeners = [
            .init(
                name: listener.name, host: listener.host, port: listener.port,
                securityProtocol: listener.securityProtocol)
        ]
        request.features = supportedFeatures.map {
            .init(name: $0.name, minSupportedVersion: $0.min, maxSupportedVersion: $0.max)
        }
        ask(request) { [unowned self] result in
            registration.isAsking = false
            // Where it succeeded, the metadata will say so.
            registration.nextAttempt = clock().monotonicMs + BrokerLifecycle.retryMs
            registration.isRetrying = (try? result.get())?.errorCode != KafkaError.none.rawValue
        }
        return true
    }
}
