import KafkaWire

/// What a quorum member is at the moment; one file for each, with its transitions.
///
///     unattached ── election timeout ──▶ prospective ── majority of pre-votes ──▶ candidate
///         ▲                                   │                                       │
///         │ higher epoch                      │ refused                    majority   ▼
///     resigned ◀── no majority fetches ── leader ◀───────────────────────────── of votes
///     follower ── fetch timeout ──▶ prospective;  any ── leader of the epoch known ──▶ follower
///
/// Epoch, leader and vote are not here but in `QuorumReplica.state`, which is what the disk has.
enum QuorumRole {
    case unattached(UnattachedRole)
    case follower(FollowerRole)
    case prospective(NomineeRole)
    case candidate(NomineeRole)
    case leader(LeaderRole)
    case resigned(ResignedRole)

    var isUnattached: Bool { if case .unattached = self { true } else { false } }
    var leader: LeaderRole? { if case .leader(let role) = self { role } else { nil } }
    var follower: FollowerRole? { if case .follower(let role) = self { role } else { nil } }
}

/// Instants are monotonic milliseconds.
typealias QuorumInstant = Int64

/// The votes of one election (or pre-election) as they come in.
struct ElectionVotes {
    private let voters: VoterSet
    private(set) var granted: Set<BrokerID> = []
    private(set) var rejected: Set<BrokerID> = []

    init(_ voters: VoterSet) { self.voters = voters }

    mutating func record(_ id: BrokerID, granted isGranted: Bool) {
        guard voters[id] != nil else { return }
        if isGranted {
            granted.insert(id)
            rejected.remove(id)
        } else {
            rejected.insert(id)
            granted.remove(id)
        }
    }

    /// The voters that have not answered.
    var open: [Voter] {
        voters.voters.filter { !granted.contains($0.key.id) && !rejected.contains($0.key.id) }
    }
    var isWon: Bool { granted.count >= voters.majority }
    var isLost: Bool { granted.count + open.count < voters.majority }
}

/// A member that asks for votes: prospective while it asks whether it would get them (KIP-996),
/// then candidate.
final class NomineeRole {
    var votes: ElectionVotes
    let electionDeadline: QuorumInstant
    /// The epoch's leader before the fetch timeout, to whom a lost pre-election leads back.
    let formerLeader: BrokerID?

    init(_ votes: ElectionVotes, electionDeadline: QuorumInstant, formerLeader: BrokerID? = nil) {
        self.votes = votes
        self.electionDeadline = electionDeadline
        self.formerLeader = formerLeader
    }
}
