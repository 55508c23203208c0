import KafkaProtocol
import KafkaRecords
import KafkaWire
import Testing

@testable import BrokerCore

/// A client's connection to a `TestNode`: encodes requests as a client would and decodes answers.
final class TestClient {
    let node: TestNode
    let id: ConnectionID
    private let loop: Int
    private var nextCorrelation: Int32 = 1

    /// A decoded answer, and the bytes that its record fields lie in.
    struct Answer<Message> {
        var message: Message
        var body: [UInt8]

        /// All records of a field, of every batch.
        func records(_ field: RecordsField) throws -> [Record] {
            guard case .inFrame(let range) = field else { return [] }
            return try TestRecords.decode(Array(body[range]))
        }
    }

    init(node: TestNode, id: ConnectionID, loop: Int) {
        self.node = node
        self.id = id
        self.loop = loop
    }

    /// Why the node has closed this connection, `nil` while it is open.
    var closeReason: String? { node.closed[id] }

    func disconnect() { node.disconnect(id, loop: loop) }

    /// Sends the frame as it is, without a length prefix.
    func send(raw frame: [UInt8]) { node.deliver(frame, on: id, loop: loop) }

    /// Sends a request; the answer is fetched with `receive`.
    @discardableResult
    func send<Request: KafkaRequest>(_ request: Request, version: Int16) throws -> Int32 {
        let correlation = nextCorrelation
        nextCorrelation += 1
        send(raw: try Self.frame(request, version: version, correlation: correlation))
        return correlation
    }

    static func frame<Request: KafkaRequest>(
        _ request: Request, version: Int16, correlation: Int32, clientID: String? = "test"
    ) throws -> [UInt8] {
        let header = RequestHeader(
            requestAPIKey: Request.apiKey.rawValue, requestAPIVersion: version,
            correlationID: correlation, clientID: clientID)
        return try header.encoded(version: Request.apiKey.requestHeaderVersion(for: version))
            + request.encoded(version: version)
    }

