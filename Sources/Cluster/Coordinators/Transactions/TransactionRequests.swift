public import KafkaProtocol
public import KafkaWire

/// Whom to tell the outcome of an operation, and how it is put in the response of their request.
public struct Respondent<Value>: Sendable {
    public let caller: Caller
    /// The response's message.
    public let message: @Sendable (Result<Value, KafkaError>) -> any KafkaMessage

    public init(
        _ caller: Caller,
        _ message: @escaping @Sendable (Result<Value, KafkaError>) -> any KafkaMessage
    ) {
        self.caller = caller
        self.message = message
    }

    func reply(_ result: Result<Value, KafkaError>) -> CoordinatorReply {
        let message = message
        return CoordinatorReply(message(result), to: caller) { message(.failure($0)) }
    }
}

/// InitProducerId of a transactional id.
public struct InitTransactionalID: Sendable {
    public var transactionalID: String
    public var timeoutMs: Int32
    /// Who the producer is, where it goes on after an error (KIP-360).
    public var expected: ProducerIdentity?

    public init(transactionalID: String, timeoutMs: Int32, expected: ProducerIdentity?) {
        self.transactionalID = transactionalID
        self.timeoutMs = timeoutMs
        self.expected = expected
    }
}

/// Partitions that a transaction is about to write to.
public struct PartitionAddition: Sendable {
    public var transactionalID: String
    public var producer: ProducerIdentity
    public var partitions: [TopicPartition]
    /// `transaction.version` of the client.
    public var version: Int16
    /// Wait for the transaction before to be complete, up to `additionPatienceMs`, rather than tell
    /// the client to come again.
    public var waits: Bool

    public init(
        transactionalID: String, producer: ProducerIdentity, partitions: [TopicPartition],
        version: Int16, waits: Bool
    ) {
        self.transactionalID = transactionalID
        self.producer = producer
        self.partitions = partitions
        self.version = version
        self.waits = waits
    }
}

/// EndTxn.
public struct TransactionOutcome: Sendable {
    public var transactionalID: String
    public var producer: ProducerIdentity
    public var commits: Bool
    /// `transaction.version` of the client.
    public var version: Int16

    public init(
        transactionalID: String, producer: ProducerIdentity, commits: Bool, version: Int16
    ) {
        self.transactionalID = transactionalID
        self.producer = producer
        self.commits = commits
        self.version = version
    }
}

/// Markers that end a transaction, for all partitions that still lack one.
public struct MarkerOrder: Equatable, Sendable {
    public var transactionalID: String
    public var producer: ProducerIdentity
    public var commits: Bool
    public var coordinatorEpoch: Int32
    /// `transaction.version` of the transaction.
    public var version: Int16
    /// In order.
    public var partitions: [TopicPartition]
}

/// What a transaction coordinator has done elsewhere.
public enum TransactionCommand: Equatable, Sendable {
    /// Get a producer id from the controller; `producerIDAllocated` takes it.
    case allocateProducerID
    /// Write markers; `markersWritten` takes what came of them.
    case writeMarkers(MarkerOrder)
}
