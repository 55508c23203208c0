import KafkaProtocol
import KafkaWire

/// A member that led the epoch and does not lead it any more. It tells the voters, so that they
/// need not wait for their timeouts, and stays for one election timeout; it votes for nobody in
/// the epoch.
final class ResignedRole {
    let electionDeadline: QuorumInstant
    /// The voters by how much of the log they have, most first.
    let successors: [MemberKey]
    var unacknowledged: Set<BrokerID>

    init(
        electionDeadline: QuorumInstant, successors: [MemberKey], unacknowledged: Set<BrokerID>
    ) {
        self.electionDeadline = electionDeadline
        self.successors = successors
        self.unacknowledged = unacknowledged
    }
}

extension QuorumReplica {
    /// It has given up leading, and none of the others has confirmed yet that it knows.
    public var isResigning: Bool {
        guard case .resigned(let role) = role, !role.successors.isEmpty else { return false }
        return role.unacknowledged.count == role.successors.count
    }

    func becomeResigned(from leader: LeaderRole) {
        let successors = leader.votersByProgress.map(\.key).filter { $0.id != nodeID }
        emit(.report("no longer leads epoch \(epoch.rawValue)"))
        enterResigned(successors: successors)
    }

    func enterResigned(successors: [MemberKey]) {
        leaderEndpoint = settings.listeners.first?.endpoint
        enter(
            .resigned(
                ResignedRole(
                    electionDeadline: electionDeadline(), successors: successors,
                    unacknowledged: Set(voters.ids.filter { $0 != nodeID }))))
    }

    func poll(_ role: ResignedRole) throws(QuorumError) {
        // Into the next epoch: in this one it is the leader, and nobody may follow it.
        if now.monotonic >= role.electionDeadline {
            sometimes(.resignedLeaderMovesOn)
            return try becomeUnattached(in: nextEpoch())
        }
        for id in role.unacknowledged.sorted() {
            guard let endpoint = voters[id]?.endpoint(settings.listenerName) else { continue }
            send(endRequest(role), to: endpoint, id, for: .endQuorumEpoch(id))
        }
    }

    private func endRequest(_ role: ResignedRole) -> EndQuorumEpochRequest {
        let partition = EndQuorumEpochRequest.PartitionData(
            partitionIndex: Self.topicPartition.partition, leaderID: nodeID.rawValue,
            leaderEpoch: epoch.rawValue,
            preferredSuccessors: role.successors.map(\.id.rawValue),
            preferredCandidates: role.successors.map {
                .init(candidateID: $0.id.rawValue, candidateDirectoryID: $0.directoryID)
            })
        return EndQuorumEpochRequest(
            clusterID: clusterID,
            topics: [.init(topicName: Self.topicPartition.topic, partitions: [partition])],
            leaderEndpoints: settings.listeners.map {
                .init(name: $0.name, host: $0.endpoint.host, port: $0.endpoint.port)
            })
    }

    func take(_ response: EndQuorumEpochResponse, from voter: BrokerID) throws(QuorumError) -> Bool
    {
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
        if case .resigned(let role) = role { role.unacknowledged.remove(voter) }
        return true
    }
}