    /// The next answer, which must be there and be that of request `correlation`; `nil` when there
    /// is none.
    func receive<Response: KafkaResponse>(
        _: Response.Type, version: Int16, correlation: Int32? = nil
    ) throws -> Answer<Response>? {
        guard let frame = node.takeAnswer(id) else { return nil }
        let headerVersion = Response.apiKey.responseHeaderVersion(for: version)
        // The header is the correlation id, and from version 1 on an empty set of tagged fields.
        let headerSize = headerVersion == 0 ? 4 : 5
        let header = try ResponseHeader(
            decoding: Array(frame.prefix(headerSize)), version: headerVersion)
        if let correlation { #expect(header.correlationID == correlation) }
        let body = Array(frame.dropFirst(headerSize))
        return Answer(
            message: try Response(decoding: body, version: version), body: body)
    }

    /// Sends a request and takes its answer, which must have come at once.
    func exchange<Request: KafkaRequest>(
        _ request: Request, version: Int16? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Answer<Request.Response> {
        let version = version ?? Request.apiKey.validVersions.upperBound
        let correlation = try send(request, version: version)
        return try #require(
            try receive(Request.Response.self, version: version, correlation: correlation),
            "no answer to \(Request.apiKey.name): \(closeReason ?? "still waiting")",
            sourceLocation: sourceLocation)
    }

    /// Sends a request and gives its answer, which must have come at once.
    func call<Request: KafkaRequest>(
        _ request: Request, version: Int16? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Request.Response {
        try exchange(request, version: version, sourceLocation: sourceLocation).message
    }
}

/// Batches for tests.
enum TestRecords {
    /// One batch of these values, without keys.
    static func batch(
        _ values: [String], timestamp: Int64 = VirtualClock.startMs,
        _ options: RecordBatchBuilder.Options = .init()
    ) throws -> [UInt8] {
        try batch(values.map { (key: nil, value: $0) }, timestamp: timestamp, options)
    }

    /// One batch of these keys and values.
    static func batch(
        _ records: [(key: String?, value: String?)], timestamp: Int64 = VirtualClock.startMs,
        _ options: RecordBatchBuilder.Options = .init()
    ) throws -> [UInt8] {
        var builder = RecordBatchBuilder(options)
        for (key, value) in records {
            builder.append(
                timestamp: timestamp, key: key.map { Array($0.utf8) },
                value: value.map { Array($0.utf8) })
        }
        return try builder.finish()
    }

    static func decode(_ bytes: [UInt8]) throws -> [Record] {
        var records: [Record] = []
        let span = bytes.span.bytes
        var batches = BatchIterator(span)
        while let batch = try batches.next() {
            records += try BatchReader.records(span.extracting(batch.range), limit: 16 << 20)
        }
        return records
    }
}

extension Record {
    /// The value as text.
    var text: String? { value.map { String(decoding: $0, as: UTF8.self) } }
}

extension TestClient {
    /// Creates a topic, which must succeed.
    @discardableResult
    func createTopic(
        _ name: String, partitions: Int32 = 1, configs: [String: String] = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> KafkaUUID {
        let topic = CreateTopicsRequest.CreatableTopic(
            name: name, numPartitions: partitions, replicationFactor: 1,
            configs: configs.sorted { $0.key < $1.key }.map { .init(name: $0.key, value: $0.value) }
        )
        let response = try call(
            CreateTopicsRequest(topics: [topic], timeoutMs: 1000), sourceLocation: sourceLocation)
        let result = try #require(response.topics.first)
        #expect(
            result.errorCode == 0, "\(result.errorMessage ?? "")", sourceLocation: sourceLocation)
        return result.topicID
    }

    /// A produce request for one partition, as of version 12 and before.
    static func produceRequest(
        _ batch: [UInt8], to topic: String, partition: Int32 = 0, acks: Int16 = -1
    ) -> ProduceRequest {
        ProduceRequest(
            acks: acks, timeoutMs: 1000,
            topicData: [
                .init(
                    name: topic,
                    partitionData: [.init(index: partition, records: .bytes(batch))])
            ])
    }

    /// Produces values to a partition, which must succeed; the first one's offset.
    @discardableResult
    func produce(
        _ values: [String], to topic: String, partition: Int32 = 0, acks: Int16 = -1,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Int64 {
        let request = Self.produceRequest(
            try TestRecords.batch(values, timestamp: node.clock.now.wallMs), to: topic,
            partition: partition, acks: acks)
        let response = try call(request, version: 12, sourceLocation: sourceLocation)
        let result = try #require(response.responses.first?.partitionResponses.first)
        #expect(
            KafkaError(rawValue: result.errorCode) == KafkaError.none,
            sourceLocation: sourceLocation)
        return result.baseOffset
    }

    /// A fetch request for one partition outside of any session, as of version 12 and before.
    static func fetchRequest(
        _ topic: String, partition: Int32 = 0, from offset: Int64 = 0, maxWaitMs: Int32 = 0,
        minBytes: Int32 = 1, readCommitted: Bool = false
    ) -> FetchRequest {
        FetchRequest(
            maxWaitMs: maxWaitMs, minBytes: minBytes, maxBytes: 1 << 20,
            isolationLevel: readCommitted ? 1 : 0,
            topics: [
                .init(
                    topic: topic,
                    partitions: [
                        .init(
                            partition: partition, fetchOffset: offset,
                            partitionMaxBytes: 1 << 20)
                    ])
            ])
    }

    /// What a consumer reads of a partition from `offset` on, in one fetch.
    func fetch(
        _ topic: String, partition: Int32 = 0, from offset: Int64 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [Record] {
        let answer = try exchange(
            Self.fetchRequest(topic, partition: partition, from: offset), version: 12,
            sourceLocation: sourceLocation)
        let data = try #require(answer.message.responses.first?.partitions.first)
        #expect(
            KafkaError(rawValue: data.errorCode) == KafkaError.none, sourceLocation: sourceLocation)
        return try answer.records(data.records).filter { $0.offset.rawValue >= offset }
    }
}
