import KafkaWire

/// The end of one record that somebody waits for.
public struct Delivery: Sendable {
    public var waiter: UInt64
    public var metadata: RecordMetadata
}

/// The records of one batch that were written and that somebody waits for, in order.
public struct Deliveries: RandomAccessCollection, Sendable {
    let topic: String
    let partition: Int32
    let base: Offset?
    let appendTime: Int64?
    let waiters: [RecordWaiter]

    public var startIndex: Int { 0 }
    public var endIndex: Int { waiters.count }

    public subscript(index: Int) -> Delivery {
        let entry = waiters[index]
        return Delivery(
            waiter: entry.waiter,
            metadata: RecordMetadata(
                topic: topic, partition: partition, offset: base.map { $0 + Int64(entry.place) },
                timestamp: appendTime ?? entry.timestamp))
    }
}
