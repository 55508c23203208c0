import KafkaWire

/// What a member of a quorum has promised to others, for those that check whether it keeps it.
package struct QuorumPromises: Equatable, Sendable {
    package let epoch: Int32
    /// Whom it has voted for in the epoch.
    package let voted: Int32?
    /// It leads the epoch.
    package let leads: Bool
    /// Of a leader: where its epoch begins, and what it has committed in it.
    package let epochStart: Offset
    package let committed: Offset?
}

extension QuorumReplica {
    package var promises: QuorumPromises {
        let leader = role.leader
        return QuorumPromises(
            epoch: state.leaderEpoch, voted: state.votedID < 0 ? nil : state.votedID,
            leads: leader != nil, epochStart: leader?.epochStart ?? .zero,
            committed: leader?.highWatermark)
    }
}
