/// The production client at work against the production node: producers fill a topic, a group
/// reads it, copiers carry it over to another one exactly once, and all of them end and begin anew.
final class SwiftClientScenario: Scenario {
    private let world: SimulatedWorld
    private let admin: AdminWorkload
    private let producers: [SwiftProduceWorkload]
    private let group: SwiftGroupWorkload
    private let copiers: [SwiftCopyWorkload]
    private var isBegun = false
    private var unchecked: Set<PartitionKey> = []
    private(set) var isChecked = false

    private static let source = "swift"
    private static let copy = "swift-copy"

    init(_ world: SimulatedWorld) {
        self.world = world
        admin = AdminWorkload(world)
        let plan = world.options.clients
        producers = (0..<plan.producers).map {
            // Numbers apart from those of other workloads.
            SwiftProduceWorkload(world, number: UInt16(700 + $0), topic: Self.source)
        }
        group = SwiftGroupWorkload(world, topic: Self.source)
        copiers = (0..<plan.copiers).map {
            SwiftCopyWorkload(world, number: $0 + 1, from: Self.source, to: Self.copy)
        }
    }

    func start() {
        let configs = [("internal.segment.bytes", "\(world.options.segmentBytes)")]
        let partitions = world.options.clients.partitions
        admin.create(Self.copy, partitions: partitions, configs: configs) { [self] in
            admin.create(Self.source, partitions: partitions, configs: configs) { [self] in
                isBegun = true
                for producer in producers { producer.start() }
                group.start()
                for copier in copiers { copier.start() }
            }
        }
    }

    /// How many records each partition has been given.
    private var ends: [Int32: Int64] {
        var ends: [Int32: Int64] = [:]
        for producer in producers {
            for (partition, count) in producer.counts {
                ends[partition, default: 0] += Int64(count)
            }
        }
        return ends
    }

    private var obstacle: String? {
        guard isBegun else { return "the topics of Swift clients are not there" }
        if let producer = producers.first(where: { !$0.isDone }) { return producer.state }
        let ends = ends
        if let obstacle = group.obstacle(ends: ends) { return obstacle }
        guard !copiers.isEmpty else { return nil }
        var copied: [Int32: Int64] = [:]
        for copier in copiers { copied.merge(copier.positions) { max($0, $1) } }
        return ends.first { copied[$0.key] != $0.value }.map {
            "Swift copiers: \(Self.source)-\($0.key) is copied to \(copied[$0.key] ?? -1) of "
                + "\($0.value)"
        }
    }
    var isSettled: Bool { obstacle == nil }
    var state: String { obstacle ?? "" }

    func readAll() {
        let partitions = 0..<world.options.clients.partitions
        unchecked = Set(partitions.map { PartitionKey(topic: Self.source, partition: $0) })
        for partition in partitions { check(partition) }
    }

    /// Reads a partition of the source, and holds its copy against it.
    private func check(_ partition: Int32) {
        let key = PartitionKey(topic: Self.source, partition: partition)
        ReadWorkload.check(key, in: world) { [self] found in
            guard !copiers.isEmpty else { return checked(key) }
            let copy = PartitionKey(topic: Self.copy, partition: partition)
            CommittedReadWorkload(world, copy) { [self] copied in
                let ids = found.sorted { $0.key < $1.key }.map(\.value)
                if copied != ids {
                    let place = zip(copied, ids).prefix { $0 == $1 }.count
                    world.violation(
                        "\(copy): \(copied.count) of \(ids.count) records; record \(place) is "
                            + "\(copied.dropFirst(place).first?.description ?? "not there")")
                }
                checked(key)
            }.poll()
        }
    }

    private func checked(_ key: PartitionKey) {
        unchecked.remove(key)
        isChecked = unchecked.isEmpty
    }
}
