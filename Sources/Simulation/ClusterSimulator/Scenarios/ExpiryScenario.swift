import KafkaWire
import LogStorage

/// A topic that loses its oldest segments to its size or to their age (retention): readers go on
/// where it begins, what is left is whole, and no more is deleted than may be.
final class ExpiryScenario: Scenario {
    private let world: SimulatedWorld
    private let admin: AdminWorkload
    private let producer: ProduceWorkload
    private var readers: [ReadWorkload] = []
    private var unchecked: Set<PartitionKey> = []
    private let keys: [PartitionKey]
    private let retentionBytes = 4096
    private let segmentBytes: Int
    /// Whether age deletes, too.
    private let ages: Bool
    private(set) var isChecked = false

    init(_ world: SimulatedWorld) {
        self.world = world
        admin = AdminWorkload(world)
        segmentBytes = Int(world.operators.draw(2...4)) << 10
        ages = world.operators.chance(30)
        keys = (0..<world.options.partitions).map {
            PartitionKey(topic: "expiring", partition: $0)
        }
        producer = ProduceWorkload(
            world, number: 900, topic: "expiring", batches: Int(world.operators.draw(100...300)))
        for key in keys { world.history.mayDelete(before: .max, of: key) }
    }

    func start() {
        let configs = [
            ("internal.segment.bytes", "\(segmentBytes)"), ("file.delete.delay.ms", "500"),
            ("retention.bytes", "\(retentionBytes)"), ("retention.ms", ages ? "20000" : "-1"),
        ]
        admin.create("expiring", partitions: world.options.partitions, configs: configs) {
            [self] in
            producer.start()
            for key in keys {
                let reader = ReadWorkload(world, "reader-\(key)", key)
                readers.append(reader)
                reader.poll()
            }
        }
    }

    /// Replicas of partitions that are there.
    private var logs: [(name: String, start: Int64, size: Int)] {
        world.nodes.flatMap { node in
            (node.process?.view.topicsByName ?? []).flatMap { topic in
                topic.partitions.compactMap { cell in
                    guard let cell, cell.topicPartition.topic == "expiring" else { return nil }
                    return cell.locked {
                        (
                            "\(cell.topicPartition) of \(node.name)",
                            $0.log.logStartOffset.rawValue, $0.log.sizeInBytes
                        )
                    }
                }
            }
        }
    }

    private var obstacle: String? {
        if readers.isEmpty { return "the topic that expires is not there" }
        if !producer.isDone { return producer.state }
        // What is in the newest segment stays.
        let most = retentionBytes + 2 * segmentBytes
        return logs.first { $0.size > most }.map { "\($0.name) has \($0.size) bytes" }
    }
    var isSettled: Bool { obstacle == nil }
    var state: String { obstacle ?? "" }

    func readAll() {
        if !ages {
            for log in logs where log.start > 0 && log.size < retentionBytes {
                world.violation(
                    "\(log.name) begins at \(log.start), and has \(log.size) bytes left")
            }
        }
        unchecked = Set(keys)
        for reader in readers { reader.stop() }
        for key in keys {
            ReadWorkload.check(key, in: world) { [self] _ in
                unchecked.remove(key)
                isChecked = unchecked.isEmpty
            }
        }
    }
}
