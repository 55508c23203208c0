import AdminWire
import KafkaProtocol
import KafkaWire

/// Fetches the same offsets from all replicas of many partitions and compares them.
final class ReplicaVerification {
    struct Settings {
        var fetchBytes: Int32 = 1 << 20
        var waitMilliseconds: Int32 = 1000
    }

    /// What one round found.
    struct Round {
        var differences: [(partition: TopicPartition, difference: ReplicaComparison.Difference)] =
            []
        /// The partition whose comparison is furthest behind.
        var slowest: ReplicaComparison?
        /// Partitions that are compared up to their high watermarks.
        var isDone = true
    }

    private let client: AdminClient
    private let settings: Settings
    private let console: Console
    /// The brokers of each partition, as they were at the start.
    private let replicas: [TopicPartition: [Int32]]
    private var comparisons: [TopicPartition: ReplicaComparison] = [:]
    /// Brokers that did not answer, so that this is said once.
    private var away: Set<Int32> = []

    /// Begins at `time` (milliseconds since 1970, or one of `OffsetTime`) in each partition.
    init(
        _ client: AdminClient, _ replicas: [TopicPartition: [Int32]], from time: Int64,
        _ settings: Settings, _ console: Console
    ) throws {
        self.client = client
        self.settings = settings
        self.console = console
        self.replicas = replicas
        for (partition, result) in try client.offsets(at: time, ofExisting: replicas.keys.sorted())
        {
            switch result {
            // No record is as late: the end then.
            case .offset(let offset, _) where offset.rawValue < 0:
                let end = try client.offsets(at: OffsetTime.latest, ofExisting: [partition])
                comparisons[partition] = ReplicaComparison(
                    partition, from: end[partition]?.offset?.rawValue ?? 0)
            case .offset(let offset, _):
                comparisons[partition] = ReplicaComparison(partition, from: offset.rawValue)
            case .failed(let error): throw error
            }
        }
    }

    /// How many partitions are compared.
    var count: Int { comparisons.count }

    /// Fetches once from all brokers and compares what they all have.
    func round() throws -> Round {
        var answers: [TopicPartition: [ReplicaComparison.Fetched]] = [:]
        for (broker, partitions) in byBroker() {
            do {
                try fetch(partitions, from: broker, &answers)
                away.remove(broker)
            } catch let error as AdminError where error.isPassing {
                client.forget(BrokerID(broker))
                if away.insert(broker).inserted {
                    console.error("\(error) What it holds is compared once it is back.")
                }
            }
        }
        var round = Round()
        for partition in comparisons.keys.sorted() {
            guard var comparison = comparisons[partition] else { continue }
            let fetched = answers[partition] ?? []
            let isWhole = fetched.count == replicas[partition]?.count
            if isWhole {
                for difference in comparison.compare(fetched.sorted { $0.replica < $1.replica }) {
                    round.differences.append((partition, difference))
                }
                comparisons[partition] = comparison
            }
            if comparison.lag > round.slowest?.lag ?? -1 { round.slowest = comparison }
            if !isWhole || comparison.lag > 0 { round.isDone = false }
        }
        return round
    }

    private func byBroker() -> [(broker: Int32, partitions: [TopicPartition])] {
        var groups: [Int32: [TopicPartition]] = [:]
        for (partition, brokers) in replicas {
            for broker in brokers { groups[broker, default: []].append(partition) }
        }
        return groups.sorted { $0.key < $1.key }.map { ($0.key, $0.value.sorted()) }
    }

    private func request(_ partitions: [TopicPartition]) -> FetchRequest {
        FetchRequest(
            // A reader that looks for faults: followers answer it as well.
            replicaID: -2, maxWaitMs: settings.waitMilliseconds, minBytes: 1,
            topics: AdminClient.byTopic(partitions).map { topic, partitions in
                .init(
                    topic: topic,
                    partitions: partitions.map {
                        .init(
                            partition: $0.partition,
                            fetchOffset: comparisons[$0]?.offset ?? 0,
                            partitionMaxBytes: settings.fetchBytes)
                    })
            })
    }

    private func fetch(
        _ partitions: [TopicPartition], from broker: Int32,
        _ answers: inout [TopicPartition: [ReplicaComparison.Fetched]]
    ) throws {
        let connection = try client.connection(to: BrokerID(broker))
        // Version 13 wants topic ids in the place of names.
        let version = try connection.version(of: FetchRequest.self, atMost: 12)
        let (response, frame) = try connection.callKeepingFrame(
            request(partitions), version: version,
            milliseconds: client.settings.requestMilliseconds + Int(settings.waitMilliseconds))
        try AdminError.check(response.errorCode, context: "Fetch from broker \(broker)")
        for topic in response.responses {
            for data in topic.partitions {
                let id = TopicPartition(topic: topic.topic, partition: data.partitionIndex)
                switch KafkaError(rawValue: data.errorCode) {
                case KafkaError.none?:
                    var range = 0..<0
                    if case .inFrame(let found) = data.records { range = found }
                    answers[id, default: []].append(
                        try .init(
                            replica: broker, highWatermark: data.highWatermark, frame: frame,
                            range: range))
                case .offsetOutOfRange: try skip(id)
                // Another round may have it: a leader moves, a replica is being made.
                default: break
                }
            }
        }
    }

    /// Records were deleted before they could be compared.
    private func skip(_ partition: TopicPartition) throws {
        let found = try client.offsets(at: OffsetTime.earliest, ofExisting: [partition])
        if let offset = found[partition]?.offset {
            comparisons[partition]?.skip(to: offset.rawValue)
        }
    }
}
