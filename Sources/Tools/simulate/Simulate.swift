import ClusterSimulator
import Dispatch
import Foundation

/// `simulate`: whole clusters under faults, by seed.
///
///     simulate --minutes 3              random seeds for so long
///     simulate --seeds 1...1000         these seeds
///     simulate --alone --seeds 1...1000 the same with a single node in each
///     simulate --short --jobs 2 …       with three to five nodes and little load, on two threads
///     simulate --seed 42 --trace        one seed, with what happens
///     simulate --seed 42 --dump log-0   the same, and what each node holds of a partition
///     simulate --seed 42 --minimise     the least of it that fails, and how to replay that
///     simulate --seed 42 --without crash,group --faults 3,9
///                                       less of it, as --minimise tells
///     simulate --operators …            with operators at work: reassignments, lost disks, …
///     simulate --swift-clients …        with programs that have the production client
///     simulate --marks --seeds 1...500  which rare paths are taken; fails when one never is
///     simulate --planted unsynced-ack --seeds 1...100 --times 3
///                                       until a planted bug is found so often (make planted)
@main struct Simulate {
    static func main() {
        do {
            exit(try run(try Arguments(CommandLine.arguments.dropFirst())))
        } catch {
            FileHandle.standardError.write(Data("simulate: \(error)\n".utf8))
            exit(2)
        }
    }

    private static func run(_ arguments: Arguments) throws -> Int32 {
        if let planted = arguments.planted {
            let run = PlantedRun(
                seeds: arguments.seeds, times: arguments.times, minutes: arguments.minutes,
                way: arguments.way)
            return try run.run(planted) ? 0 : 1
        }
        if arguments.minimises { return Minimised.run(arguments.seeds, arguments.way) }
        let begun = Date()
        let queue = SeedQueue(arguments.seeds, minutes: arguments.minutes)
        let ended = DispatchSemaphore(value: 0)
        let way = arguments.way
        for _ in 0..<arguments.jobs {
            let thread = Thread {
                while let seed = queue.next() { queue.add(run(seed, way)) }
                ended.signal()
            }
            // As much as a main thread has.
            thread.stackSize = 8 << 20
            thread.start()
        }
        for _ in 0..<arguments.jobs { ended.wait() }
        let total = queue.totals
        say(total.summary(seconds: Date().timeIntervalSince(begun)))
        if let lack = total.lack(of: way.shape) {
            say("NOT ENOUGH: \(lack)")
            return 1
        }
        let isWhole = arguments.tellsMarks ? total.marks.tell() : true
        return total.violated == 0 && isWhole ? 0 : 1
    }

    /// Runs one seed, and says what is to be said of it.
    private static func run(_ seed: UInt64, _ way: Way) -> Simulation.Outcome {
        let options = way.options(seed)
        let outcome = Simulation.run(
            options, dump: way.dump, print: way.isTraced ? { say($0) } : nil)
        if way.isTraced || way.isVerbose { say(line(outcome)) }
        for violation in outcome.violations {
            say("VIOLATION seed \(seed): \(violation)")
        }
        if !outcome.violations.isEmpty {
            say(
                "  \(options.summary)\n  replay: simulate \(options.arguments) --trace\n"
                    + "  least:  simulate \(options.arguments) --minimise")
        }
        return outcome
    }

    private static func line(_ outcome: Simulation.Outcome) -> String {
        let hash = String(outcome.traceHash, radix: 16)
        return "seed \(outcome.seed) trace \(hash) operations \(outcome.operations) "
            + "faults \(outcome.faults) events \(outcome.events): \(outcome.options.summary)"
    }
}

/// Writes a line at once: what was found is there to be read, whatever ends a long run.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

/// How a seed is run, and what is told of it.
struct Way: Sendable {
    var shape = SimulatedShape.any
    var without: [SimulatedPart] = []
    var faults: Set<Int>?
    var hasOperators = false
    var hasSwiftClients = false
    var isTraced = false
    var isVerbose = false
    var dump: String?

    /// The world of a seed.
    func options(_ seed: UInt64) -> SimulationOptions {
        var options = SimulationOptions(
            seed: seed, shape: shape, hasOperators: hasOperators,
            hasSwiftClients: hasSwiftClients)
        for part in without { options.leaveOut(part) }
        options.faults = faults
        return options
    }
}

/// The seeds that are left to run, and what came of the others; for several threads.
private final class SeedQueue: @unchecked Sendable {
    // Sendable: all state is reached with `lock` held.
    private let lock = NSLock()
    private var left: AnyIterator<UInt64>
    private var sum = Totals()
    private let deadline: Date

    init(_ seeds: AnySequence<UInt64>, minutes: Int?) {
        left = seeds.makeIterator()
        deadline = minutes.map { Date() + Double($0) * 60 } ?? .distantFuture
    }

    /// The next seed; `nil` once there is none, or the time is up.
    func next() -> UInt64? {
        lock.withLock { Date() < deadline ? left.next() : nil }
    }

    func add(_ outcome: Simulation.Outcome) { lock.withLock { sum.add(outcome) } }

    var totals: Totals { lock.withLock { sum } }
}

