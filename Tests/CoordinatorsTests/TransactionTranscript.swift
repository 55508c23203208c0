import Coordinators
import KafkaProtocol
import KafkaRecords
import KafkaWire

/// Runs the events of a transcript on a transaction coordinator's shard and says what came of them.
///
/// Events, one a line (`ID` a transactional id, `P/E` a producer id and epoch):
///
///     init ID [timeout=MS] [as P/E]      add ID P/E topic-0 … [tv1] [waits]
///     verify ID P/E topic-0 …            commit ID P/E [tv1]      abort ID P/E [tv1]
///     allocated N | allocated ERROR      markers ID [topic-0=ERROR …]
///     wait MS      hold      release     crash      describe ID      list [state=S] [older=MS]
///     cluster tv1  (the cluster's transaction.version)
///     raise ID E   (a producer that has come to epoch E, over thousands of transactions)
final class TransactionTranscript {
    private var log = MemoryCoordinatorLog()
    private var shard = CoordinatorShard<TransactionMachine>()
    private var now = Moment(wallMs: 1_000_000, monotonicMs: 0)
    private var epoch: Int32 = 5
    private var settings = TransactionSettings()
    /// While set, nothing that is written becomes committed.
    private var holds = false
    private var nextRequest: UInt64 = 1
    private var orders: [MarkerOrder] = []
    private var shown = Offset.zero
    private var lines: [String] = []

    init() { load() }

    /// What the event leads to, one line each.
    func run(_ event: String) throws -> [String] {
        lines = []
        let words = event.split(separator: " ").map(String.init)
        switch words[0] {
        case "hold": holds = true
        case "release":
            holds = false
            commit()
        case "crash": load()
        case "cluster":
            settings.version = Int16(words[1].dropFirst(2)) ?? 0
        case "raise": try raise(words[1], to: Int16(words[2]) ?? 0)
        case "wait": wait(Int64(words[1]) ?? 0)
        default:
            operate { try? self.operation(words, $0) }
        }
        return lines
    }

    // MARK: Events

    private func operation(_ words: [String], _ machine: TransactionMachine) throws {
        let id = words.count > 1 ? words[1] : ""
        let partitions = words.dropFirst(3).compactMap(Self.partition)
        let version: Int16 = words.contains("tv1") ? 0 : 2
        switch words[0] {
        case "init":
            let timeout = words.first { $0.hasPrefix("timeout=") }?.dropFirst(8)
            let expected = words.firstIndex(of: "as").map { Self.producer(words[$0 + 1]) }
            machine.initProducerID(
                InitTransactionalID(
                    transactionalID: id, timeoutMs: timeout.flatMap { Int32($0) } ?? 60000,
                    expected: expected), identity(), now)
        case "allocated":
            let result: Result<ProducerID, KafkaError> =
                Int64(id).map { .success(ProducerID($0)) } ?? .failure(.coordinatorNotAvailable)
            machine.producerIDAllocated(result, now)
        case "add":
            machine.addPartitions(
                PartitionAddition(
                    transactionalID: id, producer: Self.producer(words[2]),
                    partitions: partitions, version: version, waits: words.contains("waits")),
                Respondent(caller()) { HeartbeatResponse(errorCode: Self.code($0)) }, now)
        case "verify":
            machine.verifyPartitions(
                PartitionAddition(
                    transactionalID: id, producer: Self.producer(words[2]),
                    partitions: partitions, version: version, waits: false),
                Respondent(caller()) { Self.verified($0) })
        case "commit", "abort":
            machine.endTransaction(
                TransactionOutcome(
                    transactionalID: id, producer: Self.producer(words[2]),
                    commits: words[0] == "commit", version: version), identity(), now)
        case "markers": markers(id, Array(words.dropFirst(2)), machine)
        case "describe":
            machine.describe(
                id,
                Respondent(caller()) {
                    DescribeTransactionsResponse(transactionStates: [
                        (try? $0.get()) ?? .init(errorCode: Self.code($0))
                    ])
                })
        case "list": list(words, machine)
        default: lines.append("what is \(words[0])?")
        }
    }

