public import KafkaProtocol
public import KafkaWire

/// The transactional ids of one partition of `__transaction_state`.
public final class TransactionMachine: CoordinatorMachine {
    public var outbox = CoordinatorOutbox<TransactionRecord, TransactionCommand>()

    public init() {}

    public func replay(_ record: TransactionRecord, at offset: Offset, by writer: RecordWriter) {}

    public func replay(_ marker: CoordinatorMarker) {}

    public func loaded(_ now: Moment) {}

    public func unload(_ error: KafkaError) {}

    public func timersDue(_ now: Moment) {}

    public var nextDeadline: Int64? { nil }
}

/// What a transaction coordinator has done elsewhere.
public enum TransactionCommand: Sendable {}
