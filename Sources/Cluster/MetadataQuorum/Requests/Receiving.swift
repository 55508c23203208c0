import KafkaProtocol
import KafkaWire

/// Requests of other members.
extension QuorumReplica {
    /// Takes a request of the given version. Its answer, exactly one, comes as an effect, later for
    /// a fetch with nothing new and for a change of voters.
    public func receive(
        _ message: QuorumMessage, version: Int16, ticket: QuorumTicket, now: QuorumTime
    ) {
        if failure != nil { return emit(.answer(ticket, message.failure(.kafkaStorageError))) }
        perform(now) { () throws(QuorumError) in
            if let answer = try self.answer(to: message, version, ticket) {
                self.emit(.answer(ticket, answer))
            }
        }
    }

    /// `nil` when the answer comes later.
    private func answer(
        to message: QuorumMessage, _ version: Int16, _ ticket: QuorumTicket
    ) throws(QuorumError) -> (any KafkaResponse)? {
        if let claimed = message.clusterID, claimed != clusterID {
            return message.failure(.inconsistentClusterID)
        }
        switch message {
        case .vote(let request): return try vote(request, version)
        case .beginQuorumEpoch(let request): return try begin(request, version)
        case .endQuorumEpoch(let request): return try end(request, version)
        case .fetch(let request): return try fetch(request, version, ticket)
        case .fetchSnapshot(let request): return fetchSnapshot(request, version)
        case .describeQuorum(let request): return describe(request, version)
        case .addRaftVoter(let request): return addVoter(request, ticket)
        case .removeRaftVoter(let request): return try removeVoter(request, ticket)
        case .updateRaftVoter(let request): return try updateVoter(request)
        }
    }

    /// The leader's number, -1 when unknown, and its address for an answer that has room for it.
    var leaderID: Int32 { state.leaderID }
    func leaderAddress(_ hasRoom: Bool) -> (id: Int32, endpoint: QuorumEndpoint)? {
        guard hasRoom, let leader = state.leader, let endpoint = endpoint(of: leader) else {
            return nil
        }
        return (leader.rawValue, endpoint)
    }

    /// The leader's address as the `nodeEndpoints` of an answer; empty where `leaderAddress` is.
    func leaderEndpoints<Endpoint>(
        _ hasRoom: Bool, _ make: (_ nodeID: Int32, _ host: String, _ port: UInt16) -> Endpoint
    ) -> [Endpoint] {
        leaderAddress(hasRoom).map { [make($0.id, $0.endpoint.host, $0.endpoint.port)] } ?? []
    }

    /// What is wrong with a request of a member that leads or wants to.
    func refusal(of node: Int32, in epoch: Int32) -> KafkaError? {
        if epoch < state.leaderEpoch { return .fencedLeaderEpoch }
        // After the last epoch there could be no other, and no election.
        return node < 0 || epoch == .max ? .invalidRequest : nil
    }

    /// What is wrong with a request to the leader of `epoch`.
    func refusal(byLeaderOf epoch: Int32) -> KafkaError? {
        sometimes(.quorumFetchOfOldEpoch, when: epoch < state.leaderEpoch)
        if epoch < state.leaderEpoch { return .fencedLeaderEpoch }
        sometimes(.quorumFetchOfEpochToCome, when: epoch > state.leaderEpoch)
        if epoch > state.leaderEpoch { return .unknownLeaderEpoch }
        return role.leader == nil ? .notLeaderOrFollower : nil
    }

    /// Whether a request names this member; one of an old version names nobody.
    func isAddressee(_ id: Int32, _ directoryID: KafkaUUID) -> Bool {
        id < 0 || MemberKey(BrokerID(id), directoryID).matches(key)
    }

    static func isMetadata(_ topic: String, _ partition: Int32) -> Bool {
        topic == topicPartition.topic && partition == topicPartition.partition
    }
}

extension QuorumMessage {
    /// The cluster that the sender means; `nil` when it does not say.
    var clusterID: String? {
        switch self {
        case .vote(let request): request.clusterID
        case .beginQuorumEpoch(let request): request.clusterID
        case .endQuorumEpoch(let request): request.clusterID
        case .fetch(let request): request.clusterID
        case .fetchSnapshot(let request): request.clusterID
        case .describeQuorum: nil
        case .addRaftVoter(let request): request.clusterID
        case .removeRaftVoter(let request): request.clusterID
        case .updateRaftVoter(let request): request.clusterID
        }
    }

    /// The answer that the whole request has failed.
    func failure(_ error: KafkaError) -> any KafkaResponse {
        let code = error.rawValue
        switch self {
        case .vote: return VoteResponse(errorCode: code)
        case .beginQuorumEpoch: return BeginQuorumEpochResponse(errorCode: code)
        case .endQuorumEpoch: return EndQuorumEpochResponse(errorCode: code)
        case .fetch: return FetchResponse(errorCode: code)
        case .fetchSnapshot: return FetchSnapshotResponse(errorCode: code)
        case .describeQuorum: return DescribeQuorumResponse(errorCode: code)
        case .addRaftVoter: return AddRaftVoterResponse(errorCode: code)
        case .removeRaftVoter: return RemoveRaftVoterResponse(errorCode: code)
        case .updateRaftVoter: return UpdateRaftVoterResponse(errorCode: code)
        }
    }
}
