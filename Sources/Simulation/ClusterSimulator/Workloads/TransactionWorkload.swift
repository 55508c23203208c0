import KafkaProtocol
import KafkaRecords
import KafkaWire

/// A transactional producer: each transaction writes its number to some partitions and commits it
/// as a group's offset, then commits or aborts. It tries until it is told, is fenced now and then
/// by its own next instance, and leaves transactions open.
final class TransactionWorkload {
    private let world: SimulatedWorld
    private let history: TransactionHistory
    private let client: SimulatedClient
    let number: UInt16
    private let partitions: Int32
    /// Transaction version 2 (KIP-890): partitions are added by the produce itself.
    private let isSecond: Bool
    private let transactions: Int
    private var remaining: Int
    private var next: UInt32 = 0
    private var producerID: Int64 = -1
    private var epoch: Int16 = -1
    private var sequences: [Int32: Int32] = [:]
    /// The last transaction that was begun.
    private var current: Current?
    private(set) var isDone = false
    /// All has healed since.
    private var isEnding = false

    /// The transaction under way.
    private struct Current {
        var id: RecordID
        var partitions: [Int32]
        var commits: Bool
    }

    static let topic = "txn"
    /// How many transactions are begun at most once all has healed: there is time for no more.
    private static let lastOnes = 10

    init(
        _ world: SimulatedWorld, _ history: TransactionHistory, number: UInt16, partitions: Int32,
        transactions: Int
    ) {
        self.world = world
        self.history = history
        self.number = number
        self.partitions = partitions
        self.transactions = transactions
        remaining = transactions
        isSecond = world.chance(60)
        client = SimulatedClient(world, "txn-\(number)")
    }

    var transactionalID: String { "txn-\(number)" }
    private var coordinator: SimulatedClient.Destination { .transaction(transactionalID) }
    var group: String { "group-of-\(number)" }
    var state: String {
        "txn \(number) (v\(isSecond ? 2 : 1)): \(remaining) to go, id \(producerID) epoch \(epoch)"
    }

    func start() { initialize() }

    private func again(
        _ why: KafkaError?, _ step: StaticString = #function, _ action: @escaping () -> Void
    ) {
        tell("tries \(step) again: \(why?.name ?? "no answer")")
        client.forgetRoutes()
        world.scheduler.after(world.draw(10...300) * 1_000_000, action)
    }

    /// What passes by itself, so that the same request is sent again.
    private func isPassing(_ error: KafkaError?) -> Bool {
        switch error {
        case nil, .coordinatorLoadInProgress?, .notCoordinator?, .coordinatorNotAvailable?,
            .concurrentTransactions?, .unknownTopicOrPartition?, .notLeaderOrFollower?,
            .kafkaStorageError?, .requestTimedOut?, .notEnoughReplicas?, .leaderNotAvailable?,
            .notEnoughReplicasAfterAppend?:
            true
        default: false
        }
    }

    // MARK: Instances

    private func initialize() {
        let request = InitProducerIDRequest(
            transactionalID: transactionalID, transactionTimeoutMs: 4000)
        client.call(request, version: 4, to: coordinator) { [self] answer in
            let error = answer.flatMap { KafkaError(rawValue: $0.message.errorCode) }
            guard let message = answer?.message, error == KafkaError.none else {
                if !isPassing(error), error != .invalidProducerEpoch, error != .producerFenced {
                    world.violation("txn \(number): InitProducerId: \(error?.name ?? "-")")
                }
                return again(error) { [self] in initialize() }
            }
            let old = (id: producerID, epoch: epoch)
            producerID = message.producerID
            epoch = message.producerEpoch
            sequences = [:]
            tell("has the id \(producerID), epoch \(epoch)")
            // The instance before may still have an end on its way: it must have no effect.
            guard old != (producerID, epoch) else {
                return world.violation("txn \(number) has \(producerID), epoch \(epoch), again")
            }
            if old.id >= 0, world.chance(50) { zombie(old) }
            begin()
        }
    }

    private func zombie(_ old: (id: Int64, epoch: Int16)) {
        let request = EndTxnRequest(
            transactionalID: transactionalID, producerID: old.id, producerEpoch: old.epoch,
            committed: world.chance(50))
        let end = { [self] in
            client.call(request, version: isSecond ? 5 : 4, to: coordinator) { _ in }
        }
        guard world.options.hasOperators else { return end() }
        // Into whatever its successor has begun by then; and now and then a write.
        world.inOperatorsTime(ms: 0...400, end)
        guard let current, world.operators.chance(50) else { return }
        let partition = current.partitions[0]
        let batch = batch(current.id, 0, by: old)
        world.inOperatorsTime(ms: 0...400) { [self] in
            produce(batch, to: partition) { _ in }
        }
    }

