import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore
@testable import ClientCore

/// Consumers' cores against a whole node, in its virtual time.
final class ConsumerWorld {
    let node: TestNode
    private(set) var consumers: [ConsumerDriver] = []

    init(_ node: TestNode) { self.node = node }

    func add(
        group: String? = nil, versions: [APIKey: Int16] = [:],
        _ configure: (inout ConsumerSettings) -> Void = { _ in }
    ) -> ConsumerDriver {
        var settings = ConsumerSettings(
            network: NetworkSettings(
                bootstrap: [BrokerAddress(host: "localhost", port: 9092)]))
        settings.offsetReset = .earliest
        settings.group = group.map { GroupSettings(id: $0) }
        configure(&settings)
        let consumer = ConsumerDriver(
            settings, node, versions: versions, seed: UInt64(consumers.count))
        consumers.append(consumer)
        return consumer
    }

    /// Lets all that is under way happen, and time pass, until `isDone`, which must come.
    func run(
        seconds: Int = 60, sourceLocation: SourceLocation = #_sourceLocation,
        until isDone: () throws -> Bool
    ) throws {
        for _ in 0..<seconds * 100 {
            var isBusy = true
            while isBusy {
                isBusy = false
                for consumer in consumers where try consumer.step() { isBusy = true }
                if try isDone() { return }
            }
            node.advance(ms: 10)
        }
        Issue.record("not reached in \(seconds) s", sourceLocation: sourceLocation)
    }

    /// Lets time pass.
    func run(seconds: Int) throws {
        let end = node.clock.now.monotonicNs + Int64(seconds) * 1_000_000_000
        try run(seconds: seconds + 1) { node.clock.now.monotonicNs >= end }
    }
}

/// A consumer's core on connections to a node; reads all that comes, and remembers what it is told.
final class ConsumerDriver {
    var core: ConsumerCore
    private(set) var values: [TopicPartition: [String]] = [:]
    private(set) var events: [RebalanceEvent] = []
    private(set) var errors: [ClientError] = []
    private(set) var commits: [UInt64: ClientError?] = [:]
    private(set) var committed: [UInt64: Result<[TopicPartition: CommittedOffset], ClientError>] =
        [:]
    private(set) var offsets: [UInt64: Result<[TopicPartition: FoundOffset], ClientError>] = [:]
    private(set) var partitions: [UInt64: Result<[Int32], ClientError>] = [:]
    private(set) var hasLeft = false
    /// Requests that were sent, by API.
    private(set) var asked: [APIKey] = []
    /// While set, nothing happens to the consumer, as when its process is halted.
    var isHalted = false
    /// While set, what was fetched is not read.
    var isIdle = false
    /// Changes an answer's body on its way; `nil` breaks the connection.
    var distort: (APIKey, Int16, [UInt8]) throws -> [UInt8]? = { $2 }

    private let node: TestNode
    private let versions: [APIKey: Int16]
    private var connections: [ClientCore.ConnectionID: TestClient] = [:]
    private var requests: [ClientCore.ConnectionID: [(key: APIKey, version: Int16)]] = [:]

    init(
        _ settings: ConsumerSettings, _ node: TestNode, versions: [APIKey: Int16], seed: UInt64
    ) {
        core = ConsumerCore(settings, seed: seed)
        self.node = node
        self.versions = versions
    }

    var now: ClientInstant { ClientInstant(nanoseconds: node.clock.now.monotonicNs) }
    /// The partitions that it has.
    var owned: [TopicPartition] { core.assignment }
    /// Everything read so far, of all partitions.
    var all: [String] { values.values.flatMap { $0 }.sorted() }

