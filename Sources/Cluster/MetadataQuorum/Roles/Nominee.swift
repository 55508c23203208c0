import KafkaProtocol
import KafkaWire

/// Prospective and candidate: the elections (KIP-595, KIP-996).
///
/// A prospective member asks, in the epoch as it is, whether it would be elected, so that one that
/// is cut off, or lags, does not disturb a working leader by new epochs. Only with a majority of
/// such pre-votes it opens the next epoch, votes for itself, and asks for votes.
extension QuorumReplica {
    func becomeProspective() throws(QuorumError) {
        let former = leaderEndpoint == nil ? nil : state.leader
        let nominee = nominee(formerLeader: former)
        enter(.prospective(nominee))
        if nominee.votes.isWon { try becomeCandidate() }
    }

    func becomeCandidate() throws(QuorumError) {
        precondition(mayStand, "only a voter asks for votes")
        try persist(
            QuorumState(
                leaderEpoch: try nextEpoch().rawValue, votedID: nodeID.rawValue,
                votedDirectoryID: directoryID))
        leaderEndpoint = nil
        let nominee = nominee(formerLeader: nil)
        enter(.candidate(nominee))
        emit(.report("asks for votes in epoch \(epoch.rawValue)"))
        if nominee.votes.isWon { try becomeLeader(grantedBy: nominee.votes.granted) }
    }

    func nextEpoch() throws(QuorumError) -> LeaderEpoch {
        guard epoch.rawValue < .max else { throw .lastEpoch }
        return LeaderEpoch(epoch.rawValue + 1)
    }

    private func nominee(formerLeader: BrokerID?) -> NomineeRole {
        var votes = ElectionVotes(voters)
        votes.record(nodeID, granted: true)
        return NomineeRole(
            votes, electionDeadline: electionDeadline(), formerLeader: formerLeader)
    }

    func poll(prospective role: NomineeRole) throws(QuorumError) {
        guard mayStand else { return try becomeUnattached(in: epoch) }
        if now.monotonic >= role.electionDeadline || role.votes.isLost {
            return try leaveLostPreElection(role)
        }
        requestVotes(role, isPreVote: true)
    }

    func poll(candidate role: NomineeRole) throws(QuorumError) {
        guard mayStand else { return try becomeUnattached(in: epoch) }
        // After a lost election the rest of the timeout is its back-off.
        if now.monotonic >= role.electionDeadline {
            sometimes(.candidateTimesOut)
            return try becomeProspective()
        }
        if !role.votes.isLost { requestVotes(role, isPreVote: false) }
    }

    private func leaveLostPreElection(_ role: NomineeRole) throws(QuorumError) {
        if let leader = role.formerLeader, let leaderEndpoint {
            sometimes(.leadershipResumed)
            return try becomeFollower(of: leader, at: leaderEndpoint, in: epoch)
        }
        try becomeUnattached(in: epoch)
    }

    private func requestVotes(_ role: NomineeRole, isPreVote: Bool) {
        for voter in role.votes.open {
            guard let endpoint = voter.endpoint(settings.listenerName) else { continue }
            // Only version 2 can say that a vote is not meant yet.
            send(
                voteRequest(to: voter, isPreVote: isPreVote), to: endpoint, voter.key.id,
                for: .vote(voter.key.id, isPreVote: isPreVote),
                versions: isPreVote ? 2...2 : VoteRequest.validVersions)
        }
    }

    private func voteRequest(to voter: Voter, isPreVote: Bool) -> VoteRequest {
        let partition = VoteRequest.PartitionData(
            partitionIndex: Self.topicPartition.partition, replicaEpoch: epoch.rawValue,
            replicaID: nodeID.rawValue, replicaDirectoryID: directoryID,
            voterDirectoryID: voter.key.directoryID, lastOffsetEpoch: log.lastEpoch.rawValue,
            lastOffset: endOffset.rawValue, preVote: isPreVote)
        return VoteRequest(
            clusterID: clusterID, voterID: voter.key.id.rawValue,
            topics: [.init(topicName: Self.topicPartition.topic, partitions: [partition])])
    }

    /// A voter's answer.
    func take(
        _ response: VoteResponse, from voter: BrokerID, isPreVote: Bool
    ) throws(QuorumError) -> Bool {
        guard response.errorCode == KafkaError.none.rawValue,
            let answer = response.topics.first?.partitions.first
        else { return false }
        let endpoints = response.nodeEndpoints.map {
            ($0.nodeID, QuorumEndpoint(host: $0.host, port: $0.port))
        }
        let common = try takeCommon(
            answer.errorCode, leader: answer.leaderID, epoch: answer.leaderEpoch, endpoints)
        if let common { return common }
        guard answer.errorCode == KafkaError.none.rawValue else { return false }
        switch role {
        case .prospective(let role) where isPreVote:
            role.votes.record(voter, granted: answer.voteGranted)
            if role.votes.isWon { try becomeCandidate() }
        case .candidate(let role) where !isPreVote:
            role.votes.record(voter, granted: answer.voteGranted)
            if role.votes.isWon { try becomeLeader(grantedBy: role.votes.granted) }
        default: break
        }
        return true
    }
}
