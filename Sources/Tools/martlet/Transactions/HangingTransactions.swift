import MartletClient

/// `transactions find-hanging`: transactions that are open in a partition's log for longer than any
/// may be, and of whose end in that partition no coordinator knows.
struct HangingTransactions {
    /// A transaction that is open in a partition.
    private struct Candidate {
        var partition: TopicPartition
        var producer: ActiveProducer
    }

    private let topic: String?
    private let partition: Int32?
    private let broker: BrokerID?
    private let maximumMinutes: Int64
    private let options: ParsedOptions
    /// Topics or partitions in one request.
    private static let batch = 500

    init(_ options: ParsedOptions) throws(Failure) {
        self.options = options
        topic = options.value("--topic")
        partition = try options.integer("--partition", 0...Int32.max)
        let id: Int32? = try options.integer("--broker-id", 0...Int32.max)
        broker = id.map { BrokerID($0) }
        let minutes: Int32? = try options.integer("--max-transaction-timeout", 0...Int32.max)
        maximumMinutes = Int64(minutes ?? 15)
        guard topic != nil || broker != nil else {
            throw Failure(
                "The `find-hanging` command requires either --topic or --broker-id to limit the "
                    + "scope of the search")
        }
        guard partition == nil || topic != nil else {
            throw Failure("The --partition argument requires --topic to be provided")
        }
    }

    func run(_ cluster: AdminSession, _ console: Console) throws {
        let candidates = try candidates(cluster)
        let hanging = candidates.isEmpty ? [] : try confirmed(candidates, cluster)
        let now = Clocks.wall
        let header = [
            "Topic", "Partition", "ProducerId", "ProducerEpoch", "CoordinatorEpoch", "StartOffset",
            "LastTimestamp", "Duration(min)",
        ]
        let rows = hanging.map { found in
            [
                found.partition.topic, "\(found.partition.partition)",
                "\(found.producer.producerID)", "\(found.producer.epoch)",
                "\(found.producer.coordinatorEpoch)",
                "\(found.producer.transactionStart?.rawValue ?? -1)",
                "\(found.producer.lastTimestamp)",
                "\((now.saturatingDifference(found.producer.lastTimestamp)) / 60_000)",
            ]
        }
        let documents = hanging.map { found in
            JSON.object([
                ("topic", .string(found.partition.topic)),
                ("partition", .integer(Int64(found.partition.partition))),
                ("producerId", .integer(found.producer.producerID.rawValue)),
                ("producerEpoch", .integer(Int64(found.producer.epoch))),
                ("coordinatorEpoch", .optional(found.producer.knownCoordinatorEpoch)),
                ("startOffset", .optional(found.producer.transactionStart?.rawValue)),
                ("lastTimestamp", .integer(found.producer.lastTimestamp)),
            ])
        }
        TransactionReports.show(header, rows, documents, options, console)
    }

    private func partitions(_ cluster: AdminSession) throws -> [TopicPartition] {
        if let topic, let partition {
            return [TopicPartition(topic: topic, partition: partition)]
        }
        let names = topic.map { [$0] }
        let topics = try TransactionsTool.reporting("Failed to list topics") {
            try cluster.ask { try await $0.describeTopics(names) }
        }
        return try topics.whole { "Failed to describe topic \($0)" }.byPartition
            .filter { broker.map($0.value.replicas.contains) ?? true }.keys.sorted()
    }

    /// Transactions that are open for longer than the maximum.
    private func candidates(_ cluster: AdminSession) throws -> [Candidate] {
        var rest = try partitions(cluster)[...]
        var candidates: [Candidate] = []
        while !rest.isEmpty {
            let some = Array(rest.prefix(Self.batch))
            rest = rest.dropFirst(Self.batch)
            let place = broker.map { "broker \($0)" } ?? "their leaders"
            let what = "Failed to describe producers for \(some.count) partitions on \(place)"
            let broker = broker
            let found = try TransactionsTool.reporting(what) {
                try cluster.ask { try await $0.describeProducers(some, at: broker) }
            }.whole { "\(what): \($0)" }
            let now = Clocks.wall
            for partition in some {
                for producer in found[partition] ?? []
                where producer.transactionStart != nil
                    && now.saturatingDifference(producer.lastTimestamp) > maximumMinutes * 60_000
                {
                    candidates.append(Candidate(partition: partition, producer: producer))
                }
            }
        }
        return candidates
    }

    /// Those of which no coordinator knows that it has to write their marker.
    private func confirmed(
        _ candidates: [Candidate], _ cluster: AdminSession
    ) throws -> [Candidate] {
        let producers = Set(candidates.map(\.producer.producerID)).sorted()
        let listings = try TransactionsTool.reporting(
            "Failed to list transactions for \(producers.count) producers"
        ) { try cluster.ask { try await $0.listTransactions(producers: producers) } }
        let ids = listings.filter { producers.contains($0.producerID) }
        var awaited: [ProducerID: Set<TopicPartition>] = [:]
        let names = ids.map(\.transactionalID)
        let descriptions = try cluster.ask { try await $0.describeTransactions(names) }
        for listing in ids {
            switch descriptions[listing.transactionalID] {
            case .success(let found)?:
                awaited[listing.producerID, default: []].formUnion(found.partitions)
            case .failure(let error)? where error.kafkaError != .transactionalIDNotFound:
                throw Failure("Failed to describe \(ids.count) transactions: \(error.cause)")
            default: break
            }
        }
        return candidates.filter {
            awaited[$0.producer.producerID]?.contains($0.partition) != true
        }
    }
}
