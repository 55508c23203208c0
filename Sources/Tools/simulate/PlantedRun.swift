import ClusterSimulator
import Foundation
import KafkaWire

/// `simulate --planted NAME`: whether a bug is found, and after how many seeds.
struct PlantedRun {
    /// The seeds to try, in order.
    var seeds: AnySequence<UInt64>
    /// How often a bug is to be found, each time by seeds after those before.
    var times: Int
    /// After so many minutes a bug is given up.
    var minutes: Int?
    /// The worlds to try it in, unless it is known where it shows.
    var way: Way

    #if DEBUG || PLANTED_BUGS
        /// Whether every bug of these names (with commas between, or `all`) was found.
        func run(_ names: String) throws -> Bool {
            var isFound = true
            for bug in try bugs(names) { isFound = find(bug) && isFound }
            return isFound
        }

        private func bugs(_ names: String) throws -> [PlantedBug] {
            if names == "all" { return PlantedBug.allCases }
            return try names.split(separator: ",").map { name in
                guard let bug = PlantedBug(rawValue: String(name)) else {
                    let all = PlantedBug.allCases.map(\.rawValue).joined(separator: ", ")
                    throw Misuse("there is no bug '\(name)'; there are \(all)")
                }
                return bug
            }
        }

        /// The worlds that have what a bug takes, where the command line does not say.
        private func way(of bug: PlantedBug) -> Way {
            guard way.shape == .any, !way.hasOperators else { return way }
            var way = way
            switch bug {
            case .joinedHole, .uncheckedRecovery, .droppedMarker:
                way.shape = .alone
                way.hasOperators = true
            case .ignoredSyncError, .discardedSwap: way.shape = .alone
            case .zombieWrites, .oneStepTruncation, .unfencedFetch, .trustedTruncation,
                .staleIsr, .unstableOffset, .lateEnd, .noTimeout,
                .revivedAbort, .staleCommit:
                way.shape = .short
                way.hasOperators = true
            default: break
            }
            return way
        }

        /// Says after how many seeds the bug was found, in the median and at most.
        private func find(_ bug: PlantedBug) -> Bool {
            let begun = Date()
            let way = way(of: bug)
            var tries: [Int] = []
            var total = 0
            var first = ""
            for seed in seeds {
                if let minutes, Date().timeIntervalSince(begun) > Double(minutes) * 60 { break }
                total += 1
                let outcome = Simulation.run(way.options(seed), planted: bug)
                // A world that breaks without the bug says nothing of it.
                guard let violation = outcome.violations.first,
                    Simulation.run(way.options(seed)).violations.isEmpty
                else { continue }
                if tries.isEmpty { first = "seed \(seed): \(violation.prefix(140))" }
                tries.append(total - tries.reduce(0, +))
                if tries.count == times { break }
            }
            guard let most = tries.max() else {
                say("\(bug.rawValue): NOT FOUND in \(total) seeds")
                return false
            }
            let median = tries.sorted()[tries.count / 2]
            say(
                "\(bug.rawValue): found \(tries.count) times in \(total) seeds, after \(median) "
                    + "in the median, \(most) at most; \(first)")
            return true
        }
    #else
        func run(_ names: String) throws -> Bool {
            throw Misuse("this build has no bugs planted: make planted")
        }
    #endif
}
