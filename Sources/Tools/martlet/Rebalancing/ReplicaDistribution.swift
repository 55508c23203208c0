import KafkaWire

/// The replicas while a plan is being made: brokers and partitions by their indices, with what each
/// broker holds at any moment.
///
/// Partitions are in order of size, the largest first, then of their names: everything that is done
/// in order of indices is the same for the same layout.
struct ReplicaDistribution {
    /// In order of ids; those among them that are known only by their replicas take no more.
    let brokers: [LayoutBroker]
    /// With the brokers that they began with.
    let partitions: [LayoutPartition]
    /// The brokers of each partition now.
    private(set) var replicas: [[Int]]
    /// The partitions of each broker, the largest first.
    private(set) var hosted: [[Int]]
    /// What each broker holds.
    private(set) var bytes: [Int64]
    /// How many partitions each broker should lead: those whose first replica it has.
    private(set) var leaders: [Int]
    /// How much of the whole a broker should hold; 1 on average of the participants.
    private(set) var weights: [Double]

    /// Brokers that shall hold nothing.
    let isDrained: [Bool]
    /// Brokers that count for the mean: neither drained nor excluded, and in service.
    let participants: [Int]
    /// Brokers that may get replicas: all participants, or those to be filled.
    let receivers: [Int]
    /// The rack of each broker as a number; all zero unless every broker in service has one.
    private let racks: [Int]
    private let rackCount: Int

    init(_ layout: ClusterLayout, _ goals: RebalanceGoals) {
        let known = Set(layout.brokers.map(\.id))
        let gone = Set(layout.partitions.flatMap(\.replicas)).subtracting(known)
        brokers =
            (layout.brokers + gone.map { LayoutBroker(id: $0, takesReplicas: false) })
            .sorted { $0.id < $1.id }
        partitions = layout.partitions.sorted { ($1.size, $0.id) < ($0.size, $1.id) }
        let places = Dictionary(uniqueKeysWithValues: brokers.enumerated().map { ($1.id, $0) })
        replicas = partitions.map { $0.replicas.compactMap { places[$0] } }
        hosted = Array(repeating: [], count: brokers.count)
        bytes = Array(repeating: 0, count: brokers.count)
        leaders = Array(repeating: 0, count: brokers.count)
        for (partition, list) in replicas.enumerated() {
            for broker in list {
                hosted[broker].append(partition)
                bytes[broker] += partitions[partition].size
            }
            if let first = list.first { leaders[first] += 1 }
        }
        isDrained = brokers.map { goals.drained.contains($0.id) }
        let drained = isDrained
        let all = brokers
        participants = brokers.indices.filter {
            all[$0].takesReplicas && !drained[$0] && !goals.excluded.contains(all[$0].id)
        }
        receivers = participants.filter {
            goals.filled.isEmpty || goals.filled.contains(all[$0].id)
        }
        (racks, rackCount) = Self.racks(of: brokers, without: drained)
        weights = Self.weights(of: brokers, participants)
    }

    private static func racks(
        of brokers: [LayoutBroker], without drained: [Bool]
    ) -> (racks: [Int], count: Int) {
        guard brokers.allSatisfy({ $0.rack != nil || !$0.takesReplicas }) else {
            return (brokers.map { _ in 0 }, 1)
        }
        let names = Set(brokers.compactMap(\.rack)).sorted()
        let numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        let racks = brokers.map { $0.rack.flatMap { numbers[$0] } ?? -1 }
        let kept = Set(zip(racks, drained).filter { !$0.1 && $0.0 >= 0 }.map(\.0))
        return (racks, max(1, kept.count))
    }

    /// As the sizes of the disks are, where all are known.
    private static func weights(of brokers: [LayoutBroker], _ participants: [Int]) -> [Double] {
        let sizes = participants.compactMap { brokers[$0].capacity }.filter { $0 > 0 }
        guard sizes.count == participants.count, !sizes.isEmpty else {
            return brokers.map { _ in 1 }
        }
        let mean = sizes.reduce(0) { $0 + Double($1) } / Double(sizes.count)
        return brokers.map { broker in
            broker.capacity.flatMap { $0 > 0 ? Double($0) / mean : nil } ?? 1
        }
    }

    // MARK: Rules

    /// How crowded the racks of these brokers are: the least for replicas that are spread as
    /// evenly as can be, and 0 always where there are no racks.
    func crowding(_ list: [Int]) -> Int {
        guard rackCount > 1 else { return 0 }
        var counts: [Int: Int] = [:]
        for broker in list { counts[racks[broker], default: 0] += 1 }
        return counts.values.reduce(0) { $0 + $1 * $1 }
    }

    /// The least that crowding can be for so many replicas.
    func leastCrowding(_ count: Int) -> Int {
        guard rackCount > 1 else { return 0 }
        let (each, rest) = count.quotientAndRemainder(dividingBy: rackCount)
        return rest * (each + 1) * (each + 1) + (rackCount - rest) * each * each
    }

    /// The brokers of `partition` with `target` in the place of `source`.
    func replacing(_ partition: Int, _ source: Int, by target: Int) -> [Int] {
        replicas[partition].map { $0 == source ? target : $0 }
    }

    /// Whether the replica may go: the partition may be changed, is not on the target yet, and is
    /// not worse off with its racks than before.
    func mayMove(_ partition: Int, from source: Int, to target: Int) -> Bool {
        guard partitions[partition].isMovable, !replicas[partition].contains(target) else {
            return false
        }
        guard rackCount > 1, racks[source] != racks[target] else { return true }
        return crowding(replacing(partition, source, by: target))
            <= crowding(replicas[partition])
    }

    // MARK: Changes

    /// Moves a replica; its place in the order of preference stays.
    mutating func move(_ partition: Int, from source: Int, to target: Int) {
        guard let place = replicas[partition].firstIndex(of: source) else { return }
        replicas[partition][place] = target
        bytes[source] -= partitions[partition].size
        bytes[target] += partitions[partition].size
        let old = Self.place(of: partition, in: hosted[source])
        hosted[source].remove(at: old)
        hosted[target].insert(partition, at: Self.place(of: partition, in: hosted[target]))
        guard place == 0 else { return }
        leaders[source] -= 1
        leaders[target] += 1
    }

    /// Makes a replica the preferred leader in the place of the one that is.
    mutating func lead(_ partition: Int, by broker: Int) {
        guard let place = replicas[partition].firstIndex(of: broker), place > 0 else { return }
        leaders[replicas[partition][0]] -= 1
        leaders[broker] += 1
        replicas[partition].swapAt(0, place)
    }

    /// Where `partition` is, or would be, in a sorted list.
    private static func place(of partition: Int, in list: [Int]) -> Int {
        var low = 0
        var high = list.count
        while low < high {
            let middle = (low + high) / 2
            if list[middle] < partition { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// What has become of the layout, in order of partitions.
    var changes: [RebalancePlan.Change] {
        partitions.indices.compactMap { index in
            let target = replicas[index].map { brokers[$0].id }
            guard target != partitions[index].replicas else { return nil }
            return RebalancePlan.Change(
                partition: partitions[index].id, from: partitions[index].replicas, to: target,
                size: partitions[index].size)
        }.sorted { $0.partition < $1.partition }
    }
}
