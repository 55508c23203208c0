import KafkaRecords
import KafkaWire
import Testing

@testable import LogStorage

/// A log is copied while all that can happen to a log happens to it.
@Suite struct LogMoveTests {
    static let future = "/other/t-0.1-future"
    static let placed = "/other/t-0"
    static let aside = "/data/t-0.1-delete"

    /// Every call of a life of a log is a place where the copy begins, and after each change a step
    /// of the move is made.
    @Test(arguments: 0..<60)
    func theCopyIsTheLog(_ seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let files = try TestLog.fileSystem()
        try files.createDirectory("/other")
        var config = TestLog.config
        config.compact = seed % 2 == 1
        let life = try RandomLife(files, config)
        for _ in 0..<Int.random(in: 0...40, using: &random) { try life.change(&random) }
        let move = LogMove(of: life.log, to: try Self.open(files, life.log))
        var steps = 0
        while move.stage != .replaced {
            if steps < 60, Int.random(in: 0..<3, using: &random) > 0 { try life.change(&random) }
            try Self.step(move, life.log, files)
            steps += 1
            try #require(steps < 2000, "the move ends")
        }
        let original = try CrashChecks.Contents(life.log)
        let copy = try CrashChecks.Contents(move.copy)
        let differences = copy.differences(from: original)
        #expect(differences == [], "\(differences)")
        #expect(move.copy.epochs == life.log.epochs)
        move.copy.endMoving()
        try move.copy.flush()
        #expect(move.copy.flushedOffset == move.copy.logEndOffset)
    }

    /// A process that is killed at any step leaves a copy from which another one can go on.
    @Test(arguments: 0..<40)
    func aRestartGoesOn(_ seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        var files = try TestLog.fileSystem()
        try files.createDirectory("/other")
        try files.syncDirectory("/")
        let life = try RandomLife(files, TestLog.config)
        for _ in 0..<30 { try life.change(&random) }
        try life.log.flush()
        let first = LogMove(of: life.log, to: try Self.open(files, life.log))
        for _ in 0..<Int.random(in: 1...8, using: &random) where first.stage == .copying {
            try Self.step(first, life.log, files)
            if Int.random(in: 0..<2, using: &random) == 0 { try first.flush() }
            try life.change(&random)
        }
        try TestLog.write(.logStartOffset, life.log.logStartOffset, files)
        files = seed % 2 == 0 ? files.afterKill() : files.afterPowerCut(seed: UInt64(seed))
        guard try files.status(Self.future) != nil else { return }
        let log = try TestLog.open(files, TestLog.config)
        let copy = try PartitionLog.open(
            directory: Self.future, topicPartition: TestLog.partition, topicID: nil,
            config: TestLog.config, fileSystem: files, recoveryPoint: .zero,
            logStartOffset: .zero, cleanShutdown: false, now: 1000)
        let move = LogMove(of: log, to: copy)
        while move.stage != .replaced { try Self.step(move, log, files) }
        let found = try CrashChecks.Contents(move.copy)
        let differences = found.differences(from: try .init(log))
        #expect(differences == [], "\(differences)")
    }

    @Test func whatIsNoCopyIsNotGoneOnWith() throws {
        let files = try TestLog.fileSystem()
        try files.createDirectory("/other")
        let log = try TestLog.open(files)
        let copy = try Self.open(files, log)
        for number in 0..<4 { try log.append(try testBatch([TestRecord("k", "a\(number)")])) }
        for number in 0..<4 { try copy.append(try testBatch([TestRecord("k", "b\(number)")])) }
        let move = LogMove(of: log, to: copy)
        while move.stage != .replaced { try Self.step(move, log, files) }
        #expect(try copy.texts().values.compactMap(\.value).sorted() == ["a0", "a1", "a2", "a3"])
    }

    @Test func flushesDoNotCountWhileTheCopyLacksThem() throws {
        let files = try TestLog.fileSystem()
        try files.createDirectory("/other")
        let log = try TestLog.open(files)
        let move = LogMove(of: log, to: try Self.open(files, log))
        try log.append(try testBatch([TestRecord("k", "a")]))
        while move.stage != .closed { try Self.step(move, log, files) }
        try log.append(try testBatch([TestRecord("k", "b")]))
        let ticket = try #require(log.beginFlush())
        try log.flush()
        #expect(log.flushedOffset == Offset(0))
        #expect(move.copy.flushedOffset == Offset(1))
        #expect(try move.replace(log, movingItTo: Self.aside, now: 1000) == .done)
        #expect(move.copy.logEndOffset == Offset(2) && move.copy.flushedOffset == Offset(1))
        // What the original's flush did says nothing of the copy.
        try move.copy.completeFlush(ticket.run())
        #expect(move.copy.failure == nil)
        try move.copy.flush()
        #expect(move.copy.flushedOffset == Offset(1))
        move.copy.endMoving()
        #expect(move.copy.flushedOffset == Offset(2))
    }