/// What all seeds came to.
private struct Totals {
    var seeds = 0
    var violated = 0
    var operations = 0
    var faults = 0
    var events = 0
    var virtualSeconds = 0.0
    /// Over the seeds in any order: equal for equal runs.
    var hash: UInt64 = 0
    /// The least that one seed had.
    var leastOperations = Int.max
    var leastFaults = Int.max
    /// Seeds with less than a short world is to have: a world that stands still for long.
    var lean = 0
    var marks = MarkReport()

    mutating func add(_ outcome: Simulation.Outcome) {
        seeds += 1
        if !outcome.violations.isEmpty { violated += 1 }
        operations += outcome.operations
        faults += outcome.faults
        events += outcome.events
        virtualSeconds += Double(outcome.virtualTime) / 1e9
        hash &+= (outcome.seed ^ outcome.traceHash) &* 0x0000_0100_0000_01B3
        leastOperations = min(leastOperations, outcome.operations)
        leastFaults = min(leastFaults, outcome.faults)
        if outcome.operations < SimulatedShape.leastOperations
            || outcome.faults < SimulatedShape.leastFaults
        {
            lean += 1
        }
        marks.add(outcome)
    }

    /// What seeds had too little of for worlds of that shape; `nil` when at most one, or one in a
    /// hundred, had.
    func lack(of shape: SimulatedShape) -> String? {
        guard shape == .short, lean > max(1, seeds / 100) else { return nil }
        return "\(lean) of \(seeds) seeds had fewer than \(SimulatedShape.leastOperations) "
            + "operations or \(SimulatedShape.leastFaults) faults"
    }

    func summary(seconds: Double) -> String {
        let rate = Double(seeds) / max(seconds, 0.001) * 60
        return "\(seeds) seeds, \(violated) with violations; \(operations) operations "
            + "(\(leastOperations) or more each), \(faults) faults (\(leastFaults) or more), "
            + "\(events) events; \(Int(virtualSeconds / 3600)) virtual hours in "
            + "\(Int(seconds)) s: \(Int(rate)) seeds a minute, "
            + "\(Int(virtualSeconds / max(seconds, 0.001))) times real time; trace "
            + String(hash, radix: 16)
    }
}

/// The command line.
private struct Arguments {
    var seeds: AnySequence<UInt64>
    var minutes: Int?
    var way = Way()
    /// Threads that run seeds.
    var jobs = 1
    var planted: String?
    /// Whether the least world is looked for that fails.
    var minimises = false
    /// Whether rare paths are told of.
    var tellsMarks = false
    /// How often a planted bug is to be found.
    var times = 1

    init(_ words: some Sequence<String>) throws {
        var generator = SystemRandomNumberGenerator()
        let first = generator.next() >> 32
        seeds = AnySequence((0...).lazy.map { first &+ UInt64($0) })
        var iterator = words.makeIterator()
        func value(_ flag: String) throws -> String {
            guard let value = iterator.next() else { throw Misuse("\(flag) takes a value") }
            return value
        }
        func count(_ flag: String, atMost most: Int = .max) throws -> Int {
            guard let count = Int(try value(flag)), 1...most ~= count else {
                throw Misuse(
                    "\(flag) takes a number from 1 \(most == .max ? "on" : "to \(most)")")
            }
            return count
        }
        var isBounded = false
        while let word = iterator.next() {
            switch word {
            case "--seed":
                guard let seed = UInt64(try value(word)) else {
                    throw Misuse("--seed takes a number")
                }
                seeds = AnySequence(CollectionOfOne(seed))
                isBounded = true
            case "--seeds":
                let text = try value(word)
                let ends = text.split(separator: ".").compactMap { UInt64($0) }
                guard ends.count == 2, ends[0] <= ends[1] else {
                    throw Misuse("--seeds takes a range like 1...1000, not '\(text)'")
                }
                seeds = AnySequence(ends[0]...ends[1])
                isBounded = true
            case "--minutes":
                minutes = try count(word)
                isBounded = true
            case "--marks":
                guard MarkReport.isCounted else {
                    throw Misuse("this build counts no marks: make marks")
                }
                tellsMarks = true
            case "--planted": planted = try value(word)
            case "--times": times = try count(word)
            case "--without":
                guard let parts = SimulatedPart.list(try value(word)) else {
                    let all = SimulatedPart.allCases.map(\.rawValue).joined(separator: ",")
                    throw Misuse("--without takes some of \(all)")
                }
                way.without = parts
            case "--faults":
                guard let numbers = SimulationOptions.faults(try value(word)) else {
                    throw Misuse("--faults takes numbers like 3,9 or none")
                }
                way.faults = numbers
            case "--minimise": minimises = true
            case "--trace": way.isTraced = true
            case "--dump":
                way.dump = try value(word)
                way.isTraced = true
            case "--verbose": way.isVerbose = true
            case "--operators": way.hasOperators = true
            case "--swift-clients": way.hasSwiftClients = true
            case "--alone": way.shape = .alone
            case "--short": way.shape = .short
            case "--jobs": jobs = try count(word, atMost: 256)
            default: throw Misuse("unknown argument '\(word)'")
            }
        }
        guard isBounded else { throw Misuse("say how long: --minutes, --seeds or --seed") }
    }
}

struct Misuse: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
