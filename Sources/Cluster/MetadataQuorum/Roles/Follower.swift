import KafkaProtocol
import KafkaWire
import LogStorage

/// A member that fetches from the leader of the epoch; voter or observer.
final class FollowerRole {
    let leader: BrokerID
    /// A voter that has fetched nothing until then asks for votes.
    var fetchDeadline: QuorumInstant
    /// The leader has answered a fetch, so it works: no pre-votes against it.
    var hasFetched = false
    /// The snapshot on its way.
    var snapshot: PartialSnapshot?
    /// When to see to this member's place among the voters (KIP-853, KIP-1186).
    var voterUpdateDue: QuorumInstant
    /// The leader knows this voter's listeners and versions (kraft.version 0).
    var hasUpdatedLeader = false

    init(leader: BrokerID, fetchDeadline: QuorumInstant, voterUpdateDue: QuorumInstant) {
        self.leader = leader
        self.fetchDeadline = fetchDeadline
        self.voterUpdateDue = voterUpdateDue
    }
}

extension QuorumReplica {
    func becomeFollower(
        of leader: BrokerID, at endpoint: QuorumEndpoint, in epoch: LeaderEpoch
    ) throws(QuorumError) {
        precondition(leader != nodeID, "nobody follows itself")
        var next = QuorumState(leaderID: leader.rawValue, leaderEpoch: epoch.rawValue)
        if epoch == self.epoch {
            next.votedID = state.votedID
            next.votedDirectoryID = state.votedDirectoryID
        }
        try persist(next)
        leaderEndpoint = endpoint
        let timeout = settings.fetchTimeoutMs
        enter(
            .follower(
                FollowerRole(
                    leader: leader, fetchDeadline: now.monotonic + timeout,
                    voterUpdateDue: now.monotonic + timeout)))
    }

    func poll(_ role: FollowerRole) throws(QuorumError) {
        if mayStand, now.monotonic >= role.fetchDeadline {
            sometimes(.followerLosesLeader)
            return try becomeProspective()
        }
        guard let leaderEndpoint else { return fetchFromAnyone() }
        if now.monotonic >= role.voterUpdateDue { seeToOwnVoter(role, leaderEndpoint) }
        if requests.isPausing(leaderEndpoint, now: now.monotonic) {
            // Another one may know of another leader.
            return fetchFromAnyone()
        }
        guard !requests.isBusy(.fetch) else { return }
        if let snapshot = role.snapshot {
            send(
                fetchSnapshotRequest(snapshot), to: leaderEndpoint, role.leader,
                for: .fetchSnapshot, lane: .fetch)
        } else {
            send(fetchRequest(), to: leaderEndpoint, role.leader, for: .fetch, lane: .fetch)
        }
    }

    // MARK: Requests

    /// Looks for the leader at one of the endpoints known, chosen at random.
    func fetchFromAnyone() {
        guard !requests.isBusy(.fetch) else { return }
        let ready = discoveryEndpoints.filter {
            requests.isReady(.init(endpoint: $0.endpoint, lane: .fetch), now: now.monotonic)
        }
        guard !ready.isEmpty else { return }
        let (node, endpoint) = ready[Int.random(in: 0..<ready.count, using: &random)]
        send(fetchRequest(), to: endpoint, node, for: .fetch, lane: .fetch)
    }

    /// Bootstrap servers and voters, but for this member itself.
    private var discoveryEndpoints: [(node: BrokerID, endpoint: QuorumEndpoint)] {
        var found: [(node: BrokerID, endpoint: QuorumEndpoint)] = []
        for (index, endpoint) in settings.bootstrap.enumerated() {
            // Kafka's numbers for nodes of which only the address is known.
            found.append((BrokerID(Int32(-2 - index)), endpoint))
        }
        for voter in voters.voters where voter.key.id != nodeID {
            guard let endpoint = voter.endpoint(settings.listenerName),
                !found.contains(where: { $0.endpoint == endpoint })
            else { continue }
            found.append((voter.key.id, endpoint))
        }
        return found.filter { known in
            !settings.listeners.contains { $0.endpoint == known.endpoint }
        }
    }

