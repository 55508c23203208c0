import KafkaProtocol
import KafkaWire
import LogStorage
import Replication
import Testing

@testable import BrokerCore

/// Replicas under kills, power cuts and elections, by seed.
@Suite struct ReplicationSimulationTests {
    /// Any one broker may be gone at a time; two in sync are asked for.
    @Test(arguments: Array(1...24) as [UInt64])
    func acknowledgedRecordsSurvive(seed: UInt64) throws {
        try run(seed, durability: .flushed)
    }

    /// With `replicated` a broker may be killed, and keeps its page cache.
    @Test(arguments: Array(101...108) as [UInt64])
    func replicatedRecordsSurviveKills(seed: UInt64) throws {
        try run(seed, durability: .replicated)
    }

    private func run(_ seed: UInt64, durability: Durability) throws {
        let cluster = try ReplicaCluster(seed: seed, durability: durability)
        try cluster.createTopic("a", assignments: [[1, 2, 3], [2, 3, 1]])
        let histories = (0..<2).map { ReplicationHistory(cluster, "a", Int32($0)) }
        cluster.afterEach = { for history in histories { try history.check() } }
        var down: Int32?
        for _ in 0..<400 {
            switch cluster.draw(40) {
            case 0 where down == nil:
                let victim = Int32(1 + cluster.draw(3))
                try cluster.kill(victim, powerCut: durability == .flushed && cluster.draw(2) == 0)
                down = victim
            case 1, 2: if let id = down { try cluster.fence(id) }
            case 3, 4:
                if let id = down {
                    // A broker that registers anew has ended what it was before.
                    try cluster.start(id)
                    down = nil
                }
            case 5:
                let index = Int32(cluster.draw(2))
                let isr = try cluster.partition("a", index).isr
                let leader = isr.isEmpty ? nil : isr[cluster.draw(isr.count)]
                if let leader, leader != down { try cluster.elect(leader, "a", index) }
            default:
                try histories[cluster.draw(2)].produce(acks: cluster.draw(3) == 0 ? 1 : -1)
            }
            try cluster.run(cluster.draw(12))
        }
        if let id = down { try cluster.start(id) }
        for history in histories {
            try cluster.run(until: { try history.isWhole() })
            try history.checkEnd()
        }
        #expect(histories.allSatisfy { !$0.acknowledged.isEmpty })
    }
}
