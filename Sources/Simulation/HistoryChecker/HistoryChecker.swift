/// Holds a history of clients against what Kafka promises them (docs/HISTORY.md).
///
/// Events go in one by one, in the order in which they were recorded; only what a record needs to
/// be recognised is kept of them, some 200 bytes for each. `finish` judges what depends on the
/// whole: loss, order, torn transactions, cycles. Nothing is assumed of clocks.
public struct HistoryChecker {
    var report = HistoryReport()
    private(set) var line = 0
    private var processes: [String: (number: Int, sent: Int)] = [:]
    private var valueNumbers: [String: Int] = [:]
    var values: [String] = []
    var writes: [WriteState] = []
    private var transactionNumbers: [String: Int] = [:]
    var transactions: [TransactionState] = []
    var partitions: [PartitionID: PartitionState] = [:]
    private var current: [HistoryEvent.Place: Int] = [:]
    var sessions: [ReaderSession] = []
    var offsets: [HistoryEvent.GroupPlace: OffsetHistory] = [:]

    public init() {}

    /// Takes in the event of `line`, counted from 1.
    ///
    /// - Throws: `HistoryFault` for an event that cannot be, such as the acknowledgement of a
    ///   record that was not sent.
    public mutating func take(_ event: HistoryEvent, line: Int) throws(HistoryFault) {
        self.line = line
        report.events += 1
        switch event {
        case .produce(let write): try produce(write)
        case .acked(let value, let partition, let offset):
            try acknowledge(value, partition, offset)
        case .failed(let value): writes[try write(value)].failedLine = line
        case .begin(let name): try begin(name)
        case .end(let name, let commits): try end(name, .asked(commits: commits))
        case .ended(let name, let commits):
            try end(name, .ended(commits: commits))
            if commits { settleOffsets(of: name) }
        case .seek(let place, let offset, let isCommitted): seek(place, offset, isCommitted)
        case .read(let place, let offset, let value, let transaction):
            try read(place, offset, value, transaction)
        case .position(let place, let offset, let isEnd): try move(place, offset, isEnd)
        case .deleted(let topic, let partition, let before):
            let id = PartitionID(topic: topic, partition: partition)
            let known = partitions[id, default: PartitionState()].deletedBefore
            partitions[id, default: PartitionState()].deletedBefore = max(known, before)
        case .offset(let step, let place, let offset, let transaction):
            takeOffset(step, place, offset, transaction)
        }
    }

    // MARK: Producers

    private mutating func produce(_ write: HistoryEvent.Write) throws(HistoryFault) {
        guard valueNumbers[write.value] == nil else {
            throw HistoryFault("the value '\(write.value)' is sent twice")
        }
        let transaction = try write.transaction.map { name throws(HistoryFault) in
            try self.number(ofTransaction: name)
        }
        let process = processes[write.process] ?? (processes.count, 0)
        processes[write.process] = (process.number, process.sent + 1)
        let number = writes.count
        valueNumbers[write.value] = number
        values.append(write.value)
        writes.append(
            WriteState(
                process: process.number, sequence: process.sent, topic: write.topic,
                transaction: transaction, isIdempotent: write.isIdempotent, line: line))
        if let transaction { transactions[transaction].writes.append(number) }
        report.writes += 1
    }

    private func write(_ value: String) throws(HistoryFault) -> Int {
        guard let number = valueNumbers[value] else {
            throw HistoryFault("the value '\(value)' was not sent")
        }
        return number
    }

    private mutating func acknowledge(
        _ value: String, _ partition: Int32, _ offset: Int64
    ) throws(HistoryFault) {
        let number = try write(value)
        report.acknowledged += 1
        writes[number].ack = (partition, offset, line)
        place(number, PartitionID(topic: writes[number].topic, partition: partition), offset)
    }

    // MARK: Transactions

    private mutating func begin(_ name: String) throws(HistoryFault) {
        guard transactionNumbers[name] == nil else {
            throw HistoryFault("the transaction '\(name)' begins twice")
        }
        transactionNumbers[name] = transactions.count
        transactions.append(TransactionState(name: name, line: line))
        report.transactions += 1
    }

    private func number(ofTransaction name: String) throws(HistoryFault) -> Int {
        guard let number = transactionNumbers[name] else {
            throw HistoryFault("the transaction '\(name)' has not begun")
        }
        return number
    }

