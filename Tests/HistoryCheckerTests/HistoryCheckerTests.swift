import HistoryChecker
import Testing

/// A history with one anomaly of each kind, and the same history without it.
@Suite struct HistoryCheckerTests {
    private func check(_ events: [HistoryEvent]) throws -> HistoryReport {
        var checker = HistoryChecker()
        for (index, event) in events.enumerated() { try checker.take(event, line: index + 1) }
        return checker.finish()
    }

    private func kinds(_ events: [HistoryEvent]) throws -> [Anomaly.Kind] {
        try check(events).anomalies.map(\.kind)
    }

    private func place(_ partition: Int32 = 0, _ reader: String = "c") -> HistoryEvent.Place {
        HistoryEvent.Place(reader: reader, topic: "t", partition: partition)
    }

    private func produce(
        _ value: String, _ transaction: String? = nil, by process: String = "p",
        isIdempotent: Bool = true
    ) -> HistoryEvent {
        .produce(
            .init(
                process: process, value: value, topic: "t", transaction: transaction,
                isIdempotent: isIdempotent))
    }

    private func acked(_ value: String, _ offset: Int64, _ partition: Int32 = 0) -> HistoryEvent {
        .acked(value: value, partition: partition, offset: offset)
    }

    private func read(
        _ value: String, _ offset: Int64, _ partition: Int32 = 0, by reader: String = "c",
        in transaction: String? = nil
    ) -> HistoryEvent {
        .read(place(partition, reader), offset: offset, value: value, transaction: transaction)
    }

    private func seek(_ partition: Int32 = 0, committed: Bool = false) -> HistoryEvent {
        .seek(place(partition), offset: 0, isCommitted: committed)
    }

    private let sent: [HistoryEvent] = [
        .produce(.init(process: "p", value: "a", topic: "t")),
        .produce(.init(process: "p", value: "b", topic: "t")),
        .acked(value: "a", partition: 0, offset: 0), .acked(value: "b", partition: 0, offset: 1),
    ]