    /// The next transaction, unless all are done.
    private func begin() {
        if world.isHealed, !isEnding {
            isEnding = true
            remaining = min(remaining, Self.lastOnes)
        }
        guard remaining > 0 else {
            if world.options.hasOperators, world.operators.chance(50) { leaveOpen() }
            isDone = true
            return
        }
        remaining -= 1
        let pause = world.pause(of: transactions)
        guard pause > 0 else { return beginNext() }
        world.scheduler.after(pause) { [self] in beginNext() }
    }

    /// A last transaction that nobody ends: whoever coordinates it has to.
    private func leaveOpen() {
        let current = Current(
            id: RecordID(producer: 1000 + number, number: next), partitions: [0], commits: false)
        history.note(current.id, current.partitions, .abandoned)
        tell("leaves \(current.id) open")
        let batch = batch(current.id, sequences[0] ?? 0, by: (producerID, epoch))
        if isSecond { return produce(batch, to: 0) { _ in } }
        client.call(addition(of: current.partitions), version: 3, to: coordinator) {
            [self] answer in
            // What is written before belongs to the transaction that is still being committed.
            guard Self.error(in: answer?.message) == KafkaError.none else { return }
            produce(batch, to: 0) { _ in }
        }
    }

    private func beginNext() {
        let id = RecordID(producer: 1000 + number, number: next)
        next += 1
        let chosen = (0..<partitions).filter { _ in world.chance(60) }
        let current = Current(
            id: id, partitions: chosen.isEmpty ? [0] : chosen, commits: world.chance(75))
        self.current = current
        history.note(id, current.partitions, .abandoned)
        tell("begins \(id) for \(current.partitions)")
        if isSecond { return write(current, current.partitions[...]) }
        addPartitions(current)
    }

    /// Gives the transaction up without a word, as a client that dies; a new instance comes.
    private func abandon() { again(nil) { [self] in initialize() } }

    private func tell(_ text: @autoclosure () -> String) {
        world.trace.note(world.scheduler.now, "txn \(number) \(text())")
    }

    private func fail(_ current: Current, _ what: String, _ error: KafkaError?) {
        tell("\(current.id): \(what): \(error?.name ?? "-")")
        switch error {
        case .invalidProducerEpoch?, .producerFenced?, .invalidTxnState?,
            .invalidProducerIDMapping?, .transactionAbortable?:
            abandon()
        default:
            world.violation("txn \(number), \(current.id): \(what): \(error?.name ?? "-")")
            abandon()
        }
    }

    // MARK: Steps

    private func addition(of partitions: [Int32]) -> AddPartitionsToTxnRequest {
        AddPartitionsToTxnRequest(
            v3AndBelowTransactionalID: transactionalID, v3AndBelowProducerID: producerID,
            v3AndBelowProducerEpoch: epoch,
            v3AndBelowTopics: [.init(name: Self.topic, partitions: partitions)])
    }

    private func addPartitions(_ current: Current) {
        let request = addition(of: current.partitions)
        client.call(request, version: 3, to: coordinator) { [self] answer in
            let error = Self.error(in: answer?.message)
            if error == KafkaError.none { return write(current, current.partitions[...]) }
            if isPassing(error) { return again(error) { [self] in addPartitions(current) } }
            fail(current, "AddPartitionsToTxn", error)
        }
    }

    /// The first error, or `none`; `nil` without an answer.
    private static func error(in answer: AddPartitionsToTxnResponse?) -> KafkaError? {
        guard let answer else { return nil }
        let codes = answer.resultsByTopicV3AndBelow.flatMap(\.resultsByPartition)
        let failed = codes.first { $0.partitionErrorCode != KafkaError.none.rawValue }
        guard let failed else { return KafkaError.none }
        return KafkaError(rawValue: failed.partitionErrorCode) ?? .unknownServerError
    }

