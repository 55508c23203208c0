import KafkaProtocol
import KafkaWire
import Testing

@testable import ClientCore

@Suite struct TransactionTests {
    private let group = ConsumerGroupMetadata(groupID: "g", generation: 3, memberID: "m")

    private func driver(
        _ level: Int16, seed: UInt64 = 1, _ cluster: ModelCluster = ModelCluster(partitions: 3),
        _ configure: (inout ProducerSettings) -> Void = { _ in }
    ) throws -> ProducerDriver {
        cluster.transactions.level = level
        let driver = try ProducerDriver(cluster, seed: seed) {
            $0.transactionalID = "bird"
            configure(&$0)
        }
        try driver.open()
        return driver
    }

    @Test(arguments: [Int16(1), 2])
    func whatIsCommittedIsSeenAndWhatIsAbortedIsNot(level: Int16) throws {
        let driver = try driver(level)
        #expect(try driver.begin() == nil)
        driver.append("a", partition: 0)
        driver.append("b", partition: 1)
        let offsets = driver.sendOffsets([0: 5, 1: 7], group)
        #expect(try driver.end(commits: true) == nil)
        #expect(driver.ended[offsets] == .some(nil))
        #expect(driver.cluster.committed == [["a"], ["b"], []])
        #expect(driver.cluster.transactions.committedOffsets == [0: 5, 1: 7])
        #expect(try driver.begin() == nil)
        driver.append("c", partition: 0)
        _ = driver.sendOffsets([0: 6], group)
        try driver.run { driver.delivered.count == 3 }
        #expect(try driver.end(commits: false) == nil)
        #expect(driver.cluster.values[0] == ["a", "c"])
        #expect(driver.cluster.committed[0] == ["a"])
        #expect(try driver.begin() == nil)
        driver.append("d", partition: 0)
        #expect(try driver.end(commits: true) == nil)
        #expect(driver.cluster.committed == [["a", "d"], ["b"], []])
        #expect(driver.cluster.transactions.committedOffsets == [0: 5, 1: 7])
        let epochs = driver.cluster.logs[0].filter { $0.commits == nil }.map(\.epoch)
        #expect(epochs == (level == 1 ? [0, 0, 0] : [0, 1, 2]))
        let added = driver.cluster.seen.contains(.addPartitionsToTxn)
        #expect(added == (level == 1))
        #expect(driver.cluster.seen.contains(.addOffsetsToTxn) == (level == 1))
    }

    @Test func recordsNeedAnOpenTransaction() throws {
        let driver = try driver(2)
        #expect(driver.append("a") == nil)
        #expect(try driver.end(commits: true)?.isRetriable == false)
        #expect(try driver.begin() == nil)
        guard case .invalidState? = try driver.begin() else {
            Issue.record("a second transaction was opened")
            return
        }
        #expect(try driver.end(commits: true) == nil)
        #expect(!driver.cluster.seen.contains(.endTxn), "an empty transaction costs nothing")
    }

    @Test(arguments: [Int16(1), 2])
    func aRecordThatFailsLeavesOnlyTheAbort(level: Int16) throws {
        let driver = try driver(level) { $0.batchSize = 1 }
        #expect(try driver.begin() == nil)
        driver.append("a")
        try driver.run { driver.delivered.count == 1 }
        driver.cluster.faults = [.init(error: .messageTooLarge)]
        driver.append("bad")
        driver.append("c")
        try driver.run { driver.failed.count == 2 }
        #expect(driver.append("d") == nil)
        #expect(try driver.end(commits: true)?.kafkaError == .messageTooLarge)
        #expect(try driver.end(commits: false) == nil)
        #expect(try driver.begin() == nil)
        driver.append("e")
        #expect(try driver.end(commits: true) == nil)
        #expect(driver.cluster.committed[0] == ["e"])
        let epochs = Set(driver.cluster.logs[0].filter { $0.values == ["e"] }.map(\.epoch))
        #expect(epochs == [1], "the sequence had a gap, and so the epoch was raised")
    }

