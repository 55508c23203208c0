public import ClientCore
import KafkaRecords
import KafkaWire
public import Tracing

/// Spans around what a client does, where the process has a tracer (swift-distributed-tracing).
/// Names and attributes are OpenTelemetry's for messaging and Kafka; the context of a trace goes
/// from sender to reader in the records' headers (`traceparent`).
struct ClientTracing: Sendable {
    private let tracer: any Tracer
    private let clientID: String
    private let groupID: String?

    /// The most records whose senders one span names.
    private static let linkLimit = 128

    /// `nil` when there is no tracer.
    init?(_ tracer: any Tracer, clientID: String, groupID: String? = nil) {
        if tracer is NoOpTracer { return nil }
        self.tracer = tracer
        self.clientID = clientID
        self.groupID = groupID
    }

    // MARK: Sending

    /// Begins the span of a record and puts its context into the headers.
    func beginSend(_ record: inout ProducerRecord) -> any Tracing.Span {
        let span = tracer.startSpan("send \(record.topic)", ofKind: .producer)
        tracer.inject(span.context, into: &record.headers, using: HeaderCarrier())
        let (key, bytes) = (record.key, record.value?.count ?? 0)
        span.updateAttributes { attributes in
            describe(record.topic, "send", &attributes)
            attributes["messaging.message.body.size"] = bytes
            if let key { attributes["messaging.kafka.message.key"] = HeaderCarrier.text(key) }
            if record.value == nil { attributes["messaging.kafka.message.tombstone"] = true }
        }
        return span
    }

    static func endSend(_ span: any Tracing.Span, _ result: Result<RecordMetadata, ClientError>) {
        switch result {
        case .success(let place):
            span.updateAttributes { attributes in
                attributes["messaging.destination.partition.id"] = "\(place.partition)"
                if let offset = place.offset {
                    attributes["messaging.kafka.offset"] = offset.rawValue
                }
            }
        case .failure(let error): Self.record(error, on: span)
        }
        span.end()
    }

    // MARK: Reading

    /// What `poll` waited for has come: a span from the beginning of the wait, which names the
    /// senders of the records.
    func endPoll(_ batch: ConsumerBatch, since began: some TracerInstant) {
        let span = tracer.startSpan("poll \(batch.partition.topic)", ofKind: .client, at: began)
        for record in batch.records.prefix(Self.linkLimit) {
            if let context = record.traceContext(tracer) {
                span.addLink(SpanLink(context: context, attributes: [:]))
            }
        }
        span.updateAttributes { attributes in
            describe(batch.partition.topic, "poll", type: "receive", &attributes)
            attributes["messaging.destination.partition.id"] = "\(batch.partition.partition)"
            attributes["messaging.batch.message_count"] = batch.records.count
            if let groupID { attributes["messaging.consumer.group.name"] = groupID }
        }
        span.end()
    }

    private func describe(
        _ topic: String, _ operation: String, type: String? = nil,
        _ attributes: inout SpanAttributes
    ) {
        Self.describe(topic, operation, type: type ?? operation, &attributes)
        attributes["messaging.client.id"] = clientID
    }

    fileprivate static func describe(
        _ topic: String, _ operation: String, type: String, _ attributes: inout SpanAttributes
    ) {
        attributes["messaging.system"] = "kafka"
        attributes["messaging.destination.name"] = topic
        attributes["messaging.operation.name"] = operation
        attributes["messaging.operation.type"] = type
    }

    fileprivate static func record(_ error: any Error, on span: any Tracing.Span) {
        span.recordError(error)
        span.setStatus(SpanStatus(code: .error, message: "\(error)"))
        let name = (error as? ClientError)?.kafkaError?.name ?? "\(type(of: error))"
        span.updateAttributes { $0["error.type"] = name }
    }
}

extension ConsumerRecord {
    /// The context of the trace that the record was sent in; `nil` when its headers have none.
    ///
    /// - Parameter instrument: what reads the headers; that of the process by default.
    public func traceContext(
        _ instrument: any Instrument = InstrumentationSystem.instrument
    ) -> ServiceContext? {
        let headers = headers
        guard !headers.isEmpty else { return nil }
        var context = ServiceContext.topLevel
        instrument.extract(headers, into: &context, using: HeaderCarrier())
        return context.isEmpty ? nil : context
    }

    /// Runs `body`, which does what is to be done with the record, in a span that goes on with the
    /// trace that the record was sent in.
    ///
    ///     for try await record in consumer.records {
    ///         try await record.withProcessSpan { span in try await count(record) }
    ///     }
    ///
    /// - Parameter tracer: that of the process by default; without one, `body` is all there is.
    nonisolated(nonsending)
        public func withProcessSpan<Success>(
            tracer: any Tracer = InstrumentationSystem.tracer,
            _ body: (any Tracing.Span) async throws -> Success
        ) async rethrows -> Success
    {
        let context = tracer is NoOpTracer ? nil : traceContext(tracer)
        let span = tracer.startSpan(
            "process \(topic)", context: context ?? .current ?? .topLevel, ofKind: .consumer)
        defer { span.end() }
        span.updateAttributes { attributes in
            ClientTracing.describe(topic, "process", type: "process", &attributes)
            attributes["messaging.destination.partition.id"] = "\(partition)"
            attributes["messaging.kafka.offset"] = offset.rawValue
        }
        do {
            return try await ServiceContext.$current.withValue(span.context) {
                try await body(span)
            }
        } catch {
            ClientTracing.record(error, on: span)
            throw error
        }
    }
}

/// A trace's context as headers of a record.
private struct HeaderCarrier: Injector, Extractor {
    func inject(_ value: String, forKey key: String, into headers: inout [RecordHeader]) {
        headers.removeAll { $0.key == key }
        headers.append(RecordHeader(key: key, value: Array(value.utf8)))
    }

    func extract(key: String, from headers: [RecordHeader]) -> String? {
        headers.last { $0.key == key }?.value.map { Self.text($0) }
    }

    static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
