public import KafkaProtocol
public import KafkaRecords
public import KafkaWire

/// An answer that a coordinator owes to a caller.
public struct CoordinatorReply: Sendable {
    public let caller: Caller
    public let message: any KafkaMessage
    /// What the caller is told instead when something written before the answer was lost.
    public let onLoss: @Sendable (KafkaError) -> any KafkaMessage

    public init(
        _ message: any KafkaMessage, to caller: Caller,
        onLoss: @escaping @Sendable (KafkaError) -> any KafkaMessage
    ) {
        self.caller = caller
        self.message = message
        self.onLoss = onLoss
    }
}

/// In whose name records are written.
public enum RecordWriter: Equatable, Sendable {
    /// The coordinator itself.
    case coordinator
    /// A transactional producer: the records count once its transaction has committed.
    case producer(ProducerID, epoch: Int16)
}

/// The end of a producer's transaction in a coordinator's partition.
public struct CoordinatorMarker: Equatable, Sendable {
    public var producerID: ProducerID
    public var producerEpoch: Int16
    public var marker: TransactionMarker
    /// Of the transaction (KIP-890): from 2 on, a marker's epoch must be newer than the records'.
    public var transactionVersion: Int16

    public init(
        producerID: ProducerID, producerEpoch: Int16, marker: TransactionMarker,
        transactionVersion: Int16 = 0
    ) {
        self.producerID = producerID
        self.producerEpoch = producerEpoch
        self.marker = marker
        self.transactionVersion = transactionVersion
    }
}

/// What a machine wants done, in order. Answers and commands leave once all that was written
/// before them is committed; so nobody ever sees what may yet be lost.
public struct CoordinatorOutbox<Record: CoordinatorRecord, Command: Sendable> {
    enum Item {
        /// Appended as one batch: all of the records or none.
        case append([Record], RecordWriter)
        case appendMarker(CoordinatorMarker)
        case reply(CoordinatorReply)
        case perform(Command)
    }
    private(set) var items: [Item] = []
    /// The offset that the next record will have.
    public internal(set) var nextOffset = Offset.zero

    public init() {}

    mutating func append(_ records: [Record], as writer: RecordWriter) {
        guard !records.isEmpty else { return }
        items.append(.append(records, writer))
        nextOffset = nextOffset + Int64(records.count)
    }

    mutating func append(_ marker: CoordinatorMarker) {
        items.append(.appendMarker(marker))
        nextOffset = nextOffset + 1
    }

    /// Answers a caller.
    public mutating func reply(_ reply: CoordinatorReply) { items.append(.reply(reply)) }

    /// Has something done outside of the coordinator.
    public mutating func perform(_ command: Command) { items.append(.perform(command)) }

    mutating func takeItems() -> [Item] {
        defer { items.removeAll(keepingCapacity: true) }
        return items
    }
}
