/// A position in a partition's log: the number of a record, from 0.
public struct Offset: RawRepresentable, Hashable, Comparable, Sendable {
    public var rawValue: Int64
    @inlinable public init(rawValue: Int64) { self.rawValue = rawValue }
    @inlinable public init(_ rawValue: Int64) { self.rawValue = rawValue }
    public static let zero = Offset(0)
    @inlinable public static func < (a: Offset, b: Offset) -> Bool { a.rawValue < b.rawValue }
    /// The offset `count` records further on. Traps on overflow, which no valid log can reach.
    @inlinable public static func + (a: Offset, count: Int64) -> Offset {
        Offset(a.rawValue + count)
    }
    /// How many offsets `a` is ahead of `b`.
    @inlinable public static func - (a: Offset, b: Offset) -> Int64 { a.rawValue - b.rawValue }
}

/// The term of one leader of one partition; grows with each election, -1 when unknown.
public struct LeaderEpoch: RawRepresentable, Hashable, Comparable, Sendable {
    public var rawValue: Int32
    @inlinable public init(rawValue: Int32) { self.rawValue = rawValue }
    @inlinable public init(_ rawValue: Int32) { self.rawValue = rawValue }
    public static let none = LeaderEpoch(-1)
    @inlinable public static func < (a: LeaderEpoch, b: LeaderEpoch) -> Bool {
        a.rawValue < b.rawValue
    }
}

/// The `node.id` of a broker or controller; -1 when there is none.
public struct BrokerID: RawRepresentable, Hashable, Comparable, Sendable {
    public var rawValue: Int32
    @inlinable public init(rawValue: Int32) { self.rawValue = rawValue }
    @inlinable public init(_ rawValue: Int32) { self.rawValue = rawValue }
    public static let none = BrokerID(-1)
    @inlinable public static func < (a: BrokerID, b: BrokerID) -> Bool { a.rawValue < b.rawValue }
}

/// The id of an idempotent or transactional producer (KIP-98); -1 when there is none.
public struct ProducerID: RawRepresentable, Hashable, Comparable, Sendable {
    public var rawValue: Int64
    @inlinable public init(rawValue: Int64) { self.rawValue = rawValue }
    @inlinable public init(_ rawValue: Int64) { self.rawValue = rawValue }
    public static let none = ProducerID(-1)
    @inlinable public static func < (a: ProducerID, b: ProducerID) -> Bool {
        a.rawValue < b.rawValue
    }
}

extension Offset: CustomStringConvertible { public var description: String { "\(rawValue)" } }
extension LeaderEpoch: CustomStringConvertible { public var description: String { "\(rawValue)" } }
extension BrokerID: CustomStringConvertible { public var description: String { "\(rawValue)" } }
extension ProducerID: CustomStringConvertible { public var description: String { "\(rawValue)" } }

/// A topic's name and a partition's number.
public struct TopicPartition: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var topic: String
    public var partition: Int32
    public init(topic: String, partition: Int32) {
        self.topic = topic
        self.partition = partition
    }
    public static func < (a: TopicPartition, b: TopicPartition) -> Bool {
        (a.topic, a.partition) < (b.topic, b.partition)
    }
    /// The name of the partition's directory, `topic-partition`.
    public var description: String { "\(topic)-\(partition)" }
}
