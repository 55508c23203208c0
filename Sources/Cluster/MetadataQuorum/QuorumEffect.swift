import KafkaProtocol
import KafkaWire

/// A request that came from elsewhere, as the caller will recognize it in the answer.
public struct QuorumTicket: Hashable, Sendable {
    public var rawValue: UInt64
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// A request to a quorum member.
public enum QuorumMessage: Sendable {
    case vote(VoteRequest)
    case beginQuorumEpoch(BeginQuorumEpochRequest)
    case endQuorumEpoch(EndQuorumEpochRequest)
    case fetch(FetchRequest)
    case fetchSnapshot(FetchSnapshotRequest)
    case describeQuorum(DescribeQuorumRequest)
    case addRaftVoter(AddRaftVoterRequest)
    case removeRaftVoter(RemoveRaftVoterRequest)
    case updateRaftVoter(UpdateRaftVoterRequest)
}

/// Which connection to a node a request travels on.
public enum QuorumLane: Hashable, Sendable {
    /// Short requests.
    case control
    /// Fetch, which the leader may hold, and FetchSnapshot.
    case fetch
}

/// A request of a quorum member to another node. Exactly one outcome must come back.
public struct QuorumRequest: Sendable {
    /// Chosen by the sender, unique in it.
    public var id: UInt64
    public var endpoint: QuorumEndpoint
    /// The node behind the endpoint; below 0 when only the endpoint is known.
    public var node: BrokerID
    public var lane: QuorumLane
    public var message: any KafkaRequest
    /// The versions that say all that the message has; the highest that both know is used.
    public var versions: ClosedRange<Int16>
    public var timeoutMs: Int64

    public var apiKey: APIKey { type(of: message).apiKey }
}

/// What came of a request.
public enum QuorumOutcome: Sendable {
    /// The answer's body, without its header.
    case answered(version: Int16, body: [UInt8])
    /// Neither answer nor hope of one: timed out, malformed.
    case failed(String)
    /// There is no connection, or it broke: the other process may be gone.
    case disconnected(String)
    /// The other side knows none of the versions.
    case unsupportedVersion
}

/// What a quorum member wants done, in order.
public enum QuorumEffect: Sendable {
    /// A snapshot takes the place of everything applied so far.
    case installed(SnapshotID, SnapshotContents)
    /// These are committed, and follow on what was applied before.
    case committed([MetadataBatch])
    /// Who leads, as far as is known. For this member itself only once its epoch's first record,
    /// and so all that is older, is committed and given.
    case leadership(leader: BrokerID?, epoch: LeaderEpoch, isSelf: Bool)
    case send(QuorumRequest)
    case answer(QuorumTicket, any KafkaResponse)
    /// Something that an operator may want to read.
    case report(String)
    /// The member cannot go on: its disk failed, or the quorum contradicts what is committed.
    case failed(String)
}
