import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

/// Who fetches, and so what may be read.
enum FetchReader: Equatable, Sendable {
    /// A consumer reads committed records; from version 11 on from followers too (KIP-392).
    case consumer(readCommitted: Bool, mayReadFollower: Bool)
    /// A follower reads to the log's end.
    case replica(BrokerID, brokerEpoch: Int64)

    init(_ request: FetchRequest, version: Int16) {
        if request.replicaState.replicaID >= 0 {
            self = .replica(
                BrokerID(request.replicaState.replicaID),
                brokerEpoch: request.replicaState.replicaEpoch)
        } else if request.replicaID >= 0 {
            self = .replica(BrokerID(request.replicaID), brokerEpoch: -1)
        } else {
            self = .consumer(
                readCommitted: request.isolationLevel == 1, mayReadFollower: version >= 11)
        }
    }

    var isReplica: Bool {
        if case .replica = self { true } else { false }
    }
}

/// Bounds of one read.
struct FetchBounds {
    var maxBytes: Int
    var atLeastOneBatch: Bool
    var cachedOnly: Bool
}

extension PartitionReplica {
    /// Reads for a consumer; checks epochs and range as KIP-320 says.
    func fetch(
        _ interest: FetchInterest, readCommitted: Bool, mayReadFollower: Bool,
        _ bounds: FetchBounds
    ) throws(LogError) -> PartitionFetch {
        if let refusal = refusal(
            of: interest, epoch: mayReadFollower ? currentEpoch : leaderEpoch)
        {
            return .failed(refusal)
        }
        var fetch = try checked(interest)
        guard fetch.error == .none, fetch.divergingEpoch == nil else { return fetch }
        var end = readCommitted ? fetch.lastStableOffset : highWatermark
        if PlantedBug.uncommittedRead.isPlanted { end = log.logEndOffset }
        if readCommitted { fetch.aborted = [] }
        let nextOffset = try read(interest, upTo: end, bounds, into: &fetch)
        if readCommitted, fetch.slice != nil {
            fetch.aborted = try log.abortedTransactions(
                from: interest.fetchOffset, upTo: nextOffset)
        }
        return fetch
    }

    /// Reads for a follower. `report` takes in where it fetches from, before its answer tells the
    /// high watermark.
    func fetch(
        _ interest: FetchInterest, asFollower broker: BrokerID, _ bounds: FetchBounds,
        report: () -> Void
    ) throws(LogError) -> PartitionFetch {
        if let refusal = refusal(of: interest, epoch: leaderEpoch) { return .failed(refusal) }
        guard follows(broker) else {
            // This leader may be the one that is late: the follower asks again.
            return .failed(
                interest.currentLeaderEpoch == .none ? .notLeaderOrFollower : .unknownLeaderEpoch)
        }
        var fetch = try checked(interest)
        guard fetch.error == .none, fetch.divergingEpoch == nil else { return fetch }
        report()
        fetch.highWatermark = highWatermark
        _ = try read(interest, upTo: log.logEndOffset, bounds, into: &fetch)
        return fetch
    }

    /// Why a fetch in the client's epoch is refused by this replica, which may serve in `epoch`.
    private func refusal(of interest: FetchInterest, epoch: LeaderEpoch?) -> KafkaError? {
        guard let epoch else { return refusal }
        guard interest.currentLeaderEpoch != .none, !PlantedBug.unfencedFetch.isPlanted
        else { return nil }
        if interest.currentLeaderEpoch < epoch {
            sometimes(.fetchOfOldEpoch)
            return .fencedLeaderEpoch
        }
        sometimes(.fetchOfEpochToCome, when: interest.currentLeaderEpoch > epoch)
        return interest.currentLeaderEpoch > epoch ? .unknownLeaderEpoch : nil
    }

    /// What is known before anything is read: where the logs have parted, or that the offset is out
    /// of range.
    private func checked(_ interest: FetchInterest) throws(LogError) -> PartitionFetch {
        var fetch = PartitionFetch()
        fetch.highWatermark = highWatermark
        fetch.lastStableOffset = log.lastStableOffset(highWatermark: highWatermark)
        fetch.logStartOffset = log.logStartOffset
        guard interest.fetchOffset >= log.logStartOffset else {
            return .failed(.offsetOutOfRange)
        }
        if interest.lastFetchedEpoch != .none, !PlantedBug.unseenDivergence.isPlanted {
            let (epoch, end) = log.endOffset(forEpoch: interest.lastFetchedEpoch)
            guard epoch != .none, end >= .zero else { return .failed(.offsetOutOfRange) }
            if epoch < interest.lastFetchedEpoch || end < interest.fetchOffset {
                sometimes(.divergenceTold)
                fetch.divergingEpoch = (epoch, end)
                return fetch
            }
        }
        guard interest.fetchOffset <= log.logEndOffset else {
            return .failed(.offsetOutOfRange)
        }
        return fetch
    }

    /// Reads what lies below `end`; where a next read goes on.
    private func read(
        _ interest: FetchInterest, upTo end: Offset, _ bounds: FetchBounds,
        into fetch: inout PartitionFetch
    ) throws(LogError) -> Offset {
        guard interest.fetchOffset < end, bounds.maxBytes > 0 || bounds.atLeastOneBatch else {
            return interest.fetchOffset
        }
        let read = try log.read(
            from: interest.fetchOffset, maxBytes: max(0, bounds.maxBytes), upTo: end,
            atLeastOneBatch: bounds.atLeastOneBatch, cachedOnly: bounds.cachedOnly)
        fetch.slice = read.slice
        fetch.cold = read.cold
        return read.nextOffset
    }
}
