import KafkaWire

/// Chance from a seed, for one part of a world: what it draws changes nothing elsewhere.
final class Draws {
    private var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    func next() -> UInt64 { random.next() }
    func draw(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &random) }
    func chance(_ percent: Int64) -> Bool { percent > 0 && draw(1...100) <= percent }
    func pick<Element>(_ all: [Element]) -> Element? {
        all.isEmpty ? nil : all[Int(draw(0...Int64(all.count - 1)))]
    }
    /// So many of them, in any order.
    func pick<Element>(_ count: Int, of all: [Element]) -> [Element] {
        Array(all.shuffled(using: &random).prefix(count))
    }
}
