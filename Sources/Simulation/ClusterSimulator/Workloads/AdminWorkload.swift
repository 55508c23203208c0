import KafkaProtocol
import KafkaWire

/// Topics that come and go, configs that change, records that are deleted on request.
final class AdminWorkload {
    private let world: SimulatedWorld
    private let client: SimulatedClient
    private var churned = 0

    init(_ world: SimulatedWorld) {
        self.world = world
        client = SimulatedClient(world, "admin")
    }

    /// Creates a topic, and tries until it is there.
    func create(
        _ name: String, partitions: Int32, configs: [(String, String)],
        _ done: @escaping () -> Void
    ) {
        let topic = CreateTopicsRequest.CreatableTopic(
            name: name, numPartitions: partitions,
            replicationFactor: world.options.topology.replicationFactor,
            configs: configs.map { .init(name: $0.0, value: $0.1) })
        client.call(CreateTopicsRequest(topics: [topic], timeoutMs: 5000), version: 7) {
            [self] answer in
            let result = answer?.message.topics.first
            switch result.flatMap({ KafkaError(rawValue: $0.errorCode) }) {
            case KafkaError.none?, .topicAlreadyExists?: done()
            default:
                world.trace.note(
                    world.scheduler.now, "\(name) is not created: \(result?.errorMessage ?? "-")")
                world.scheduler.after(200_000_000) { [self] in
                    create(name, partitions: partitions, configs: configs, done)
                }
            }
        }
    }

    /// Makes and deletes topics until everything heals.
    func churn() {
        world.repeating(1200) { [self] in
            churned += 1
            let name = "churn-\(world.draw(0...3))"
            if world.chance(50) {
                // All of its replicas in sync may be the one whose disk is gone.
                guard !world.isDiskMissing else { return }
                client.call(
                    CreateTopicsRequest(
                        topics: [
                            .init(
                                name: name, numPartitions: 2,
                                replicationFactor: world.options.topology.replicationFactor)
                        ],
                        timeoutMs: 5000), version: 7
                ) { [self] in if $0 != nil { world.history.countOperation() } }
            } else {
                client.call(
                    DeleteTopicsRequest(topics: [.init(name: name)], timeoutMs: 5000), version: 6
                ) { [self] in if $0 != nil { world.history.countOperation() } }
            }
        }
    }

    /// Deletes records of a topic now and then, up to where a reader has come.
    func deleteRecords(_ keys: [PartitionKey], upTo position: @escaping (PartitionKey) -> Int64) {
        world.repeating(3000) { [self] in
            let key = keys[Int(world.draw(0...Int64(keys.count - 1)))]
            let offset = position(key) / 2
            guard offset > 0 else { return }
            world.history.mayDelete(before: offset, of: key)
            client.call(
                DeleteRecordsRequest(
                    topics: [
                        .init(
                            name: key.topic,
                            partitions: [.init(partitionIndex: key.partition, offset: offset)])
                    ], timeoutMs: 5000), version: 2, to: .leader(key)
            ) { [self] in if $0 != nil { world.history.countOperation() } }
        }
    }
}