    private func fetchRequest() -> FetchRequest {
        let partition = FetchRequest.FetchPartition(
            partition: Self.topicPartition.partition, currentLeaderEpoch: epoch.rawValue,
            fetchOffset: endOffset.rawValue, lastFetchedEpoch: log.lastEpoch.rawValue,
            partitionMaxBytes: settings.fetchMaxBytes, replicaDirectoryID: directoryID,
            highWatermark: highWatermark == .zero ? -1 : highWatermark.rawValue)
        var request = FetchRequest()
        request.clusterID = clusterID
        request.replicaState.replicaID = nodeID.rawValue
        request.maxWaitMs = settings.fetchMaxWaitMs
        request.maxBytes = settings.fetchMaxBytes
        request.topics = [
            .init(
                topic: Self.topicPartition.topic, topicID: .metadataTopic,
                partitions: [partition])
        ]
        return request
    }

    // MARK: Answers

    func take(_ response: FetchResponse, in body: [UInt8]) throws(QuorumError) -> Bool {
        guard response.errorCode == KafkaError.none.rawValue,
            let answer = response.responses.first?.partitions.first
        else { return false }
        let endpoints = response.nodeEndpoints.map {
            ($0.nodeID, QuorumEndpoint(host: $0.host, port: UInt16(clamping: $0.port)))
        }
        let common = try takeCommon(
            answer.errorCode, leader: answer.currentLeader.leaderID,
            epoch: answer.currentLeader.leaderEpoch, endpoints)
        if let common { return common }
        guard answer.errorCode == KafkaError.none.rawValue, let role = role.follower else {
            return false
        }
        guard try takeLog(answer, in: body, role) else { return false }
        noteFetched(role)
        return true
    }

    /// The leader's process may be gone: its voters need not wait for the whole timeout.
    func noteDisconnected(_ ended: OutgoingRequests.Pending) {
        guard case .fetch = ended.purpose, let role = role.follower, role.hasFetched,
            ended.target.endpoint == leaderEndpoint
        else { return }
        sometimes(.leaderConnectionLost)
        let grace = settings.disconnectGraceMs
        let extra = grace > 0 ? Int64.random(in: 0..<grace, using: &random) : 0
        role.fetchDeadline = min(role.fetchDeadline, now.monotonic + grace + extra)
    }

    func noteFetched(_ role: FollowerRole) {
        role.hasFetched = true
        role.fetchDeadline = now.monotonic + settings.fetchTimeoutMs
    }

    private func takeLog(
        _ answer: FetchResponse.PartitionData, in body: [UInt8],
        _ role: FollowerRole
    ) throws(QuorumError) -> Bool {
        let diverging = answer.divergingEpoch
        if diverging.epoch >= 0 || diverging.endOffset >= 0 {
            let cut = log.divergence(
                from: LeaderEpoch(diverging.epoch), end: Offset(diverging.endOffset))
            guard diverging.epoch >= 0, cut < endOffset, cut >= .zero else { return false }
            emit(.report("cuts its log at \(cut.rawValue), where the leader's is another"))
            sometimes(.metadataCut)
            try truncate(to: cut)
            return true
        }
        let snapshot = answer.snapshotID
        if snapshot.epoch >= 0 || snapshot.endOffset >= 0 {
            guard snapshot.epoch >= 0, Offset(snapshot.endOffset) > highWatermark else {
                return false
            }
            let id = SnapshotID(
                endOffset: Offset(snapshot.endOffset), epoch: LeaderEpoch(snapshot.epoch))
            sometimes(.snapshotFetched)
            let log = self.log
            role.snapshot = try log.onDisk { () throws(FileError) in
                try PartialSnapshot(id, in: log)
            }
            emit(.report("fetches the snapshot \(id.fileName)"))
            return true
        }
        guard let records = answer.records.bytes(in: body), try appendFetched(records) else {
            return false
        }
        commit(upTo: min(Offset(answer.highWatermark), endOffset))
        return true
    }

    /// Appends what the leader sent, if it is a sound continuation of the log.
    private func appendFetched(_ bytes: [UInt8]) throws(QuorumError) -> Bool {
        let batches: [MetadataBatch]
        let size: Int
        do throws(QuorumError) {
            (batches, size) = try MetadataBatch.whole(in: bytes, path: "records from the leader")
        } catch {
            emit(.report("\(error)"))
            return false
        }
        guard continues(batches) else {
            emit(.report("the leader sent records that do not continue the log"))
            return false
        }
        if !batches.isEmpty { try append(Array(bytes.prefix(size)), batches) }
        return true
    }

    private func continues(_ batches: [MetadataBatch]) -> Bool {
        var next = endOffset
        var last = log.lastEpoch
        for batch in batches {
            guard batch.baseOffset == next, batch.lastOffset >= next, batch.epoch >= last,
                batch.epoch <= epoch
            else { return false }
            next = batch.lastOffset + 1
            last = batch.epoch
        }
        return true
    }
}
