import KafkaProtocol
import KafkaWire

/// What a partition's log knows of a producer that writes to it.
public struct ActiveProducer: Sendable, Equatable {
    public var producerID: Int64
    public var producerEpoch: Int32
    /// Of the last batch; -1 for none.
    public var lastSequence: Int32
    /// Of the last batch, in milliseconds since 1970; -1 for none.
    public var lastTimestamp: Int64
    /// Of the last marker; `nil` when there was none.
    public var coordinatorEpoch: Int32?
    /// Where its open transaction begins; `nil` when none is open.
    public var transactionStart: Int64?

    init(_ state: DescribeProducersResponse.ProducerState) {
        producerID = state.producerID
        producerEpoch = state.producerEpoch
        lastSequence = state.lastSequence
        lastTimestamp = state.lastTimestamp
        coordinatorEpoch = state.coordinatorEpoch < 0 ? nil : state.coordinatorEpoch
        transactionStart = state.currentTxnStartOffset < 0 ? nil : state.currentTxnStartOffset
    }
}

/// The end of one producer's transaction in one partition, to be written by hand.
public struct AbortMarker: Sendable, Equatable {
    public var partition: TopicPartition
    public var producerID: Int64
    public var producerEpoch: Int16
    /// No lower than that of the last marker in the partition.
    public var coordinatorEpoch: Int32

    public init(
        partition: TopicPartition, producerID: Int64, producerEpoch: Int16, coordinatorEpoch: Int32
    ) {
        self.partition = partition
        self.producerID = producerID
        self.producerEpoch = producerEpoch
        self.coordinatorEpoch = coordinatorEpoch
    }
}

extension AdminClient {
    /// The producers that write to each partition, by the leader or by `broker`.
    ///
    /// Follows leaders that move, until the operation's time is over.
    public func activeProducers(
        of partitions: [TopicPartition], at broker: BrokerID? = nil
    ) throws(AdminError) -> [TopicPartition: [ActiveProducer]] {
        var producers: [TopicPartition: [ActiveProducer]] = [:]
        if let broker {
            try describeProducers(partitions.sorted(), broker, &producers)
            return producers
        }
        try followingLeaders(of: partitions) { (broker, partitions) throws(AdminError) in
            try describeProducers(partitions, broker, &producers)
        }
        return producers
    }

    private func describeProducers(
        _ partitions: [TopicPartition], _ broker: BrokerID,
        _ producers: inout [TopicPartition: [ActiveProducer]]
    ) throws(AdminError) {
        let topics = Self.byTopic(partitions).map { topic, partitions in
            DescribeProducersRequest.TopicRequest(
                name: topic, partitionIndexes: partitions.map(\.partition))
        }
        let response = try call(DescribeProducersRequest(topics: topics), broker: broker)
        for topic in response.topics {
            for partition in topic.partitions {
                let id = TopicPartition(topic: topic.name, partition: partition.partitionIndex)
                try AdminError.check(
                    partition.errorCode, partition.errorMessage, context: "Partition \(id)")
                producers[id] = partition.activeProducers.map(ActiveProducer.init)
            }
        }
    }

    /// Writes an abort marker to the partition, past the transaction's coordinator.
    public func write(_ marker: AbortMarker) throws(AdminError) {
        let topic = WriteTxnMarkersRequest.WritableTxnMarkerTopic(
            name: marker.partition.topic, partitionIndexes: [marker.partition.partition])
        let request = WriteTxnMarkersRequest(markers: [
            .init(
                producerID: marker.producerID, producerEpoch: marker.producerEpoch,
                transactionResult: false, topics: [topic],
                coordinatorEpoch: marker.coordinatorEpoch)
        ])
        try followingLeaders(of: [marker.partition]) { (broker, _) throws(AdminError) in
            let results = try call(request, broker: broker).markers.flatMap { marker in
                marker.topics.flatMap(\.partitions)
            }
            guard results.count == 1, let result = results.first else {
                throw .badResponse(
                    try connection(to: broker).address, what: "WriteTxnMarkers",
                    reason: "\(results.count) results for one partition")
            }
            try AdminError.check(result.errorCode, context: "Partition \(marker.partition)")
        }
    }

    /// Asks the leaders of `partitions`; all of them again when one of them has moved.
    private func followingLeaders(
        of partitions: [TopicPartition],
        _ ask: (BrokerID, [TopicPartition]) throws(AdminError) -> Void
    ) throws(AdminError) {
        let deadline = Deadline(milliseconds: settings.operationMilliseconds)
        while true {
            do throws(AdminError) {
                var leaders: [TopicPartition: PartitionLeader] = [:]
                for (id, leader) in try self.leaders(ofExisting: Set(partitions)) {
                    leaders[id] = try leader.get()
                }
                for (broker, partitions) in Self.byLeader(partitions, leaders) {
                    try ask(broker, partitions)
                }
                return
            } catch {
                // A partition that does not exist is not one that has moved.
                guard error.kafkaError?.isRetriable == true,
                    error.kafkaError != .unknownTopicOrPartition, deadline.remaining > 0
                else { throw error }
            }
            Self.pause(milliseconds: Self.backoffMilliseconds)
        }
    }
}
