import BrokerCore
import KafkaWire

/// An in-sync set that a leader asks the controller for comes to it late, when it holds no more.
///
/// A follower falls behind and catches up, and the leader's connection to the controller stalls
/// with what asks for the follower. Another connection says the same; the follower falls behind
/// again, and the leader goes on without it. Then the first request arrives (KIP-497 refuses it).
final class LateProposals {
    private struct Attempt {
        var key: PartitionKey
        var leader: Int32
        var follower: Int32
        var controller: Int32
        var deadline: Int64
        var fetches: SimulatedNetwork.Way { .init(from: follower, to: leader) }
        var asks: SimulatedNetwork.Way { .init(from: leader, to: controller) }
    }
    private let world: SimulatedWorld
    private var isBusy = false

    private static let topics = ["log", "txn", "keyed", "__consumer_offsets"]

    init(_ world: SimulatedWorld) { self.world = world }

    func start() { world.operating(world.options.changes.lateProposalMs) { [self] in begin() } }

    private func begin() {
        guard !isBusy, !world.isDiskMissing, let attempt = attempt() else { return }
        isBusy = true
        let (key, leader) = (attempt.key, attempt.leader)
        world.fault("\(attempt.follower) falls behind in \(key), and \(leader) asks for it late")
        world.network.block([attempt.fetches])
        wait(attempt, isInSync: false) { [self] isOut in
            let endStall = world.network.stall(attempt.asks)
            unblock(attempt)
            guard isOut else { return end(endStall) }
            wait(attempt, isInSync: true) { [self] isBack in
                guard isBack else { return end(endStall) }
                fallBehindAgain(attempt, endStall)
            }
        }
    }

    private func fallBehindAgain(_ attempt: Attempt, _ endStall: @escaping () -> Void) {
        world.network.block([attempt.fetches])
        wait(attempt, isInSync: false) { [self] _ in
            // What is written now the follower does not get.
            world.inOperatorsTime(ms: 10...2000) { [self] in end(endStall) }
            world.inOperatorsTime(ms: 2000...3000) { [self] in unblock(attempt) }
        }
    }

    private func unblock(_ attempt: Attempt) {
        // Healing has done it.
        guard !world.isHealed else { return }
        world.network.unblock([attempt.fetches])
    }

    private func end(_ endStall: () -> Void) {
        isBusy = false
        endStall()
    }

    /// A partition whose leader is not the controller, and one of its followers.
    private func attempt() -> Attempt? {
        let controller = world.nodes.first { node in
            node.process?.controller.quorumPromises.leads ?? false
        }
        guard let controller else { return nil }
        let deadline = world.scheduler.now + 20_000_000_000
        let attempts = world.checker.partitions(of: Self.topics).flatMap { key, partition in
            partition.isr.filter { $0 != partition.leader }.map {
                Attempt(
                    key: key, leader: partition.leader, follower: $0, controller: controller.id,
                    deadline: deadline)
            }
        }
        return world.operators.pick(
            attempts.filter { $0.leader >= 0 && $0.leader != $0.controller })
    }

    /// Tells whether the follower is in sync, or is not, as wanted, before the attempt is given up.
    private func wait(
        _ attempt: Attempt, isInSync: Bool, then: @escaping (Bool) -> Void
    ) {
        let partition = world.checker.image.topics[attempt.key.topic]?[attempt.key.partition]
        guard let partition, partition.leader == attempt.leader,
            world.scheduler.now < attempt.deadline, !world.isHealed
        else { return then(false) }
        if partition.isr.contains(attempt.follower) == isInSync { return then(true) }
        world.scheduler.after(20_000_000) { [self] in
            wait(attempt, isInSync: isInSync, then: then)
        }
    }
}
