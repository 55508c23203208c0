public import ClientCore
import KafkaProtocol
public import KafkaWire

/// A transactional id in a list.
public struct TransactionListing: Sendable, Hashable {
    public var transactionalID: String
    public var coordinator: BrokerID
    public var producerID: ProducerID
    /// As Kafka names it: `Ongoing`, `CompleteCommit` and so on.
    public var state: String
}

/// A transactional id and its transaction.
public struct TransactionDescription: Sendable, Hashable {
    public var coordinator: BrokerID
    public var state: String
    public var producerID: ProducerID
    public var producerEpoch: Int16
    /// `transaction.timeout.ms`
    public var timeout: Duration
    /// Milliseconds since the epoch; `nil` when none is open.
    public var startTime: Int64?
    public var partitions: [TopicPartition]
}

extension Admin {
    /// The transactional ids of all coordinators (KIP-664).
    ///
    /// - Parameters:
    ///   - states: only in these states; any without.
    ///   - producers: only of these producers; of any without.
    ///   - olderThan: only transactions that have been open for so long.
    public func listTransactions(
        states: [String] = [], producers: [ProducerID] = [], olderThan: Duration? = nil,
        matching pattern: String? = nil
    ) async throws(ClientError) -> [TransactionListing] {
        let brokers = try await describeCluster().nodes.map(\.id)
        let found = await each(brokers) { broker throws(ClientError) in
            try await self.call(
                .broker(broker),
                { version in
                    var request = ListTransactionsRequest(
                        stateFilters: states, producerIDFilters: producers.map(\.rawValue))
                    if version >= 1 {
                        request.durationFilter = olderThan.map { Int64($0.wholeMilliseconds) } ?? -1
                    }
                    if version >= 2 {
                        request.transactionalIDPattern = pattern?.isEmpty == true ? nil : pattern
                    }
                    return request
                }
            ) { answer, _ throws(ClientError) in
                try ClientError.check(code: answer.errorCode)
                return answer.transactionStates.map {
                    TransactionListing(
                        transactionalID: $0.transactionalID, coordinator: broker,
                        producerID: ProducerID($0.producerID), state: $0.transactionState)
                }
            }
        }
        var all: [TransactionListing] = []
        for broker in brokers { all += try found.one(broker) }
        return all.sorted { $0.transactionalID < $1.transactionalID }
    }

    /// What their coordinators know of transactional ids (KIP-664).
    public func describeTransactions(
        _ ids: [String]
    ) async throws(ClientError) -> [String: Result<TransactionDescription, ClientError>] {
        await each(ids) { id throws(ClientError) in
            let request = DescribeTransactionsRequest(transactionalIDs: [id])
            return try await self.exchange(.transaction(id), { _ in request }) {
                answer throws(ClientError) in
                guard let state = answer.response.transactionStates.first else {
                    throw .malformedResponse("DescribeTransactions names none")
                }
                try ClientError.check(code: state.errorCode)
                return TransactionDescription(
                    coordinator: answer.broker ?? .none, state: state.transactionState,
                    producerID: ProducerID(state.producerID), producerEpoch: state.producerEpoch,
                    timeout: .milliseconds(Int64(state.transactionTimeoutMs)),
                    startTime: state.transactionStartTimeMs < 0
                        ? nil : state.transactionStartTimeMs,
                    partitions: state.topics.flatMap { topic in
                        topic.partitions.map { TopicPartition(topic: topic.topic, partition: $0) }
                    }.sorted())
            }
        }
    }

    /// Fences the producers with these transactional ids; what they left open is aborted.
    public func fenceProducers(
        _ ids: [String]
    ) async throws(ClientError) -> [String: Result<Void, ClientError>] {
        await each(ids) { id throws(ClientError) in
            try await self.call(
                .transaction(id), atMost: 5,
                { _ in InitProducerIDRequest(transactionalID: id, transactionTimeoutMs: 1) }
            ) { answer, _ throws(ClientError) in
                try ClientError.check(code: answer.errorCode)
            }
        }
    }

    /// The broker that coordinates a group or a transactional id.
    ///
    /// - Throws: `invalidState` for a target that has no coordinator.
    public func coordinator(of target: AdminTarget) async throws(ClientError) -> BrokerID {
        let (key, type): (String, Int8)
        switch target {
        case .group(let id): (key, type) = (id, 0)
        case .transaction(let id): (key, type) = (id, 1)
        case .any, .controller, .broker:
            throw .invalidState("\(target) has no coordinator")
        }
        return try await call(
            .any,
            { version in
                version >= 4
                    ? FindCoordinatorRequest(keyType: type, coordinatorKeys: [key])
                    : FindCoordinatorRequest(key: key, keyType: type)
            }
        ) { answer, _ throws(ClientError) in
            try ClientError.check(code: answer.errorCode, answer.errorMessage)
            guard let one = answer.coordinators.first else { return BrokerID(answer.nodeID) }
            try ClientError.check(code: one.errorCode, one.errorMessage)
            return BrokerID(one.nodeID)
        }
    }
}
