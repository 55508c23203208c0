public import KafkaProtocol
import KafkaWire

/// Which transactions ListTransactions asks for; an empty list lets all pass.
public struct TransactionFilter: Sendable {
    public var states: [TransactionState] = []
    /// Names were given, and none of them is a state's: nothing passes.
    public var admitsNoState = false
    public var producerIDs: Set<Int64> = []
    /// Only those that began more than this many milliseconds ago; negative for all (KIP-994).
    public var durationMs: Int64 = -1

    public init() {}

    func admits(_ transaction: Transaction, now: Int64) -> Bool {
        if admitsNoState { return false }
        if !states.isEmpty, !states.contains(transaction.state) { return false }
        if !producerIDs.isEmpty, !producerIDs.contains(transaction.producer.id.rawValue) {
            return false
        }
        return durationMs < 0 || now.saturatingDifference(transaction.startMs) > durationMs
    }
}

/// DescribeTransactions and ListTransactions (KIP-664, KIP-994, KIP-1152).
extension TransactionMachine {
    public func describe(
        _ id: String, _ respondent: Respondent<DescribeTransactionsResponse.TransactionState>
    ) {
        guard let transaction = transactions[id] else {
            return outbox.reply(respondent.reply(.failure(.transactionalIDNotFound)))
        }
        // Partitions that have their marker belong to it no more.
        let partitions = completions[id]?.remaining ?? transaction.partitions
        outbox.reply(
            respondent.reply(
                .success(
                    .init(
                        errorCode: 0, transactionalID: id,
                        transactionState: transaction.state.name,
                        transactionTimeoutMs: transaction.timeoutMs,
                        transactionStartTimeMs: transaction.startMs,
                        producerID: transaction.producer.id.rawValue,
                        producerEpoch: transaction.producer.epoch,
                        topics: partitions.byTopic.map {
                            .init(topic: $0.topic, partitions: $0.partitions)
                        }))))
    }

    /// The transactions that `filter` lets pass, in order of id.
    public func list(
        _ filter: TransactionFilter,
        _ respondent: Respondent<[ListTransactionsResponse.TransactionState]>, _ now: Moment
    ) {
        let found = transactions.filter { filter.admits($0.value, now: now.wallMs) }
            .sorted { $0.key < $1.key }
        outbox.reply(
            respondent.reply(
                .success(
                    found.map {
                        .init(
                            transactionalID: $0.key, producerID: $0.value.producer.id.rawValue,
                            transactionState: $0.value.state.name)
                    })))
    }
}
