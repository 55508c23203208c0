import BrokerCore
import MetadataQuorum

/// What members of the metadata quorum have promised they keep, whatever ends their processes
/// (Raft, section 5): a member's epoch never goes back, it votes once in an epoch, an epoch has one
/// leader, and that one commits nothing before a record of its own epoch.
final class QuorumChecker {
    private unowned let world: SimulatedWorld
    private var promises: [Int32: QuorumPromises] = [:]
    private var leaders: [Int32: Int32] = [:]

    init(_ world: SimulatedWorld) { self.world = world }

    /// What a node says now, or when it starts.
    func note(_ now: QuorumPromises, of node: Int32) {
        let before = promises[node]
        if now == before { return }
        promises[node] = now
        if now.leads { noteLeader(node, now) }
        guard let before, before.epoch >= now.epoch else { return }
        if before.epoch > now.epoch {
            world.violation("node \(node) goes back to quorum epoch \(now.epoch)")
        } else if let voted = before.voted, let other = now.voted, other != voted {
            world.violation(
                "node \(node) votes for \(voted) and \(other) in quorum epoch \(now.epoch)")
        }
    }

    private func noteLeader(_ node: Int32, _ now: QuorumPromises) {
        if let other = leaders[now.epoch], other != node {
            world.violation("nodes \(other) and \(node) lead quorum epoch \(now.epoch)")
        }
        leaders[now.epoch] = node
        if let committed = now.committed, committed <= now.epochStart {
            world.violation(
                "node \(node) commits up to \(committed) in quorum epoch \(now.epoch), which "
                    + "begins at \(now.epochStart)")
        }
    }

    /// The node has a new disk.
    func forget(_ node: Int32) { promises[node] = nil }
}
