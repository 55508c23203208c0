import Coordinators
import KafkaProtocol
import KafkaWire

extension BrokerLoop {
    /// Has the coordinator of a transaction, here or on another broker, add partitions of this
    /// broker to it, or say whether they belong to it; `then` gets an error, or `none`, for each.
    func joinAnywhere(
        _ addition: PartitionAddition, verifyOnly: Bool, now: ClockReading,
        then: @escaping ([TopicPartition: KafkaError], ClockReading) -> Void
    ) {
        // Who leads counts, not whether there is a shard: one that led before is here still, idle.
        guard view.remoteCoordinator(ofTransaction: addition.transactionalID) != nil else {
            return join(addition, verifyOnly: verifyOnly, now: now, then: then)
        }
        let patience = addition.waits ? view.transactionSettings.additionPatienceMs : 0
        RemoteJoin(
            addition, verifyOnly: verifyOnly, until: now.deadline(afterMs: patience), done: then
        ).resume(on: self, now: now)
    }
}

/// One question to a transaction's coordinator on another broker (AddPartitionsToTxn 4 and later).
///
/// Where the transaction before is not complete yet the coordinator says so, and is asked again for
/// a while (KIP-890): the client could do no better.
private final class RemoteJoin: Resumable {
    private let addition: PartitionAddition
    private let verifyOnly: Bool
    /// Until when the transaction before may be waited for (monotonic ns).
    private let deadline: Int64
    private let done: ([TopicPartition: KafkaError], ClockReading) -> Void

    /// Pause before the coordinator is asked again.
    private static let retryMs: Int64 = 20

    init(
        _ addition: PartitionAddition, verifyOnly: Bool, until deadline: Int64,
        done: @escaping ([TopicPartition: KafkaError], ClockReading) -> Void
    ) {
        self.addition = addition
        self.verifyOnly = verifyOnly
        self.deadline = deadline
        self.done = done
    }

    /// Asks, for the first time or again: whoever coordinates by now.
    func resume(on loop: BrokerLoop, now: ClockReading) {
        let id = addition.transactionalID
        guard let coordinator = loop.view.remoteCoordinator(ofTransaction: id) else {
            return loop.join(addition, verifyOnly: verifyOnly, now: now, then: done)
        }
        loop.ask(
            coordinator.broker, at: coordinator.endpoint, request, versions: 4...5,
            timeoutMs: loop.view.transactionSettings.markerTimeoutMs
        ) { [self, unowned loop] outcome, now in
            take(outcome, on: loop, now)
        }
    }

    private var request: AddPartitionsToTxnRequest {
        AddPartitionsToTxnRequest(
            transactions: [
                .init(
                    transactionalID: addition.transactionalID,
                    producerID: addition.producer.id.rawValue,
                    producerEpoch: addition.producer.epoch, verifyOnly: verifyOnly,
                    topics: addition.partitions.byTopic.map {
                        .init(name: $0.topic, partitions: $0.partitions)
                    })
            ])
    }

    private func take(_ outcome: PeerOutcome, on loop: BrokerLoop, _ now: ClockReading) {
        let errors: [TopicPartition: KafkaError]
        switch outcome.decoded(AddPartitionsToTxnResponse.self) {
        case .success(let answer): errors = answer.errors(for: addition.partitions)
        case .failure: errors = addition.partitions.mapped { _ in .coordinatorNotAvailable }
        }
        let again = now.deadline(afterMs: Self.retryMs)
        if errors.values.contains(.concurrentTransactions), again <= deadline {
            sometimes(.partitionJoinRetried)
            let ticket = loop.newTicket()
            loop.resumptions[ticket.request] = self
            loop.deadlines.add(ticket.request, at: again)
        } else {
            done(errors, now)
        }
    }
}
