import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

/// What Fetch does for followers, and for consumers that may be sent to one.
extension BrokerLoop {
    /// Tells a leader where one of its followers is; the cell is entered.
    func report(_ fetch: FollowerFetch, to replica: PartitionReplica, now: ClockReading) {
        let progress = replica.followerFetched(
            fetch, isEligible: view.isEligible(fetch.broker, epoch: fetch.brokerEpoch),
            now: now.monotonicNs / 1_000_000, maxLagMs: view.settings.replication.maxLagMs,
            durability: view.settings.durability)
        if !progress.wakes.isEmpty { emit(.wake(progress.wakes)) }
        if let proposal = progress.proposal { emit(.isr(proposal)) }
    }

    /// A client asks again in a session in which a request of it waits: it wants something else
    /// now, and the answer to the first may not hold it up.
    func endPoll(of session: Int32, now: ClockReading) {
        guard session != 0, let number = sessionPolls.removeValue(forKey: session),
            let waiting = pending[number], case .fetch(let state) = waiting.kind
        else { return }
        retryFetch(
            state, waiting.context, ticket: WaitTicket(loop: index, request: number),
            expired: true)
    }

    // MARK: Throttles (KIP-73)

    /// Whether what followers fetch of this replica counts against the leader's throttled rate.
    func isThrottled(_ replica: PartitionReplica) -> Bool {
        guard view.settings.replication.leaderThrottledRate != nil else { return false }
        return replica.log.config.leaderThrottled.contains(
            partition: replica.log.topicPartition.partition,
            broker: view.settings.nodeID.rawValue)
    }

    /// Whether a follower has to wait for records of a throttled replica: the rate is used up, and
    /// nobody waits for this follower.
    func mustHoldBack(
        _ replica: PartitionReplica, from broker: BrokerID, now: ClockReading
    ) -> Bool {
        guard let quotas = view.quotas, !replica.isInSync(broker) else { return false }
        return quotas.leader.isExceeded(
            rate: view.settings.replication.leaderThrottledRate, now: now)
    }

    /// Counts what an answer takes of the throttled rate.
    func countThrottled(_ findings: FetchFindings, now: ClockReading) {
        let bytes = findings.partitions.reduce(0) { $0 + ($1.isThrottled ? $1.byteCount : 0) }
        view.quotas?.leader.use(
            bytes, rate: view.settings.replication.leaderThrottledRate, now: now)
    }

    // MARK: Reading from followers (KIP-392)

    /// The follower in the consumer's rack that it shall read from, when this broker leads and is
    /// not in that rack itself (KIP-392): of several the one that is furthest.
    func nearerReplica(
        to rack: String, _ replica: PartitionReplica, _ interest: FetchInterest,
        _ fetch: PartitionFetch
    ) -> BrokerID? {
        guard view.settings.replication.selectsByRack, !rack.isEmpty, fetch.error == .none,
            fetch.divergingEpoch == nil, replica.leaderEpoch != nil,
            view.image.brokers[view.settings.nodeID.rawValue]?.rack != rack
        else { return nil }
        var nearest: (broker: BrokerID, logEndOffset: Offset)?
        for follower in replica.readableFollowers(at: interest.fetchOffset) {
            guard let broker = view.image.brokers[follower.broker.rawValue], !broker.isFenced,
                broker.rack == rack
            else { continue }
            if let nearest, nearest.logEndOffset >= follower.logEndOffset { continue }
            nearest = follower
        }
        return nearest?.broker
    }
}

extension BrokerView {
    /// Whether a broker may join an in-sync set: it is neither fenced nor shutting down, and the
    /// registration is the one that it fetches with; -1 leaves that open (KIP-841, KIP-903).
    func isEligible(_ broker: BrokerID, epoch: Int64 = -1) -> Bool {
        guard let known = image.brokers[broker.rawValue], known.isActive else { return false }
        return epoch == -1 || epoch == known.epoch
    }
}
