import KafkaWire

/// Gets the end of one record. The core keeps it with the record and hands it back, so that its
/// shell needs no table of who waits; it never calls it.
public struct RecordHandler: Sendable {
    public let end: @Sendable (Result<RecordMetadata, ClientError>) -> Void

    @inlinable
    public init(_ end: @escaping @Sendable (Result<RecordMetadata, ClientError>) -> Void) {
        self.end = end
    }
}

/// The records of one batch that were written and that somebody waits for.
public struct Deliveries: Sendable {
    let topic: String
    let partition: Int32
    let base: Offset?
    let appendTime: Int64?
    let waiters: [RecordWaiter]

    /// Tells each where its record was written, in order. For the shell, outside of its lock.
    public func tell() {
        for waiter in waiters {
            let metadata = RecordMetadata(
                topic: topic, partition: partition, offset: base.map { $0 + Int64(waiter.place) },
                timestamp: appendTime ?? waiter.timestamp)
            waiter.handler.end(.success(metadata))
        }
    }
}

/// Who waits for the end of a record, and which of its batch that is.
struct RecordWaiter: Sendable {
    var handler: RecordHandler
    var timestamp: Int64
    var place: Int32
}
