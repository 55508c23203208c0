import KafkaProtocol
import KafkaWire

/// Requests to other members, and what all their answers have in common.
extension QuorumReplica {
    /// Sends, unless a request is under way there or one has just failed.
    @discardableResult
    func send(
        _ message: any KafkaRequest, to endpoint: QuorumEndpoint, _ node: BrokerID,
        for purpose: RequestPurpose, versions: ClosedRange<Int16>? = nil,
        lane: QuorumLane = .control
    ) -> Bool {
        let target = OutgoingRequests.Target(endpoint: endpoint, lane: lane)
        guard requests.isReady(target, now: now.monotonic) else { return false }
        let id = requests.begin(purpose, target, node)
        emit(
            .send(
                QuorumRequest(
                    id: id, endpoint: endpoint, node: node, lane: lane, message: message,
                    versions: versions ?? type(of: message).validVersions,
                    timeoutMs: settings.requestTimeoutMs)))
        return true
    }

    /// Takes what came of a request; after a failure its endpoint gets a pause.
    func take(
        _ outcome: QuorumOutcome, of ended: OutgoingRequests.Pending
    ) throws(QuorumError) {
        let before = transitions
        var isGood = false
        switch outcome {
        case .answered(let version, let body):
            isGood = try takeAnswer(body, version, of: ended)
        case .unsupportedVersion:
            if case .vote(_, isPreVote: true) = ended.purpose, case .prospective = role {
                // That one cannot say whether it would vote: find out.
                return try becomeCandidate()
            }
        case .disconnected: noteDisconnected(ended)
        case .failed: break
        }
        guard !isGood else { return }
        if case .apiVersions(let key) = ended.purpose { newVoterIsSilent(key) }
        // A new role has no memory of failures.
        guard transitions == before else { return }
        requests.pause(
            ended.target.endpoint, until: now.monotonic + settings.retryBackoffMs)
    }

    /// Whether the answer was one to go on with.
    private func takeAnswer(
        _ body: [UInt8], _ version: Int16, of ended: OutgoingRequests.Pending
    ) throws(QuorumError) -> Bool {
        func decoded<Response: KafkaResponse>(_ type: Response.Type) -> Response? {
            do throws(WireError) {
                return try Response(decoding: body, version: version)
            } catch {
                emit(.report("node \(ended.node.rawValue) sent an answer that is none: \(error)"))
                return nil
            }
        }
        switch ended.purpose {
        case .vote(let voter, let isPreVote):
            guard let answer = decoded(VoteResponse.self) else { return false }
            return try take(answer, from: voter, isPreVote: isPreVote)
        case .beginQuorumEpoch:
            guard let answer = decoded(BeginQuorumEpochResponse.self) else { return false }
            return try take(answer)
        case .endQuorumEpoch(let voter):
            guard let answer = decoded(EndQuorumEpochResponse.self) else { return false }
            return try take(answer, from: voter)
        case .fetch:
            guard let answer = decoded(FetchResponse.self) else { return false }
            return try take(answer, in: body)
        case .fetchSnapshot:
            guard let answer = decoded(FetchSnapshotResponse.self) else { return false }
            return try take(answer, in: body)
        case .apiVersions(let key):
            guard let answer = decoded(ApiVersionsResponse.self) else { return false }
            return try take(answer, of: key)
        case .addVoter:
            guard let answer = decoded(AddRaftVoterResponse.self) else { return false }
            return takeVoterAnswer(answer.errorCode, besides: .duplicateVoter)
        case .removeVoter:
            guard let answer = decoded(RemoveRaftVoterResponse.self) else { return false }
            return takeVoterAnswer(answer.errorCode, besides: .voterNotFound)
        case .updateVoter:
            guard let answer = decoded(UpdateRaftVoterResponse.self) else { return false }
            return try take(answer)
        }
    }

    // MARK: Leader and epoch

    /// Takes over what an answer says of leader and epoch.
    ///
    /// - Returns: `nil` when the answer itself is to be looked at; else whether it was of use.
    func takeCommon(
        _ errorCode: Int16, leader: Int32, epoch: Int32, _ endpoints: [(Int32, QuorumEndpoint)]
    ) throws(QuorumError) -> Bool? {
        let error = KafkaError(rawValue: errorCode) ?? .unknownServerError
        let leader = leader < 0 ? nil : BrokerID(leader)
        let endpoint = leader.flatMap { id in
            endpoints.first { $0.0 == id.rawValue }?.1
                ?? voters[id]?.endpoint(settings.listenerName)
        }
        if epoch < state.leaderEpoch || error == .unknownLeaderEpoch { return false }
        if epoch > state.leaderEpoch || error == .fencedLeaderEpoch || error == .notLeaderOrFollower
        {
            return try learn(leader, LeaderEpoch(epoch), endpoint)
        }
        // A restart forgets where the leader was, unless its log has the voters.
        if leader != nil, state.leader == nil || role.isUnattached {
            guard try learn(leader, LeaderEpoch(epoch), endpoint) else { return false }
            return error == .none ? nil : true
        }
        switch error {
        case .brokerNotAvailable, .invalidVoterKey: return false
        case .invalidRequest:
            emit(.report("another member calls a request of this one invalid"))
            return false
        default: return nil
        }
    }

    /// Follows what a message says of leader and epoch. Whether that was news.
    func learn(
        _ leader: BrokerID?, _ epoch: LeaderEpoch, _ endpoint: QuorumEndpoint?
    ) throws(QuorumError) -> Bool {
        guard agrees(leader, epoch), epoch.rawValue < .max else { return false }
        if epoch > self.epoch {
            if let leader, let endpoint {
                try becomeFollower(of: leader, at: endpoint, in: epoch)
            } else {
                try becomeUnattached(in: epoch)
            }
            return true
        }
        guard epoch == self.epoch, let leader, let endpoint,
            state.leader == nil || leaderEndpoint == nil
        else { return false }
        try becomeFollower(of: leader, at: endpoint, in: epoch)
        return true
    }

    /// Whether this leader may be the epoch's; there is only one, and this member knows whether it
    /// is itself.
    func agrees(_ leader: BrokerID?, _ epoch: LeaderEpoch) -> Bool {
        guard let leader else { return true }
        if leader == nodeID { return epoch == self.epoch && role.leader != nil }
        return epoch != self.epoch || state.leader == nil || state.leader == leader
    }

    // MARK: Time

    /// When `tick` has something to do, in monotonic milliseconds; `nil` for never.
    public var nextDeadline: Int64? {
        guard failure == nil else { return nil }
        let ofRole =
            switch role {
            case .unattached(let role): mayStand ? role.electionDeadline : .max
            case .prospective(let role), .candidate(let role): role.electionDeadline
            case .resigned(let role): role.electionDeadline
            case .follower(let role):
                min(role.voterUpdateDue, mayStand ? role.fetchDeadline : .max)
            case .leader(let role):
                role.parked.lazy.map(\.deadline).reduce(
                    min(
                        role.announcementDue, role.isOnlyVoter ? .max : role.quorumDeadline,
                        role.change?.deadline ?? .max), min)
            }
        let next = min(ofRole, requests.nextPauseEnd(after: now.monotonic) ?? .max)
        return next == .max ? nil : next
    }
}

extension RecordsField {
    /// The records' bytes; `nil` where they are not in memory.
    func bytes(in frame: [UInt8]) -> [UInt8]? {
        switch self {
        case .null: []
        case .bytes(let bytes): bytes
        case .inFrame(let range): Array(frame[range])
        case .external: nil
        }
    }
}
