import KafkaProtocol
import KafkaWire

/// Transactional producers, and readers of what they committed.
final class TransactionScenario: Scenario {
    private let world: SimulatedWorld
    private let admin: AdminWorkload
    private let client: SimulatedClient
    private let history = TransactionHistory()
    private let partitions: Int32
    private var producers: [TransactionWorkload] = []
    private var followers: [CommittedReadWorkload] = []
    private var found: [Int32: [RecordID]] = [:]
    private var offsets: [UInt16: Int64] = [:]
    private(set) var isChecked = false

    init(_ world: SimulatedWorld) {
        self.world = world
        admin = AdminWorkload(world)
        client = SimulatedClient(world, "txn-reader")
        partitions = world.options.partitions + 1
    }

    func start() {
        var configs = [("internal.segment.bytes", "\(world.options.segmentBytes)")]
        if world.options.changes.compactsTransactions {
            configs = [
                ("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0.01"),
                ("internal.segment.bytes", "\(min(world.options.segmentBytes, 4096))"),
                ("delete.retention.ms", "\(world.operators.draw(0...20) * 1000)"),
                ("file.delete.delay.ms", "300"),
            ]
        }
        admin.create(TransactionWorkload.topic, partitions: partitions, configs: configs) {
            [self] in
            for number in 1...world.options.transactionalProducers {
                let producer = TransactionWorkload(
                    world, history, number: UInt16(number), partitions: partitions,
                    transactions: Int(world.draw(world.options.transactions)))
                producers.append(producer)
                producer.start()
            }
            if world.options.hasOperators { follow() }
        }
    }

    private func key(_ partition: Int32) -> PartitionKey {
        PartitionKey(topic: TransactionWorkload.topic, partition: partition)
    }

    private func follow() {
        followers = (0..<partitions).map { CommittedReadWorkload(world, key($0)) }
        for follower in followers { follower.poll() }
    }

    /// What was once read as committed is so in the end, and nothing has come before it.
    private func compareWithFollowers() {
        for (partition, follower) in followers.enumerated() {
            let all = found[Int32(partition)] ?? []
            guard !all.starts(with: follower.found) else { continue }
            let place = zip(all, follower.found).prefix { $0 == $1 }.count
            world.violation(
                "txn-\(partition): \(follower.found[place]) was read as committed, in the end "
                    + "there is \(place < all.count ? all[place].description : "nothing")")
        }
    }

    var isSettled: Bool { !producers.isEmpty && producers.allSatisfy(\.isDone) }
    var state: String { producers.filter { !$0.isDone }.map(\.state).joined(separator: "; ") }

    func readAll() {
        for follower in followers { follower.stop() }
        for partition in 0..<partitions {
            CommittedReadWorkload(world, key(partition)) { [self] ids in
                found[partition] = ids
                guard found.count == Int(partitions) else { return }
                compareWithFollowers()
                readOffsets(producers[...])
            }.poll()
        }
    }

    private func readOffsets(_ rest: ArraySlice<TransactionWorkload>) {
        guard let producer = rest.first else {
            for fault in history.check(found, offsets: offsets).prefix(3) { world.violation(fault) }
            isChecked = true
            return
        }
        let request = OffsetFetchRequest(
            groupID: producer.group,
            topics: [.init(name: TransactionWorkload.topic, partitionIndexes: [0])],
            requireStable: true)
        client.call(request, version: 7, to: .group(producer.group)) { [self] answer in
            guard let message = answer?.message, message.errorCode == 0,
                let partition = message.topics.first?.partitions.first, partition.errorCode == 0
            else {
                client.forgetRoutes()
                world.scheduler.after(world.draw(20...400) * 1_000_000) { [self] in
                    readOffsets(rest)
                }
                return
            }
            offsets[1000 + producer.number] = partition.committedOffset
            readOffsets(rest.dropFirst())
        }
    }
}
