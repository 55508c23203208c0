import KafkaProtocol
import KafkaWire

@testable import MetadataQuorum

/// What must always hold of a quorum (DESIGN, section 10); violations are collected.
struct QuorumChecks {
    private(set) var violations: [String] = []
    private var leaders: [LeaderEpoch: BrokerID] = [:]
    private var votes: [MemberKey: [Int32: MemberKey]] = [:]
    private var epochs: [MemberKey: LeaderEpoch] = [:]
    /// The committed batches by base offset: one for ever.
    private var history: [Offset: (last: Offset, epoch: LeaderEpoch, names: [String])] = [:]
    private(set) var end = Offset.zero

    private mutating func violated(_ what: String) {
        if violations.count < 20 { violations.append(what) }
    }

    /// At most one leader in an epoch.
    mutating func leads(_ id: BrokerID, _ epoch: LeaderEpoch) {
        if let other = leaders[epoch], other != id {
            violated("nodes \(other.rawValue) and \(id.rawValue) both lead epoch \(epoch.rawValue)")
        }
        leaders[epoch] = id
    }

    /// What is committed once is committed everywhere, at the same place, without gaps.
    mutating func committed(_ batch: MetadataBatch, on node: SimulatedQuorum.Node) {
        let who = "node \(node.id.rawValue)"
        if batch.baseOffset != node.appliedEnd {
            violated("\(who) was given \(batch.baseOffset.rawValue) after \(node.appliedEnd)")
        }
        node.appliedEnd = batch.lastOffset + 1
        let names = batch.records.compactMap {
            if case .topicRecord(let topic) = $0 { topic.name } else { nil as String? }
        }
        node.applied += names.map { (batch.baseOffset, $0) }
        if let known = history[batch.baseOffset] {
            if known != (batch.lastOffset, batch.epoch, names) {
                violated("\(who) has another batch at \(batch.baseOffset.rawValue)")
            }
        } else {
            history[batch.baseOffset] = (batch.lastOffset, batch.epoch, names)
            end = max(end, batch.lastOffset + 1)
        }
    }

    /// A snapshot holds the committed prefix.
    mutating func installed(
        _ id: SnapshotID, _ names: [String], on node: SimulatedQuorum.Node
    ) {
        if names != self.names(below: id.endOffset) {
            violated("node \(node.id.rawValue) got a snapshot that is not the prefix of the log")
        }
        if id.endOffset > end { violated("a snapshot reaches beyond what is committed") }
    }

    func names(below end: Offset) -> [String] {
        history.filter { $0.key < end }.sorted { $0.key < $1.key }.flatMap(\.value.names)
    }

    /// What is on disk: one vote in an epoch, through crashes too; epochs never go back.
    mutating func state(of member: QuorumReplica, on node: SimulatedQuorum.Node) {
        let state = member.state
        guard state != node.lastState else { return }
        node.lastState = state
        let onDisk = try? QuorumState(in: member.directory, node.disk)
        if onDisk != state, state != QuorumState() {
            violated("node \(node.id.rawValue) has not kept its state")
        }
        if member.epoch < epochs[node.key] ?? .none {
            violated("node \(node.id.rawValue) went back to epoch \(member.epoch.rawValue)")
        }
        epochs[node.key] = member.epoch
        if let voted = state.voted {
            if let before = votes[node.key]?[state.leaderEpoch], before.id != voted.id {
                violated(
                    "node \(node.id.rawValue) voted twice in epoch \(state.leaderEpoch)")
            }
            votes[node.key, default: [:]][state.leaderEpoch] = voted
        }
    }

    /// All members have what was committed (once they are said to have caught up).
    mutating func allCaughtUp(_ nodes: [SimulatedQuorum.Node]) {
        for node in nodes where node.appliedEnd < end {
            violated(
                "node \(node.id.rawValue) has only up to \(node.appliedEnd.rawValue) of "
                    + "\(end.rawValue)")
        }
    }
}
