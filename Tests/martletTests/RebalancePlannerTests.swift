import KafkaWire
import Testing

@testable import martlet

/// The planner of `rebalance`, on layouts by hand and on many drawn by seed.
@Suite struct RebalancePlannerTests {
    private func partition(
        _ number: Int32, _ replicas: [Int32], size: Int64 = 0, topic: String = "t"
    ) -> LayoutPartition {
        LayoutPartition(
            id: TopicPartition(topic: topic, partition: number), replicas: replicas, size: size)
    }
    private func brokers(_ ids: Int32..., racks: [String?] = []) -> [LayoutBroker] {
        ids.enumerated().map { index, id in
            LayoutBroker(id: id, rack: racks.isEmpty ? nil : racks[index])
        }
    }
    private func held(_ layout: ClusterLayout, by broker: Int32) -> [LayoutPartition] {
        layout.partitions.filter { $0.replicas.contains(broker) }
    }

    @Test func anEvenClusterStaysAsItIs() {
        let layout = ClusterLayout(
            brokers: brokers(1, 2, 3),
            partitions: (0..<6).map {
                partition($0, [[1, 2, 3], [2, 3, 1], [3, 1, 2]][Int($0 % 3)], size: 50 << 20)
            })
        #expect(RebalancePlanner.plan(layout, RebalanceGoals()) == RebalancePlan())
        #expect(
            RebalancePlanner.plan(ClusterLayout(brokers: [], partitions: []), RebalanceGoals())
                == RebalancePlan())
    }

    @Test func aDrainedBrokerIsEmptyAndNothingElseMoves() {
        let layout = ClusterLayout(
            brokers: brokers(1, 2, 3, 4),
            partitions: (0..<9).map {
                partition($0, [[1, 2], [2, 3], [3, 1]][Int($0 % 3)], size: 10 << 20)
            })
        let goals = RebalanceGoals(drained: [3])
        let plan = RebalancePlanner.plan(layout, goals)
        let after = layout.applying(plan)
        #expect(held(after, by: 3).isEmpty && plan.problems.isEmpty)
        let moved = plan.changes.filter { !$0.added.isEmpty }
        #expect(moved.count == 6)
        #expect(moved.allSatisfy { $0.from.contains(3) && $0.added.count == 1 })
        #expect(held(after, by: 4).count >= 4, "the empty broker gets most")
        #expect(RebalancePlanner.plan(after, goals).changes.isEmpty)
    }

    @Test func whatCannotBeDrainedIsNamed() {
        var pinned = partition(7, [1, 2])
        pinned.isMovable = false
        let layout = ClusterLayout(
            brokers: brokers(1, 2, 3), partitions: [partition(0, [1, 2, 3]), pinned])
        let plan = RebalancePlanner.plan(layout, RebalanceGoals(drained: [2]))
        #expect(plan.changes.allSatisfy { $0.added.isEmpty })
        #expect(
            plan.problems.sorted() == [
                "t-0 stays on broker 2: no other broker can take it.",
                "t-7 stays on broker 2: its topic is excluded.",
            ])
    }

    @Test func aNewBrokerIsFilledFromAllOthersAlone() {
        let layout = ClusterLayout(
            brokers: brokers(1, 2, 3, 4),
            partitions: (0..<12).map {
                partition($0, [[1, 2, 3], [2, 3, 1], [3, 1, 2]][Int($0 % 3)], size: 100 << 20)
            })
        let goals = RebalanceGoals(filled: [4])
        let plan = RebalancePlanner.plan(layout, goals)
        let after = layout.applying(plan)
        #expect(plan.changes.allSatisfy { $0.added.isEmpty || $0.added == [4] })
        for broker in Int32(1)...4 {
            #expect((8...10).contains(held(after, by: broker).count), "broker \(broker)")
        }
        let leaders = Dictionary(grouping: after.partitions) { $0.replicas[0] }
        #expect(leaders.allSatisfy { $0.value.count == 3 })
    }

    @Test func theFewestBytesMoveThatAreEnough() {
        // Broker 1 is over by the small one alone.
        let layout = ClusterLayout(
            brokers: brokers(1, 2),
            partitions: [
                partition(0, [1], size: 500 << 20), partition(1, [1], size: 60 << 20),
                partition(2, [2], size: 400 << 20), partition(3, [1], size: 40 << 20),
                partition(4, [2], size: 1 << 20),
            ])
        let plan = RebalancePlanner.plan(layout, RebalanceGoals())
        let moved = plan.changes.filter { !$0.added.isEmpty }
        #expect(moved.map(\.partition.partition) == [1])
    }

    @Test func disksOfOtherSizesGetTheirShare() {
        var nodes = brokers(1, 2)
        nodes[0].capacity = 300 << 30
        nodes[1].capacity = 100 << 30
        let layout = ClusterLayout(
            brokers: nodes, partitions: (0..<40).map { partition($0, [2], size: 1 << 30) })
        let after = layout.applying(RebalancePlanner.plan(layout, RebalanceGoals()))
        #expect((27...33).contains(held(after, by: 1).count))
    }

    @Test func racksAreMendedAndKept() {
        let layout = ClusterLayout(
            brokers: brokers(1, 2, 3, 4, racks: ["a", "a", "b", "c"]),
            partitions: [partition(0, [1, 2, 3]), partition(1, [1, 2, 3])])
        let after = layout.applying(RebalancePlanner.plan(layout, RebalanceGoals()))
        for partition in after.partitions {
            #expect(Set(partition.replicas.map { $0 <= 2 ? 1 : $0 }).count == 3)
        }
    }

    @Test func anExcludedBrokerIsLeftAlone() {
        let layout = ClusterLayout(
            brokers: brokers(1, 2, 3),
            partitions: (0..<9).map { partition($0, [1 + $0 % 2], size: 9 << 20) })
        let plan = RebalancePlanner.plan(layout, RebalanceGoals(filled: [3], excluded: [1]))
        let after = layout.applying(plan)
        #expect(held(after, by: 1) == held(layout, by: 1))
        #expect(held(after, by: 3).count == 2)
    }

    @Test func leadersGoByWayOfOthers() {
        // 1 leads all and shares nothing with 3.
        let layout = ClusterLayout(
            brokers: brokers(1, 2, 3),
            partitions: (0..<4).map { partition($0, [1, 2]) }
                + (4..<6).map { partition($0, [2, 3]) })
        var goals = RebalanceGoals()
        goals.drained = [9]
        let after = layout.applying(RebalancePlanner.plan(layout, goals))
        let leaders = Dictionary(grouping: after.partitions) { $0.replicas[0] }
        #expect(leaders.mapValues(\.count) == [1: 2, 2: 2, 3: 2])
    }

    // MARK: Layouts drawn by seed

    private struct Draw {
        var generator: SplitMix64
        mutating func number(_ range: ClosedRange<Int>) -> Int {
            Int.random(in: range, using: &generator)
        }
    }

    private func draw(_ seed: UInt64) -> (ClusterLayout, RebalanceGoals) {
        var draw = Draw(generator: SplitMix64(seed: seed))
        let count = draw.number(1...9)
        let racks = draw.number(0...3)
        var nodes: [LayoutBroker] = []
        for id in 0..<count {
            var node = LayoutBroker(id: Int32(id))
            if racks > 0 { node.rack = "rack-\(draw.number(1...racks))" }
            node.takesReplicas = draw.number(0...9) > 0
            if seed.isMultiple(of: 3) { node.capacity = Int64(draw.number(1...4)) << 30 }
            nodes.append(node)
        }
        var partitions: [LayoutPartition] = []
        for index in 0..<draw.number(0...60) {
            let ids = nodes.map(\.id).shuffled(using: &draw.generator)
            var one = partition(Int32(index), Array(ids.prefix(draw.number(1...4))))
            one.size = Int64(draw.number(0...200)) * Int64(draw.number(0...1 << 20))
            one.isMovable = draw.number(0...9) > 0
            partitions.append(one)
        }
        var goals = RebalanceGoals()
        goals.slackBytes = seed.isMultiple(of: 2) ? 0 : 1 << 20
        func some() -> Set<Int32> {
            Set((0..<draw.number(0...2)).map { _ in Int32(draw.number(0...count - 1)) })
        }
        goals.drained = some()
        goals.filled = some().subtracting(goals.drained)
        goals.excluded = some().subtracting(goals.filled)
        return (ClusterLayout(brokers: nodes, partitions: partitions), goals)
    }

    private func excess(_ partition: LayoutPartition, _ layout: ClusterLayout) -> Int {
        let racks = layout.brokers.compactMap(\.rack)
        guard racks.count == layout.brokers.count else { return 0 }
        let byID = Dictionary(uniqueKeysWithValues: layout.brokers.map { ($0.id, $0.rack ?? "") })
        return partition.replicas.count - Set(partition.replicas.compactMap { byID[$0] }).count
    }

    @Test(arguments: 0..<400 as Range<UInt64>)
    func whatHoldsOfEveryPlan(_ seed: UInt64) {
        let (layout, goals) = draw(seed)
        let plan = RebalancePlanner.plan(layout, goals)
        #expect(plan == RebalancePlanner.plan(layout, goals))
        let after = layout.applying(plan)
        let takes = Set(layout.brokers.filter(\.takesReplicas).map(\.id))
            .subtracting(goals.drained).subtracting(goals.excluded)
        for (old, new) in zip(layout.partitions, after.partitions) {
            #expect(new.replicas.count == old.replicas.count)
            #expect(Set(new.replicas).count == new.replicas.count)
            #expect(old.isMovable || old == new)
            let added = Set(new.replicas).subtracting(old.replicas)
            #expect(added.isSubset(of: takes))
            if goals.drained.isEmpty {
                #expect(excess(new, layout) <= excess(old, layout))
                if !goals.filled.isEmpty { #expect(added.isSubset(of: goals.filled)) }
            }
            if goals.filled.isEmpty, !goals.drained.isEmpty {
                #expect(added.isEmpty || !goals.drained.isDisjoint(with: old.replicas))
            }
            let stays = !goals.drained.isDisjoint(with: new.replicas)
            #expect(!stays || plan.problems.contains { $0.hasPrefix("\(new.id) stays") })
        }
        #expect(RebalancePlanner.plan(after, goals).changes.isEmpty, "a second plan is empty")
    }

    @Test func aLargeClusterIsEvenedToo() {
        var generator = SplitMix64(seed: 7)
        let layout = ClusterLayout(
            brokers: (0..<60).map { LayoutBroker(id: $0, rack: "r\($0 % 3)") },
            partitions: (0..<20_000).map { index in
                // All on the first fifty, spread over racks.
                let base = Int32(Int.random(in: 0...15, using: &generator)) * 3
                return partition(
                    Int32(index), [base, base + 1, base + 2],
                    size: Int64(Int.random(in: 0...(1 << 30), using: &generator)))
            })
        let plan = RebalancePlanner.plan(layout, RebalanceGoals())
        let after = layout.applying(plan)
        let sizes = (Int32(0)..<60).map { held(after, by: $0).reduce(0) { $0 + $1.size } }
        let mean = sizes.reduce(0, +) / 60
        #expect(sizes.allSatisfy { abs($0 - mean) <= mean / 9 })
    }
}
