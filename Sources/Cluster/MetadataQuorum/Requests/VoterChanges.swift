import KafkaProtocol
import KafkaWire

/// A change of the voters that the leader works on; one at a time (KIP-853).
struct VoterChange {
    enum Kind { case add, remove }
    var kind: Kind
    /// Who waits for it; `nil` once answered.
    var ticket: QuorumTicket?
    /// The voter to add, before its versions are known.
    var voter: Voter?
    var ackWhenCommitted = true
    /// Where the voters record is, once it is written.
    var offset: Offset?
    var deadline: QuorumInstant
}

/// AddRaftVoter and RemoveRaftVoter, of the leader. Voters change one by one, and only when the
/// change before is committed, so that any two majorities have a member in common.
extension QuorumReplica {
    func addVoter(_ request: AddRaftVoterRequest, _ ticket: QuorumTicket) -> AddRaftVoterResponse? {
        guard let role = role.leader else { return added(.notLeaderOrFollower) }
        guard request.voterID >= 0, request.voterDirectoryID != .zero else {
            return added(.invalidRequest, "The request does not name a voter and its directory.")
        }
        let voter = Voter(
            key: MemberKey(BrokerID(request.voterID), request.voterDirectoryID),
            listeners: request.listeners.map {
                QuorumListener(name: $0.name, endpoint: .init(host: $0.host, port: $0.port))
            })
        guard let listener = voter.listeners.first(where: { $0.name == settings.listenerName })
        else {
            return added(
                .invalidRequest, "The voter has no listener \(settings.listenerName).")
        }
        if let (error, reason) = obstacle(to: role) { return added(error, reason) }
        guard voters[voter.key.id] == nil else {
            return added(.duplicateVoter, "Node \(request.voterID) is a voter already.")
        }
        // The change begins with what the new voter can do.
        guard askVersions(of: voter, at: listener.endpoint) else {
            return added(.requestTimedOut, "The new voter cannot be reached at the moment.")
        }
        sometimes(.voterAdditionBegun)
        role.change = VoterChange(
            kind: .add, ticket: ticket, voter: voter, ackWhenCommitted: request.ackWhenCommitted,
            deadline: now.monotonic + settings.requestTimeoutMs)
        return nil
    }

    func removeVoter(
        _ request: RemoveRaftVoterRequest, _ ticket: QuorumTicket
    ) throws(QuorumError) -> RemoveRaftVoterResponse? {
        guard let role = role.leader else { return removed(.notLeaderOrFollower) }
        guard request.voterID >= 0, request.voterDirectoryID != .zero else {
            return removed(.invalidRequest, "The request does not name a voter and its directory.")
        }
        if let (error, reason) = obstacle(to: role) { return removed(error, reason) }
        let key = MemberKey(BrokerID(request.voterID), request.voterDirectoryID)
        guard let next = voters.removing(key) else {
            return removed(
                .voterNotFound,
                "Node \(request.voterID) with that directory is not a voter, or the only one.")
        }
        sometimes(.voterRemovalBegun)
        sometimes(.leaderRemoved, when: key == self.key)
        role.change = VoterChange(
            kind: .remove, ticket: ticket, offset: endOffset,
            deadline: now.monotonic + settings.requestTimeoutMs)
        try appendControls([.voters(next.record)])
        return nil
    }

    /// Why the voters cannot change now.
    func obstacle(to role: LeaderRole) -> (KafkaError, String)? {
        if role.change != nil {
            sometimes(.voterChangeUnderWay)
            return (.requestTimedOut, "Another change of the voters is under way.")
        }
        guard let highWatermark = role.highWatermark else {
            return (.requestTimedOut, "The leader is new, and has committed nothing yet.")
        }
        guard controls.isReconfigurable else {
            return (
                .unsupportedVersion,
                "The voters are fixed, for kraft.version is \(controls.kraftVersion)."
            )
        }
        guard let offset = controls.votersOffset, offset < highWatermark else {
            return (.requestTimedOut, "The change of the voters before is not committed yet.")
        }
        return nil
    }

    private func added(_ error: KafkaError, _ reason: String? = nil) -> AddRaftVoterResponse {
        AddRaftVoterResponse(errorCode: error.rawValue, errorMessage: reason)
    }
    private func removed(_ error: KafkaError, _ reason: String? = nil) -> RemoveRaftVoterResponse {
        RemoveRaftVoterResponse(errorCode: error.rawValue, errorMessage: reason)
    }

    // MARK: The new voter

    /// From version 4 on an answer names features that begin at level 0, as `kraft.version` does.
    private func askVersions(of voter: Voter, at endpoint: QuorumEndpoint) -> Bool {
        var request = ApiVersionsRequest()
        request.clientSoftwareName = "martlet"
        request.clientSoftwareVersion = "1"
        return send(
            request, to: endpoint, voter.key.id, for: .apiVersions(voter.key), versions: 3...4)
    }

    /// Adds the voter if it can do what the quorum does, and has the log.
    func take(_ response: ApiVersionsResponse, of key: MemberKey) throws(QuorumError) -> Bool {
        guard let role = role.leader, var voter = role.change?.voter, voter.key == key,
            role.change?.offset == nil
        else { return true }
        guard response.errorCode == KafkaError.none.rawValue else { return false }
        let range = response.supportedFeatures.first { $0.name == "kraft.version" }
        guard let range, range.minVersion <= kraftVersion, range.maxVersion >= kraftVersion else {
            endVoterChange(
                role, .invalidRequest, "The new voter cannot do kraft.version \(kraftVersion).")
            return true
        }
        let since = now.monotonic - LeaderRole.joinWindowMs
        guard let progress = role.progress(of: key), progress.lastCaughtUp != nil,
            progress.lastFetch ?? .min > since
        else {
            sometimes(.newVoterLags)
            endVoterChange(
                role, .requestTimedOut, "The new voter does not have the whole log yet.")
            return true
        }
        voter.kraftVersions = range.minVersion...range.maxVersion
        role.change?.offset = endOffset
        let ticket = role.change?.ticket
        if role.change?.ackWhenCommitted == false { role.change?.ticket = nil }
        try appendControls([.voters(voters.adding(voter).record)])
        if let ticket, role.change?.ticket == nil, role.change != nil {
            emit(.answer(ticket, added(.none)))
        }
        return true
    }

    /// The new voter did not say what it can do.
    func newVoterIsSilent(_ key: MemberKey) {
        guard let role = role.leader, role.change?.voter?.key == key, role.change?.offset == nil
        else { return }
        sometimes(.newVoterSilent)
        endVoterChange(role, .requestTimedOut, "The new voter does not answer.")
    }

    // MARK: The end of a change

    func finishVoterChange(_ role: LeaderRole, _ highWatermark: Offset) {
        guard let offset = role.change?.offset, highWatermark > offset else { return }
        sometimes(.voterChangeCommitted)
        endVoterChange(role, .none, nil)
    }

    func expireVoterChange(_ role: LeaderRole) {
        guard let change = role.change, now.monotonic >= change.deadline else { return }
        sometimes(.voterChangeExpired)
        endVoterChange(
            role, .requestTimedOut, "The voters have not committed the change in time.")
    }

    func endVoterChange(_ role: LeaderRole, _ error: KafkaError, _ reason: String?) {
        guard let change = role.change else { return }
        role.change = nil
        guard let ticket = change.ticket else { return }
        switch change.kind {
        case .add: emit(.answer(ticket, added(error, reason)))
        case .remove: emit(.answer(ticket, removed(error, reason)))
        }
    }
}
