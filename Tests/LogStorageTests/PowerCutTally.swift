import Foundation
import LogStorage

/// Counts the cases of an enumeration of power cuts, and says how many there may be for one call.
///
/// `POWER_CUTS=256 swift test --filter Crash` tries every legal choice of unsynced changes where
/// there are no more than 256, and prints how many that are.
struct PowerCutTally {
    private static let asked = ProcessInfo.processInfo.environment["POWER_CUTS"].flatMap(Int.init)
    static let isThorough = asked != nil
    static let limit = asked ?? 4

    /// The calls to the file system that were the last ones so far.
    private(set) var calls = 0
    private var cases = 0
    private var complete = 0

    mutating func add(_ cuts: PowerCuts) {
        calls += 1
        if cuts.isComplete { complete += 1 }
        for _ in cuts { cases += 1 }
    }

    func report(_ script: String) {
        guard Self.isThorough else { return }
        print("\(script): \(calls) calls, every power cut at \(complete), \(cases) in all")
    }
}