    private func write(_ current: Current, _ rest: ArraySlice<Int32>) {
        if world.chance(2) { return abandon() }
        guard let partition = rest.first else { return addOffsets(current) }
        let sequence = sequences[partition] ?? 0
        let batch = batch(current.id, sequence, by: (producerID, epoch))
        produce(batch, to: partition) { [self] error in
            tell("\(current.id) to \(partition), sequence \(sequence): \(error?.name ?? "-")")
            if error == KafkaError.none || error == .duplicateSequenceNumber {
                sequences[partition] = sequence + 1
                world.history.countOperation()
                return write(current, rest.dropFirst())
            }
            if isPassing(error) { return again(error) { [self] in write(current, rest) } }
            fail(current, "Produce to \(partition)", error)
        }
    }

    /// `done` gets the error; `nil` when there is no answer.
    private func produce(
        _ batch: [UInt8], to partition: Int32, _ done: @escaping (KafkaError?) -> Void
    ) {
        let request = ProduceRequest(
            transactionalID: transactionalID, acks: -1, timeoutMs: 5000,
            topicData: [
                .init(
                    name: Self.topic,
                    partitionData: [.init(index: partition, records: .bytes(batch))])
            ])
        let key = PartitionKey(topic: Self.topic, partition: partition)
        client.call(request, version: isSecond ? 12 : 11, to: .leader(key)) { answer in
            let result = answer?.message.responses.first?.partitionResponses.first
            done(result.flatMap { KafkaError(rawValue: $0.errorCode) })
        }
    }

    private func batch(
        _ id: RecordID, _ sequence: Int32, by producer: (id: Int64, epoch: Int16)
    ) -> [UInt8] {
        var builder = RecordBatchBuilder(
            .init(
                producerID: ProducerID(producer.id), producerEpoch: producer.epoch,
                baseSequence: sequence, isTransactional: true))
        let key = world.options.changes.compactsTransactions ? id.bytes(padding: 0) : nil
        builder.append(timestamp: world.wallMs, key: key, value: id.bytes(padding: 10))
        do throws(CompressionError) {
            return try builder.finish()
        } catch {
            preconditionFailure("an uncompressed batch cannot fail: \(error)")
        }
    }

    private func addOffsets(_ current: Current) {
        if isSecond { return commitOffset(current) }
        let request = AddOffsetsToTxnRequest(
            transactionalID: transactionalID, producerID: producerID, producerEpoch: epoch,
            groupID: group)
        client.call(request, version: 3, to: coordinator) { [self] answer in
            let error = answer.flatMap { KafkaError(rawValue: $0.message.errorCode) }
            if error == KafkaError.none { return commitOffset(current) }
            if isPassing(error) { return again(error) { [self] in addOffsets(current) } }
            fail(current, "AddOffsetsToTxn", error)
        }
    }

    private func commitOffset(_ current: Current) {
        let request = TxnOffsetCommitRequest(
            transactionalID: transactionalID, groupID: group, producerID: producerID,
            producerEpoch: epoch,
            topics: [
                .init(
                    name: Self.topic,
                    partitions: [
                        .init(
                            partitionIndex: 0, committedOffset: Int64(current.id.number) + 1,
                            committedMetadata: "")
                    ])
            ])
        client.call(request, version: isSecond ? 5 : 4, to: .group(group)) { [self] answer in
            let result = answer?.message.topics.first?.partitions.first
            let error = result.flatMap { KafkaError(rawValue: $0.errorCode) }
            if error == KafkaError.none { return end(current) }
            if isPassing(error) { return again(error) { [self] in commitOffset(current) } }
            fail(current, "TxnOffsetCommit", error)
        }
    }

    private func end(_ current: Current) {
        if world.chance(3) { return abandon() }
        if current.commits { history.note(current.id, current.partitions, .unknown) }
        let request = EndTxnRequest(
            transactionalID: transactionalID, producerID: producerID, producerEpoch: epoch,
            committed: current.commits)
        client.call(request, version: isSecond ? 5 : 4, to: coordinator) { [self] answer in
            let error = answer.flatMap { KafkaError(rawValue: $0.message.errorCode) }
            guard let message = answer?.message, error == KafkaError.none else {
                if isPassing(error) { return again(error) { [self] in end(current) } }
                return fail(current, "EndTxn", error)
            }
            history.note(current.id, current.partitions, current.commits ? .committed : .aborted)
            tell("\(current.id) is \(current.commits ? "committed" : "aborted")")
            world.history.countOperation()
            if isSecond {
                producerID = message.producerID
                epoch = message.producerEpoch
                sequences = [:]
            }
            begin()
        }
    }
}