    @Test(arguments: [Int16(1), 2])
    func theLastToComeFencesTheOneBefore(level: Int16) throws {
        let cluster = ModelCluster(partitions: 3)
        let first = try driver(level, cluster)
        #expect(try first.begin() == nil)
        first.append("zombie")
        try first.run { first.delivered.count == 1 }
        let second = try driver(level, seed: 2, cluster)
        #expect(try second.begin() == nil)
        second.append("new")
        #expect(try second.end(commits: true) == nil)
        first.append("late")
        let error = try first.end(commits: true)
        if error?.isFatal != true { #expect(try first.end(commits: false)?.isFatal == true) }
        #expect(cluster.committed[0] == ["new"])
        #expect(try first.begin()?.isFatal == true)
        #expect(first.append("later") == nil)
    }

    @Test(arguments: [Int16(1), 2])
    func aTransactionThatTookTooLongIsNotCommitted(level: Int16) throws {
        let driver = try driver(level)
        #expect(try driver.begin() == nil)
        driver.append("a")
        try driver.run { driver.delivered.count == 1 }
        driver.cluster.transactions.timeOut()
        #expect(try driver.end(commits: true) != nil)
        #expect(driver.cluster.committed[0] == [])
        guard level == 2 else { return }
        #expect(try driver.end(commits: false) == nil)
        #expect(try driver.begin() == nil)
        driver.append("b")
        #expect(try driver.end(commits: true) == nil)
        #expect(driver.cluster.committed[0] == ["b"])
    }

    /// A transaction with the record `a`, after which no broker can be reached.
    private func writeAndLoseAllBrokers(_ driver: ProducerDriver) throws {
        #expect(try driver.begin() == nil)
        driver.append("a")
        try driver.run { driver.delivered.count == 1 }
        driver.isUnreachable = true
        for id in driver.connections { driver.drop(id) }
    }

    @Test func anEndWithoutAnAnswerIsToldInTimeAndComesAbout() throws {
        let driver = try driver(2) { $0.maxBlock = .seconds(5) }
        try writeAndLoseAllBrokers(driver)
        let before = driver.now
        guard case .timedOut? = try driver.end(commits: true) else {
            Issue.record("no timeout")
            return
        }
        #expect(driver.now - before >= .seconds(5))
        driver.isUnreachable = false
        #expect(try driver.begin() == nil, "the next one waits for the one before")
        #expect(driver.cluster.committed[0] == ["a"])
    }

    @Test func withoutACoordinatorBeginningEndsInTime() throws {
        let driver = try driver(2) { $0.maxBlock = .seconds(5) }
        driver.cluster.transactions.faults = Array(repeating: .coordinatorNotAvailable, count: 999)
        let before = driver.now
        guard case .timedOut? = try driver.begin() else {
            Issue.record("no timeout")
            return
        }
        #expect(driver.now - before < .milliseconds(5100))
        driver.cluster.transactions.faults = [.transactionalIDAuthorizationFailed]
        #expect(try driver.begin()?.kafkaError == .transactionalIDAuthorizationFailed)
    }

    @Test func aMemberThatIsOutOfItsGroupCannotCommit() throws {
        let driver = try driver(2)
        #expect(try driver.begin() == nil)
        driver.append("a")
        driver.cluster.transactions.offsetError = .illegalGeneration
        let offsets = driver.sendOffsets([0: 5], group)
        try driver.run { driver.ended[offsets] != nil }
        #expect(driver.ended[offsets]??.kafkaError == .illegalGeneration)
        #expect(try driver.end(commits: true)?.kafkaError == .illegalGeneration)
        #expect(try driver.end(commits: false) == nil)
        #expect(driver.cluster.committed[0] == [])
    }

    /// What the coordinator of the transaction does not allow.
    @Test(arguments: [KafkaError.topicAuthorizationFailed, .invalidTxnState, .invalidRequest])
    func aPartitionThatCannotBeAddedLeavesOnlyTheAbort(error: KafkaError) throws {
        let driver = try driver(1)
        #expect(try driver.begin() == nil)
        #expect(driver.core.isInTransaction)
        driver.cluster.transactions.faults = [error]
        let waiter = try #require(driver.append("a"))
        try driver.run { driver.failed[waiter] != nil }
        #expect(driver.failed[waiter]?.kafkaError == error)
        #expect(driver.core.isInTransaction, "it is to be aborted")
        #expect(try driver.end(commits: true)?.kafkaError == error)
        #expect(try driver.end(commits: false) == nil)
        #expect(!driver.core.isInTransaction)
        #expect(try driver.begin() == nil)
        driver.append("b")
        #expect(try driver.end(commits: true) == nil)
        #expect(driver.cluster.committed[0] == ["b"])
    }

    @Test(arguments: [KafkaError.producerFenced, .transactionalIDAuthorizationFailed])
    func aProducerThatMayAddNoPartitionIsOver(error: KafkaError) throws {
        let driver = try driver(1)
        #expect(try driver.begin() == nil)
        driver.cluster.transactions.faults = [error]
        let waiter = try #require(driver.append("a"))
        try driver.run { driver.failed[waiter] != nil }
        #expect(driver.failed[waiter]?.isFatal == true)
        #expect(try driver.begin() == driver.failed[waiter])
    }

    /// KIP-360: the id was forgotten while it was not used (`transactional.id.expiration.ms`).
    @Test func aProducerThatWasForgottenBeginsAsANewOne() throws {
        let driver = try driver(1) { $0.batchSize = 1 }
        #expect(try driver.begin() == nil)
        driver.cluster.faults = [.init(error: .messageTooLarge)]
        let waiter = try #require(driver.append("bad"))
        try driver.run { driver.failed[waiter] != nil }
        #expect(try driver.end(commits: false) == nil)
        let asked = driver.cluster.seen.count { $0 == .initProducerID }
        driver.cluster.transactions.faults = [.invalidProducerIDMapping]
        #expect(try driver.begin() == nil)
        #expect(driver.cluster.seen.count { $0 == .initProducerID } == asked + 2)
        driver.append("a")
        #expect(try driver.end(commits: true) == nil)
        #expect(driver.cluster.committed[0] == ["a"])
    }

    /// Whoever committed was told that it took too long. What the coordinator then does not commit
    /// is aborted, so that the next transaction has nothing in it of this one.
    @Test func aCommitThatNobodyWaitsForAnyMoreMayBecomeAnAbort() throws {
        let driver = try driver(2) { $0.maxBlock = .seconds(5) }
        try writeAndLoseAllBrokers(driver)
        guard case .timedOut? = try driver.end(commits: true) else {
            Issue.record("no timeout")
            return
        }
        driver.isUnreachable = false
        driver.cluster.transactions.faults = [.transactionAbortable]
        #expect(try driver.begin() == nil)
        driver.append("b")
        #expect(try driver.end(commits: true) == nil)
        #expect(driver.cluster.committed[0] == ["b"])
        #expect(driver.cluster.logs[0].compactMap(\.commits) == [false, true])
    }

    @Test func settingsThatContradictAreRefused() throws {
        let cluster = ModelCluster(partitions: 1)
        #expect(throws: ClientError.self) {
            try ProducerDriver(cluster) {
                $0.transactionalID = "t"
                $0.isIdempotent = false
            }
        }
        #expect(throws: ClientError.self) {
            try ProducerDriver(cluster) { $0.transactionalID = "" }
        }
    }

    /// Whatever happens on the way: readers of committed records see all of a transaction or
    /// nothing, and all of those whose commit was acknowledged, in order.
    @Test(arguments: 1...120)
    func aTransactionIsSeenAsAWholeOrNotAtAll(seed: UInt64) throws {
        let cluster = ModelCluster(partitions: 3)
        let driver = try driver(seed % 2 == 0 ? 1 : 2, seed: seed, cluster) {
            $0.batchSize = 40
            $0.network.requestTimeout = .seconds(2)
            $0.deliveryTimeout = seed % 5 == 0 ? .seconds(3) : .seconds(500)
            $0.maxBlock = .seconds(40)
        }
        var chaos = TransactionChaos(driver, seed: seed)
        for number in 0..<25 {
            try chaos.transaction(number, group)
            if chaos.isFenced { break }
        }
        chaos.check()
    }
}

