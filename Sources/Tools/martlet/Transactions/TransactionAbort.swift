import MartletClient

/// `transactions abort`: ends a transaction in one partition by a marker of its own.
struct TransactionAbort {
    /// The end of one producer's transaction, to be written by hand.
    private struct Marker {
        var producerID: ProducerID
        var producerEpoch: Int16
        /// No lower than that of the last marker in the partition.
        var coordinatorEpoch: Int32
    }

    /// How the transaction is named.
    private enum Target {
        case startOffset(Offset)
        case marker(Marker)
    }

    private let partition: TopicPartition
    private let target: Target

    init(_ options: ParsedOptions, _ partition: TopicPartition) throws(Failure) {
        self.partition = partition
        if let offset: Int64 = try options.integer("--start-offset", 0...Int64.max) {
            target = .startOffset(Offset(offset))
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
            Marker(
                producerID: ProducerID(producer), producerEpoch: epoch,
                coordinatorEpoch: max(0, coordinatorEpoch)))
    }

    func run(_ cluster: AdminSession) throws {
        let marker =
            switch target {
            case .marker(let marker): marker
            case .startOffset(let offset): try marker(at: offset, cluster)
            }
        let what =
            "Failed to abort the transaction of producer \(marker.producerID) (epoch "
            + "\(marker.producerEpoch), coordinator epoch \(marker.coordinatorEpoch)) in "
            + "partition \(partition)"
        let partition = partition
        try TransactionsTool.reporting(what) {
            try cluster.ask {
                try await $0.abortTransaction(
                    in: partition, producer: marker.producerID, epoch: marker.producerEpoch,
                    coordinatorEpoch: marker.coordinatorEpoch)
            }
        }
    }

    private func marker(at offset: Offset, _ cluster: AdminSession) throws(Failure) -> Marker {
        let partition = partition
        let what = "Failed to validate producer state for partition \(partition)"
        let producers = try TransactionsTool.reporting(what) {
            try cluster.ask { try await $0.describeProducers([partition]) }[partition]?.get() ?? []
        }
        guard let producer = producers.first(where: { $0.transactionStart == offset }) else {
            throw Failure(
                "Could not find any open transactions starting at offset \(offset) on partition "
                    + "\(partition)")
        }
        return Marker(
            producerID: producer.producerID, producerEpoch: producer.epoch,
            coordinatorEpoch: max(0, producer.coordinatorEpoch))
    }
}
