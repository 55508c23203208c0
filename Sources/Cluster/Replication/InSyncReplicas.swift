import KafkaProtocol
import KafkaWire

/// What a leader knows of one of its followers.
struct FollowerState: Sendable {
    let broker: BrokerID
    /// One past the last record that the follower counts as held: where it fetched last.
    var logEndOffset = Offset(-1)
    var logStartOffset = Offset(-1)
    /// The epoch of the broker's registration that it fetched with; `nil` before it has fetched.
    var brokerEpoch: Int64?
    /// When it was last known to hold all that the leader had (monotonic ms); `nil` until there is
    /// an instant to count from.
    var lastCaughtUp: Int64?
    /// When it fetched last, and where the leader's log ended then.
    var lastFetch: (at: Int64, leaderEnd: Offset)?
    /// It is out of the in-sync set and about to join: the high watermark waits for it, or it
    /// would never catch up with it under load.
    var isJoining = false

    init(_ broker: BrokerID) { self.broker = broker }

    /// Takes in a fetch at `now` from `offset` on, while the leader's log ends at `leaderEnd`.
    mutating func fetched(_ fetch: FollowerFetch, leaderEnd: Offset, now: Int64) {
        if fetch.offset >= leaderEnd {
            lastCaughtUp = now
        } else if let lastFetch, fetch.offset >= lastFetch.leaderEnd {
            // It has all that there was when it asked before.
            lastCaughtUp = max(lastCaughtUp ?? lastFetch.at, lastFetch.at)
        }
        logEndOffset = fetch.offset
        logStartOffset = fetch.logStartOffset
        brokerEpoch = fetch.brokerEpoch
        lastFetch = (now, leaderEnd)
    }

    /// The controller has taken it out of the in-sync set: what it once had says nothing any more.
    /// It may come back with an empty disk, and nobody shall wait for it before it has caught up.
    mutating func hasLeft() {
        lastCaughtUp = nil
        lastFetch = nil
        isJoining = false
    }

    /// Whether it holds all of the leader's log, or did within the last `maxLagMs`.
    func isCaughtUp(leaderEnd: Offset, now: Int64, maxLagMs: Int64) -> Bool {
        if logEndOffset == leaderEnd { return true }
        guard let lastCaughtUp else { return false }
        return now - lastCaughtUp <= maxLagMs
    }
}

/// What a fetch tells the leader of the follower that sent it.
public struct FollowerFetch: Equatable, Sendable {
    public var broker: BrokerID
    /// -1 when the follower did not say.
    public var brokerEpoch: Int64
    /// All below counts as held by the follower.
    public var offset: Offset
    public var logStartOffset: Offset

    public init(broker: BrokerID, brokerEpoch: Int64, offset: Offset, logStartOffset: Offset) {
        self.broker = broker
        self.brokerEpoch = brokerEpoch
        self.offset = offset
        self.logStartOffset = logStartOffset
    }
}

/// The in-sync set of a partition as its leader knows it (KIP-497).
///
/// States: *committed*, or *pending* while the controller has a proposal. An expansion counts for
/// the high watermark as soon as it is proposed, a shrink only once it is accepted, so that the set
/// that counts always holds whatever the controller may have decided.
struct InSyncReplicas: Equatable, Sendable {
    private(set) var committed: [BrokerID] = []
    private(set) var partitionEpoch: Int32 = -1
    private(set) var pending: IsrProposal?
    /// The proposal's answer was lost: it is to be sent again.
    private(set) var isLost = false

    /// How many must hold a record before it is committed.
    var maximalCount: Int { max(committed.count, pending?.isr.count ?? 0) }

    func contains(_ broker: BrokerID) -> Bool {
        if PlantedBug.unconfirmedShrink.isPlanted, let pending {
            return pending.isr.contains { $0.broker == broker }
        }
        return committed.contains(broker) || pending?.isr.contains { $0.broker == broker } == true
    }

    /// Takes over what the metadata says. Whether it was news.
    @discardableResult
    mutating func adopt(_ isr: [BrokerID], partitionEpoch epoch: Int32) -> Bool {
        guard epoch > partitionEpoch else { return false }
        committed = isr
        partitionEpoch = epoch
        pending = nil
        isLost = false
        return true
    }

    /// Begins to wait for the controller's answer.
    mutating func propose(_ proposal: IsrProposal) {
        pending = proposal
        isLost = false
    }

    /// The proposal to send again, if its answer was lost.
    mutating func takeLost() -> IsrProposal? {
        guard isLost else { return nil }
        isLost = false
        return pending
    }

    /// Takes in an answer. Whether the set may have changed.
    mutating func answered(
        _ proposal: IsrProposal, _ answer: IsrAnswer, leaderEpoch: LeaderEpoch
    ) -> Bool {
        guard proposal == pending else { return false }
        switch answer {
        case .accepted(leaderEpoch, let epoch, let isr):
            guard epoch >= partitionEpoch else { return false }
            partitionEpoch = epoch
            committed = isr
            pending = nil
            return true
        case .accepted:
            sometimes(.isrAnswerOfOldEpoch)
            return false
        case .refused(let code):
            refused(KafkaError(rawValue: code) ?? .unknownServerError)
            return pending == nil
        }
    }

    private mutating func refused(_ error: KafkaError) {
        switch error {
        case .operationNotAttempted, .ineligibleReplica:
            // The controller says that it was not and will not be applied.
            sometimes(.isrRefused)
            pending = nil
        case .unknownTopicOrPartition, .unknownTopicID, .fencedLeaderEpoch, .invalidUpdateVersion,
            .invalidRequest, .newLeaderElected:
            // The metadata that explains it is on its way, and ends the wait.
            break
        default:
            isLost = true
        }
    }
}
