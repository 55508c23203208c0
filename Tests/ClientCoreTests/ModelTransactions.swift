import KafkaProtocol
import KafkaRecords
import KafkaWire

/// The coordinators of one transactional id and of one group, as a producer sees them, for
/// transaction version 1 or 2. They survive, and may move from broker to broker.
final class ModelTransactions {
    enum State { case empty, ongoing, committed, aborted }

    /// `transaction.version`
    var level: Int16 = 2
    var coordinator: Int32 = 0
    var groupCoordinator: Int32 = 1
    private(set) var producerID: Int64 = -1
    private(set) var epoch: Int16 = -1
    private var lastEpoch: Int16 = -1
    private(set) var state = State.empty
    private var partitions: Set<Int32> = []
    private var pendingOffsets: [Int32: Int64] = [:]
    private(set) var committedOffsets: [Int32: Int64] = [:]
    /// Requests that are still to hear of `CONCURRENT_TRANSACTIONS`.
    var concurrent = 0
    /// What the group's coordinator says of offsets, in the place of its own.
    var offsetError: KafkaError?
    /// Answers of the coordinator, in order, in the place of its own.
    var faults: [KafkaError] = []
    /// Writes a marker to a partition.
    var mark: (_ partition: Int32, _ producerID: Int64, _ epoch: Int16, _ commits: Bool) -> Void =
        { _, _, _, _ in }

    private func takeFault() -> KafkaError? { faults.isEmpty ? nil : faults.removeFirst() }

    // MARK: Requests

    func find(_ request: FindCoordinatorRequest) -> FindCoordinatorResponse {
        let node = request.keyType == 1 ? coordinator : groupCoordinator
        let address = ModelCluster.addresses[Int(node)]
        guard let key = request.coordinatorKeys.first else {
            return FindCoordinatorResponse(
                nodeID: node, host: address.host, port: Int32(address.port))
        }
        return FindCoordinatorResponse(coordinators: [
            .init(key: key, nodeID: node, host: address.host, port: Int32(address.port))
        ])
    }

    func initialize(_ request: InitProducerIDRequest, at node: Int32) -> InitProducerIDResponse {
        if let error = refusal(node) { return .init(errorCode: error.code) }
        if request.producerEpoch >= 0 {
            let isKnown = request.producerID == producerID
            if isKnown, request.producerEpoch == lastEpoch {
                return .init(producerID: producerID, producerEpoch: epoch)
            }
            guard isKnown, request.producerEpoch == epoch else {
                return .init(errorCode: KafkaError.producerFenced.code)
            }
        }
        if state == .ongoing {
            if level < 2 { epoch += 1 }
            end(commits: false)
            lastEpoch = -1
            return .init(errorCode: KafkaError.concurrentTransactions.code)
        }
        if producerID < 0 { producerID = 4000 }
        lastEpoch = request.producerEpoch
        epoch += 1
        state = .empty
        return .init(producerID: producerID, producerEpoch: epoch)
    }

    /// The coordinator gives up on the open transaction (`transaction.timeout.ms`).
    func timeOut() {
        guard state == .ongoing else { return }
        if level < 2 { epoch += 1 }
        end(commits: false)
        if level < 2 { lastEpoch = -1 }
    }

    private func refusal(_ node: Int32) -> KafkaError? {
        if node != coordinator { return .notCoordinator }
        if let fault = takeFault() { return fault }
        guard concurrent > 0 else { return nil }
        concurrent -= 1
        return .concurrentTransactions
    }

    private func refusal(_ id: Int64, _ epoch: Int16) -> KafkaError? {
        if id != producerID { return .invalidProducerIDMapping }
        return epoch == self.epoch ? nil : .producerFenced
    }

    private func begin() { state = .ongoing }

    func add(_ request: AddPartitionsToTxnRequest, at node: Int32) -> AddPartitionsToTxnResponse {
        let error =
            refusal(node)
            ?? refusal(request.v3AndBelowProducerID, request.v3AndBelowProducerEpoch)
        var answer = AddPartitionsToTxnResponse()
        for topic in request.v3AndBelowTopics {
            if error == nil {
                begin()
                partitions.formUnion(topic.partitions)
            }
            answer.resultsByTopicV3AndBelow.append(
                .init(
                    name: topic.name,
                    resultsByPartition: topic.partitions.map {
                        .init(partitionIndex: $0, partitionErrorCode: error?.code ?? 0)
                    }))
        }
        return answer
    }

    func add(_ request: AddOffsetsToTxnRequest, at node: Int32) -> AddOffsetsToTxnResponse {
        let error = refusal(node) ?? refusal(request.producerID, request.producerEpoch)
        if error == nil { begin() }
        return .init(errorCode: error?.code ?? 0)
    }

    func commit(
        _ request: TxnOffsetCommitRequest, at node: Int32, _ version: Int16
    ) -> TxnOffsetCommitResponse {
        var error: KafkaError? = node == groupCoordinator ? offsetError : .notCoordinator
        if error == nil {
            error =
                request.producerID == producerID && request.producerEpoch == epoch
                ? nil : .invalidProducerEpoch
        }
        if error == nil {
            if version >= 5 { begin() }
            if state != .ongoing { error = .invalidTxnState }
        }
        var answer = TxnOffsetCommitResponse()
        for topic in request.topics {
            answer.topics.append(
                .init(
                    name: topic.name,
                    partitions: topic.partitions.map {
                        if error == nil { pendingOffsets[$0.partitionIndex] = $0.committedOffset }
                        return .init(
                            partitionIndex: $0.partitionIndex, errorCode: error?.code ?? 0)
                    }))
        }
        return answer
    }

    func end(_ request: EndTxnRequest, at node: Int32, _ version: Int16) -> EndTxnResponse {
        if let error = refusal(node) { return .init(errorCode: error.code) }
        if request.producerID != producerID {
            return .init(errorCode: KafkaError.invalidProducerIDMapping.code)
        }
        let raises = version >= 5
        let isRetry =
            raises && request.producerEpoch + 1 == epoch && state != .ongoing && state != .empty
        guard request.producerEpoch == epoch || isRetry else {
            return .init(errorCode: KafkaError.producerFenced.code)
        }
        let done = request.committed ? State.committed : State.aborted
        if state == .ongoing || (raises && !isRetry && !request.committed) {
            end(commits: request.committed)
        } else if state != done || raises && !isRetry {
            return .init(errorCode: KafkaError.invalidTxnState.code)
        }
        guard raises else { return .init() }
        return .init(producerID: producerID, producerEpoch: epoch)
    }

    private func end(commits: Bool) {
        for partition in partitions.sorted() { mark(partition, producerID, epoch, commits) }
        if commits { committedOffsets.merge(pendingOffsets) { $1 } }
        partitions = []
        pendingOffsets = [:]
        state = commits ? .committed : .aborted
        if level >= 2 {
            lastEpoch = epoch
            epoch += 1
        }
    }

    /// What a broker asks before it writes a transactional batch.
    func verify(
        _ id: Int64, _ epoch: Int16, _ partition: Int32, _ version: Int16
    ) -> KafkaError? {
        guard id == producerID, epoch == self.epoch else { return .invalidProducerEpoch }
        if version >= 12 {
            begin()
            partitions.insert(partition)
            return nil
        }
        return state == .ongoing && partitions.contains(partition) ? nil : .invalidTxnState
    }
}
