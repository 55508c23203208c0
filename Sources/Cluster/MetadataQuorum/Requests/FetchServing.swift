import KafkaProtocol
import KafkaWire

/// A fetch with nothing new for it, which the leader holds.
struct ParkedFetch {
    var ticket: QuorumTicket
    var version: Int16
    var partition: FetchRequest.FetchPartition
    var maxBytes: Int32
    var deadline: QuorumInstant
    /// The high watermark when it was parked, for requests that do not say theirs.
    var highWatermark: Offset?
}

/// Fetch, of the leader (KIP-595): the offset and epoch that the follower has are its report of
/// what it has on disk; records, a place to truncate to, or a snapshot go back.
extension QuorumReplica {
    /// More are answered at once.
    static let parkedLimit = 4096
    /// Longest that a fetch is held.
    private static let longestWaitMs: Int32 = 60_000

    /// `nil` when it is held.
    func fetch(
        _ request: FetchRequest, _ version: Int16, _ ticket: QuorumTicket
    ) throws(QuorumError) -> FetchResponse? {
        guard request.topics.count == 1, request.topics[0].partitions.count == 1,
            case let topic = request.topics[0], case let asked = topic.partitions[0],
            asked.partition == Self.topicPartition.partition,
            version >= 13
                ? topic.topicID == .metadataTopic : topic.topic == Self.topicPartition.topic
        else { return FetchResponse(errorCode: KafkaError.invalidRequest.rawValue) }
        let replica = version >= 15 ? request.replicaState.replicaID : request.replicaID
        guard request.maxWaitMs >= 0, asked.fetchOffset >= 0, asked.lastFetchedEpoch >= 0,
            asked.lastFetchedEpoch <= asked.currentLeaderEpoch, replica != nodeID.rawValue
        else { return fetchAnswer(.invalidRequest, version) }
        if let refusal = refusal(byLeaderOf: asked.currentLeaderEpoch) {
            return fetchAnswer(refusal, version)
        }
        guard let role = role.leader else { return fetchAnswer(.notLeaderOrFollower, version) }
        let position = log.position(
            of: Offset(asked.fetchOffset), LeaderEpoch(asked.lastFetchedEpoch))
        if position == .valid, replica >= 0 {
            let key = MemberKey(BrokerID(replica), asked.replicaDirectoryID)
            role.noteFetch(
                key, Offset(asked.fetchOffset), leaderEnd: endOffset, now: now.monotonic)
            noteAlive(key, role)
            try advance(role)
        }
        let parked = ParkedFetch(
            ticket: ticket, version: version, partition: asked, maxBytes: request.maxBytes,
            deadline: now.monotonic + Int64(min(request.maxWaitMs, Self.longestWaitMs)),
            highWatermark: role.highWatermark)
        if let answer = try news(for: parked, role) { return answer }
        guard request.maxWaitMs > 0, role.parked.count < Self.parkedLimit else {
            return nothing(for: parked, role)
        }
        role.parked.append(parked)
        return nil
    }

    func noteAlive(_ key: MemberKey, _ role: LeaderRole) {
        if role.noteAlive(key) { role.quorumDeadline = now.monotonic + checkQuorumMs }
    }

    /// Answers the held fetches that have something new or have waited long enough.
    func serveParked(_ role: LeaderRole) throws(QuorumError) {
        guard !role.parked.isEmpty else { return }
        var held: [ParkedFetch] = []
        for fetch in role.parked {
            if let answer = try news(for: fetch, role) {
                emit(.answer(fetch.ticket, answer))
            } else if now.monotonic >= fetch.deadline {
                emit(.answer(fetch.ticket, nothing(for: fetch, role)))
            } else {
                held.append(fetch)
            }
        }
        role.parked = held
    }

    /// What there is for a fetch; `nil` for nothing new.
    private func news(
        for fetch: ParkedFetch, _ role: LeaderRole
    ) throws(QuorumError) -> FetchResponse? {
        let offset = Offset(fetch.partition.fetchOffset)
        var answer = nothing(for: fetch, role)
        switch log.position(of: offset, LeaderEpoch(fetch.partition.lastFetchedEpoch)) {
        case .diverging(let epoch, let end):
            sometimes(.quorumDivergenceTold)
            answer.responses[0].partitions[0].divergingEpoch = .init(
                epoch: epoch.rawValue, endOffset: end.rawValue)
        case .snapshot(let id):
            sometimes(.snapshotOffered)
            answer.responses[0].partitions[0].snapshotID = .init(
                endOffset: id.endOffset.rawValue, epoch: id.epoch.rawValue)
        case .valid where offset < endOffset:
            let limit = min(Int(max(0, fetch.maxBytes)), MetadataLog.readLimit)
            answer.responses[0].partitions[0].records = .bytes(
                try log.read(from: offset, maxBytes: limit))
        case .valid:
            guard isHighWatermarkNews(fetch, role) else { return nil }
        }
        return answer
    }

    /// Whether the follower knows an older high watermark (KIP-1166).
    private func isHighWatermarkNews(_ fetch: ParkedFetch, _ role: LeaderRole) -> Bool {
        guard let highWatermark = role.highWatermark else { return false }
        let known = fetch.partition.highWatermark
        if fetch.version >= 18, known < .max { return known < highWatermark.rawValue }
        return fetch.highWatermark != highWatermark
    }

    private func nothing(for fetch: ParkedFetch, _ role: LeaderRole) -> FetchResponse {
        var answer = fetchAnswer(.none, fetch.version)
        answer.responses[0].partitions[0].highWatermark = role.highWatermark?.rawValue ?? -1
        return answer
    }

    func fetchAnswer(_ error: KafkaError, _ version: Int16) -> FetchResponse {
        var partition = FetchResponse.PartitionData()
        partition.partitionIndex = Self.topicPartition.partition
        partition.errorCode = error.rawValue
        partition.highWatermark = -1
        partition.logStartOffset = log.startOffset.rawValue
        if version >= 12 {
            partition.currentLeader = .init(leaderID: leaderID, leaderEpoch: state.leaderEpoch)
        }
        partition.abortedTransactions = nil
        partition.records = .bytes([])
        var response = FetchResponse()
        response.responses = [
            .init(
                topic: Self.topicPartition.topic, topicID: .metadataTopic,
                partitions: [partition])
        ]
        response.nodeEndpoints = leaderEndpoints(version >= 17) {
            .init(nodeID: $0, host: $1, port: Int32($2))
        }
        return response
    }
}
