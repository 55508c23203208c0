import KafkaWire
import Testing

@testable import ClusterController

@Suite struct PlacementTests {
    private func place(
        _ brokers: [UsableBroker], partitions: Int, replicas: Int, seed: UInt64 = 5
    ) throws -> [[Int32]] {
        var generator = SplitMix64(seed: seed)
        var placer = ReplicaPlacer(brokers, using: &generator)
        return try placer.place(partitions: partitions, replicas: replicas, using: &generator)
    }

    private func brokers(_ count: Int32, rack: (Int32) -> String? = { _ in nil })
        -> [UsableBroker]
    {
        (0..<count).map { UsableBroker(id: $0, rack: rack($0), isFenced: false) }
    }

    @Test func leadersAreSpreadEvenly() throws {
        for seed in 0..<20 as Range<UInt64> {
            let placed = try place(brokers(6), partitions: 60, replicas: 3, seed: seed)
            var leaders: [Int32: Int] = [:]
            for replicas in placed {
                #expect(Set(replicas).count == 3)
                leaders[replicas[0], default: 0] += 1
            }
            #expect(leaders.values.allSatisfy { $0 == 10 })
        }
    }

    @Test func eachRackHoldsAReplica() throws {
        let racks = ["a", "b", "c"]
        let nine = brokers(9) { racks[Int($0) % 3] }
        for seed in 0..<20 as Range<UInt64> {
            for replicas in try place(nine, partitions: 30, replicas: 3, seed: seed) {
                #expect(Set(replicas.map { $0 % 3 }).count == 3)
            }
        }
    }

    @Test func unevenRacksStillHoldAReplicaEach() throws {
        let five = brokers(5) { $0 == 4 ? "small" : "large" }
        for replicas in try place(five, partitions: 20, replicas: 2) {
            #expect(replicas.contains(4))
        }
    }

    @Test func fencedBrokersComeLastAndNeverLead() throws {
        var four = brokers(4)
        four[2].isFenced = true
        for seed in 0..<20 as Range<UInt64> {
            for replicas in try place(four, partitions: 12, replicas: 3, seed: seed) {
                #expect(!replicas.contains(2))
            }
            for replicas in try place(four, partitions: 12, replicas: 4, seed: seed) {
                #expect(replicas.last == 2)
            }
        }
    }

    @Test func aLonelyRackOfFencedBrokersGivesNoLeader() throws {
        var three = brokers(3) { $0 == 0 ? "away" : "here" }
        three[0].isFenced = true
        for seed in 0..<20 as Range<UInt64> {
            for replicas in try place(three, partitions: 9, replicas: 3, seed: seed) {
                #expect(replicas[0] != 0)
                #expect(Set(replicas) == [0, 1, 2])
            }
        }
    }

    /// Every shape of up to 6 brokers in up to 3 racks: always as many distinct replicas as asked
    /// for.
    @Test func everyShapeEnds() throws {
        for seed in 0..<300 as Range<UInt64> {
            var generator = SplitMix64(seed: seed)
            let count = Int32.random(in: 1...6, using: &generator)
            let shape = (0..<count).map { id in
                UsableBroker(
                    id: id, rack: ["a", "b", nil].randomElement(using: &generator) ?? nil,
                    isFenced: id > 0 && Bool.random(using: &generator))
            }
            let replicas = Int.random(in: 1...Int(count), using: &generator)
            for placed in try place(shape, partitions: 25, replicas: replicas, seed: seed) {
                #expect(Set(placed).count == replicas)
                #expect(shape[Int(placed[0])].isFenced == false)
            }
        }
    }

    @Test func errorsSayWhy() throws {
        #expect(throws: DecisionFailure.self) {
            try place(brokers(2), partitions: 1, replicas: 3)
        }
        #expect(throws: DecisionFailure.self) {
            try place(brokers(2), partitions: 1, replicas: 0)
        }
        #expect(throws: DecisionFailure.self) { try place([], partitions: 1, replicas: 1) }
    }

    @Test func theSameSeedPlacesTheSame() throws {
        let a = try place(brokers(7), partitions: 40, replicas: 3, seed: 9)
        #expect(try place(brokers(7), partitions: 40, replicas: 3, seed: 9) == a)
        #expect(try place(brokers(7), partitions: 40, replicas: 3, seed: 10) != a)
    }
}
