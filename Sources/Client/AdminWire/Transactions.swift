import KafkaProtocol
import KafkaWire

/// One line of ListTransactions.
public struct TransactionListing: Sendable, Equatable {
    public var transactionalID: String
    /// The broker that coordinates it.
    public var coordinator: BrokerID
    public var producerID: Int64
    /// As the broker spells it: `Ongoing`, `PrepareCommit`, ...
    public var state: String
}

/// What its coordinator knows of a transactional id.
public struct TransactionDescription: Sendable, Equatable {
    public var transactionalID: String
    public var coordinator: BrokerID
    public var producerID: Int64
    public var producerEpoch: Int16
    public var state: String
    public var timeoutMilliseconds: Int32
    /// Milliseconds since 1970; `nil` when no transaction is open.
    public var startTime: Int64?
    /// Partitions in the transaction, or those that still wait for its marker; sorted.
    public var partitions: [TopicPartition]
}

/// Which transactions `listTransactions` asks for.
public struct TransactionFilter: Sendable, Equatable {
    /// Only these producers; empty: all.
    public var producerIDs: [Int64] = []
    /// Only those open for longer, in milliseconds; negative: all.
    public var duration: Int64 = -1
    /// Only ids that this regular expression (RE2) matches as a whole.
    public var idPattern: String?

    public init(producerIDs: [Int64] = [], duration: Int64 = -1, idPattern: String? = nil) {
        self.producerIDs = producerIDs
        self.duration = duration
        self.idPattern = idPattern
    }
}

extension AdminClient {
    /// The transactional ids that all brokers coordinate, by id.
    ///
    /// Waits while a coordinator is loading; throws the first error that a broker answers with.
    public func listTransactions(
        _ filter: TransactionFilter = TransactionFilter()
    ) throws(AdminError) -> [TransactionListing] {
        let request = ListTransactionsRequest(
            producerIDFilters: filter.producerIDs, durationFilter: filter.duration,
            transactionalIDPattern: filter.idPattern?.isEmpty == true ? nil : filter.idPattern)
        _ = try metadata(topics: [])
        var found: [TransactionListing] = []
        for broker in addresses.keys.sorted() {
            let response = try retrying {
                () throws(AdminError) in
                let response = try call(request, broker: broker)
                try AdminError.check(
                    response.errorCode, context: "Transactions of broker \(broker)")
                return response
            }
            found += response.transactionStates.map {
                TransactionListing(
                    transactionalID: $0.transactionalID, coordinator: broker,
                    producerID: $0.producerID, state: $0.transactionState)
            }
        }
        return found.sorted { $0.transactionalID < $1.transactionalID }
    }

    /// Transactional ids by their coordinators, each with its own result.
    public func describeTransactions(
        _ ids: [String]
    ) -> [String: Result<TransactionDescription, AdminError>] {
        atCoordinators(of: ids, .transaction) { (broker, ids) throws(AdminError) in
            let request = DescribeTransactionsRequest(transactionalIDs: ids)
            var results: [String: Result<TransactionDescription, AdminError>] = [:]
            for state in try call(request, broker: broker).transactionStates {
                results[state.transactionalID] = Result { () throws(AdminError) in
                    try AdminError.check(state.errorCode)
                    return Self.description(of: state, broker)
                }
            }
            return results
        }
    }

    private static func description(
        of state: DescribeTransactionsResponse.TransactionState, _ broker: BrokerID
    ) -> TransactionDescription {
        let start = state.transactionStartTimeMs
        return TransactionDescription(
            transactionalID: state.transactionalID, coordinator: broker,
            producerID: state.producerID, producerEpoch: state.producerEpoch,
            state: state.transactionState, timeoutMilliseconds: state.transactionTimeoutMs,
            startTime: start < 0 ? nil : start,
            partitions: state.topics.flatMap { topic in
                topic.partitions.map { TopicPartition(topic: topic.topic, partition: $0) }
            }.sorted())
    }

    /// Takes the transactional id over as a new producer would: its open transaction is aborted and
    /// the producer that had it is fenced (KIP-939's forceTerminateTransaction).
    public func terminateTransaction(_ id: String) throws(AdminError) {
        let request = InitProducerIDRequest(
            transactionalID: id,
            transactionTimeoutMs: Int32(clamping: settings.requestMilliseconds),
            producerID: -1, producerEpoch: -1)
        try atCoordinator(of: id, .transaction) { (broker) throws(AdminError) in
            // Version 6 is not final in Kafka 4.4.
            let response = try call(request, broker: broker, atMost: 5)
            try AdminError.check(response.errorCode)
        }
    }
}
