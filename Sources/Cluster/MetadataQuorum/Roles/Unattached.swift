import KafkaWire

/// A member that knows of no leader it could follow. A voter may have voted in the epoch; it looks
/// for a leader, and after a random time asks for votes itself. An observer only looks.
struct UnattachedRole {
    let electionDeadline: QuorumInstant
}

extension QuorumReplica {
    /// The role to begin with: as the last run ended, but a former leader must not go on in its
    /// epoch, of which records may have been lost.
    func enterFirstRole() throws(QuorumError) {
        if isVoter, voters.count == 1 { return try becomeProspective() }
        if state.leader == nodeID {
            sometimes(.restartedAsLeader)
            return enterResigned(successors: [])
        }
        if let leader = state.leader, let endpoint = voters[leader]?.endpoint(settings.listenerName)
        {
            return try becomeFollower(of: leader, at: endpoint, in: epoch)
        }
        enter(.unattached(UnattachedRole(electionDeadline: mayStand ? electionDeadline() : .max)))
    }

    /// Leaves what it was for an epoch of which no reachable leader is known.
    func becomeUnattached(in epoch: LeaderEpoch) throws(QuorumError) {
        let deadline = remainingElectionDeadline()
        var next = QuorumState(leaderEpoch: epoch.rawValue)
        if epoch == self.epoch {
            // It may not vote again.
            next.leaderID = state.leaderID
            next.votedID = state.votedID
            next.votedDirectoryID = state.votedDirectoryID
        }
        try persist(next)
        leaderEndpoint = nil
        enter(.unattached(UnattachedRole(electionDeadline: deadline)))
    }

    /// An election timeout that runs goes on, so that epochs of others do not keep a voter from
    /// ever asking for votes.
    private func remainingElectionDeadline() -> QuorumInstant {
        guard mayStand else { return .max }
        switch role {
        case .candidate(let role): return role.electionDeadline
        case .prospective(let role) where !role.votes.isLost: return role.electionDeadline
        case .unattached(let role) where role.electionDeadline < .max:
            return role.electionDeadline
        case .resigned(let role): return role.electionDeadline
        default: return electionDeadline()
        }
    }

    func poll(_ role: UnattachedRole) throws(QuorumError) {
        if mayStand, now.monotonic >= role.electionDeadline { return try becomeProspective() }
        fetchFromAnyone()
    }
}
