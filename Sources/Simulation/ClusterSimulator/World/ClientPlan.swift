import KafkaWire

/// What programs with the production client (`ClientCore`) do in a world, drawn from a stream of
/// its own.
public struct ClientPlan: Sendable {
    /// Producers of the source topic, and the records that each makes.
    var producers = 0
    var records = 0
    var lingerMs: Int64 = 0
    var partitions: Int32 = 1
    /// Members of the group that reads it, and whether they use the protocol of KIP-848.
    var members = 0
    var usesConsumerProtocol = false
    /// Whether offsets are committed at intervals, or by the program after what it has read.
    var commitsAutomatically = true
    /// Mean virtual time between two ends of a member, in ms.
    var memberMs: Int64 = 0
    /// Copiers of the source to another topic, in transactions, and what ends them.
    var copiers = 0
    var copierMs: Int64 = 0

    /// None at all.
    init() {}

    /// Draws them.
    init(seed: UInt64) {
        let draws = Draws(seed: seed ^ 0x5417_F7C1)
        func drawn<T>(_ values: T...) -> T { values[Int(draws.draw(0...Int64(values.count - 1)))] }
        producers = drawn(1, 2)
        records = Int(draws.draw(150...400))
        lingerMs = drawn(0, 5, 50)
        partitions = drawn(1, 2, 3)
        members = drawn(1, 2, 3)
        usesConsumerProtocol = drawn(false, true)
        commitsAutomatically = drawn(false, true)
        memberMs = drawn(0, 4000, 12_000)
        copiers = drawn(0, 1, 2)
        copierMs = drawn(0, 4000, 12_000)
    }

    var isThere: Bool { producers > 0 }

    /// One line that says what was drawn.
    var summary: String {
        guard isThere else { return "" }
        return "; \(producers) Swift producers x \(records), linger \(lingerMs) ms, "
            + "partitions \(partitions), \(members) members "
            + (usesConsumerProtocol ? "(consumer)" : "(classic)")
            + (commitsAutomatically ? "" : ", commit themselves") + ", end after \(memberMs) ms"
            + ", \(copiers) copiers, end after \(copierMs) ms"
    }
}