    private func filled(records: Int = 12) throws -> (MemoryFileSystem, PartitionLog) {
        let files = try TestLog.fileSystem()
        try files.createDirectory("/other")
        let log = try TestLog.open(files)
        for number in 0..<records { try log.append(try testBatch([TestRecord("k", "\(number)")])) }
        return (files, log)
    }

    private func finish(
        _ move: LogMove, _ log: PartitionLog, _ files: MemoryFileSystem
    ) throws {
        while move.stage != .replaced { try Self.step(move, log, files) }
        #expect(try move.copy.texts() == log.texts())
        #expect(move.copy.epochs == log.epochs)
    }

    @Test func whatIsNotInMemoryIsBroughtThereWithoutTheLock() throws {
        let (files, log) = try filled()
        let move = LogMove(of: log, to: try Self.open(files, log))
        files.dropCaches()
        let action = try move.next(log)
        guard case .warm(let slice) = action else {
            Issue.record("\(action)")
            return
        }
        #expect(!slice.file.isCached(at: slice.position, count: slice.count))
        try move.perform(action, now: 1000)
        #expect(slice.file.isCached(at: slice.position, count: slice.count))
        try finish(move, log, files)
    }

    @Test func anOriginalThatCannotBeReadIsNamed() throws {
        let (files, log) = try filled()
        let move = LogMove(of: log, to: try Self.open(files, log))
        for _ in 0..<2 {
            files.fail(.init(operation: "read", prefix: TestLog.directory))
            let error = #expect(throws: LogMoveError.self) {
                try move.perform(try move.next(log), now: 1000)
            }
            guard case .original(.io) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            // The second time the first batch is known, and the next ones are read.
            files.fail(nil)
            try move.perform(try move.next(log), now: 1000)
        }
        #expect(log.failure == nil)
        try finish(move, log, files)
    }

    @Test func aCopyThatCannotBeReadIsBegunAnew() throws {
        let (files, log) = try filled()
        let copy = try Self.open(files, log)
        for batch in try log.batches() {
            // Bytes have no padding.
            _ = try unsafe copy.appendReplicated(batch.bytes.span.bytes)
        }
        files.fail(.init(operation: "read", prefix: Self.future))
        let move = LogMove(of: log, to: copy)
        files.fail(nil)
        guard case .truncate(to: .zero) = try move.next(log) else {
            Issue.record("the copy is gone on with")
            return
        }
        try finish(move, log, files)
    }

    /// They part in an epoch that the original never had.
    @Test func aCopyOfAnotherEpochIsCutToWhatBothHave() throws {
        let files = try TestLog.fileSystem()
        try files.createDirectory("/other")
        let log = try TestLog.open(files)
        let copy = try Self.open(files, log)
        for (number, epoch) in [1, 1, 3, 3].enumerated() {
            try log.append(try testBatch([TestRecord("k", "a\(number)")]), epoch: Int32(epoch))
        }
        for batch in try log.batches().prefix(2) {
            // Bytes have no padding.
            _ = try unsafe copy.appendReplicated(batch.bytes.span.bytes)
        }
        try copy.append(try testBatch([TestRecord("k", "b")]), epoch: 2)
        let move = LogMove(of: log, to: copy)
        guard case .truncate(to: Offset(2)) = try move.next(log) else {
            Issue.record("\(try move.next(log))")
            return
        }
        try finish(move, log, files)
    }

    /// What was to be copied is cut off, and other records lie in its place by the time it is read.
    @Test func whatWasCutWhileItWasReadIsNotTaken() throws {
        let (files, log) = try filled(records: 0)
        let two = try testBatch([TestRecord("k", "x"), TestRecord("k", "y")])
        let one = try #require(
            try (0..<100).lazy.map {
                try testBatch([TestRecord("k", String(repeating: "v", count: $0))])
            }.first { $0.count == two.count })
        try log.append(one)
        let move = LogMove(of: log, to: try Self.open(files, log))
        let action = try move.next(log)
        guard case .settle = action else {
            Issue.record("\(action)")
            return
        }
        #expect(!move.wasCut(log))
        _ = try log.prepareTruncation(to: .zero)
        try log.truncate(to: .zero)
        try log.append(two)
        #expect(move.wasCut(log))
        #expect(throws: LogMoveError.damaged("the log was cut while it was read")) {
            try move.perform(action, now: 1000)
        }
        try finish(move, log, files)
    }

    @Test func tooMuchToCopyUnderTheLockIsCopiedWithoutIt() throws {
        let files = try TestLog.fileSystem()
        try files.createDirectory("/other")
        var config = TestLog.config
        config.segmentBytes = 64 << 20
        let log = try TestLog.open(files, config)
        try log.append(try testBatch([TestRecord("k", "a")]))
        let move = LogMove(of: log, to: try Self.open(files, log))
        while move.stage != .closed { try Self.step(move, log, files) }
        let large = String(repeating: "v", count: 1_000_000)
        for _ in 0...LogMove.lockedBytes / large.utf8.count {
            try log.append(try testBatch([TestRecord("k", large)]))
        }
        #expect(try move.replace(log, movingItTo: Self.aside, now: 1000) == .again)
        #expect(move.stage == .placed)
        try finish(move, log, files)
    }

    // MARK: Support

    private static func open(
        _ files: MemoryFileSystem, _ log: PartitionLog
    ) throws -> PartitionLog {
        try PartitionLog.open(
            directory: future, topicPartition: TestLog.partition, topicID: nil,
            config: log.config, fileSystem: files, recoveryPoint: log.logStartOffset,
            logStartOffset: log.logStartOffset, cleanShutdown: false, now: 1000)
    }

    private static func step(
        _ move: LogMove, _ log: PartitionLog, _ files: MemoryFileSystem
    ) throws {
        switch move.stage {
        case .copying, .placed: try move.perform(try move.next(log), now: 1000)
        case .settled: try move.place(as: placed)
        case .closed:
            if try move.replace(log, movingItTo: aside, now: 1000) == .superseded {
                try move.retreat(to: future, from: log)
            }
        case .replaced: break
        }
    }
}

