import KafkaProtocol
import KafkaWire
import Synchronization
import Testing

@testable import ClientCore

/// Runs a producer's core against a model cluster, step by step, with virtual time.
final class ProducerDriver {
    var core: ProducerCore
    let cluster: ModelCluster
    var now = ClientInstant(nanoseconds: 1)
    /// Ends of records that the handlers were told.
    private let ends = RecordEnds()
    var delivered: [UInt64: RecordMetadata] = [:]
    var failed: [UInt64: ClientError] = [:]
    var resumed: [UInt64: ClientError?] = [:]
    var flushed: Set<UInt64> = []
    /// Calls about transactions that have ended.
    var ended: [UInt64: ClientError?] = [:]
    var calls: [UInt64] = []
    /// Requests on their way, in order, by connection.
    var requests: [(id: ConnectionID, frame: [UInt8])] = []
    /// Answers on their way.
    var answers: [(id: ConnectionID, frame: [UInt8])] = []
    private var nodes: [ConnectionID: Int32] = [:]
    var isUnreachable = false
    private var nextWaiter: UInt64 = 1
    private var steps = 0

    init(
        _ cluster: ModelCluster, seed: UInt64 = 1,
        _ configure: (inout ProducerSettings) -> Void = { _ in }
    ) throws {
        self.cluster = cluster
        var settings = ProducerSettings(
            network: NetworkSettings(bootstrap: ModelCluster.addresses))
        settings.linger = .zero
        configure(&settings)
        core = try ProducerCore(settings, seed: seed)
    }

    @discardableResult
    func append(_ value: String, partition: Int32? = 0) -> UInt64? {
        let waiter = nextWaiter
        let record = ProducerRecord(
            topic: cluster.topic, partition: partition, value: Array(value.utf8))
        let handler = RecordHandler { [ends] result in ends.add(waiter, result) }
        guard case .appended = core.append(record, handler: handler, timestamp: 5, now: now) else {
            return nil
        }
        nextWaiter += 1
        return waiter
    }

    /// Advances the core and takes what comes out, without carrying anything.
    func step() throws {
        repeat {
            // Shells seal batches apart; the core does what was not done.
            steps += 1
            if steps.isMultiple(of: 2) { for work in core.takeWork(now: now) { work.run() } }
            core.advance(now: now)
            for output in core.takeOutputs() { take(output) }
        } while try perform(core.takeEffects())
    }

    /// Whether there was anything that the core hears of at once.
    private func perform(_ effects: [ConnectionEffect]) throws -> Bool {
        var isNews = false
        for effect in effects {
            switch effect {
            case .connect(let id, let address):
                isNews = true
                guard !isUnreachable else {
                    core.handle(.closed(id, reason: "refused"), now: now)
                    continue
                }
                nodes[id] = address.host == "one" ? 1 : 0
                core.handle(.connected(id), now: now)
            case .send(let id, let frame): requests.append((id, frame.bytes))
            case .fetchCredentials(let id, let sasl):
                isNews = true
                core.handle(.credentials(id, cluster.sasl.credentials(sasl)), now: now)
            case .close(let id): forget(id)
            }
        }
        return isNews
    }

    private func take(_ output: ProducerCore.Output) {
        switch output {
        case .delivered(let deliveries): deliveries.tell()
        case .failed(let error, _, _, let handlers):
            for handler in handlers { handler.end(.failure(error)) }
        case .resumed(let waiter, let error): resumed[waiter] = .some(error)
        case .flushed(let waiter): flushed.insert(waiter)
        case .transaction(let waiter, let error):
            #expect(ended[waiter] == nil)
            ended[waiter] = .some(error)
        }
        for (waiter, result) in ends.takeAll() { note(result, of: waiter) }
    }

    private func note(_ result: Result<RecordMetadata, ClientError>, of waiter: UInt64) {
        #expect(failed[waiter] == nil && delivered[waiter] == nil)
        switch result {
        case .success(let place): delivered[waiter] = place
        case .failure(let error): failed[waiter] = error
        }
    }

    private func forget(_ id: ConnectionID) {
        nodes[id] = nil
        requests.removeAll { $0.id == id }
        answers.removeAll { $0.id == id }
    }

    /// The connection ends, with all that is on its way.
    func drop(_ id: ConnectionID) {
        forget(id)
        core.handle(.closed(id, reason: "dropped"), now: now)
    }
    var connections: [ConnectionID] { nodes.keys.sorted() }

    /// The first request arrives and is answered.
    func carryRequest() throws {
        guard !requests.isEmpty else { return }
        let (id, frame) = requests.removeFirst()
        guard let node = nodes[id] else { return }
        if let answer = try cluster.answer(frame, at: node) { answers.append((id, answer)) }
    }

    /// The first answer arrives.
    func carryAnswer() {
        guard !answers.isEmpty else { return }
        let (id, frame) = answers.removeFirst()
        core.handle(.received(id, frame), now: now)
    }

    /// Lets time and messages flow until `isDone`, or for so long.
    func run(for limit: Duration = .seconds(60), until isDone: () -> Bool) throws {
        let end = now + limit
        while !isDone(), now <= end {
            try step()
            if isDone() { return }
            if !requests.isEmpty || !answers.isEmpty {
                try carryRequest()
                carryAnswer()
            } else if let wake = core.nextWake {
                now = max(now + .microseconds(1), wake)
            } else {
                now = now + .milliseconds(100)
            }
        }
    }

    /// Makes the topic known.
    func open() throws {
        core.waitForTopic(cluster.topic, waiter: 0, now: now)
        try run { resumed[0] != nil }
        let error = try #require(resumed[0])
        #expect(error == nil)
    }
}

/// What handlers were told, in order.
private final class RecordEnds: Sendable {
    typealias End = (waiter: UInt64, result: Result<RecordMetadata, ClientError>)
    private let ends = Mutex<[End]>([])

    func add(_ waiter: UInt64, _ result: Result<RecordMetadata, ClientError>) {
        ends.withLock { $0.append((waiter, result)) }
    }

    func takeAll() -> [End] {
        ends.withLock { ends in
            defer { ends = [] }
            return ends
        }
    }
}
