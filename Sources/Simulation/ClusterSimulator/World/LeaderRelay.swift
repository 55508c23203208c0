import BrokerCore
import KafkaProtocol
import KafkaWire
import LogStorage

/// Leadership that goes from one replica to another and back, before either has seen what the other
/// wrote: what is to go must go from each of them, in as many steps as it takes (KIP-101, KIP-279).
final class LeaderRelay {
    private struct Relay {
        var key: PartitionKey
        var from: Int32
        var to: Int32
        /// The epoch that `from` leads.
        var epoch: Int32
    }
    private let world: SimulatedWorld
    private let client: SimulatedClient

    private static let topics = ["log", "txn", "keyed", "__consumer_offsets"]

    init(_ world: SimulatedWorld) {
        self.world = world
        client = SimulatedClient(world, "relay")
    }

    func start() { world.operating(world.options.changes.relayMs) { [self] in begin() } }

    private func begin() {
        guard client.inFlight == 0, !world.isDiskMissing else { return }
        let relays = world.checker.partitions(of: Self.topics).compactMap { key, partition in
            let preferred = partition.replicas[0]
            guard partition.leader >= 0, partition.leader != preferred,
                partition.isr.contains(preferred)
            else { return Relay?.none }
            return Relay(
                key: key, from: partition.leader, to: preferred, epoch: partition.leaderEpoch)
        }
        guard let relay = world.operators.pick(relays) else { return }
        world.fault("\(relay.key) goes from \(relay.from) to \(relay.to) and back")
        let isBack = world.operators.chance(50)
        // For as long as it takes to have a checkpoint of what the old leader is to give up.
        let delayMs = world.operators.draw(isBack ? 100...1500 : 1500...2500)
        for way in ways(relay) { world.network.clog(way, by: delayMs * 1_000_000) }
        world.inOperatorsTime(ms: delayMs / 2...delayMs) { [self] in elect(relay, delayMs, isBack) }
    }

    private func ways(_ relay: Relay) -> [SimulatedNetwork.Way] {
        [.init(from: relay.from, to: relay.to), .init(from: relay.to, to: relay.from)]
    }

    /// The preferred leader leads; then either fails: the new one before the old one knows what it
    /// wrote, or the old one while it writes that in place of its own.
    private func elect(_ relay: Relay, _ delayMs: Int64, _ isBack: Bool) {
        let request = ElectLeadersRequest(
            electionType: 0,
            topicPartitions: [.init(topic: relay.key.topic, partitions: [relay.key.partition])],
            timeoutMs: 5000)
        client.call(request, version: 2) { [self] _ in
            if isBack {
                world.inOperatorsTime(ms: 10...delayMs) { [self] in fail(relay.to) }
            } else if world.options.isFlushed, let tail = tail(of: relay) {
                failWhenRewritten(
                    relay, tail, until: world.scheduler.now + 3 * delayMs * 1_000_000)
            }
            world.inOperatorsTime(ms: delayMs...2 * delayMs) { [self] in
                for way in ways(relay) { world.network.unclog(way) }
            }
        }
    }

    /// Where the epoch ends, in the old leader's log, that it led.
    private func tail(of relay: Relay) -> Offset? {
        formerLeader(relay)?.locked { $0.log.endOffset(forEpoch: LeaderEpoch(relay.epoch)).1 }
    }

    /// Cuts the old leader's power once it has given up what the new one does not have, and what it
    /// has instead is not on disk.
    private func failWhenRewritten(_ relay: Relay, _ before: Offset, until deadline: Int64) {
        guard world.scheduler.now < deadline, let node = world.node(relay.from) else { return }
        node.whenSyncing { [self] in
            guard let now = tail(of: relay), now < before, hasUnsynced(relay) else {
                failWhenRewritten(relay, before, until: deadline)
                return 0
            }
            world.trace.note(world.scheduler.now, "\(relay.key) of \(relay.from) is written anew")
            return world.cutSoon(node) { [self] in restart(node) }
        }
    }

    private func hasUnsynced(_ relay: Relay) -> Bool {
        formerLeader(relay)?.locked { $0.log.flushedOffset < $0.log.logEndOffset } ?? false
    }

    private func formerLeader(_ relay: Relay) -> PartitionCell? {
        world.node(relay.from)?.process?.view.topic(named: relay.key.topic)?[relay.key.partition]
    }

    private func fail(_ id: Int32) {
        guard let node = world.node(id), node.isUp, !node.isHalted, !world.isHealed,
            !world.isDiskMissing
        else { return }
        world.crash(node)
        restart(node)
    }

    private func restart(_ node: SimulatedNode) {
        world.inOperatorsTime(ms: 200...4000) { node.start() }
    }
}
