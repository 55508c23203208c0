import KafkaProtocol
import KafkaWire

/// How a quorum of fixed voters becomes one whose voters change: `kraft.version` goes from 0 to 1,
/// and the voters into the log (KIP-853).
extension QuorumReplica {
    /// Why the active leader cannot raise `kraft.version` to 1 now; `nil` when it can. It needs to
    /// know each voter's directory, which the voters tell by UpdateRaftVoter.
    public var upgradeObstacle: String? {
        guard let role = role.leader, isActiveLeader else {
            return "This node does not lead the metadata quorum."
        }
        guard !controls.isReconfigurable else { return nil }
        for voter in votersToWrite(role).voters {
            let id = voter.key.id.rawValue
            if voter.key.directoryID == .zero {
                return "Voter \(id) has not told its directory yet."
            }
            if !voter.kraftVersions.contains(1) { return "Voter \(id) does not support it." }
        }
        return nil
    }

    /// Writes `kraft.version` 1 and the voters, in one batch; committed once a majority has it.
    ///
    /// - Precondition: `upgradeObstacle` is `nil`.
    public func raiseKRaftVersion(now: QuorumTime) throws(QuorumError) {
        guard failure == nil, let role = role.leader else { throw .notLeader }
        guard !controls.isReconfigurable else { return }
        precondition(upgradeObstacle == nil, "the voters cannot be written")
        self.now = now
        try appendControls([
            .kraftVersion(KRaftVersionRecord(kRaftVersion: 1)),
            .voters(votersToWrite(role).record),
        ])
        perform(now) {}
    }

    /// The voters as they have described themselves, this one too.
    private func votersToWrite(_ role: LeaderRole) -> VoterSet {
        role.describedVoters.updating(ownVoter, ignoringDirectory: true) ?? role.describedVoters
    }
}