/// Does at random what can be done to a log.
private final class RandomLife {
    let files: MemoryFileSystem
    let log: PartitionLog
    private var writers: [Int64: TestProducer] = [:]
    private var epoch: Int32 = 1
    private var number = 0

    init(_ files: MemoryFileSystem, _ config: LogConfig) throws {
        self.files = files
        log = try TestLog.open(files, config)
    }

    func change(_ random: inout SplitMix64) throws {
        number += 1
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<6: try log.append(try testBatch(records(&random)), epoch: epoch)
        case 6..<13: try append(Int64.random(in: 1...3, using: &random), &random)
        case 13..<16: try end(Int64.random(in: 1...3, using: &random), &random)
        case 16: try log.flush()
        case 17: epoch += 1
        case 18:
            let range = log.logStartOffset.rawValue...log.logEndOffset.rawValue
            let start = Int64.random(in: range, using: &random)
            try log.deleteRecords(before: Offset(start))
            _ = try log.applyRetention(now: 1000, highWatermark: log.logEndOffset)
        default: try truncate(&random)
        }
    }

    private func records(_ random: inout SplitMix64) -> [TestRecord] {
        (0..<Int.random(in: 1...3, using: &random)).map {
            TestRecord("k\(Int.random(in: 0..<5, using: &random))", "\(number) \($0)")
        }
    }

    private func append(_ id: Int64, _ random: inout SplitMix64) throws {
        var writer = writers[id] ?? TestProducer(id: id)
        let isOpen = log.producer(ProducerID(id))?.currentTxnFirstOffset != nil
        writer.isTransactional = isOpen || Bool.random(using: &random)
        let records = records(&random)
        try log.append(try testBatch(records, by: writer), epoch: epoch)
        writer.sequence += Int32(records.count)
        writers[id] = writer
    }

    private func end(_ id: Int64, _ random: inout SplitMix64) throws {
        guard let writer = writers[id],
            log.producer(ProducerID(id))?.currentTxnFirstOffset != nil
        else { return }
        let marker = try testMarker(commit: Bool.random(using: &random), of: writer)
        try log.append(marker, origin: .coordinator, epoch: epoch)
    }

    private func truncate(_ random: inout SplitMix64) throws {
        let lowest = max(log.logStartOffset.rawValue, log.logEndOffset.rawValue - 8)
        try log.truncate(
            to: Offset(Int64.random(in: lowest...log.logEndOffset.rawValue, using: &random)))
        epoch += 1
        for id in writers.keys {
            writers[id]?.sequence = log.producer(ProducerID(id)).map { $0.lastSequence + 1 } ?? 0
        }
    }
}
