import KafkaProtocol
import KafkaWire

/// How a member keeps its own place among the voters right (KIP-853, KIP-1186), and the leader's
/// answer.
extension QuorumReplica {
    // MARK: The member's side

    /// Tells the leader of new listeners or versions; joins the voters if it shall by itself.
    func seeToOwnVoter(_ role: FollowerRole, _ leader: QuorumEndpoint) {
        var wasSent = true
        if isVoter {
            if needsUpdate(role) { wasSent = sendUpdate(role, leader) }
        } else if settings.autoJoin, settings.mayVote, controls.isReconfigurable {
            wasSent = joinVoters(role, leader)
        }
        role.voterUpdateDue =
            now.monotonic + (wasSent ? settings.fetchTimeoutMs : settings.retryBackoffMs)
    }

    private func needsUpdate(_ role: FollowerRole) -> Bool {
        guard !settings.listeners.isEmpty else { return false }
        return controls.isReconfigurable ? voters[nodeID] != ownVoter : !role.hasUpdatedLeader
    }

    private func sendUpdate(_ role: FollowerRole, _ leader: QuorumEndpoint) -> Bool {
        let versions = ownVoter.kraftVersions
        let request = UpdateRaftVoterRequest(
            clusterID: clusterID, currentLeaderEpoch: state.leaderEpoch,
            voterID: nodeID.rawValue, voterDirectoryID: directoryID,
            listeners: settings.listeners.map {
                .init(name: $0.name, host: $0.endpoint.host, port: $0.endpoint.port)
            },
            kRaftVersionFeature: .init(
                minSupportedVersion: versions.lowerBound,
                maxSupportedVersion: versions.upperBound))
        return send(request, to: leader, role.leader, for: .updateVoter)
    }

    private func joinVoters(_ role: FollowerRole, _ leader: QuorumEndpoint) -> Bool {
        if let old = voters[nodeID] {
            // This node as it was before it lost its disk.
            sometimes(.formerSelfRemoved)
            let request = RemoveRaftVoterRequest(
                clusterID: clusterID, voterID: nodeID.rawValue,
                voterDirectoryID: old.key.directoryID)
            return send(request, to: leader, role.leader, for: .removeVoter)
        }
        sometimes(.controllerJoinsVoters)
        let request = AddRaftVoterRequest(
            clusterID: clusterID, timeoutMs: Int32(clamping: settings.requestTimeoutMs),
            voterID: nodeID.rawValue, voterDirectoryID: directoryID,
            listeners: settings.listeners.map {
                .init(name: $0.name, host: $0.endpoint.host, port: $0.endpoint.port)
            }, ackWhenCommitted: false)
        return send(request, to: leader, role.leader, for: .addVoter)
    }

    /// Of AddRaftVoter and RemoveRaftVoter; what did not work is tried again in due time.
    func takeVoterAnswer(_ errorCode: Int16, besides expected: KafkaError) -> Bool {
        role.follower?.voterUpdateDue = now.monotonic + settings.fetchTimeoutMs
        switch KafkaError(rawValue: errorCode) {
        case .none?, .requestTimedOut?, expected?: return true
        default: return false
        }
    }

    func take(_ response: UpdateRaftVoterResponse) throws(QuorumError) -> Bool {
        let leader = response.currentLeader
        let endpoints =
            leader.host.isEmpty
            ? []
            : [
                (
                    leader.leaderID,
                    QuorumEndpoint(host: leader.host, port: UInt16(clamping: leader.port))
                )
            ]
        let common = try takeCommon(
            response.errorCode, leader: leader.leaderID, epoch: leader.leaderEpoch, endpoints)
        if let common { return common }
        guard let role = role.follower else { return false }
        switch KafkaError(rawValue: response.errorCode) {
        case .none?, .unsupportedVersion?:
            role.hasUpdatedLeader = true
            noteFetched(role)
            return true
        default: return false
        }
    }

    // MARK: The leader's side

    func updateVoter(_ request: UpdateRaftVoterRequest) throws(QuorumError)
        -> UpdateRaftVoterResponse
    {
        if let refusal = refusal(byLeaderOf: request.currentLeaderEpoch) {
            return updated(refusal)
        }
        guard let role = role.leader else { return updated(.notLeaderOrFollower) }
        let range = request.kRaftVersionFeature
        guard request.voterID >= 0, request.voterDirectoryID != .zero,
            request.listeners.contains(where: { $0.name == settings.listenerName }),
            range.minSupportedVersion >= 0,
            range.maxSupportedVersion >= range.minSupportedVersion,
            range.minSupportedVersion <= kraftVersion, range.maxSupportedVersion >= kraftVersion
        else { return updated(.invalidRequest) }
        let voter = Voter(
            key: MemberKey(BrokerID(request.voterID), request.voterDirectoryID),
            listeners: request.listeners.map {
                QuorumListener(name: $0.name, endpoint: .init(host: $0.host, port: $0.port))
            }, kraftVersions: range.minSupportedVersion...range.maxSupportedVersion)
        if let (error, _) = obstacle(to: role), error != .unsupportedVersion {
            return updated(error)
        }
        if controls.isReconfigurable {
            guard let next = voters.updating(voter) else { return updated(.voterNotFound) }
            if next != voters { try appendControls([.voters(next.record)]) }
        } else {
            // It cannot go into the log, but is needed to raise kraft.version.
            guard
                let next = role.describedVoters.updating(voter, ignoringDirectory: true)
            else { return updated(.voterNotFound) }
            role.describedVoters = next
        }
        noteAlive(voter.key, role)
        return updated(.none)
    }

    private func updated(_ error: KafkaError) -> UpdateRaftVoterResponse {
        var response = UpdateRaftVoterResponse(errorCode: error.rawValue)
        response.currentLeader = .init(leaderID: leaderID, leaderEpoch: state.leaderEpoch)
        if let leader = leaderAddress(true) {
            response.currentLeader.host = leader.endpoint.host
            response.currentLeader.port = Int32(leader.endpoint.port)
        }
        return response
    }
}
