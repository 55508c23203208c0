import KafkaProtocol
import KafkaWire
import MetadataQuorum

/// What nodes of a cluster ask each other's controllers: about the metadata quorum, and what only
/// the active controller decides for brokers.
extension BrokerLoop {
    static let controllerAPIs: [APIKey] = [
        .vote, .beginQuorumEpoch, .endQuorumEpoch, .fetchSnapshot, .describeQuorum, .addRaftVoter,
        .removeRaftVoter, .updateRaftVoter, .brokerRegistration, .brokerHeartbeat,
        .allocateProducerIDs, .controllerRegistration, .alterPartition, .assignReplicasToDirs,
        .envelope,
    ]

    func dispatchController(
        _ frame: RawSpan, _ start: Int, _ context: RequestContext
    ) throws(RequestError) -> Bool {
        if let message = try quorumMessage(frame, start, context) {
            toQuorum(message, context)
            return true
        }
        switch context.apiKey {
        case .brokerRegistration:
            toController(
                try decode(BrokerRegistrationRequest.self, frame, from: start, context), context)
        case .brokerHeartbeat:
            let request = try decode(BrokerHeartbeatRequest.self, frame, from: start, context)
            connections[context.connection]?.broker = (request.brokerID, request.brokerEpoch)
            toController(request, context)
        case .allocateProducerIDs:
            toController(
                try decode(AllocateProducerIDsRequest.self, frame, from: start, context), context)
        case .controllerRegistration:
            toController(
                try decode(ControllerRegistrationRequest.self, frame, from: start, context),
                context)
        case .alterPartition:
            toController(
                try decode(AlterPartitionRequest.self, frame, from: start, context), context)
        case .assignReplicasToDirs:
            toController(
                try decode(AssignReplicasToDirsRequest.self, frame, from: start, context), context)
        case .envelope:
            try open(try decode(EnvelopeRequest.self, frame, from: start, context), context)
        default: return false
        }
        return true
    }

    /// The request, when it is one to this node's member of the quorum.
    private func quorumMessage(
        _ frame: RawSpan, _ start: Int, _ context: RequestContext
    ) throws(RequestError) -> QuorumMessage? {
        switch context.apiKey {
        case .vote: .vote(try decode(VoteRequest.self, frame, from: start, context))
        case .beginQuorumEpoch:
            .beginQuorumEpoch(
                try decode(BeginQuorumEpochRequest.self, frame, from: start, context))
        case .endQuorumEpoch:
            .endQuorumEpoch(try decode(EndQuorumEpochRequest.self, frame, from: start, context))
        case .fetch where context.serves.contains(.controller):
            .fetch(try decode(FetchRequest.self, frame, from: start, context))
        case .fetchSnapshot:
            .fetchSnapshot(try decode(FetchSnapshotRequest.self, frame, from: start, context))
        case .describeQuorum:
            .describeQuorum(try decode(DescribeQuorumRequest.self, frame, from: start, context))
        case .addRaftVoter:
            .addRaftVoter(try decode(AddRaftVoterRequest.self, frame, from: start, context))
        case .removeRaftVoter:
            .removeRaftVoter(try decode(RemoveRaftVoterRequest.self, frame, from: start, context))
        case .updateRaftVoter:
            .updateRaftVoter(try decode(UpdateRaftVoterRequest.self, frame, from: start, context))
        default: nil
        }
    }
}
