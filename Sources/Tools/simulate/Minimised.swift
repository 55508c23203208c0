import ClusterSimulator

/// `simulate --minimise`: the least of a world that fails, as a transcript that a test replays
/// (Tests/ClusterSimulatorTests/Transcripts).
enum Minimised {
    /// Whether a seed failed: 1, as of any run of seeds.
    static func run(_ seeds: AnySequence<UInt64>, _ way: Way) -> Int32 {
        var hasFailed = false
        for seed in seeds {
            let least = Minimiser.least(way.options(seed)) { Simulation.run($0) }
            guard let least else {
                say("# seed \(seed) holds")
                continue
            }
            hasFailed = true
            say("simulate \(least.options.arguments)")
            say("# \(least.options.summary)")
            for violation in least.violations { say("# VIOLATION: \(violation)") }
            say("# \(least.faults) faults of \(least.dueFaults) that were due")
            _ = Simulation.run(least.options) { line in
                if Self.isTold(line) { say("# \(line)") }
            }
        }
        return hasFailed ? 1 : 0
    }

    /// What of a trace says how it went wrong: faults, and what nodes do and say.
    private static func isTold(_ line: String) -> Bool {
        let text = line.drop { $0 != " " }.dropFirst()
        return [
            "fault", "crash", "node", "halt", "nothing passes", "passes", "healed", "VIOLATION",
        ]
        .contains { text.hasPrefix($0) } || text.contains(": leader ")
    }
}
