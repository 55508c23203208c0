import KafkaProtocol
import KafkaWire
import Testing

@testable import ClientCore

/// Routing and retries; what becomes of answers is for the tests with a node.
@Suite struct AdminCoreTests {
    @Test func callsGoToWhomTheyAreFor() throws {
        let driver = AdminDriver()
        for broker: Int32 in [1, 0, 1] {
            driver.asked = []
            driver.find(.broker(BrokerID(broker)), waiter: UInt64(driver.ended.count))
            let count = driver.ended.count + 1
            try driver.run { driver.ended.count == count }
            #expect(driver.asked == [broker])
        }
        driver.find(.any, waiter: 9)
        try driver.run { driver.ended[9] != nil }
        #expect(try driver.ended[9]?.get() == "one")
    }

    @Test func aBrokerThatIsNotThereIsToldAtOnce() throws {
        let driver = AdminDriver()
        driver.find(.broker(BrokerID(9)), waiter: 1)
        let before = driver.now
        try driver.run { driver.ended.count == 1 }
        #expect(throws: ClientError.self) { try driver.ended[1]?.get() }
        #expect(driver.now - before < .seconds(2))
    }

    @Test func aCoordinatorThatMovesIsFollowed() throws {
        let driver = AdminDriver()
        driver.cluster.transactions.coordinator = 0
        driver.describe("bird", waiter: 1)
        try driver.run { driver.ended.count == 1 }
        #expect(driver.asked.last == 0)
        driver.describe("bird", waiter: 2)
        driver.refusals = [.notCoordinator, .coordinatorLoadInProgress]
        driver.cluster.transactions.coordinator = 1
        try driver.run { driver.ended.count == 2 }
        #expect(try driver.ended[2]?.get() == "bird")
        #expect(driver.asked.last == 1)
    }

    @Test func whatMayPassIsTriedUntilTheTimeIsOver() throws {
        let driver = AdminDriver()
        driver.refusals = Array(repeating: .coordinatorLoadInProgress, count: 1000)
        let before = driver.now
        driver.describe("bird", waiter: 1)
        try driver.run { driver.ended.count == 1 }
        let error = #expect(throws: ClientError.self) { try driver.ended[1]?.get() }
        #expect(error?.kafkaError == .coordinatorLoadInProgress)
        #expect(driver.now - before >= .seconds(20) && driver.now - before < .seconds(21))
        driver.refusals = [.transactionalIDAuthorizationFailed]
        driver.describe("bird", waiter: 2)
        let then = driver.now
        try driver.run { driver.ended.count == 2 }
        #expect(driver.now - then < .milliseconds(100))
    }

    @Test func aConnectionThatEndsIsNoEnd() throws {
        let driver = AdminDriver()
        driver.find(.any, waiter: 1)
        for _ in 0..<4 {
            try driver.step()
            try driver.carryRequest()
        }
        for id in driver.connections { driver.drop(id) }
        try driver.run { driver.ended.count == 1 }
        #expect(try driver.ended[1]?.get() == "one")
        driver.core.shutDown(now: driver.now)
        driver.find(.any, waiter: 2)
        try driver.step()
        #expect(throws: ClientError.closed) { try driver.ended[2]?.get() }
    }

    @Test func callsOfAnAdminEndWithTheRefusal() throws {
        let driver = AdminDriver {
            $0.network.sasl = .plain(username: "alice", password: "sesame")
        }
        driver.cluster.sasl.closed = [0, 1]
        driver.find(.any, waiter: 1)
        try driver.run { driver.ended[1] != nil }
        #expect(driver.ended[1] == .failure(.broker(.saslAuthenticationFailed, message: "no")))
    }
}

