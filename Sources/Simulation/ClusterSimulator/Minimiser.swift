/// Takes from a world that fails all without which it fails as well: kinds of faults, workloads,
/// then single faults.
///
/// What is left out changes all that is drawn after it, so the least world is one that fails, not
/// the one cause of the first failure; it is mostly short enough to be read.
public struct Minimiser {
    /// Runs a world.
    private let run: (SimulationOptions) -> Simulation.Outcome
    /// Worlds that may still be run.
    private var runsLeft: Int
    /// The least that fails so far, and how.
    private var least: Simulation.Outcome

    /// - Parameters:
    ///   - run: runs a world, if need be with a bug planted.
    /// - Returns: the least world that was found to fail; `nil` if the first one holds.
    public static func least(
        _ options: SimulationOptions, runs: Int = 400,
        run: @escaping (SimulationOptions) -> Simulation.Outcome
    ) -> Simulation.Outcome? {
        let first = run(options)
        guard !first.violations.isEmpty else { return nil }
        var minimiser = Minimiser(run: run, runsLeft: runs, least: first)
        minimiser.dropParts()
        minimiser.dropFaults()
        return minimiser.least
    }

    private init(
        run: @escaping (SimulationOptions) -> Simulation.Outcome, runsLeft: Int,
        least: Simulation.Outcome
    ) {
        self.run = run
        self.runsLeft = runsLeft
        self.least = least
    }

    /// Whether the world fails, which then is the least.
    private mutating func fails(_ options: SimulationOptions) -> Bool {
        guard runsLeft > 0 else { return false }
        runsLeft -= 1
        let outcome = run(options)
        guard !outcome.violations.isEmpty else { return false }
        least = outcome
        return true
    }

    private mutating func dropParts() {
        for part in SimulatedPart.allCases.reversed() where least.options.has(part) {
            var options = least.options
            options.leaveOut(part)
            _ = fails(options)
        }
    }

    /// Drops halves of the faults, then quarters, down to single ones (delta debugging).
    private mutating func dropFaults() {
        var kept = (least.options.faults ?? Set(1...max(1, least.dueFaults))).sorted()
        var size = (kept.count + 1) / 2
        while size > 0, runsLeft > 0 {
            var start = 0
            while start < kept.count {
                let rest = Array(kept[..<start] + kept[min(kept.count, start + size)...])
                var options = least.options
                options.faults = Set(rest)
                if fails(options) { kept = rest } else { start += size }
            }
            size /= 2
        }
    }
}