extension ProducerDriver {
    private func nextCall() -> UInt64 { UInt64(1_000_000 + ended.count + calls.count) }

    func call(_ body: (inout ProducerCore, UInt64, ClientInstant) -> Void) -> UInt64 {
        let waiter = nextCall()
        calls.append(waiter)
        body(&core, waiter, now)
        return waiter
    }

    func begin() throws -> ClientError? {
        let waiter = call { core, waiter, now in core.beginTransaction(waiter: waiter, now: now) }
        try run(for: .seconds(200)) { ended[waiter] != nil }
        return try #require(ended[waiter])
    }

    func sendOffsets(_ offsets: [Int32: Int64], _ group: ConsumerGroupMetadata) -> UInt64 {
        var committed: [TopicPartition: CommittedOffset] = [:]
        for (partition, offset) in offsets {
            committed[TopicPartition(topic: "in", partition: partition)] = CommittedOffset(
                Offset(offset))
        }
        return call { core, waiter, now in
            core.sendOffsets(committed, of: group, waiter: waiter, now: now)
        }
    }

    func end(commits: Bool) throws -> ClientError? {
        let waiter = call { core, waiter, now in
            core.endTransaction(commits: commits, waiter: waiter, now: now)
        }
        try run(for: .seconds(200)) { ended[waiter] != nil }
        return try #require(ended[waiter])
    }
}

