import KafkaWire
import MetadataQuorum

/// What the loss of a disk may not take.
extension ClusterChecker {
    /// Whether all nodes agree on the voters, and each of those is there with its disk.
    var hasAllVoters: Bool {
        let sets = world.nodes.compactMap { $0.process?.controller.quorumVoters }
        guard sets.count == world.nodes.count, let voters = sets.first else { return false }
        return sets.allSatisfy { $0 == voters }
            && voters.voters.allSatisfy { voter in
                guard let key = world.node(voter.key.id.rawValue)?.memberKey else { return false }
                return key == voter.key || voter.key.directoryID == .zero
            }
    }

    /// Whether the metadata of a node may be lost: it does not vote, or a majority is left without
    /// it, and somebody puts another voter in its place. Fixed voters are known by their ids alone:
    /// one that has forgotten its votes would vote twice.
    ///
    /// A controller that joins by itself may be about to: it votes from when the leader has written
    /// so, and where there was a single voter nothing is committed without it from then on.
    func mayLoseMetadata(_ node: SimulatedNode) -> Bool {
        guard let voters = node.process?.controller.quorumVoters else { return true }
        let changes = world.options.changes
        guard voters[BrokerID(node.id)] != nil else {
            let mayJoin =
                changes.autoJoins && world.options.topology.controllers.contains(node.id)
            return !mayJoin || voters.count >= 2
        }
        return changes.hasDynamicVoters && voters.count >= 3
            && (changes.voterMs > 0 || changes.autoJoins)
    }
}