    @Test func aTransactionBeginsOnce() throws {
        let fault = #expect(throws: HistoryFault.self) {
            try check([.begin(transaction: "x"), .begin(transaction: "x")])
        }
        #expect(fault?.text == "the transaction 'x' begins twice")
    }

    @Test func aGoodHistoryHasNoAnomaly() throws {
        let report = try check(
            sent + [seek(), read("a", 0), read("b", 1), .position(place(), offset: 2, isEnd: true)])
        #expect(report.anomalies == [])
        #expect(report.acknowledged == 2 && report.reads == 2 && report.unread == 0)
    }

    @Test func aRecordThatAReaderSkipsIsLost() throws {
        let report = try check(sent + [seek(), read("b", 1)])
        #expect(report.anomalies.map(\.kind) == [.lost])
        #expect(report.anomalies.first?.lines == [1, 3, 6])
    }

    @Test func aRecordPastTheEndIsLostIfItWasAcknowledgedBefore() throws {
        let end = HistoryEvent.position(place(), offset: 1, isEnd: true)
        #expect(try kinds(sent + [seek(), read("a", 0), end]) == [.lost])
        let late = [sent[0], sent[1], sent[2], seek(), read("a", 0), end, sent[3]]
        #expect(try kinds(late) == [])
        #expect(try check(late).unread == 1)
        // Deleted on request.
        let deleted = HistoryEvent.deleted(topic: "t", partition: 0, before: 1)
        #expect(try kinds(sent + [deleted, seek(), read("b", 1)]) == [])
    }

    @Test func aRecordAtTwoOffsetsIsDuplicated() throws {
        #expect(
            try kinds(sent + [seek(), read("a", 0), read("b", 1), read("a", 2)]).contains(
                .duplicated))
        let plain = produce("x", isIdempotent: false)
        #expect(try kinds([plain, acked("x", 0), seek(), read("x", 0), read("x", 1)]) == [])
    }

    @Test func aReaderThatGetsARecordAgainOrGoesBack() throws {
        #expect(
            try kinds(sent + [seek(), read("a", 0), read("a", 0), read("b", 1)]) == [.duplicated])
        #expect(
            try kinds(sent + [seek(), read("a", 0), read("b", 1), read("a", 0)]) == [.reordered])
        #expect(try kinds(sent + [seek(), read("a", 0), read("b", 1), seek(), read("a", 0)]) == [])
    }

    @Test func recordsOfAProducerInAnotherOrder() throws {
        let swapped = [
            sent[0], sent[1], acked("a", 1), acked("b", 0), seek(), read("b", 0), read("a", 1),
        ]
        #expect(try kinds(swapped) == [.reordered])
        let two = [produce("a"), produce("b", by: "q"), acked("a", 1), acked("b", 0)]
        #expect(try kinds(two) == [])
    }

    @Test func anOffsetWithTwoValues() throws {
        let other = [
            produce("x", by: "q"), HistoryEvent.acked(value: "x", partition: 0, offset: 1),
        ]
        #expect(try kinds(sent + other).contains(.diverged))
    }

    @Test func aRecordThatNobodySent() throws {
        #expect(try kinds([seek(), read("ghost", 0)]) == [.phantom])
    }

    @Test func recordsOfAbortedAndOpenTransactionsAreNotForReadersOfCommittedOnes() throws {
        func history(_ end: [HistoryEvent], committed: Bool) -> [HistoryEvent] {
            [.begin(transaction: "T"), produce("a", "T"), acked("a", 0)] + end
                + [seek(committed: committed), read("a", 0)]
        }
        let aborted: [HistoryEvent] = [
            .end(transaction: "T", commits: false), .ended(transaction: "T", commits: false),
        ]
        #expect(try kinds(history(aborted, committed: true)) == [.abortedRead])
        #expect(try kinds(history([], committed: true)) == [.abortedRead])
        #expect(try kinds(history(aborted, committed: false)) == [])
        let commit = HistoryEvent.end(transaction: "T", commits: true)
        #expect(try kinds(history([commit], committed: true)) == [])
        #expect(
            try kinds([produce("a"), .failed(value: "a"), seek(), read("a", 0)]) == [.abortedRead])
    }

    /// Two records in two partitions, of which a reader of committed records sees the first.
    private func half(_ end: [HistoryEvent], _ last: [HistoryEvent]) -> [HistoryEvent] {
        [
            .begin(transaction: "T"), produce("a", "T"), produce("b", "T"), acked("a", 0),
            acked("b", 0, 1),
        ] + end + [seek(committed: true), seek(1, committed: true), read("a", 0)] + last
    }

    @Test func aTransactionOfWhichAPartIsMissingIsTorn() throws {
        let asked = [HistoryEvent.end(transaction: "T", commits: true)]
        let passed = [HistoryEvent.position(place(1), offset: 2, isEnd: false)]
        #expect(try kinds(half(asked, passed)) == [.tornTransaction])
        #expect(try kinds(half(asked, [read("b", 0, 1)])) == [])
        #expect(try kinds(half(asked, [])) == [])
        let done = asked + [HistoryEvent.ended(transaction: "T", commits: true)]
        #expect(try kinds(half(done, passed)) == [.lost, .tornTransaction])
    }

    @Test func transactionsThatReadEachOthersRecords() throws {
        func history(_ second: String?) -> [HistoryEvent] {
            [
                .begin(transaction: "T"), .begin(transaction: "U"), produce("a", "T", by: "p"),
                produce("b", "U", by: "q"), acked("a", 0), acked("b", 0, 1),
                seek(committed: true), seek(1, committed: true),
                read("a", 0, in: "U"), read("b", 0, 1, in: second),
                .end(transaction: "T", commits: true), .end(transaction: "U", commits: true),
            ]
        }
        let report = try check(history("T"))
        #expect(report.anomalies.map(\.kind) == [.cycle])
        #expect(report.anomalies.first?.lines == [1, 2, 9, 10])
        #expect(try kinds(history(nil)) == [])
    }

    @Test func committedOffsets() throws {
        let place = HistoryEvent.GroupPlace(group: "g", topic: "t", partition: 0)
        func step(
            _ step: HistoryEvent.OffsetStep, _ offset: Int64, _ transaction: String? = nil
        ) -> HistoryEvent { .offset(step, place, offset: offset, transaction: transaction) }
        let good = [
            step(.fetched, -1), step(.commit, 5), step(.committed, 5), step(.fetched, 5),
            step(.commit, 9), step(.fetched, 5), step(.fetched, 9),
        ]
        #expect(try kinds(good) == [])
        #expect(try kinds(good + [step(.fetched, 3)]) == [.lostOffset])
        #expect(
            try kinds([step(.commit, 5), step(.committed, 5), step(.fetched, -1)]) == [.lostOffset])
        let transaction: [HistoryEvent] = [
            .begin(transaction: "T"), step(.commit, 7, "T"), .end(transaction: "T", commits: true),
            .ended(transaction: "T", commits: true),
        ]
        #expect(try kinds(transaction + [step(.fetched, 7)]) == [])
        #expect(try kinds(transaction + [step(.fetched, -1)]) == [.lostOffset])
    }

    @Test func aHistoryThatContradictsItselfIsRefused() throws {
        #expect(throws: HistoryFault.self) { try check([acked("a", 0)]) }
        #expect(throws: HistoryFault.self) { try check([produce("a"), produce("a")]) }
        #expect(throws: HistoryFault.self) { try check([produce("a", "T")]) }
        #expect(throws: HistoryFault.self) { try check([read("a", 0)]) }
    }

    @Test func ofManyAnomaliesSomeAreKept() throws {
        let ghosts = (0..<Int64(250)).map { read("ghost-\($0)", $0) }
        let report = try check([seek()] + ghosts)
        #expect(report.counts == [.phantom: 250])
        #expect(report.anomalies.count == HistoryReport.listed)
    }
}