    private func list(_ words: [String], _ machine: TransactionMachine) {
        var filter = TransactionFilter()
        for word in words {
            if word.hasPrefix("state="), let state = TransactionState(name: "\(word.dropFirst(6))")
            {
                filter.states.append(state)
            }
            if word.hasPrefix("older=") { filter.durationMs = Int64(word.dropFirst(6)) ?? -1 }
        }
        machine.list(
            filter,
            Respondent(caller()) { result in
                ListTransactionsResponse(
                    errorCode: Self.code(result), transactionStates: (try? result.get()) ?? [])
            }, now)
    }

    /// Says what came of the oldest order for `id`: all is well but for the errors named.
    private func markers(_ id: String, _ errors: [String], _ machine: TransactionMachine) {
        guard let index = orders.firstIndex(where: { $0.transactionalID == id }) else {
            return lines.append("no markers were ordered")
        }
        let order = orders.remove(at: index)
        var results: [TopicPartition: KafkaError] = [:]
        for partition in order.partitions { results[partition] = KafkaError.none }
        for word in errors {
            let parts = word.split(separator: "=").map(String.init)
            guard let partition = Self.partition(parts[0]) else { continue }
            results[partition] = KafkaError.allCases.first { $0.name == parts[1] }
        }
        machine.markersWritten(order, results, now)
    }

    private func wait(_ ms: Int64) {
        now = Moment(wallMs: now.wallMs + ms, monotonicMs: now.monotonicMs + ms)
        while let due = shard.nextDeadline, due <= now.monotonicMs {
            operate { $0.timersDue(self.now) }
        }
    }

    private func raise(_ id: String, to epoch: Int16) throws {
        let written = try records(from: .zero).compactMap { try Self.decode($0) }
            .last { $0.key.transactionalID == id }
        guard var written else { return lines.append("there is no \(id)") }
        written.value?.producerEpoch = epoch
        operate { $0.write([written]) }
    }

    private func load() {
        let machine = TransactionMachine(coordinatorEpoch: LeaderEpoch(epoch))
        machine.settings = settings
        epoch += 1
        // What is not committed is as good as lost.
        orders = []
        do {
            var replay = CoordinatorReplay()
            _ = try replay.replay(log.batches.span.bytes, from: .zero, into: machine)
            if replay.skipped > 0 { lines.append("skipped \(replay.skipped) records") }
        } catch {
            lines.append("cannot load: \(error)")
        }
        take(shard.beginLoading(LeaderEpoch(epoch)))
        take(shard.finishLoading(LeaderEpoch(epoch), machine, &log, now: now))
        showWritten()
        commit()
    }

    private func operate(_ body: @escaping (TransactionMachine) -> Void) {
        let output = shard.run(&log, now: now) {
            $0.settings = self.settings
            body($0)
        }
        showWritten()
        take(output)
        commit()
    }

    private func commit() {
        guard !holds else { return }
        log.highWatermark = log.endOffset
        take(shard.committed(upTo: log.highWatermark))
    }

    // MARK: What came of it

    private func take(_ output: CoordinatorShard<TransactionMachine>.Output) {
        for (caller, message) in output.replies {
            lines.append("#\(caller.request) \(Self.text(message))")
        }
        for command in output.commands {
            switch command {
            case .allocateProducerID: lines.append("a producer id is asked for")
            case .writeMarkers(let order):
                orders.append(order)
                lines.append(
                    "markers for \(order.transactionalID) \(order.commits ? "commit" : "abort") "
                        + "\(order.producer.text) version \(order.version) coordinator "
                        + "\(order.coordinatorEpoch): \(Self.text(order.partitions))")
            }
        }
    }

    private func showWritten() {
        for record in (try? records(from: shown)) ?? [] {
            lines.append("written \(Self.text(record))")
        }
        shown = log.endOffset
    }

    private func records(from start: Offset) throws -> [Record] {
        let bytes = log.batches
        var records: [Record] = []
        var batches = BatchIterator(bytes.span.bytes)
        while let batch = try batches.next() {
            guard batch.header.baseOffset >= start else { continue }
            records += try BatchReader.records(
                bytes.span.bytes, at: batch.range.lowerBound, limit: 1 << 20)
        }
        return records
    }

    private static func decode(_ record: Record) throws -> TransactionRecord? {
        guard let key = record.key else { return nil }
        guard let value = record.value else {
            return try TransactionRecord.decode(key: key.span.bytes, value: nil)
        }
        return try TransactionRecord.decode(key: key.span.bytes, value: value.span.bytes)
    }