/// Runs an admin client's core against a model cluster, with virtual time.
private final class AdminDriver {
    var core: AdminCore
    let cluster = ModelCluster(partitions: 1)
    var now = ClientInstant(nanoseconds: 1)
    var ended: [UInt64: Result<String, ClientError>] = [:]
    /// The brokers that got what the user called, in order.
    var asked: [Int32] = []
    /// What the next answers of a coordinator are taken for.
    var refusals: [KafkaError] = []
    private var nodes: [ConnectionID: Int32] = [:]
    private var requests: [(id: ConnectionID, frame: [UInt8])] = []
    private var answers: [(id: ConnectionID, frame: [UInt8])] = []
    private var called: APIKey?

    init(_ configure: (inout AdminSettings) -> Void = { _ in }) {
        var settings = AdminSettings(network: NetworkSettings(bootstrap: ModelCluster.addresses))
        settings.apiTimeout = .seconds(20)
        configure(&settings)
        core = AdminCore(settings, seed: 1)
    }

    /// Asks who coordinates a group; the model says `one`.
    func find(_ target: AdminTarget, waiter: UInt64) {
        called = .findCoordinator
        core.call(
            target, versions: 0...Int16.max, waiter: waiter, now: now,
            build: { _ in FindCoordinatorRequest(coordinatorKeys: ["g"]) },
            read: { answer throws(ClientError) in answer.response.coordinators.first?.host ?? "" })
    }

    /// Asks the coordinator of a transactional id; its answers are `refusals`, then the id.
    func describe(_ id: String, waiter: UInt64) {
        called = .endTxn
        let box = Refusals(self)
        core.call(
            .transaction(id), versions: 0...Int16.max, waiter: waiter, now: now,
            build: { _ in EndTxnRequest(transactionalID: id) },
            read: { _ throws(ClientError) in
                if let error = box.next() { throw .broker(error, message: nil) }
                return id
            })
    }

    private final class Refusals: @unchecked Sendable {
        // Sendable: the driver runs on one thread.
        private unowned let driver: AdminDriver
        init(_ driver: AdminDriver) { self.driver = driver }
        func next() -> KafkaError? {
            driver.refusals.isEmpty ? nil : driver.refusals.removeFirst()
        }
    }

    func step() throws {
        var isNews = true
        while isNews {
            core.advance(now: now)
            for case .ended(let waiter, let result) in core.takeOutputs() {
                ended[waiter] = result.map { $0 as? String ?? "" }
            }
            isNews = false
            for effect in core.takeEffects() {
                switch effect {
                case .connect(let id, let address):
                    isNews = true
                    nodes[id] = address.host == "one" ? 1 : 0
                    core.handle(.connected(id), now: now)
                case .send(let id, let frame): requests.append((id, frame.bytes))
                case .fetchCredentials(let id, let sasl):
                    isNews = true
                    core.handle(.credentials(id, cluster.sasl.credentials(sasl)), now: now)
                case .close(let id): forget(id)
                }
            }
        }
    }

    private func forget(_ id: ConnectionID) {
        nodes[id] = nil
        requests.removeAll { $0.id == id }
        answers.removeAll { $0.id == id }
    }
    func drop(_ id: ConnectionID) {
        forget(id)
        core.handle(.closed(id, reason: "dropped"), now: now)
    }
    var connections: [ConnectionID] { nodes.keys.sorted() }

    func carryRequest() throws {
        guard !requests.isEmpty else { return }
        let (id, frame) = requests.removeFirst()
        guard let node = nodes[id] else { return }
        guard let answer = try cluster.answer(frame, at: node) else { return }
        answers.append((id, answer))
        if cluster.seen.last == called { asked.append(node) }
    }

    func run(until isDone: () -> Bool) throws {
        let end = now + .seconds(60)
        while !isDone(), now <= end {
            try step()
            if isDone() { return }
            if !requests.isEmpty || !answers.isEmpty {
                try carryRequest()
                guard !answers.isEmpty else { continue }
                let (id, frame) = answers.removeFirst()
                core.handle(.received(id, frame), now: now)
            } else {
                now = max(now + .microseconds(1), core.nextWake ?? now + .milliseconds(100))
            }
        }
    }
}
