/// Idempotent producers, readers and a consumer group on the partitions of one topic, with topics
/// that come and go.
final class LogScenario: Scenario {
    private let world: SimulatedWorld
    private let admin: AdminWorkload
    private let group: GroupWorkload
    private var producers: [ProduceWorkload] = []
    private var readers: [PartitionKey: ReadWorkload] = [:]
    private var unchecked: Set<PartitionKey> = []
    private let keys: [PartitionKey]
    private(set) var isChecked = false

    init(_ world: SimulatedWorld) {
        self.world = world
        admin = AdminWorkload(world)
        group = GroupWorkload(world, topic: "log", partitions: world.options.partitions)
        keys = (0..<world.options.partitions).map { PartitionKey(topic: "log", partition: $0) }
    }

    func start() {
        let configs = [
            ("internal.segment.bytes", "\(world.options.segmentBytes)"),
            ("index.interval.bytes", "\(world.options.indexIntervalBytes)"),
            ("file.delete.delay.ms", "500"),
        ]
        admin.create("log", partitions: world.options.partitions, configs: configs) { [self] in
            begin()
        }
    }

    private func begin() {
        for number in 1...world.options.producers {
            let producer = ProduceWorkload(
                world, number: UInt16(number), topic: "log",
                batches: Int(world.draw(world.options.batches)))
            producers.append(producer)
            producer.start()
        }
        for key in keys {
            let reader = ReadWorkload(world, "reader-\(key)", key)
            readers[key] = reader
            reader.poll()
        }
        if world.options.churns { admin.churn() }
        group.start()
        if world.options.deletesRecords {
            admin.deleteRecords(keys) { [self] in readers[$0]?.position ?? 0 }
        }
    }

    var isSettled: Bool {
        !producers.isEmpty && producers.allSatisfy(\.isDone) && group.isSettled
    }
    var state: String {
        (producers.filter { !$0.isDone }.map(\.state) + [group.state]).joined(separator: "; ")
    }

    /// Reads every partition once more with fresh readers, and compares.
    func readAll() {
        unchecked = Set(keys)
        for key in keys {
            readers[key]?.stop()
            ReadWorkload.check(key, in: world) { [self] _ in
                unchecked.remove(key)
                isChecked = unchecked.isEmpty
            }
        }
    }
}
