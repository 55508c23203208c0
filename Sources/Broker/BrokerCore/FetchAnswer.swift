import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

/// What reading one partition gave.
struct PartitionFetch {
    var error: KafkaError = .none
    var highWatermark = Offset(-1)
    var lastStableOffset = Offset(-1)
    var logStartOffset = Offset(-1)
    var slice: FileSlice?
    /// What has to be prefetched first; then the read is to be tried again.
    var cold: FileSlice?
    var aborted: [AbortedTransaction]?
    /// Where the client's log has left the leader's (KIP-595); only for those that said their
    /// epoch.
    var divergingEpoch: (epoch: LeaderEpoch, endOffset: Offset)?
    /// The follower that the consumer shall read from instead (KIP-392).
    var preferredReadReplica: BrokerID?
    /// The records count against the rate of throttled replicas.
    var isThrottled = false

    var byteCount: Int { slice?.count ?? 0 }

    static func failed(_ error: KafkaError) -> PartitionFetch {
        var fetch = PartitionFetch()
        fetch.error = error
        return fetch
    }
}

/// What reading all partitions of a session gave, in the order of service.
struct FetchFindings {
    private(set) var partitions: [PartitionFetch] = []
    private(set) var bytes = 0
    /// An error or a divergence: nothing to wait for.
    private var mustAnswer = false
    /// Partitions that exist: one that does not shall not make its client ask without a pause.
    private var known = 0
    /// What is not in memory.
    private(set) var cold: [FileSlice] = []

    /// - Parameter pauses: whether the fetcher pauses by itself after an error, as followers do, to
    ///   which a partition that is new may be known before it is here.
    mutating func add(_ fetch: PartitionFetch, pauses: Bool) {
        partitions.append(fetch)
        bytes += fetch.byteCount
        if let missing = fetch.cold { cold.append(missing) }
        let isUnknown =
            fetch.error == .unknownTopicID || fetch.error == .unknownTopicOrPartition
        if isUnknown && !pauses { return }
        known += 1
        if fetch.error != .none || fetch.divergingEpoch != nil
            || fetch.preferredReadReplica != nil
        {
            mustAnswer = true
        }
    }

    /// Whether the answer need not wait for more.
    func isEnough(_ minBytes: Int) -> Bool { mustAnswer || known == 0 || bytes >= minBytes }
}

/// Turns findings into a response and into the file slices that it splices in.
struct FetchAnswer {
    let findings: FetchFindings
    let isIncremental: Bool
    let sessionID: Int32
    let version: Int16
    /// Who leads, for those that asked the wrong broker (KIP-951).
    var hints: LeaderHints

    /// An incremental answer holds only the partitions that have something to say.
    mutating func build(
        _ session: FetchSession
    ) -> (FetchResponse, slices: [FileSlice], served: [FetchSession.Place]) {
        var topics: [FetchResponse.FetchableTopicResponse] = []
        var slices: [FileSlice] = []
        var served: [FetchSession.Place] = []
        for (place, fetch) in zip(session.inOrder, findings.partitions) {
            let interest = session[place]
            guard !isIncremental || says(fetch, beyond: interest) else { continue }
            session.told(
                place, highWatermark: fetch.highWatermark, logStartOffset: fetch.logStartOffset,
                error: fetch.error != .none)
            var data = partitionData(fetch, interest.partition, token: slices.count)
            if version >= 16,
                let leader = hints.leader(
                    after: fetch.error, id: interest.topicID, interest.partition)
            {
                data.currentLeader = .init(leaderID: leader.id, leaderEpoch: leader.epoch)
            }
            if let slice = fetch.slice {
                slices.append(slice)
                served.append(place)
            }
            if let last = topics.indices.last, topics[last].topicID == interest.topicID,
                topics[last].topic == interest.topic
            {
                topics[last].partitions.append(data)
            } else {
                topics.append(
                    .init(
                        topic: interest.topic, topicID: interest.topicID, partitions: [data]))
            }
        }
        let response = FetchResponse(
            sessionID: sessionID, responses: topics,
            nodeEndpoints: hints.nodes.map {
                .init(nodeID: $0.id, host: $0.host, port: $0.port, rack: $0.rack)
            })
        return (response, slices, served)
    }

    private func says(_ fetch: PartitionFetch, beyond interest: FetchInterest) -> Bool {
        fetch.error != .none || fetch.slice != nil || fetch.divergingEpoch != nil
            || fetch.preferredReadReplica != nil || interest.toldError
            || fetch.highWatermark != interest.toldHighWatermark
            || fetch.logStartOffset != interest.toldLogStartOffset
    }

    /// Clients of versions up to 5 do not know a failed disk as something to retry.
    private func errorCode(of fetch: PartitionFetch) -> KafkaError {
        version <= 5 && fetch.error == .kafkaStorageError ? .notLeaderOrFollower : fetch.error
    }

    private func partitionData(
        _ fetch: PartitionFetch, _ partition: Int32, token: Int
    ) -> FetchResponse.PartitionData {
        var data = FetchResponse.PartitionData(partitionIndex: partition)
        data.errorCode = errorCode(of: fetch).rawValue
        data.highWatermark = fetch.highWatermark.rawValue
        data.lastStableOffset = fetch.lastStableOffset.rawValue
        data.logStartOffset = fetch.logStartOffset.rawValue
        data.abortedTransactions = fetch.aborted.map { list in
            list.map {
                .init(producerID: $0.producerID.rawValue, firstOffset: $0.firstOffset.rawValue)
            }
        }
        data.preferredReadReplica = fetch.preferredReadReplica?.rawValue ?? -1
        if let (epoch, endOffset) = fetch.divergingEpoch {
            data.divergingEpoch = .init(epoch: epoch.rawValue, endOffset: endOffset.rawValue)
        }
        data.records =
            fetch.slice.map { .external(token: token, count: $0.count) } ?? .bytes([])
        return data
    }
}
