public import ClientCore
public import KafkaWire
import Tracing

/// Sees the records of a producer before they are sent, and what becomes of them (KIP-42).
public protocol ProducerInterceptor: Sendable {
    /// Called on the task that sends, before the partition is chosen; what it returns is sent.
    func willSend(_ record: ProducerRecord) -> ProducerRecord
    /// Called once for each record, with the result: on an event loop, or on the task that sends.
    /// It must not block.
    func didSend(_ record: ProducerRecord, _ result: Result<RecordMetadata, ClientError>)
}

extension ProducerInterceptor {
    public func willSend(_ record: ProducerRecord) -> ProducerRecord { record }
    public func didSend(_ record: ProducerRecord, _ result: Result<RecordMetadata, ClientError>) {}
}

/// Sees the records of a consumer before they are read, and the offsets that are committed
/// (KIP-42).
public protocol ConsumerInterceptor: Sendable {
    /// Called on the task that reads, with each batch before the reader has its first record.
    func willRead(_ batch: ConsumerBatch)
    /// Called on an event loop, once the group has committed, however that came about. It must not
    /// block.
    func didCommit(_ offsets: [TopicPartition: CommittedOffset])
}

extension ConsumerInterceptor {
    public func willRead(_ batch: ConsumerBatch) {}
    public func didCommit(_ offsets: [TopicPartition: CommittedOffset]) {}
}

/// What happens around the sending of a record: interceptors in their order, then a span.
struct ProducerHooks: Sendable {
    private let interceptors: [any ProducerInterceptor]
    private let tracing: ClientTracing?

    /// `nil` when nothing is to happen: then a record costs nothing more.
    init?(_ interceptors: [any ProducerInterceptor], _ tracing: ClientTracing?) {
        if interceptors.isEmpty, tracing == nil { return nil }
        self.interceptors = interceptors
        self.tracing = tracing
    }

    typealias End = @Sendable (Result<RecordMetadata, ClientError>) -> Void

    /// Makes the record what is to be sent; what it returns must be called with the end.
    func begin(_ record: inout ProducerRecord) -> End {
        for interceptor in interceptors { record = interceptor.willSend(record) }
        let span = tracing?.beginSend(&record)
        let sent = record
        let interceptors = interceptors
        return { result in
            if let span { ClientTracing.endSend(span, result) }
            for interceptor in interceptors { interceptor.didSend(sent, result) }
        }
    }
}

/// What happens around the reading of a batch.
struct ConsumerHooks: Sendable {
    private let interceptors: [any ConsumerInterceptor]
    private let tracing: ClientTracing?

    init?(_ interceptors: [any ConsumerInterceptor], _ tracing: ClientTracing?) {
        if interceptors.isEmpty, tracing == nil { return nil }
        self.interceptors = interceptors
        self.tracing = tracing
    }

    /// When the reader began to wait, if that matters.
    func beginPoll() -> DefaultTracerClock.Timestamp? {
        tracing == nil ? nil : DefaultTracerClock.now
    }

    /// The reader is about to have the batch.
    func endPoll(_ batch: ConsumerBatch, since began: DefaultTracerClock.Timestamp?) {
        if let tracing, let began { tracing.endPoll(batch, since: began) }
        for interceptor in interceptors { interceptor.willRead(batch) }
    }
}
