extension HistoryChecker {
    /// Judges what only the whole history can tell.
    public mutating func finish() -> HistoryReport {
        findLost()
        findAbortedReads()
        findReordered()
        findTorn()
        findCycles()
        return report
    }

    /// The records that an acknowledgement gives a place, by partition and offset.
    private func acknowledged() -> [PartitionID: [(offset: Int64, write: Int)]] {
        var placed: [PartitionID: [(offset: Int64, write: Int)]] = [:]
        for (number, write) in writes.enumerated() {
            guard let ack = write.ack else { continue }
            placed[PartitionID(topic: write.topic, partition: ack.partition), default: []]
                .append((ack.offset, number))
        }
        return placed.mapValues { $0.sorted { ($0.offset, $0.write) < ($1.offset, $1.write) } }
    }

    /// Acknowledged records that a reader came past without seeing them.
    private mutating func findLost() {
        let placed = acknowledged()
        var covered = [Bool](repeating: false, count: writes.count)
        var told: Set<Int> = []
        for session in sessions {
            let id = PartitionID(topic: session.place.topic, partition: session.place.partition)
            let first = max(session.start, partitions[id]?.deletedBefore ?? 0)
            var delivered = session.delivered[...]
            for (offset, number) in placed[id] ?? [] where offset >= first {
                let isPast = offset >= session.position
                guard !isPast || wasAcknowledged(number, before: session.endLine) else { continue }
                while let next = delivered.first, next < offset { delivered.removeFirst() }
                let isThere = delivered.first == offset
                covered[number] = true
                if isThere || !mustSee(number, session) { continue }
                if session.isCommitted, writes[number].missedLine == nil {
                    writes[number].missedLine = session.endLine ?? session.positionLine
                }
                guard isDue(number, session), told.insert(number).inserted else { continue }
                report.add(
                    .lost,
                    "'\(values[number])' was acknowledged at offset \(offset) of \(id.topic)-"
                        + "\(id.partition), and \(session.place.reader) came past without it",
                    lines(number) + [session.endLine ?? session.positionLine])
            }
        }
        report.unread = writes.indices.count { writes[$0].ack != nil && !covered[$0] }
    }

    private func wasAcknowledged(_ number: Int, before line: Int?) -> Bool {
        guard let line, let ack = writes[number].ack else { return false }
        return ack.line < line
    }

    /// Whether a reader that comes past may see the record.
    private func mustSee(_ number: Int, _ session: ReaderSession) -> Bool {
        guard session.isCommitted, let transaction = writes[number].transaction else { return true }
        return transactions[transaction].mayBeVisible
    }

    /// Whether it has to: in a transaction, only once that is known to be committed.
    private func isDue(_ number: Int, _ session: ReaderSession) -> Bool {
        guard session.isCommitted, let transaction = writes[number].transaction else { return true }
        return transactions[transaction].isCommitted
    }

    private func lines(_ number: Int) -> [Int] {
        [writes[number].line, writes[number].ack?.line, writes[number].failedLine].compactMap { $0 }
    }

    private mutating func findAbortedReads() {
        for (number, write) in writes.enumerated() {
            guard let found = write.found else { continue }
            if write.failedLine != nil {
                report.add(
                    .abortedRead, "'\(values[number])' was read, and had been refused",
                    lines(number) + [found.line])
            } else if write.isVisible, let transaction = write.transaction,
                !transactions[transaction].mayBeVisible
            {
                let state = transactions[transaction]
                report.add(
                    .abortedRead,
                    "'\(values[number])' of the transaction '\(state.name)', \(state.outcome), "
                        + "was read as committed",
                    lines(number) + [state.line, state.endLine, found.line].compactMap { $0 })
            }
        }
    }

    /// Records of one process lie in each partition in the order in which they were sent.
    private mutating func findReordered() {
        for (id, state) in partitions.sorted(by: { $0.key < $1.key }) {
            var last: [Int: Int] = [:]
            for (offset, value) in state.values.sorted(by: { $0.key < $1.key }) {
                let write = writes[value.write]
                guard write.isIdempotent else { continue }
                if let before = last[write.process], writes[before].sequence > write.sequence {
                    report.add(
                        .reordered,
                        "'\(values[value.write])' lies at offset \(offset) of \(id.topic)-"
                            + "\(id.partition), after '\(values[before])', which was sent later",
                        lines(before) + lines(value.write) + [value.line])
                    continue
                }
                last[write.process] = value.write
            }
        }
    }

    private mutating func findTorn() {
        for transaction in transactions where transaction.mayBeVisible {
            guard let seen = transaction.writes.first(where: { writes[$0].isVisible }),
                let missed = transaction.writes.first(where: { writes[$0].missedLine != nil }),
                let missedLine = writes[missed].missedLine
            else { continue }
            report.add(
                .tornTransaction,
                "of the transaction '\(transaction.name)', \(transaction.outcome), "
                    + "'\(values[seen])' is visible and '\(values[missed])' is not",
                [transaction.line, transaction.endLine, writes[seen].found?.line].compactMap { $0 }
                    + lines(missed) + [missedLine])
        }
    }
}
