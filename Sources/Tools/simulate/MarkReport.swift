import ClusterSimulator
import KafkaWire

/// `simulate --marks`: how often each rare path was taken, over all seeds.
struct MarkReport {
    private var reached: [Mark: Int] = [:]
    private var seeds: [Mark: Int] = [:]

    /// Whether this build counts them.
    static var isCounted: Bool {
        #if DEBUG || PLANTED_BUGS
            true
        #else
            false
        #endif
    }

    mutating func add(_ outcome: Simulation.Outcome) {
        for (mark, count) in outcome.marks {
            reached[mark, default: 0] += count
            seeds[mark, default: 0] += 1
        }
    }

    /// Prints them, the rarest last; whether each was reached.
    func tell() -> Bool {
        let order = Mark.allCases.sorted {
            (seeds[$1] ?? 0, reached[$1] ?? 0, $0.rawValue)
                < (seeds[$0] ?? 0, reached[$0] ?? 0, $1.rawValue)
        }
        for mark in order {
            say("mark \(mark.rawValue): \(reached[mark] ?? 0) times in \(seeds[mark] ?? 0) seeds")
        }
        let missing = order.filter { reached[$0] == nil }
        say("\(Mark.allCases.count) marks, \(missing.count) not reached")
        return missing.isEmpty
    }
}
