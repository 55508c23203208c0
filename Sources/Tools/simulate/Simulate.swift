import ClusterSimulator
import Foundation

/// `simulate`: whole clusters under faults, by seed.
///
///     simulate --minutes 3              random seeds for so long
///     simulate --seeds 1...1000         these seeds
///     simulate --alone --seeds 1...1000 the same with a single node in each
///     simulate --seed 42 --trace        one seed, with what happens
///     simulate --seed 42 --dump log-0   the same, and what each node holds of a partition
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
                seeds: arguments.seeds, times: arguments.times, minutes: arguments.minutes)
            return try run.run(planted) ? 0 : 1
        }
        let begun = Date()
        var total = Totals()
        for seed in arguments.seeds {
            if let minutes = arguments.minutes,
                Date().timeIntervalSince(begun) > Double(minutes) * 60
            {
                break
            }
            let options = SimulationOptions(seed: seed, isAlone: arguments.isAlone)
            let outcome = Simulation.run(
                options, dump: arguments.dump, print: arguments.isTraced ? { say($0) } : nil)
            total.add(outcome)
            if arguments.isTraced || arguments.isVerbose { say(line(outcome)) }
            for violation in outcome.violations {
                say("VIOLATION seed \(seed): \(violation)")
            }
            if !outcome.violations.isEmpty {
                say(
                    "  \(options.summary)\n  replay: simulate --seed \(seed)"
                        + (arguments.isAlone ? " --alone --trace" : " --trace")
                )
            }
        }
        say(total.summary(seconds: Date().timeIntervalSince(begun)))
        return total.violated == 0 ? 0 : 1
    }

    private static func line(_ outcome: Simulation.Outcome) -> String {
        let hash = String(outcome.traceHash, radix: 16)
        return "seed \(outcome.seed) trace \(hash) operations \(outcome.operations) "
            + "faults \(outcome.faults) events \(outcome.events): \(outcome.options.summary)"
    }
}

/// Writes a line at once: what was found is there to be read, whatever ends a long run.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

/// What all seeds came to.
private struct Totals {
    var seeds = 0
    var violated = 0
    var operations = 0
    var faults = 0
    var events = 0
    var virtualSeconds = 0.0
    /// Over the seeds in order: equal for equal runs.
    var hash: UInt64 = 0

    mutating func add(_ outcome: Simulation.Outcome) {
        seeds += 1
        if !outcome.violations.isEmpty { violated += 1 }
        operations += outcome.operations
        faults += outcome.faults
        events += outcome.events
        virtualSeconds += Double(outcome.virtualTime) / 1e9
        hash = (hash ^ outcome.traceHash) &* 0x0000_0100_0000_01B3
    }

    func summary(seconds: Double) -> String {
        let rate = Double(seeds) / max(seconds, 0.001) * 60
        return "\(seeds) seeds, \(violated) with violations; \(operations) operations, "
            + "\(faults) faults, \(events) events; \(Int(virtualSeconds / 3600)) virtual hours in "
            + "\(Int(seconds)) s: \(Int(rate)) seeds a minute, "
            + "\(Int(virtualSeconds / max(seconds, 0.001))) times real time; trace "
            + String(hash, radix: 16)
    }
}

/// The command line.
private struct Arguments {
    var seeds: AnySequence<UInt64>
    var minutes: Int?
    var isTraced = false
    var isVerbose = false
    var isAlone = false
    var planted: String?
    /// How often a planted bug is to be found.
    var times = 1
    var dump: String?

    init(_ words: some Sequence<String>) throws {
        var generator = SystemRandomNumberGenerator()
        let first = generator.next() >> 32
        seeds = AnySequence((0...).lazy.map { first &+ UInt64($0) })
        var iterator = words.makeIterator()
        func value(_ flag: String) throws -> String {
            guard let value = iterator.next() else { throw Misuse("\(flag) takes a value") }
            return value
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
                guard let count = Int(try value(word)), count > 0 else {
                    throw Misuse("--minutes takes a number from 1 on")
                }
                minutes = count
                isBounded = true
            case "--planted": planted = try value(word)
            case "--times":
                guard let count = Int(try value(word)), count > 0 else {
                    throw Misuse("--times takes a number from 1 on")
                }
                times = count
            case "--trace": isTraced = true
            case "--dump":
                dump = try value(word)
                isTraced = true
            case "--verbose": isVerbose = true
            case "--alone": isAlone = true
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
