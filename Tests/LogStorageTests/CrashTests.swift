import KafkaWire
import Testing

@testable import LogStorage

/// Ends scripted workloads at each of their calls to the file system, with a power cut that keeps a
/// legal part of what was not synced, and checks what recovery makes of it.
@Suite struct CrashTests {
    enum Script: String, CaseIterable, CustomTestStringConvertible {
        case append, roll, transactions, truncate, startAnew, delete, compact, compactTransactions
        case restart
        var testDescription: String { rawValue }
    }

    @Test(arguments: Script.allCases)
    func aCrashAtAnyCallIsRecoveredFrom(_ script: Script) throws {
        var tally = PowerCutTally()
        while try run(
            script, until: tally.calls,
            { files, checks in
                let cuts = PowerCuts(of: files, limit: PowerCutTally.limit)
                try check(files.afterKill(), tally.calls, "nothing lost", checks)
                for (number, left) in cuts.enumerated() {
                    try check(left, tally.calls + number + 1, "power cut \(number)", checks)
                }
                tally.add(cuts)
            })
        {}
        #expect(tally.calls > 40, "the script does something")
        tally.report("\(script)")
    }

    /// What recovery leads to is checked of one case in eight: it depends little on what was lost.
    private func check(
        _ left: MemoryFileSystem, _ number: Int, _ loss: String, _ checks: CrashChecks
    ) throws {
        if number % 8 == 0 {
            try checks.recover(left, loss)
        } else {
            try checks.recoverOnce(left, loss)
        }
    }

    /// The crash comes while a crash is being recovered from. One place in thirteen of the script
    /// is tried, or all of them when all cases are asked for; each call of the recovery.
    @Test(arguments: Script.allCases)
    func aCrashDuringRecoveryIsRecoveredFrom(_ script: Script) throws {
        let step = PowerCutTally.isThorough ? 1 : 13
        var count = script.rawValue.utf8.count % step
        while try run(
            script, until: count,
            { files, checks in
                try crashRecovery(of: files.afterPowerCut(seed: UInt64(count)), checks)
            })
        {
            count += step
        }
    }

    private func crashRecovery(of files: MemoryFileSystem, _ checks: CrashChecks) throws {
        for count in 0..<1000 {
            let attempt = files.afterKill()
            attempt.fail(.init(after: count, isPermanent: true, partialBytes: .max))
            do {
                let log = try TestLog.open(attempt, checks.config, now: checks.now)
                try log.flush()
                return
            } catch is LogError {
                let inner = CrashChecks(
                    expected: checks.expected, config: checks.config, now: checks.now,
                    place: "\(checks.place), recovery's call \(count)")
                try inner.recover(attempt.afterPowerCut(seed: UInt64(count)), "some lost")
            }
        }
        Issue.record("no recovery ends, \(checks.place)")
    }

    /// Runs the script up to its call number `count` to the file system. False when it has fewer.
    private func run(
        _ script: Script, until count: Int,
        _ check: (MemoryFileSystem, CrashChecks) throws -> Void
    ) throws -> Bool {
        let files = try TestLog.fileSystem()
        var config = TestLog.config
        script.configure(&config)
        let workload = try CrashWorkload(files, config)
        try workload.flush()
        files.fail(.init(after: count, isPermanent: true, partialBytes: .max))
        var fault: FileError?
        do {
            try script.run(workload)
        } catch let error as FileError {
            fault = error
        } catch LogError.io(let error), AppendError.io(let error), CleanerError.io(let error) {
            fault = error
        }
        files.fail(nil)
        let call = fault.map { "\($0.operation) \($0.path)" } ?? "none"
        let checks = CrashChecks(
            expected: workload.expected, config: config, now: workload.now,
            place: "\(script) at call \(count), \(call)")
        try check(files, checks)
        return fault != nil
    }
}

extension CrashTests.Script {
    func configure(_ config: inout LogConfig) {
        switch self {
        case .append: config.segmentBytes = 1 << 20
        case .compact, .compactTransactions:
            config.compact = true
            config.delete = false
            config.deleteRetentionMs = 100
            config.segmentBytes = 400
        case .delete: config.retentionMs = 50
        case .roll, .transactions, .truncate, .startAnew, .restart: break
        }
    }

