import KafkaProtocol
import KafkaWire
import MetadataQuorum

/// An operator who changes the voters of a dynamic quorum (KIP-853): takes one out, puts a
/// controller in, and replaces those that have lost their disks.
///
/// A change that was acknowledged holds in every later epoch. In the end each controller votes.
final class VoterWorkload {
    /// What was acknowledged, and the newest epoch at that time.
    private struct Belief {
        var votes: Bool
        var epoch: Int32
    }
    private let world: SimulatedWorld
    private let client: SimulatedClient
    private var beliefs: [MemberKey: Belief] = [:]
    /// Changes without an answer: whether the member votes after each. One may come whenever the
    /// network lets it through, its sender long gone.
    private var inDoubt: [MemberKey: [Bool]] = [:]
    /// Whether all controllers vote, as the leader said last.
    private(set) var isSettled = false

    init(_ world: SimulatedWorld) {
        self.world = world
        client = SimulatedClient(world, "voters")
    }

    func start() { look() }

    private func again(ms: ClosedRange<Int64>) {
        world.inOperatorsTime(ms: ms) { [self] in look() }
    }

    private func pause() {
        let mean = world.options.changes.voterMs
        if world.isHealed { again(ms: 100...400) } else { again(ms: mean / 4...mean * 2) }
    }

    /// Asks who votes, and decides what to change.
    private func look() {
        let request = DescribeQuorumRequest(
            topics: [
                .init(topicName: "__cluster_metadata", partitions: [.init(partitionIndex: 0)])
            ])
        client.call(request, version: 2) { [self] answer in
            guard let answer, answer.message.errorCode == 0,
                let quorum = answer.message.topics.first?.partitions.first, quorum.errorCode == 0
            else { return pause() }
            let voters = quorum.currentVoters.map {
                MemberKey(BrokerID($0.replicaID), $0.replicaDirectoryID)
            }
            compare(voters, epoch: quorum.leaderEpoch)
            change(voters)
        }
    }

    private func compare(_ voters: [MemberKey], epoch: Int32) {
        for (key, belief) in beliefs.sorted(by: { $0.key < $1.key })
        where epoch >= belief.epoch && voters.contains(key) != belief.votes {
            if let late = inDoubt[key]?.firstIndex(of: !belief.votes) {
                inDoubt[key]?.remove(at: late)
                beliefs[key] = nil
                continue
            }
            world.violation(
                "\(key.id) in \(key.directoryID) \(belief.votes ? "votes no more" : "votes") "
                    + "in epoch \(epoch), against what was acknowledged")
        }
    }

    private func change(_ voters: [MemberKey]) {
        let controllers = world.options.topology.controllers
        let present = controllers.compactMap { world.node($0)?.memberKey }
        if let lost = voters.first(where: { !present.contains($0) }) { return remove(lost) }
        let missing = present.filter { !voters.contains($0) }
        isSettled = missing.isEmpty
        if let next = world.operators.pick(missing),
            world.isHealed || world.operators.chance(70)
        {
            return add(next)
        }
        // The last one cannot go.
        if !world.isHealed, voters.count > 1, let next = world.operators.pick(voters) {
            return remove(next)
        }
        pause()
    }

    private func add(_ key: MemberKey) {
        world.isChangingVoters = true
        world.fault("\(key.id) shall vote")
        let request = AddRaftVoterRequest(
            clusterID: SimulatedWorld.clusterID, timeoutMs: 3000, voterID: key.id.rawValue,
            voterDirectoryID: key.directoryID,
            listeners: [
                .init(
                    name: "CONTROLLER", host: "node-\(key.id.rawValue)",
                    port: NodeProcess.controllerPort)
            ])
        client.call(request, version: 1) { [self] answer in
            take(answer?.message.errorCode, key, votes: true)
        }
    }

    private func remove(_ key: MemberKey) {
        world.isChangingVoters = true
        world.fault("\(key.id) shall vote no more")
        let request = RemoveRaftVoterRequest(
            clusterID: SimulatedWorld.clusterID, voterID: key.id.rawValue,
            voterDirectoryID: key.directoryID)
        client.call(request, version: 0) { [self] answer in
            take(answer?.message.errorCode, key, votes: false)
        }
    }

    private func take(_ code: Int16?, _ key: MemberKey, votes: Bool) {
        let error = code.flatMap { KafkaError(rawValue: $0) }
        // What has no end may come to one yet.
        let isOpen = error == nil || error == .requestTimedOut
        world.isChangingVoters = isOpen
        world.trace.note(world.scheduler.now, "voter \(key.id): \(error?.name ?? "-")")
        // Members that change by themselves, and answers that did not come, leave nothing to hold
        // a leader to.
        if case KafkaError.none? = error, !world.options.changes.autoJoins {
            world.history.countOperation()
            let epochs = world.nodes.compactMap { $0.process?.controller.quorumPromises }
                .filter(\.leads).map(\.epoch)
            // One that hangs on to an old epoch is not counted back: its answer was from then.
            beliefs[key] = Belief(votes: votes, epoch: epochs.max() ?? .max)
        } else {
            beliefs[key] = nil
            if isOpen { inDoubt[key, default: []].append(votes) }
        }
        pause()
    }

    // MARK: In the end

    var obstacle: String? {
        if !isSettled { return "not every controller votes" }
        let sets = world.nodes.compactMap { node in
            node.process.map { (node: node.name, voters: $0.controller.quorumVoters) }
        }
        guard let first = sets.first else { return "no node is there" }
        guard let other = sets.first(where: { $0.voters != first.voters }) else { return nil }
        return "nodes differ in who votes: \(first.node) has \(first.voters), \(other.node) "
            + "\(other.voters)"
    }
}
