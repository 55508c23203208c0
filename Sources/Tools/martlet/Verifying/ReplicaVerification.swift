import KafkaProtocol
import MartletClient

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

    private let cluster: AdminSession
    private let settings: Settings
    private let console: Console
    /// The brokers of each partition, as they were at the start.
    private let replicas: [TopicPartition: [BrokerID]]
    private var comparisons: [TopicPartition: ReplicaComparison] = [:]
    /// Brokers that did not answer, so that this is said once.
    private var away: Set<BrokerID> = []

    /// Begins at `start` in each partition.
    init(
        _ cluster: AdminSession, _ replicas: [TopicPartition: [BrokerID]], from start: OffsetSpec,
        _ settings: Settings, _ console: Console
    ) throws {
        self.cluster = cluster
        self.settings = settings
        self.console = console
        self.replicas = replicas
        let partitions = Array(replicas.keys)
        var offsets = try cluster.offsets(start, of: partitions)
        // No record is as late: the end then.
        let rest = partitions.filter { offsets[$0] == nil }
        offsets.merge(try cluster.offsets(.latest, of: rest)) { $1 }
        for (partition, offset) in offsets {
            comparisons[partition] = ReplicaComparison(partition, from: offset.rawValue)
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
            } catch let error as ClientError where error.isPassing {
                if away.insert(broker).inserted {
                    console.error("\(error.cause) What it holds is compared once it is back.")
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

    private func byBroker() -> [(broker: BrokerID, partitions: [TopicPartition])] {
        var groups: [BrokerID: [TopicPartition]] = [:]
        for (partition, brokers) in replicas {
            for broker in brokers { groups[broker, default: []].append(partition) }
        }
        return groups.sorted { $0.key < $1.key }.map { ($0.key, $0.value.sorted()) }
    }

    private func request(_ partitions: [TopicPartition]) -> FetchRequest {
        FetchRequest(
            // A reader that looks for faults: followers answer it as well.
            replicaID: -2, maxWaitMs: settings.waitMilliseconds, minBytes: 1,
            topics: partitions.grouped.map { topic, numbers in
                .init(
                    topic: topic,
                    partitions: numbers.map { number in
                        let id = TopicPartition(topic: topic, partition: number)
                        return .init(
                            partition: number, fetchOffset: comparisons[id]?.offset ?? 0,
                            partitionMaxBytes: settings.fetchBytes)
                    })
            })
    }

    private func fetch(
        _ partitions: [TopicPartition], from broker: BrokerID,
        _ answers: inout [TopicPartition: [ReplicaComparison.Fetched]]
    ) throws {
        let request = request(partitions)
        let wait = Duration.milliseconds(Int64(settings.waitMilliseconds))
        // Version 13 wants topic ids in the place of names.
        let answer = try cluster.ask {
            try await $0.send(request, to: .broker(broker), versions: 0...12, wait: wait)
        }
        if answer.response.errorCode != 0 {
            throw ClientError.broker(KafkaError(code: answer.response.errorCode), message: nil)
        }
        for topic in answer.response.responses {
            for data in topic.partitions {
                let id = TopicPartition(topic: topic.topic, partition: data.partitionIndex)
                switch KafkaError(rawValue: data.errorCode) {
                case KafkaError.none?:
                    var range = 0..<0
                    if case .inFrame(let found) = data.records { range = found }
                    answers[id, default: []].append(
                        try .init(
                            replica: broker.rawValue, highWatermark: data.highWatermark,
                            frame: answer.frame, range: range))
                case .offsetOutOfRange: try skip(id)
                // Another round may have it: a leader moves, a replica is being made.
                default: break
                }
            }
        }
    }

    /// Records were deleted before they could be compared.
    private func skip(_ partition: TopicPartition) throws {
        let found = try cluster.ask { try await $0.listOffsets([partition: .earliest]) }
        if let offset = (try? found[partition]?.get())?.offset {
            comparisons[partition]?.skip(to: offset.rawValue)
        }
    }
}
