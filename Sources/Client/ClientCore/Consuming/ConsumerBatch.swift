public import KafkaWire

/// Records of one partition that were written together, in the order of their offsets.
public struct ConsumerBatch: Sendable {
    public var partition: TopicPartition
    public internal(set) var records: Records
    /// Where reading goes on after the batch.
    public var nextOffset: Offset
    /// The epoch of the leader that took it; `.none` when unknown.
    public var leaderEpoch: LeaderEpoch
    public var generation: UInt64

    /// The records of a batch, each made when it is asked for.
    public struct Records: RandomAccessCollection, Sendable {
        @usableFromInline var source: RecordSource
        @usableFromInline var places: [RecordPlace]

        @inlinable public var startIndex: Int { 0 }
        @inlinable public var endIndex: Int { places.count }
        @inlinable public subscript(index: Int) -> ConsumerRecord {
            ConsumerRecord(source, places[index])
        }
    }

    /// The batch without its first records.
    public func dropFirst(_ count: Int) -> ConsumerBatch {
        var rest = self
        rest.records.places.removeFirst(count)
        return rest
    }
}