    /// Whether anything has happened.
    func step() throws -> Bool {
        guard !isHalted else { return false }
        core.advance(now: now)
        var isBusy = false
        for output in core.takeOutputs() {
            take(output)
            isBusy = true
        }
        for effect in core.takeEffects() {
            try perform(effect)
            isBusy = true
        }
        if !isIdle { try read() }
        while let error = core.takeError() { errors.append(error) }
        for (id, client) in connections.sorted(by: { $0.key < $1.key }) {
            while let answer = node.takeAnswer(client.id) {
                isBusy = true
                try receive(answer, on: id)
            }
        }
        return isBusy
    }

    private func perform(_ effect: ConnectionEffect) throws {
        switch effect {
        case .connect(let id, _):
            connections[id] = node.connect()
            core.handle(.connected(id), now: now)
        case .send(let id, let frame):
            let bytes = Array(frame.bytes.dropFirst(4))
            var reader = WireReader(bytes.span.bytes)
            let key = try #require(APIKey(rawValue: try reader.readInt16()))
            requests[id, default: []].append((key, try reader.readInt16()))
            asked.append(key)
            connections[id]?.send(raw: bytes)
        case .close(let id): connections.removeValue(forKey: id)?.disconnect()
        case .fetchCredentials: Issue.record("a consumer without SASL asks for credentials")
        }
    }

    private func receive(_ answer: [UInt8], on id: ClientCore.ConnectionID) throws {
        guard let (key, version) = requests[id]?.removeFirst() else { return }
        let headerSize = key.responseHeaderVersion(for: version) == 0 ? 4 : 5
        var body: [UInt8]? = Array(answer.dropFirst(headerSize))
        if key == .apiVersions, !versions.isEmpty, let bytes = body {
            body = try limited(bytes, version)
        } else if let bytes = body {
            body = try distort(key, version, bytes)
        }
        guard let body else {
            connections.removeValue(forKey: id)?.disconnect()
            requests[id] = nil
            return core.handle(.closed(id, reason: "broken"), now: now)
        }
        core.handle(.received(id, answer.prefix(headerSize) + body), now: now)
    }

    private func limited(_ body: [UInt8], _ version: Int16) throws -> [UInt8] {
        var answer = try ApiVersionsResponse(decoding: body, version: version)
        for index in answer.apiKeys.indices {
            guard let key = APIKey(rawValue: answer.apiKeys[index].apiKey),
                let limit = versions[key]
            else { continue }
            answer.apiKeys[index].maxVersion = min(answer.apiKeys[index].maxVersion, limit)
        }
        return try answer.encoded(version: version)
    }

    private func take(_ output: ConsumerCore.Output) {
        switch output {
        case .readable, .hasCommitted: break
        case .offsets(let waiter, let result): offsets[waiter] = result
        case .partitions(let waiter, let result): partitions[waiter] = result
        case .rebalance(let event, let ticket):
            events.append(event)
            if let ticket { core.finishRebalance(ticket, now: now) }
        case .committed(let waiter, let error): commits[waiter] = .some(error)
        case .fetched(let waiter, let result): committed[waiter] = result
        case .left:
            hasLeft = true
            core.shutDown(now: now)
        }
    }

    private func read() throws {
        while let chunk = core.takeChunk() {
            var reader = ChunkReader(chunk, core.settings)
            while let batch = try reader.next() {
                guard core.isCurrent(chunk.partition, generation: chunk.generation) else { break }
                values[chunk.partition, default: []] += batch.records.map {
                    String(decoding: $0.value ?? [], as: UTF8.self)
                }
                core.consumed(
                    chunk.partition, generation: batch.generation, to: batch.nextOffset,
                    epoch: batch.leaderEpoch, count: batch.records.count)
            }
            core.release(chunk)
        }
    }
}

/// An answer's body with something changed in it.
func edited<Response: KafkaResponse>(
    _: Response.Type, _ body: [UInt8], _ version: Int16, _ change: (inout Response) -> Void
) throws -> [UInt8] {
    var answer = try Response(decoding: body, version: version)
    change(&answer)
    return try answer.encoded(version: version)
}
