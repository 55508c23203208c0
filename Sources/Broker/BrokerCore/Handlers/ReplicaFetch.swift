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
