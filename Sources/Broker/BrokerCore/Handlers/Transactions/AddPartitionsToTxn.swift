import Coordinators
import KafkaProtocol
import KafkaWire

/// AddPartitionsToTxn (key 24) and AddOffsetsToTxn (key 25): partitions join a transaction.
///
/// Up to version 3 a client adds for one transaction; from 4 on a broker adds or verifies for many.
extension BrokerLoop {
    func addPartitionsToTxn(_ request: AddPartitionsToTxnRequest, _ context: RequestContext) {
        typealias Added = AddPartitionsToTxnResponse.AddPartitionsToTxnResult
        let version = context.apiVersion
        let transactions = version >= 4 ? request.transactions : [request.asOne]
        let collector = AnswerCollector<Added>(count: transactions.count) {
            [unowned self] results in
            let response =
                version >= 4
                ? AddPartitionsToTxnResponse(resultsByTransaction: results)
                : AddPartitionsToTxnResponse(
                    resultsByTopicV3AndBelow: results.first?.topicResults ?? [])
            answer(response, to: context)
        }
        for (index, transaction) in transactions.enumerated() {
            add(transaction, version: version, now: context.now) { errors in
                collector.set(
                    index,
                    Added(
                        transactionalID: transaction.transactionalID,
                        topicResults: .init(errors)))
            }
        }
    }

    private func add(
        _ transaction: AddPartitionsToTxnRequest.AddPartitionsToTxnTransaction, version: Int16,
        now: ClockReading, then: @escaping ([TopicPartition: KafkaError]) -> Void
    ) {
        let partitions = transaction.topics.flatMap { topic in
            topic.partitions.map { TopicPartition(topic: topic.name, partition: $0) }
        }
        let unknown = Set(partitions.filter { view.image.topics[$0.topic]?[$0.partition] == nil })
        guard unknown.isEmpty else {
            return then(
                partitions.mapped {
                    unknown.contains($0) ? .unknownTopicOrPartition : .operationNotAttempted
                })
        }
        let addition = PartitionAddition(
            transactionalID: transaction.transactionalID,
            producer: ProducerIdentity(
                id: ProducerID(transaction.producerID), epoch: transaction.producerEpoch),
            partitions: partitions,
            // Only who knows of an epoch for each transaction uses version 4 (KIP-890).
            version: version >= 4 ? 2 : 0, waits: false)
        join(addition, verifyOnly: transaction.verifyOnly, now: now) { errors, _ in
            then(errors.mapValues { $0.fencing(knownTo: version >= 2) })
        }
    }

    func addOffsetsToTxn(_ request: AddOffsetsToTxnRequest, _ context: RequestContext) {
        let partition = view.offsetsPartition(of: request.groupID)
        let addition = PartitionAddition(
            transactionalID: request.transactionalID,
            producer: ProducerIdentity(
                id: ProducerID(request.producerID), epoch: request.producerEpoch),
            partitions: [partition], version: 0, waits: false)
        join(addition, verifyOnly: false, now: context.now) { [unowned self] errors, _ in
            let error = errors[partition] ?? .none
            answer(
                AddOffsetsToTxnResponse(
                    errorCode: error.fencing(knownTo: context.apiVersion >= 2).rawValue),
                to: context)
        }
    }

    // MARK: The coordinator

    /// Has the coordinator add partitions to a transaction, or say whether they belong to it;
    /// `then` gets an error, or `none`, for each.
    func join(
        _ addition: PartitionAddition, verifyOnly: Bool, now: ClockReading,
        then: @escaping ([TopicPartition: KafkaError], ClockReading) -> Void
    ) {
        guard !addition.transactionalID.isEmpty else {
            return then(addition.partitions.mapped { _ in .invalidRequest }, now)
        }
        consult(
            view.transactionShard(of: addition.transactionalID), now: now,
            failed: { JoinAnswer.message(.failure($0)) },
            { machine, caller, moment in
                if verifyOnly {
                    machine.verifyPartitions(addition, Respondent(caller, JoinAnswer.message))
                } else {
                    machine.addPartitions(
                        addition, Respondent(caller) { JoinAnswer.message($0.map { [:] }) }, moment
                    )
                }
            },
            then: { message, now in
                guard let answer = message as? AddPartitionsToTxnResponse else {
                    preconditionFailure("a transaction coordinator answered with another message")
                }
                then(answer.errors(for: addition.partitions), now)
            })
    }
}

/// What the coordinator says to an addition, as the response that another broker would send.
private enum JoinAnswer {
    @Sendable static func message(
        _ result: Result<[TopicPartition: KafkaError], KafkaError>
    ) -> any KafkaMessage {
        switch result {
        case .success(let errors):
            AddPartitionsToTxnResponse(resultsByTransaction: [.init(topicResults: .init(errors))])
        case .failure(let error): AddPartitionsToTxnResponse(errorCode: error.rawValue)
        }
    }
}

extension AddPartitionsToTxnResponse {
    /// The error, or `none`, of each partition of the one transaction that was asked about.
    func errors(for partitions: [TopicPartition]) -> [TopicPartition: KafkaError] {
        let all = KafkaError(rawValue: errorCode) ?? .unknownServerError
        var errors = partitions.mapped { _ in all }
        for topic in resultsByTransaction.flatMap(\.topicResults) {
            for result in topic.resultsByPartition {
                let partition = TopicPartition(topic: topic.name, partition: result.partitionIndex)
                errors[partition] =
                    KafkaError(rawValue: result.partitionErrorCode) ?? .unknownServerError
            }
        }
        return errors
    }
}

extension [TopicPartition] {
    /// An error for each.
    func mapped(_ error: (TopicPartition) -> KafkaError) -> [TopicPartition: KafkaError] {
        Dictionary(map { ($0, error($0)) }) { first, _ in first }
    }
}

extension [AddPartitionsToTxnResponse.AddPartitionsToTxnTopicResult] {
    fileprivate init(_ errors: [TopicPartition: KafkaError]) {
        self = errors.keys.byTopic.map { topic in
            .init(
                name: topic.topic,
                resultsByPartition: topic.partitions.map {
                    let partition = TopicPartition(topic: topic.topic, partition: $0)
                    return .init(
                        partitionIndex: $0,
                        partitionErrorCode: (errors[partition] ?? .none).rawValue)
                })
        }
    }
}

extension AddPartitionsToTxnRequest {
    /// The one transaction of version 3 and before.
    fileprivate var asOne: AddPartitionsToTxnTransaction {
        .init(
            transactionalID: v3AndBelowTransactionalID, producerID: v3AndBelowProducerID,
            producerEpoch: v3AndBelowProducerEpoch, verifyOnly: false, topics: v3AndBelowTopics)
    }
}