    func run(_ log: CrashWorkload) throws {
        switch self {
        case .append, .roll: try append(log)
        case .transactions: try transact(log)
        case .truncate: try truncate(log)
        case .startAnew: try startAnew(log)
        case .delete: try delete(log)
        case .compact: try compact(log)
        case .compactTransactions: try compactTransactions(log)
        case .restart: try restart(log)
        }
    }

    private func append(_ log: CrashWorkload) throws {
        for round in 0..<18 {
            try log.append([("a", "\(round)"), ("b", "\(round)")], as: 1)
            if round % 2 == 0 { try log.append([("c", String(repeating: "x", count: 90))]) }
            if round % 4 == 3 { try log.flush() }
            if round % 6 == 5 { try log.checkpoint() }
            if round % 7 == 6 { log.beginEpoch() }
            log.pass(5)
        }
    }

    private func transact(_ log: CrashWorkload) throws {
        for round in 0..<8 {
            try log.append([("a", "\(round)")], as: 1, transactional: true)
            try log.append([("b", "\(round)")], as: 2, transactional: true)
            try log.append([("c", "\(round)")], as: 3)
            try log.end(1, commit: round % 2 == 0)
            if round % 3 == 2 { try log.flush() }
            try log.end(2, commit: round % 3 == 0)
            if round % 4 == 3 { try log.checkpoint() }
        }
    }

    private func truncate(_ log: CrashWorkload) throws {
        for round in 0..<4 {
            for number in 0..<5 { try log.append([("k", "\(round) \(number)")], as: 1) }
            try log.flush()
            try log.checkpoint()
            try log.append([("lost", "\(round)")])
            try log.truncate(to: log.expectedEnd + Int64(-3 - round))
            log.beginEpoch()
            for number in 0..<3 { try log.append([("other", "\(round) \(number)")]) }
            if round % 2 == 1 { try log.flush() }
        }
    }

    /// What a follower does whose leader has deleted all that it has.
    private func startAnew(_ log: CrashWorkload) throws {
        for round in 0..<3 {
            for number in 0..<4 { try log.append([("k", "\(round) \(number)")]) }
            try log.flush()
            try log.checkpoint()
            try log.append([("lost", "\(round)")])
            try log.startAnew(at: log.expectedEnd + 10)
            log.beginEpoch()
        }
    }

    private func delete(_ log: CrashWorkload) throws {
        for round in 0..<5 {
            for number in 0..<4 {
                try log.append([("k", "\(round) \(number)"), ("l", "\(number)")], as: 1)
            }
            try log.flush()
            log.pass(30)
            if round % 2 == 0 {
                try log.deleteRecords(before: log.expectedEnd + -5)
            } else {
                try log.checkpoint()
            }
            try log.retain()
        }
    }

    private func compact(_ log: CrashWorkload) throws {
        for round in 0..<3 {
            for number in 0..<6 {
                let key = ["a", "b", "c"][number % 3]
                try log.append([(key, "\(round) \(number)"), ("d\(number)", "\(round)")], as: 1)
            }
            try log.append([("d\(round)", nil), ("d\(round + 3)", nil)])
            try log.append([("only\(round)", "x")])
            try log.compact()
            log.pass(80)
        }
    }

    private func compactTransactions(_ log: CrashWorkload) throws {
        for round in 0..<2 {
            for number in 0..<3 {
                try log.append([("a", "\(round) \(number)")], as: 1, transactional: true)
                try log.append([("b", "\(round) \(number)")], as: 2, transactional: true)
                try log.end(1, commit: number % 2 == 1)
                try log.end(2, commit: number % 2 == 0)
                try log.append([("c", "\(round) \(number)")])
            }
            try log.compact()
            log.pass(80)
        }
    }

    private func restart(_ log: CrashWorkload) throws {
        for round in 0..<4 {
            for number in 0..<4 {
                try log.append([("k", "\(round) \(number)")], as: 1, transactional: number == 3)
            }
            try log.end(1, commit: false)
            if round % 2 == 0 { try log.restartAfterKill() } else { try log.flush() }
            try log.checkpoint()
        }
    }
}
