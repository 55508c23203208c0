public import KafkaWire
import LogStorage

/// What a leader does with its followers.
extension PartitionReplica {
    /// What a fetch of a follower has moved.
    public struct FollowerProgress: Sendable {
        public var wakes: Wakes = []
        /// The follower may join the in-sync set: to be sent to the controller.
        public var proposal: IsrProposal?
    }

    /// `min.insync.replicas`, of no more than there are.
    public var leastInSync: Int { min(log.config.minInSyncReplicas, followers.count + 1) }

    /// How many replicas are in sync, one that the controller has yet to confirm included.
    public var inSyncCount: Int { followers.isEmpty ? 1 : inSync.maximalCount }

    /// Whether `acks=-1` is refused for want of replicas.
    public var lacksReplicas: Bool {
        !followers.isEmpty && inSync.committed.count < leastInSync
    }

    /// Whether `broker` holds a replica of what this one leads.
    public func follows(_ broker: BrokerID) -> Bool {
        followers.contains { $0.broker == broker }
    }

    /// Whether the controller knows `broker` to be in sync.
    public func isInSync(_ broker: BrokerID) -> Bool { inSync.committed.contains(broker) }

    /// Takes in where a follower fetches from: the high watermark may move, and the follower may be
    /// in sync now.
    ///
    /// - Parameters:
    ///   - isEligible: the broker may join an in-sync set: it is neither fenced nor shutting down,
    ///     and of the epoch that it says (KIP-841, KIP-903).
    ///   - now: monotonic, in ms.
    public func followerFetched(
        _ fetch: FollowerFetch, isEligible: Bool, now: Int64, maxLagMs: Int64,
        durability: Durability
    ) -> FollowerProgress {
        var progress = FollowerProgress()
        guard leaderEpoch != nil,
            let index = followers.firstIndex(where: { $0.broker == fetch.broker })
        else { return progress }
        let before = followers[index]
        let leaderEnd = log.logEndOffset
        followers[index].fetched(fetch, leaderEnd: leaderEnd, now: now)
        if !inSync.contains(fetch.broker) {
            followers[index].isJoining =
                isEligible
                && followers[index].isCaughtUp(leaderEnd: leaderEnd, now: now, maxLagMs: maxLagMs)
            progress.proposal = isEligible ? expansion(by: followers[index]) : nil
        }
        if followers[index].logEndOffset != before.logEndOffset
            || before.isJoining != followers[index].isJoining || progress.proposal != nil
        {
            progress.wakes = advanceHighWatermark(durability: durability)
        }
        return progress
    }

    /// Asks for a set with a follower that has reached the high watermark and the begin of this
    /// leader's epoch: below it there may be records that are committed and the follower lacks.
    private func expansion(by follower: FollowerState) -> IsrProposal? {
        let hasAll =
            follower.logEndOffset >= highWatermark && follower.logEndOffset >= epochStartOffset
        guard inSync.pending == nil, hasAll || PlantedBug.earlyJoiner.isPlanted else { return nil }
        sometimes(.isrExpanded)
        return propose(inSync.committed + [follower.broker])
    }

    private func propose(_ isr: [BrokerID]) -> IsrProposal? {
        guard let leaderEpoch, let topicID = log.topicID else { return nil }
        let proposal = IsrProposal(
            topicID: topicID, partition: log.topicPartition.partition, leaderEpoch: leaderEpoch,
            partitionEpoch: inSync.partitionEpoch,
            isr: isr.map { broker in
                let follower = followers.first { $0.broker == broker }
                return .init(broker: broker, brokerEpoch: follower?.brokerEpoch ?? -1)
            })
        inSync.propose(proposal)
        return proposal
    }

    /// Looks at the followers' lag, by the clock: asks for a set without those that have not been
    /// caught up for `maxLagMs` (`replica.lag.time.max.ms`), or again for what was lost on its way.
    ///
    /// - Parameter isEligible: whether a broker may join an in-sync set; the high watermark waits
    ///   for no other.
    public func checkFollowers(
        now: Int64, maxLagMs: Int64, durability: Durability, isEligible: (BrokerID) -> Bool
    ) -> FollowerProgress {
        var progress = FollowerProgress()
        guard leaderEpoch != nil, !followers.isEmpty else { return progress }
        let leaderEnd = log.logEndOffset
        var late: [BrokerID] = []
        for index in followers.indices {
            let broker = followers[index].broker
            // The clock of a new leader starts with the first look.
            if followers[index].lastCaughtUp == nil, inSync.contains(broker) {
                followers[index].lastCaughtUp = now
            }
            let isCaughtUp = followers[index].isCaughtUp(
                leaderEnd: leaderEnd, now: now, maxLagMs: maxLagMs)
            if followers[index].isJoining, !isCaughtUp || !isEligible(broker) {
                sometimes(.joinerFallsBehind)
                followers[index].isJoining = false
            }
            if !isCaughtUp { late.append(broker) }
        }
        if let lost = inSync.takeLost() {
            progress.proposal = lost
        } else if inSync.pending == nil {
            let kept = inSync.committed.filter { !late.contains($0) }
            if kept.count < inSync.committed.count {
                sometimes(.isrShrunk)
                sometimes(.isrShrunkToOne, when: kept.count == 1)
                progress.proposal = propose(kept)
            }
        }
        progress.wakes = advanceHighWatermark(durability: durability)
        return progress
    }

    /// Takes in the controller's answer; whom to wake. An answer to an older proposal is ignored.
    public func isrAnswered(
        _ proposal: IsrProposal, _ answer: IsrAnswer, durability: Durability
    ) -> Wakes {
        guard let leaderEpoch,
            inSync.answered(proposal, answer, leaderEpoch: leaderEpoch)
        else { return [] }
        return advanceHighWatermark(durability: durability)
    }

    // MARK: Reading elsewhere (KIP-392)

    /// The in-sync followers that have `offset`, in order of `replicas`, with where each log ends.
    public func readableFollowers(at offset: Offset) -> [(broker: BrokerID, logEndOffset: Offset)] {
        followers.filter {
            inSync.committed.contains($0.broker) && $0.logEndOffset >= offset
                && $0.logStartOffset <= offset
        }.map { ($0.broker, $0.logEndOffset) }
    }

    /// The lowest log start of all replicas that `isAlive` holds for: what DeleteRecords waits for.
    public func lowWatermark(isAlive: (BrokerID) -> Bool) -> Offset {
        followers.filter { isAlive($0.broker) }.reduce(log.logStartOffset) {
            min($0, $1.logStartOffset)
        }
    }

    /// Whether readers may not yet be told where this leader's log ends: the high watermark has not
    /// reached what was there when it began to lead (KIP-207).
    public var isEndUnknown: Bool { leaderEpoch != nil && highWatermark < epochStartOffset }
}