    private static func text(_ record: Record) -> String {
        let decoded = try? decode(record)
        guard let decoded else { return "what cannot be read" }
        let id = decoded.key.transactionalID
        guard let value = decoded.value else { return "\(id) is forgotten" }
        let state = TransactionState(rawValue: value.transactionStatus)?.name ?? "?"
        var text = "\(id) \(state) \(value.producerID)/\(value.producerEpoch)"
        if value.previousProducerID != value.producerID {
            text += " before \(value.previousProducerID)"
        }
        if value.nextProducerID != -1 { text += " next \(value.nextProducerID)" }
        let partitions = (value.transactionPartitions ?? []).flatMap { topic in
            topic.partitionIDs.map { TopicPartition(topic: topic.topic, partition: $0) }
        }
        if !partitions.isEmpty { text += " with \(Self.text(partitions))" }
        if decoded.valueVersion == 0 { text += " in version 0" }
        return text
    }

    private static func text(_ message: any KafkaMessage) -> String {
        switch message {
        case let message as InitProducerIDResponse:
            guard message.errorCode == 0 else { return name(message.errorCode) }
            return "ok \(message.producerID)/\(message.producerEpoch)"
        case let message as HeartbeatResponse:
            return message.errorCode == 0 ? "ok" : name(message.errorCode)
        case let message as AddPartitionsToTxnResponse:
            guard message.errorCode == 0 else { return name(message.errorCode) }
            return message.resultsByTopicV3AndBelow.flatMap { topic in
                topic.resultsByPartition.map {
                    "\(topic.name)-\($0.partitionIndex)=\(name($0.partitionErrorCode))"
                }
            }.joined(separator: " ")
        case let message as DescribeTransactionsResponse:
            let state = message.transactionStates[0]
            guard state.errorCode == 0 else { return name(state.errorCode) }
            return "\(state.transactionState) \(state.producerID)/\(state.producerEpoch) since "
                + "\(state.transactionStartTimeMs) timeout \(state.transactionTimeoutMs) "
                + state.topics.map { "\($0.topic)\($0.partitions)" }.joined(separator: " ")
        case let message as ListTransactionsResponse:
            return message.transactionStates.map {
                "\($0.transactionalID)=\($0.transactionState)"
            }.joined(separator: " ")
        default: return "\(message)"
        }
    }

    private static func verified(
        _ result: Result<[TopicPartition: KafkaError], KafkaError>
    ) -> any KafkaMessage {
        let sorted = ((try? result.get()) ?? [:]).sorted { $0.key < $1.key }
        return AddPartitionsToTxnResponse(
            errorCode: code(result),
            resultsByTopicV3AndBelow: sorted.map {
                .init(
                    name: $0.key.topic,
                    resultsByPartition: [
                        .init(
                            partitionIndex: $0.key.partition, partitionErrorCode: $0.value.rawValue)
                    ])
            })
    }

    // MARK: Words

    private func caller() -> Caller {
        defer { nextRequest += 1 }
        return Caller(loop: 0, request: nextRequest)
    }

    private func identity() -> Respondent<ProducerIdentity> {
        Respondent(caller()) { result in
            let producer = (try? result.get()) ?? .none
            return InitProducerIDResponse(
                errorCode: Self.code(result), producerID: producer.id.rawValue,
                producerEpoch: producer.epoch)
        }
    }

    private static func code<T>(_ result: Result<T, KafkaError>) -> Int16 {
        if case .failure(let error) = result { error.rawValue } else { 0 }
    }

    private static func name(_ code: Int16) -> String {
        code == 0 ? "ok" : KafkaError(rawValue: code)?.name ?? "\(code)"
    }

    private static func producer(_ word: String) -> ProducerIdentity {
        let parts = word.split(separator: "/")
        return ProducerIdentity(
            id: ProducerID(Int64(parts[0]) ?? -1), epoch: Int16(parts[1]) ?? -1)
    }

    private static func partition(_ word: String) -> TopicPartition? {
        guard let dash = word.lastIndex(of: "-"),
            let number = Int32(word[word.index(after: dash)...])
        else { return nil }
        return TopicPartition(topic: String(word[..<dash]), partition: number)
    }

    private static func text(_ partitions: [TopicPartition]) -> String {
        partitions.map(\.description).joined(separator: " ")
    }
}

extension ProducerIdentity {
    var text: String { "\(id)/\(epoch)" }
}
