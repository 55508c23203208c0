import ClusterSimulator
import KafkaWire

/// `simulate --planted NAME`: whether a bug is found, and by which seed first.
enum PlantedRun {
    #if DEBUG
        /// Whether every bug of that name (`all` for each there is) was found within the seeds.
        static func run(_ name: String, _ seeds: AnySequence<UInt64>) throws -> Bool {
            var isFound = true
            for bug in try bugs(name) {
                isFound = find(bug, seeds) && isFound
            }
            return isFound
        }

        private static func bugs(_ name: String) throws -> [PlantedBug] {
            if name == "all" { return PlantedBug.allCases }
            guard let bug = PlantedBug(rawValue: name) else {
                let names = PlantedBug.allCases.map(\.rawValue).joined(separator: ", ")
                throw Misuse("there is no bug '\(name)'; there are \(names)")
            }
            return [bug]
        }

        private static func find(_ bug: PlantedBug, _ seeds: AnySequence<UInt64>) -> Bool {
            var count = 0
            for seed in seeds {
                count += 1
                let outcome = Simulation.run(SimulationOptions(seed: seed), planted: bug)
                guard let violation = outcome.violations.first else { continue }
                say("\(bug.rawValue): found by seed \(seed), the \(count). tried: \(violation)")
                return true
            }
            say("\(bug.rawValue): NOT FOUND in \(count) seeds")
            return false
        }
    #else
        static func run(_ name: String, _ seeds: AnySequence<UInt64>) throws -> Bool {
            throw Misuse("bugs are planted in debug builds only: swift build --product simulate")
        }
    #endif
}
