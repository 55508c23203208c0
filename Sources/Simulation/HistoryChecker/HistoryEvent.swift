/// One line of a history: what a client was about to do, was told, or saw (docs/HISTORY.md).
public enum HistoryEvent: Equatable, Sendable {
    /// A record is about to be sent. `value` names it and is used once in a history.
    case produce(Write)
    /// The record's producer was told where it lies.
    case acked(value: String, partition: Int32, offset: Int64)
    /// The record's producer was told that it was not written, and will not be.
    case failed(value: String)
    case begin(transaction: String)
    /// An end is about to be asked for, and was acknowledged.
    case end(transaction: String, commits: Bool)
    case ended(transaction: String, commits: Bool)
    /// A reader goes on at an offset; what it gets from there on is a session of its own.
    case seek(Place, offset: Int64, isCommitted: Bool)
    /// A reader was given a record; in a transaction of its own when `transaction` names one.
    case read(Place, offset: Int64, value: String, transaction: String?)
    /// A reader was given everything below `offset`; with `isEnd`, the log ended there.
    case position(Place, offset: Int64, isEnd: Bool)
    /// Records below `offset` may have been deleted.
    case deleted(topic: String, partition: Int32, before: Int64)
    /// A group's offset is about to be committed, was committed, or read back (-1 for none).
    case offset(OffsetStep, GroupPlace, offset: Int64, transaction: String?)

    /// A record to be sent.
    public struct Write: Equatable, Sendable {
        public var process: String
        public var value: String
        public var topic: String
        /// The transaction that it is a part of.
        public var transaction: String?
        /// Whether its producer promises to write it once and in order.
        public var isIdempotent: Bool

        public init(
            process: String, value: String, topic: String, transaction: String? = nil,
            isIdempotent: Bool = true
        ) {
            self.process = process
            self.value = value
            self.topic = topic
            self.transaction = transaction
            self.isIdempotent = isIdempotent
        }
    }

    /// One reader's view of one partition.
    public struct Place: Hashable, Sendable {
        public var reader: String
        public var topic: String
        public var partition: Int32

        public init(reader: String, topic: String, partition: Int32) {
            self.reader = reader
            self.topic = topic
            self.partition = partition
        }
    }

    /// A group's offset of one partition.
    public struct GroupPlace: Hashable, Sendable {
        public var group: String
        public var topic: String
        public var partition: Int32

        public init(group: String, topic: String, partition: Int32) {
            self.group = group
            self.topic = topic
            self.partition = partition
        }
    }

    public enum OffsetStep: Sendable {
        case commit
        case committed
        case fetched
    }
}