/// Transactions under faults, and what must be seen of them.
private struct TransactionChaos {
    let driver: ProducerDriver
    private var random: SplitMix64
    private var committed: Set<Int> = []
    private var aborted: Set<Int> = []
    private var values: [Int: [(partition: Int32, value: String)]] = [:]
    private(set) var isFenced = false
    private let seed: UInt64

    init(_ driver: ProducerDriver, seed: UInt64) {
        self.driver = driver
        self.seed = seed
        random = SplitMix64(seed: seed)
    }

    /// One transaction from its beginning to its end.
    mutating func transaction(_ number: Int, _ group: ConsumerGroupMetadata) throws {
        let beginning = try driver.begin()
        guard beginning == nil else {
            // A commit whose answer did not come in time still stands in the way.
            if case .timedOut? = beginning { return }
            isFenced = true
            Issue.record("seed \(seed): \(String(describing: beginning))")
            return
        }
        values[number] = []
        for step in 0..<Int.random(in: 1...12, using: &random) {
            let partition = Int32.random(in: 0..<3, using: &random)
            let value = "\(number).\(step)"
            if driver.append(value, partition: partition) != nil {
                values[number]?.append((partition, value))
            }
            try disturb()
        }
        if Int.random(in: 0..<3, using: &random) == 0 {
            _ = driver.sendOffsets([0: Int64(number)], group)
        }
        for _ in 0..<Int.random(in: 0...20, using: &random) { try disturb() }
        try end(number, commits: Int.random(in: 0..<4, using: &random) != 0)
    }

    private mutating func end(_ number: Int, commits: Bool) throws {
        let waiter = driver.call { core, waiter, now in
            core.endTransaction(commits: commits, waiter: waiter, now: now)
        }
        for _ in 0..<40 where driver.ended[waiter] == nil { try disturb() }
        driver.cluster.faults = []
        try driver.run(for: .seconds(200)) { driver.ended[waiter] != nil }
        let error = try #require(driver.ended[waiter])
        switch error {
        case nil:
            if commits { committed.insert(number) } else { aborted.insert(number) }
        case .timedOut where commits && !driver.core.isInTransaction: break
        case let error? where error.isFatal: isFenced = true
        default:
            aborted.insert(number)
            if let error = try driver.end(commits: false) {
                Issue.record("seed \(seed): the abort failed: \(error)")
            }
        }
    }

    /// Something happens, mostly that messages arrive.
    private mutating func disturb() throws {
        let cluster = driver.cluster
        switch Int.random(in: 0..<24, using: &random) {
        case 0..<9: try driver.carryRequest()
        case 9..<18: driver.carryAnswer()
        case 18: cluster.transactions.concurrent = Int.random(in: 0..<4, using: &random)
        case 19: cluster.transactions.coordinator = 1 - cluster.transactions.coordinator
        case 20: cluster.transactions.groupCoordinator = Int32.random(in: 0...1, using: &random)
        case 21:
            let errors: [KafkaError] = [.notEnoughReplicas, .requestTimedOut, .messageTooLarge]
            let error = errors[Int.random(in: 0..<3, using: &random)]
            let writes = error == .requestTimedOut && Bool.random(using: &random)
            cluster.faults.append(.init(error: error, writes: writes))
        case 22:
            if let id = driver.connections.randomElement(using: &random) { driver.drop(id) }
        default:
            if Bool.random(using: &random) {
                cluster.moveLeader(Int.random(in: 0..<3, using: &random))
            } else {
                driver.now = driver.now + .milliseconds(Int.random(in: 1...500, using: &random))
            }
        }
        try driver.step()
    }

    func check() {
        let seen = driver.cluster.committed
        for (partition, log) in seen.enumerated() {
            #expect(Set(log).count == log.count, "seed \(seed): doubled in \(log)")
            let keys = log.map { $0.split(separator: ".").compactMap { Int($0) } }
            let sorted = keys.sorted { ($0[0], $0[1]) < ($1[0], $1[1]) }
            #expect(keys == sorted, "seed \(seed): partition \(partition) out of order: \(log)")
        }
        for (number, records) in values {
            let visible = records.filter { seen[Int($0.partition)].contains($0.value) }.count
            #expect(
                visible == 0 || visible == records.count,
                "seed \(seed): \(visible) of \(records.count) records of transaction \(number)")
            if committed.contains(number) { #expect(visible == records.count, "seed \(seed)") }
            if aborted.contains(number) { #expect(visible == 0, "seed \(seed)") }
        }
        #expect(!committed.isEmpty || isFenced, "seed \(seed): nothing was committed")
    }
}
