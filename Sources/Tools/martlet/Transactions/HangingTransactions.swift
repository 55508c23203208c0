import AdminWire
import KafkaWire

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

    func run(_ client: AdminClient, _ console: Console) throws {
        let candidates = try candidates(client)
        let hanging = candidates.isEmpty ? [] : try confirmed(candidates, client)
        let now = Clocks.wall
        let header = [
            "Topic", "Partition", "ProducerId", "ProducerEpoch", "CoordinatorEpoch", "StartOffset",
            "LastTimestamp", "Duration(min)",
        ]
        let rows = hanging.map { found in
            [
                found.partition.topic, "\(found.partition.partition)",
                "\(found.producer.producerID)", "\(found.producer.producerEpoch)",
                "\(found.producer.coordinatorEpoch ?? -1)",
                "\(found.producer.transactionStart ?? -1)", "\(found.producer.lastTimestamp)",
                "\((now.saturatingDifference(found.producer.lastTimestamp)) / 60_000)",
            ]
        }
        let documents = hanging.map { found in
            JSON.object([
                ("topic", .string(found.partition.topic)),
                ("partition", .integer(Int64(found.partition.partition))),
                ("producerId", .integer(found.producer.producerID)),
                ("producerEpoch", .integer(Int64(found.producer.producerEpoch))),
                ("coordinatorEpoch", .optional(found.producer.coordinatorEpoch)),
                ("startOffset", .optional(found.producer.transactionStart)),
                ("lastTimestamp", .integer(found.producer.lastTimestamp)),
            ])
        }
        TransactionReports.show(header, rows, documents, options, console)
    }

    private func partitions(_ client: AdminClient) throws -> [TopicPartition] {
        if let topic, let partition {
            return [TopicPartition(topic: topic, partition: partition)]
        }
        let topics = try TransactionsTool.reporting("Failed to list topics") {
            () throws(AdminError) in
            try client.metadata(topics: topic.map { [$0] }).topics
        }
        var found: [TopicPartition] = []
        for topic in topics {
            let name = topic.name ?? ""
            try TransactionsTool.reporting("Failed to describe topic \(name)") {
                () throws(AdminError) in try AdminError.check(topic.errorCode)
            }
            for partition in topic.partitions
            where broker.map({ partition.replicaNodes.contains($0.rawValue) }) ?? true {
                found.append(TopicPartition(topic: name, partition: partition.partitionIndex))
            }
        }
        return found.sorted()
    }

    /// Transactions that are open for longer than the maximum.
    private func candidates(_ client: AdminClient) throws -> [Candidate] {
        var rest = try partitions(client)[...]
        var candidates: [Candidate] = []
        while !rest.isEmpty {
            let some = Array(rest.prefix(Self.batch))
            rest = rest.dropFirst(Self.batch)
            let place = broker.map { "broker \($0)" } ?? "their leaders"
            let what = "Failed to describe producers for \(some.count) partitions on \(place)"
            let found = try TransactionsTool.reporting(what) {
                () throws(AdminError) in try client.activeProducers(of: some, at: broker)
            }
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
        _ candidates: [Candidate], _ client: AdminClient
    ) throws -> [Candidate] {
        let producers = Set(candidates.map(\.producer.producerID)).sorted()
        let listings = try TransactionsTool.reporting(
            "Failed to list transactions for \(producers.count) producers"
        ) { () throws(AdminError) in
            try client.listTransactions(TransactionFilter(producerIDs: producers))
        }
        let ids = listings.filter { producers.contains($0.producerID) }
        var awaited: [Int64: Set<TopicPartition>] = [:]
        let descriptions = client.describeTransactions(ids.map(\.transactionalID))
        for listing in ids {
            switch descriptions[listing.transactionalID] {
            case .success(let found)?:
                awaited[listing.producerID, default: []].formUnion(found.partitions)
            case .failure(let error)? where error.kafkaError != .transactionalIDNotFound:
                throw Failure("Failed to describe \(ids.count) transactions: \(error)")
            default: break
            }
        }
        return candidates.filter {
            awaited[$0.producer.producerID]?.contains($0.partition) != true
        }
    }
}
