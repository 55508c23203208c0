import KafkaProtocol
import KafkaWire

/// What a coordinator keeps: `KeyType` of FindCoordinator.
enum CoordinatorKind: Int8, Sendable {
    case group = 0
    case transaction = 1
}

/// The broker that coordinates a group or a transactional id, as far as it is known.
struct CoordinatorLookup: Sendable {
    let key: String
    let kind: CoordinatorKind
    private(set) var broker: BrokerID?
    private var isFinding = false
    private var failures = 0
    /// No question before this moment.
    private(set) var notBefore: ClientInstant?

    init(_ key: String, _ kind: CoordinatorKind) {
        self.key = key
        self.kind = kind
    }

    /// It is elsewhere, or not to be reached: it is found anew.
    mutating func forget() { broker = nil }

    /// The coordinator, once it is ready for a request; else does what gets it ready. The answer
    /// to a question that is sent comes under `tag`, and goes to `take`.
    mutating func ready<Tag>(
        _ network: inout Network<Tag>, _ tag: Tag, now: ClientInstant
    ) -> NodeKey? {
        if let broker {
            let key = NodeKey.coordinator(broker)
            if network.isReady(key, now: now) { return key }
            if network.isFailing(key) { forget() }
            return nil
        }
        guard !isFinding, notBefore.map({ $0 <= now }) ?? true,
            let node = network.anyReady(now: now),
            let version = network.version(of: .findCoordinator, node)
        else { return nil }
        let request =
            version >= 4
            ? FindCoordinatorRequest(keyType: kind.rawValue, coordinatorKeys: [key])
            : FindCoordinatorRequest(key: key, keyType: kind.rawValue)
        isFinding = true
        network.send(request, version: version, to: node, tag, now: now)
        return nil
    }

    /// Takes in the answer. What may pass is tried again after a pause.
    ///
    /// - Throws: what does not pass.
    mutating func take<Tag>(
        _ completion: Completion<Tag>, _ network: inout Network<Tag>, now: ClientInstant
    ) throws(ClientError) {
        isFinding = false
        do throws(ClientError) {
            let found = try Self.place(
                try network.answer(completion, FindCoordinatorRequest.self, now))
            network.learnCoordinator(found.id, at: found.address, now: now)
            broker = found.id
            failures = 0
            notBefore = nil
        } catch {
            guard error.isRetriable else { throw error }
            failures += 1
            notBefore = now + network.retryPause(failures)
        }
    }

    private static func place(
        _ answer: FindCoordinatorResponse
    ) throws(ClientError) -> (id: BrokerID, address: BrokerAddress) {
        try ClientError.check(answer.errorCode, answer.errorMessage)
        var found = (node: answer.nodeID, host: answer.host, port: answer.port)
        if let one = answer.coordinators.first {
            try ClientError.check(one.errorCode, one.errorMessage)
            found = (one.nodeID, one.host, one.port)
        }
        guard let port = UInt16(exactly: found.port), port > 0, found.node >= 0 else {
            throw .broker(.coordinatorNotAvailable, message: nil)
        }
        return (BrokerID(found.node), BrokerAddress(host: found.host, port: port))
    }
}

extension Network {
    /// What to wait before a request is sent again, after so many failures in a row.
    mutating func retryPause(_ failures: Int) -> Duration {
        NetworkSettings.backoff(
            settings.retryBackoff, settings.retryBackoffMax, failures: failures, using: &random)
    }
}

extension ClientError {
    /// Whether the coordinator is elsewhere, or could not be reached.
    var losesCoordinator: Bool {
        switch kafkaError {
        case .notCoordinator, .coordinatorNotAvailable: return true
        default: if case .disconnected = self { return true } else { return false }
        }
    }
}