    private mutating func end(
        _ name: String, _ end: TransactionState.End
    ) throws(HistoryFault) {
        let number = try number(ofTransaction: name)
        transactions[number].end = end
        transactions[number].endLine = line
    }

    // MARK: Readers

    private mutating func seek(
        _ place: HistoryEvent.Place, _ offset: Int64, _ isCommitted: Bool
    ) {
        current[place] = sessions.count
        sessions.append(
            ReaderSession(
                place: place, isCommitted: isCommitted, start: offset, position: offset,
                positionLine: line))
    }

    private func session(_ place: HistoryEvent.Place) throws(HistoryFault) -> Int {
        guard let session = current[place] else {
            throw HistoryFault(
                "the reader '\(place.reader)' has no seek in \(place.topic)-\(place.partition)")
        }
        return session
    }

    private mutating func read(
        _ place: HistoryEvent.Place, _ offset: Int64, _ value: String, _ transaction: String?
    ) throws(HistoryFault) {
        let session = try session(place)
        report.reads += 1
        let state = sessions[session]
        if offset < state.position {
            let isRepeated = state.delivered.last == offset
            report.add(
                isRepeated ? .duplicated : .reordered,
                "\(place.reader) was given offset \(offset) of \(place.topic)-\(place.partition) "
                    + "after position \(state.position)", [state.positionLine, line])
        } else {
            sessions[session].position = offset + 1
            sessions[session].positionLine = line
            sessions[session].delivered.append(offset)
        }
        guard let number = valueNumbers[value] else {
            report.add(.phantom, "'\(value)' was read, and nobody had sent it", [line])
            return
        }
        if let transaction, state.isCommitted, let source = writes[number].transaction {
            let reader = try self.number(ofTransaction: transaction)
            if reader != source, transactions[reader].readFrom[source] == nil {
                transactions[reader].readFrom[source] = line
            }
        }
        if state.isCommitted { writes[number].isVisible = true }
        let id = PartitionID(topic: place.topic, partition: place.partition)
        if writes[number].found == nil { writes[number].found = (id.partition, offset, line) }
        self.place(number, id, offset)
    }

    private mutating func move(
        _ place: HistoryEvent.Place, _ offset: Int64, _ isEnd: Bool
    ) throws(HistoryFault) {
        let session = try session(place)
        sessions[session].position = max(sessions[session].position, offset)
        sessions[session].positionLine = line
        sessions[session].endLine = isEnd ? line : nil
    }

    /// Notes that a record lies at an offset: the only one of it, and the only one there.
    private mutating func place(_ number: Int, _ id: PartitionID, _ offset: Int64) {
        if let known = partitions[id]?.values[offset] {
            guard known.write != number else { return }
            report.add(
                .diverged,
                "\(id.topic)-\(id.partition) has '\(values[known.write])' and '\(values[number])' "
                    + "at offset \(offset)", [known.line, line])
            return
        }
        let write = writes[number]
        let other = [write.ack, write.found].compactMap { $0 }.first {
            $0.partition != id.partition || $0.offset != offset
        }
        if let other, write.isIdempotent {
            report.add(
                .duplicated,
                "'\(values[number])' is at offset \(other.offset) of \(id.topic)-\(other.partition) "
                    + "and at \(offset) of \(id.topic)-\(id.partition)",
                [write.line, other.line, line])
        }
        partitions[id, default: PartitionState()].values[offset] = (number, line)
    }

    // MARK: Offsets

    private mutating func takeOffset(
        _ step: HistoryEvent.OffsetStep, _ place: HistoryEvent.GroupPlace, _ offset: Int64,
        _ transaction: String?
    ) {
        switch step {
        case .commit:
            offsets[place, default: OffsetHistory()].ask(
                offset, transaction: transaction, line: line)
        case .committed: offsets[place, default: OffsetHistory()].acknowledge(offset, line: line)
        case .fetched:
            guard let fault = offsets[place, default: OffsetHistory()].check(offset) else {
                return
            }
            report.add(
                .lostOffset,
                "group \(place.group) has offset \(offset) in \(place.topic)-\(place.partition), "
                    + fault.text, fault.lines + [line])
        }
    }

    private mutating func settleOffsets(of transaction: String) {
        for place in offsets.keys {
            offsets[place]?.settle(transaction: transaction, line: line)
        }
    }
}
