import AdminWire
import KafkaWire

/// `transactions abort`: ends a transaction in one partition by a marker of its own.
struct TransactionAbort {
    /// How the transaction is named.
    private enum Target {
        case startOffset(Int64)
        case marker(AbortMarker)
    }

    private let partition: TopicPartition
    private let target: Target

    init(_ options: ParsedOptions, _ partition: TopicPartition) throws(Failure) {
        self.partition = partition
        if let offset: Int64 = try options.integer("--start-offset", 0...Int64.max) {
            target = .startOffset(offset)
            return
        }
        guard let producer: Int64 = try options.integer("--producer-id", 0...Int64.max) else {
            throw Failure(
                "The transaction to abort must be identified either with --start-offset or with "
                    + "--producer-id, --producer-epoch, and --coordinator-epoch.")
        }
        guard let epoch: Int16 = try options.integer("--producer-epoch") else {
            throw Failure("Missing required argument --producer-epoch")
        }
        guard let coordinatorEpoch: Int32 = try options.integer("--coordinator-epoch") else {
            throw Failure("Missing required argument --coordinator-epoch")
        }
        // -1 says that no marker was ever written; 0 is then no higher than any coordinator's.
        target = .marker(
            AbortMarker(
                partition: partition, producerID: producer, producerEpoch: epoch,
                coordinatorEpoch: max(0, coordinatorEpoch)))
    }

    func run(_ client: AdminClient) throws {
        let marker =
            switch target {
            case .marker(let marker): marker
            case .startOffset(let offset): try marker(at: offset, client)
            }
        let what =
            "Failed to abort the transaction of producer \(marker.producerID) (epoch "
            + "\(marker.producerEpoch), coordinator epoch \(marker.coordinatorEpoch)) in "
            + "partition \(partition)"
        try TransactionsTool.reporting(what) { () throws(AdminError) in try client.write(marker) }
    }

    private func marker(at offset: Int64, _ client: AdminClient) throws(Failure) -> AbortMarker {
        let what = "Failed to validate producer state for partition \(partition)"
        let producers = try TransactionsTool.reporting(what) {
            () throws(AdminError) in
            try client.activeProducers(of: [partition])[partition] ?? []
        }
        guard let producer = producers.first(where: { $0.transactionStart == offset }) else {
            throw Failure(
                "Could not find any open transactions starting at offset \(offset) on partition "
                    + "\(partition)")
        }
        return AbortMarker(
            partition: partition, producerID: producer.producerID,
            producerEpoch: Int16(clamping: producer.producerEpoch),
            coordinatorEpoch: producer.coordinatorEpoch ?? 0)
    }
}
