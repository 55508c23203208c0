import KafkaWire

/// What may be left of a file system after a power cut at one moment, one case after the other.
///
/// Every legal choice of the changes that were not synced is a case while there are no more than
/// the limit. Else there are as many as the limit says, the same ones each time: nothing survives,
/// all does, each change alone is lost, each alone survives, and others drawn from a seed.
public struct PowerCuts: Sequence, IteratorProtocol {
    /// Whether every legal choice is among the cases.
    public let isComplete: Bool
    private let files: MemoryFileSystem
    private var selected: ArraySlice<PowerCutSurvival>
    private var upcoming: PowerCutSurvival?

    public init(of files: MemoryFileSystem, limit: Int) {
        self.files = files
        var survival = PowerCutSurvival(.listed([]))
        var count = 0
        repeat {
            _ = files.left(by: &survival)
            count += 1
        } while count <= limit && survival.advance()
        isComplete = count <= limit
        selected = isComplete ? [] : Self.select(limit, of: files)[...]
        upcoming = isComplete ? PowerCutSurvival(.listed([])) : selected.popFirst()
    }

    private static func select(_ limit: Int, of files: MemoryFileSystem) -> [PowerCutSurvival] {
        var all = PowerCutSurvival(.allBut(nil))
        _ = files.left(by: &all)
        let changes = 0..<all.choices
        var random = SplitMix64(seed: 1)
        var chosen =
            [PowerCutSurvival(.nothing), PowerCutSurvival(.allBut(nil))]
            + (changes.map { PowerCutSurvival(.allBut($0)) }
            + changes.map { PowerCutSurvival(.only($0)) }).shuffled(using: &random)
        while chosen.count < limit {
            chosen.append(PowerCutSurvival(.drawn(SplitMix64(seed: random.next()))))
        }
        return Array(chosen.prefix(limit))
    }

    public mutating func next() -> MemoryFileSystem? {
        guard var survival = upcoming else { return nil }
        let left = files.left(by: &survival)
        if isComplete {
            upcoming = survival.advance() ? survival : nil
        } else {
            upcoming = selected.popFirst()
        }
        return left
    }
}
