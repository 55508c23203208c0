import ClientCore
import InMemoryTracing
import KafkaRecords
import KafkaWire
import Logging
import MartletClient
import ServiceLifecycle
import Synchronization
import Testing
import Tracing

/// What happens around sending and reading: spans, interceptors, services.
@Suite(.cluster, .timeLimit(.minutes(2))) struct HookTests {
    private func network() throws -> NetworkSettings {
        var network = NetworkSettings(bootstrap: try BrokerAddress.list(testCluster().bootstrap))
        network.clientID = "bird"
        return network
    }

    private func consumer(
        tracer: any Tracer = NoOpTracer(), interceptors: [any ConsumerInterceptor] = [],
        group: String? = nil
    ) throws -> Consumer {
        var settings = ConsumerSettings(network: try network())
        settings.offsetReset = .earliest
        settings.group = group.map { GroupSettings(id: $0) }
        return try Consumer(settings, tracer: tracer, interceptors: interceptors)
    }

    // MARK: Spans

    @Test func aTraceGoesOnWhereItsRecordIsRead() async throws {
        let topic = try await testCluster().topic(partitions: 1)
        let tracer = InMemoryTracer()
        let producer = try Producer(ProducerSettings(network: network()), tracer: tracer)
        let parent = tracer.startSpan("parent")
        try await ServiceContext.$current.withValue(parent.context) {
            _ = try await producer.send("one", key: "k", to: topic)
            try await producer.enqueue(ProducerRecord(topic: topic, value: "two"))
        }
        try await producer.close()
        let sends = tracer.popFinishedSpans()
        #expect(sends.map(\.operationName) == ["send \(topic)", "send \(topic)"])
        #expect(sends.allSatisfy { $0.kind == .producer && $0.parentSpanID == parent.spanID })
        let sent = try #require(sends.first)
        #expect(text(sent, "messaging.system") == "kafka")
        #expect(text(sent, "messaging.destination.name") == topic)
        #expect(text(sent, "messaging.operation.type") == "send")
        #expect(text(sent, "messaging.kafka.message.key") == "k")
        #expect(text(sent, "messaging.destination.partition.id") == "0")
        #expect(text(sent, "messaging.client.id") == "bird")

        let consumer = try consumer(tracer: tracer)
        try await consumer.assign(topic: topic)
        var spans: [FinishedInMemorySpan] = []
        for try await record in consumer.records {
            await record.withProcessSpan(tracer: tracer) { span in
                #expect(ServiceContext.current?.inMemorySpanContext != nil)
                #expect(record.headers.contains { $0.key == InMemoryTracer.traceIDKey })
            }
            spans += tracer.popFinishedSpans()
            if record.offset == Offset(1) { break }
        }
        await consumer.close()
        let polls = spans.filter { $0.operationName == "poll \(topic)" }
        let links = polls.flatMap(\.links).compactMap(\.context.inMemorySpanContext?.spanID)
        #expect(Set(links) == Set(sends.map(\.spanID)))
        #expect(polls.allSatisfy { $0.kind == .client })
        let processed = spans.filter { $0.operationName == "process \(topic)" }
        #expect(processed.map(\.traceID) == [parent.traceID, parent.traceID])
        #expect(processed.map(\.parentSpanID) == sends.map(\.spanID))
        #expect(processed.allSatisfy { $0.kind == .consumer })
    }

    private func text(_ span: FinishedInMemorySpan, _ name: String) -> String? {
        if case .string(let text) = span.attributes[name]?.toSpanAttribute() { text } else { nil }
    }

    @Test func failuresAreOfTheSpan() async throws {
        let tracer = InMemoryTracer()
        var settings = ProducerSettings(network: try network())
        settings.maxRequestSize = 100
        let producer = try Producer(settings, tracer: tracer)
        let topic = try await testCluster().topic(partitions: 1)
        let big = ProducerRecord(topic: topic, value: String(repeating: "x", count: 200))
        await #expect(throws: ClientError.self) { try await producer.send(big) }
        await #expect(throws: ClientError.self) { try await producer.enqueue(big) }
        try await producer.close()
        let spans = tracer.finishedSpans
        #expect(spans.count == 2)
        #expect(spans.allSatisfy { $0.status?.code == .error && $0.errors.count == 1 })
        #expect(tracer.activeSpans.isEmpty)
    }

    @Test func withoutATracerRecordsStayAsTheyAre() async throws {
        let topic = try await testCluster().topic(partitions: 1)
        let producer = try Producer(ProducerSettings(network: network()))
        _ = try await producer.send("one", to: topic)
        try await producer.close()
        let consumer = try consumer()
        try await consumer.assign(topic: topic)
        let batch = try #require(try await consumer.poll(timeout: .seconds(60)))
        let record = try #require(batch.records.first)
        #expect(record.headers.isEmpty && record.traceContext() == nil)
        #expect(await record.withProcessSpan { _ in record.offset } == .zero)
        await consumer.close()
    }

    // MARK: Interceptors

    private final class Watcher: ProducerInterceptor, ConsumerInterceptor {
        let ends = Mutex<[String]>([])
        let read = Mutex<[Int]>([])
        let committed = Mutex<[TopicPartition: CommittedOffset]>([:])

        func willSend(_ record: ProducerRecord) -> ProducerRecord {
            var record = record
            record.headers.append(RecordHeader(key: "seen", value: [1]))
            return record
        }
        func didSend(_ record: ProducerRecord, _ result: Result<RecordMetadata, ClientError>) {
            let what = (try? result.get().offset?.rawValue).map { "\($0)" } ?? "failed"
            ends.withLock {
                $0.append("\(String(decoding: record.value ?? [], as: UTF8.self)) \(what)")
            }
        }
        func willRead(_ batch: ConsumerBatch) { read.withLock { $0.append(batch.records.count) } }
        func didCommit(_ offsets: [TopicPartition: CommittedOffset]) {
            committed.withLock { $0.merge(offsets) { $1 } }
        }
    }

    @Test func interceptorsSeeRecordsAndTheirEnds() async throws {
        let topic = try await testCluster().topic(partitions: 1)
        let watcher = Watcher()
        let producer = try Producer(
            ProducerSettings(network: network()), interceptors: [watcher, watcher])
        _ = try await producer.send("a", to: topic)
        try await producer.enqueue(ProducerRecord(topic: topic, value: "b"))
        try await producer.flush()
        await #expect(throws: ClientError.self) {
            try await producer.enqueue(ProducerRecord(topic: topic, partition: 9, value: nil))
        }
        try await producer.close()
        let told = watcher.ends.withLock { $0 }
        #expect(told == ["a 0", "a 0", "b 1", "b 1", " failed", " failed"])

        let id = try testCluster().group()
        let consumer = try consumer(interceptors: [watcher], group: id)
        try consumer.subscribe(to: [topic])
        var seen = 0
        while seen < 2, let batch = try await consumer.poll(timeout: .seconds(60)) {
            seen += batch.records.count
            #expect(batch.records.allSatisfy { $0.headers.map(\.key) == ["seen", "seen"] })
        }
        #expect(try await consumer.poll(timeout: .milliseconds(10)) == nil)
        await consumer.close()
        #expect(watcher.read.withLock { $0.reduce(0, +) } == 2)
        let place = TopicPartition(topic: topic, partition: 0)
        #expect(watcher.committed.withLock { $0[place]?.offset } == Offset(2))
    }

    // MARK: Services

    @Test func clientsEndWithTheirService() async throws {
        let topic = try await testCluster().topic(partitions: 1)
        let producer = try Producer(ProducerSettings(network: network()))
        let consumer = try consumer()
        try await consumer.assign(topic: topic)
        let group = ServiceGroup(
            services: [producer, consumer, try Admin(AdminSettings(network: network()))],
            logger: Logger(label: "test"))
        async let running: Void = group.run()
        try await producer.enqueue(ProducerRecord(topic: topic, value: "one"))
        var values: [String] = []
        for try await record in consumer.records {
            values.append(String(decoding: record.value ?? [], as: UTF8.self))
            await group.triggerGracefulShutdown()
        }
        try await running
        #expect(values == ["one"])
        await #expect(throws: ClientError.closed) { try await producer.send("two", to: topic) }
    }

    @Test func aCancelledServiceIsClosedToo() async throws {
        let topic = try await testCluster().topic(partitions: 1)
        let producer = try Producer(ProducerSettings(network: network()))
        let service = Task { try await producer.run() }
        _ = try await producer.send("one", to: topic)
        service.cancel()
        try await service.value
        await #expect(throws: ClientError.closed) { try await producer.send("two", to: topic) }
    }
}
