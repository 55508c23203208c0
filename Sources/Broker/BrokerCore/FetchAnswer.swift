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

    var byteCount: Int { slice?.count ?? 0 }

    static func failed(_ error: KafkaError) -> PartitionFetch {
        var fetch = PartitionFetch()
        fetch.error = error
        return fetch
    }
}

/// What reading all partitions of a request gave, by their position in the session.
struct FetchFindings {
    private(set) var partitions: [PartitionFetch] = []
    private(set) var bytes = 0
    /// An error or a divergence: nothing to wait for.
    private var mustAnswer = false
    /// Partitions that exist: one that does not shall not make its client ask without a pause.
    private var known = 0
    /// What is not in memory.
    private(set) var cold: [FileSlice] = []

    mutating func add(_ fetch: PartitionFetch, at index: Int) {
        partitions.append(fetch)
        bytes += fetch.byteCount
        if let missing = fetch.cold { cold.append(missing) }
        if fetch.error == .unknownTopicID || fetch.error == .unknownTopicOrPartition { return }
        known += 1
        if fetch.error != .none || fetch.divergingEpoch != nil { mustAnswer = true }
    }

    /// Whether the answer need not wait for more.
    func isEnough(_ minBytes: Int) -> Bool { mustAnswer || known == 0 || bytes >= minBytes }
}

extension PartitionReplica {
    /// Reads for a consumer; checks epochs and range as KIP-320 says.
    func fetch(
        _ interest: FetchInterest, readCommitted: Bool, maxBytes: Int, atLeastOneBatch: Bool,
        cachedOnly: Bool
    ) throws(LogError) -> PartitionFetch {
        guard let epoch = leaderEpoch else { return .failed(refusal) }
        if interest.currentLeaderEpoch != .none {
            if interest.currentLeaderEpoch < epoch { return .failed(.fencedLeaderEpoch) }
            if interest.currentLeaderEpoch > epoch { return .failed(.unknownLeaderEpoch) }
        }
        var fetch = PartitionFetch()
        fetch.highWatermark = highWatermark
        fetch.lastStableOffset = log.lastStableOffset(highWatermark: highWatermark)
        fetch.logStartOffset = log.logStartOffset
        if let diverged = divergence(interest) {
            fetch.divergingEpoch = diverged
            return fetch
        }
        let end = readCommitted ? fetch.lastStableOffset : highWatermark
        guard interest.fetchOffset >= log.logStartOffset,
            interest.fetchOffset <= max(highWatermark, log.logEndOffset)
        else {
            return .failed(.offsetOutOfRange)
        }
        if readCommitted { fetch.aborted = [] }
        guard interest.fetchOffset < end, maxBytes > 0 || atLeastOneBatch else { return fetch }
        let read = try log.read(
            from: interest.fetchOffset, maxBytes: max(0, maxBytes), upTo: end,
            atLeastOneBatch: atLeastOneBatch, cachedOnly: cachedOnly)
        fetch.slice = read.slice
        fetch.cold = read.cold
        if readCommitted, read.slice != nil {
            fetch.aborted = try log.abortedTransactions(
                from: interest.fetchOffset, upTo: read.nextOffset)
        }
        return fetch
    }

    private func divergence(_ interest: FetchInterest) -> (LeaderEpoch, Offset)? {
        guard interest.lastFetchedEpoch != .none else { return nil }
        let (epoch, end) = log.endOffset(forEpoch: interest.lastFetchedEpoch)
        guard epoch < interest.lastFetchedEpoch || end < interest.fetchOffset else { return nil }
        return (epoch, end)
    }
}

/// Turns findings into a response and into the file slices that it splices in.
struct FetchAnswer {
    let findings: FetchFindings
    let isIncremental: Bool
    let sessionID: Int32
    let version: Int16

    /// An incremental answer holds only the partitions that have something to say.
    func build(
        _ session: inout FetchSession
    ) -> (FetchResponse, slices: [FileSlice], served: [Int]) {
        var topics: [FetchResponse.FetchableTopicResponse] = []
        var slices: [FileSlice] = []
        var served: [Int] = []
        for (index, fetch) in findings.partitions.enumerated() {
            let interest = session.interests[index]
            guard !isIncremental || says(fetch, beyond: interest) else { continue }
            session.told(
                index, highWatermark: fetch.highWatermark, logStartOffset: fetch.logStartOffset,
                error: fetch.error != .none)
            let data = partitionData(fetch, interest.partition, token: slices.count)
            if let slice = fetch.slice {
                slices.append(slice)
                served.append(index)
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
        return (FetchResponse(sessionID: sessionID, responses: topics), slices, served)
    }

    private func says(_ fetch: PartitionFetch, beyond interest: FetchInterest) -> Bool {
        fetch.error != .none || fetch.slice != nil || fetch.divergingEpoch != nil
            || interest.toldError || fetch.highWatermark != interest.toldHighWatermark
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
        data.preferredReadReplica = -1
        if let (epoch, endOffset) = fetch.divergingEpoch {
            data.divergingEpoch = .init(epoch: epoch.rawValue, endOffset: endOffset.rawValue)
        }
        data.records =
            fetch.slice.map { .external(token: token, count: $0.count) } ?? .bytes([])
        return data
    }
}
