import KafkaWire

/// What the answer to a request is for.
enum RequestPurpose: Equatable {
    case vote(BrokerID, isPreVote: Bool)
    case beginQuorumEpoch(BrokerID)
    case endQuorumEpoch(BrokerID)
    case fetch
    case fetchSnapshot
    case apiVersions(MemberKey)
    case addVoter
    case removeVoter
    case updateVoter
}

/// The requests under way: at most one to each endpoint and lane, and a pause after each failure.
///
/// Forgotten as a whole when the role changes; answers to what is forgotten are ignored.
struct OutgoingRequests {
    struct Target: Hashable {
        var endpoint: QuorumEndpoint
        var lane: QuorumLane
    }
    struct Pending {
        var purpose: RequestPurpose
        var target: Target
        var node: BrokerID
    }

    private var nextID: UInt64 = 1
    private var pending: [UInt64: Pending] = [:]
    private var busy: Set<Target> = []
    private var pauses: [QuorumEndpoint: QuorumInstant] = [:]

    func isReady(_ target: Target, now: QuorumInstant) -> Bool {
        !busy.contains(target) && !isPausing(target.endpoint, now: now)
    }
    func isPausing(_ endpoint: QuorumEndpoint, now: QuorumInstant) -> Bool {
        pauses[endpoint].map { $0 > now } ?? false
    }
    func isBusy(_ lane: QuorumLane) -> Bool { busy.contains { $0.lane == lane } }

    /// Notes a request, and gives its id.
    mutating func begin(_ purpose: RequestPurpose, _ target: Target, _ node: BrokerID) -> UInt64 {
        let id = nextID
        nextID += 1
        pending[id] = Pending(purpose: purpose, target: target, node: node)
        busy.insert(target)
        return id
    }

    /// The request that an outcome is for; `nil` when it is not waited for any more.
    mutating func end(_ id: UInt64) -> Pending? {
        guard let ended = pending.removeValue(forKey: id) else { return nil }
        busy.remove(ended.target)
        return ended
    }

    mutating func pause(_ endpoint: QuorumEndpoint, until: QuorumInstant) {
        pauses[endpoint] = until
    }

    mutating func forgetAll() {
        pending = [:]
        busy = []
        pauses = [:]
    }

    /// When the next pause ends.
    func nextPauseEnd(after now: QuorumInstant) -> QuorumInstant? {
        pauses.values.lazy.filter { $0 > now }.min()
    }
}
