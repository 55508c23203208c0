import Coordinators
import KafkaProtocol
import KafkaWire
import LogStorage

/// TxnOffsetCommit (key 28): offsets of a group that count once a transaction commits.
///
/// As with Produce, the partition of the group's offsets joins the transaction first (version 5 and
/// later, KIP-890), or the coordinator confirms that the client has added it.
extension BrokerLoop {
    func txnOffsetCommit(_ request: TxnOffsetCommitRequest, _ context: RequestContext) {
        let version = context.apiVersion
        func refuse(_ error: KafkaError) {
            answer(request.refusal(error, version: version), to: context)
        }
        guard !request.groupID.isEmpty else { return refuse(.invalidGroupID) }
        guard let cell = view.groupShard(of: request.groupID) else {
            return refuse(.notCoordinator)
        }
        let raisesEpochs = version >= 5
        guard raisesEpochs || view.transactionSettings.verifiesPartitions else {
            return commit(request, to: cell, .none, context)
        }
        let check: TransactionCheck
        do throws(AppendError) {
            check = .needs(try beginVerification(request, cell.partition, context))
        } catch {
            return refuse(error.kafkaError)
        }
        guard check != .needs(nil) else { return commit(request, to: cell, check, context) }
        let partition = cell.partition.topicPartition
        let addition = PartitionAddition(
            transactionalID: request.transactionalID,
            producer: ProducerIdentity(
                id: ProducerID(request.producerID), epoch: request.producerEpoch),
            partitions: [partition], version: raisesEpochs ? 2 : 0, waits: raisesEpochs)
        joinAnywhere(addition, verifyOnly: !raisesEpochs, now: context.now) {
            [unowned self] errors, now in
            let error = errors[partition] ?? .unknownServerError
            guard error == .none else {
                return answer(
                    request.refusal(error.known(toCommitter: version), version: version),
                    to: context)
            }
            commit(request, to: cell, check, context.at(now))
        }
    }

    private func beginVerification(
        _ request: TxnOffsetCommitRequest, _ cell: PartitionCell, _ context: RequestContext
    ) throws(AppendError) -> VerificationGuard? {
        let replica = cell.enter()
        defer { cell.leave() }
        return try replica.log.beginVerification(
            ProducerID(request.producerID), epoch: request.producerEpoch, sequence: -1,
            raisesEpochs: context.apiVersion >= 5, now: context.now.wallMs)
    }

    private func commit(
        _ request: TxnOffsetCommitRequest, to cell: ShardCell<GroupMachine>,
        _ check: TransactionCheck, _ context: RequestContext
    ) {
        let version = context.apiVersion
        coordinate(cell, context, check: check) {
            request.refusal($0, version: version)
        } _: { machine, caller, now in
            machine.commitOffsets(request, version: version, caller, now)
        }
    }
}

extension KafkaError {
    /// What the coordinator of a transaction says, as committers of `version` understand it.
    fileprivate func known(toCommitter version: Int16) -> KafkaError {
        switch self {
        case .producerFenced: .invalidProducerEpoch
        case .transactionAbortable where version < 4: .invalidTxnState
        case .networkException: .coordinatorLoadInProgress
        default: self
        }
    }
}

extension AppendError {
    fileprivate var kafkaError: KafkaError {
        switch self {
        case .kafka(let code, _), .invalidRecords(let code, _): code
        case .io: .kafkaStorageError
        }
    }
}
