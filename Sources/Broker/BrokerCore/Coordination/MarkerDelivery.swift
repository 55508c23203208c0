import ClusterController
import Coordinators
import KafkaProtocol
import KafkaRecords
import KafkaWire

/// Where the marker of a transaction has to go.
private enum MarkerDestination {
    /// The partition does not exist any more, and neither do the transaction's records.
    case gone
    /// This node leads it.
    case here
    /// Another broker leads it.
    case there(Int32)
    /// Nobody leads it: to be tried again.
    case nobody
}

extension BrokerLoop {
    /// Carries out a coordinator's order; `then` gets an error, or `none`, for each partition, in
    /// one part or several.
    func deliver(
        _ order: MarkerOrder, now: ClockReading,
        then: @escaping ([TopicPartition: KafkaError], ClockReading) -> Void
    ) {
        var results: [TopicPartition: KafkaError] = [:]
        var here: [TopicPartition] = []
        var there: [Int32: [TopicPartition]] = [:]
        for partition in order.partitions {
            switch destination(of: partition) {
            case .gone: results[partition] = KafkaError.none
            case .here: here.append(partition)
            case .there(let broker): there[broker, default: []].append(partition)
            case .nobody: results[partition] = .notLeaderOrFollower
            }
        }
        let marker = CoordinatorMarker(
            producerID: order.producer.id, producerEpoch: order.producer.epoch,
            marker: TransactionMarker(
                isCommit: order.commits, coordinatorEpoch: order.coordinatorEpoch),
            transactionVersion: order.version)
        if !results.isEmpty || there.isEmpty && here.isEmpty { then(results, now) }
        // Each broker's word counts by itself: a slow one holds up no other.
        if !here.isEmpty { write(marker, to: here, now: now, then: then) }
        for (broker, partitions) in there.sorted(by: { $0.key < $1.key }) {
            send(marker, to: partitions, of: broker, now: now, then: then)
        }
    }

    private func destination(of partition: TopicPartition) -> MarkerDestination {
        guard let image = view.image.topics[partition.topic]?[partition.partition] else {
            return .gone
        }
        if image.leader == view.settings.nodeID.rawValue { return .here }
        return view.remote(image.leader) == nil ? .nobody : .there(image.leader)
    }
}

extension TransactionMachine: HostedMachine {
    func adopt(_ view: BrokerView) { settings = view.transactionSettings }

    /// What comes of a command goes to whatever machine the shard has by then; one that it does not
    /// concern ignores it.
    static func perform(
        _ command: TransactionCommand, of cell: ShardCell<TransactionMachine>,
        on loop: BrokerLoop, now: ClockReading
    ) {
        switch command {
        case .writeMarkers(let order):
            loop.deliver(order, now: now) { results, now in
                _ = cell.run(on: loop, now: now) { $0.markersWritten(order, results, $1) }
            }
        case .allocateProducerID:
            let work = ControllerWork.producerID { result in
                switch result {
                case .success(let id): InitProducerIDResponse(producerID: id.rawValue)
                case .failure(let error): InitProducerIDResponse(errorCode: error.rawValue)
                }
            }
            loop.consultController(work) { message, now in
                let result = producerID(in: message)
                _ = cell.run(on: loop, now: now) { $0.producerIDAllocated(result, $1) }
            }
        }
    }

    private static func producerID(
        in message: any KafkaMessage
    ) -> Result<ProducerID, KafkaError> {
        guard let message = message as? InitProducerIDResponse else {
            return .failure(.unknownServerError)
        }
        let error = KafkaError(rawValue: message.errorCode) ?? .unknownServerError
        return error == .none ? .success(ProducerID(message.producerID)) : .failure(error)
    }
}
