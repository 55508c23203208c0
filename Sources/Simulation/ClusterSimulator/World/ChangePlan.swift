import KafkaWire

/// What operators do to a world, and what else was added since seeds were first run: drawn from a
/// stream of its own, so that a world without it stays as it was.
public struct ChangePlan: Sendable {
    /// Log directories of each broker, the first with the metadata log.
    var directories = 1
    /// By how much the monotonic clocks of nodes are too fast or too slow at most, in thousandths.
    var driftPermille: Int64 = 0
    /// Voters that the metadata log names and that change (KIP-853); those of the configuration
    /// otherwise.
    var hasDynamicVoters = false
    /// Voters to begin with; the other controllers are added by and by.
    var firstVoters = 0
    /// Controllers become voters by themselves (KIP-1186).
    var autoJoins = false
    /// Mean virtual time between two changes of a kind, in ms; 0 for none.
    var wipeMs: Int64 = 0
    var reassignMs: Int64 = 0
    var voterMs: Int64 = 0
    var configMs: Int64 = 0
    var moveMs: Int64 = 0
    /// Mean virtual time between two relays of a leadership, in ms; 0 for none.
    var relayMs: Int64 = 0
    /// Mean virtual time between two in-sync sets that are asked for late, in ms; 0 for none.
    var lateProposalMs: Int64 = 0
    /// The topic that transactions are written to is compacted, each record with its own key.
    var compactsTransactions = false
    /// Power goes while a node syncs, more often than chance would have it.
    var cutsWhileSyncing = false
    /// Whether there is a topic whose oldest records are deleted by its size or their age.
    var expires = false

    /// No changes at all.
    init() {}

    /// Draws them.
    init(seed: UInt64, topology: Topology, minInSync: Int) {
        let draws = Draws(seed: seed ^ 0x0C4A_46E5)
        func drawn<T>(_ values: T...) -> T { values[Int(draws.draw(0...Int64(values.count - 1)))] }
        let more = Draws(seed: seed ^ 0xF1A5_4CA7)
        cutsWhileSyncing = more.chance(50)
        if topology.nodes.count > 1, more.chance(50) { relayMs = 4000 }
        compactsTransactions = more.chance(40)
        if topology.nodes.count > 1, more.chance(40) { lateProposalMs = 5000 }
        // Some worlds have enough in them.
        if draws.chance(30) { return }
        directories = drawn(1, 1, 2, 3)
        driftPermille = drawn(0, 0, 1, 100)
        configMs = drawn(0, 2000, 5000)
        expires = drawn(false, true)
        if directories > 1 { moveMs = drawn(0, 2000, 4000) }
        guard topology.nodes.count > 1 else { return }
        reassignMs = drawn(0, 2500, 6000)
        hasDynamicVoters = drawn(false, true, true)
        firstVoters = topology.controllers.count
        if hasDynamicVoters {
            firstVoters = drawn(1, firstVoters, firstVoters)
            autoJoins = draws.chance(25)
            if topology.controllers.count > 1 { voterMs = drawn(2000, 5000) }
        }
        // The one copy less must be one that nothing acknowledged rests on.
        if minInSync > 1 { wipeMs = drawn(0, 4000, 10_000) }
    }

    /// One line that says what was drawn.
    var summary: String {
        var parts: [String] = []
        func add(_ text: String, _ isThere: Bool) { if isThere { parts.append(text) } }
        add("\(directories) directories", directories > 1)
        add("drift \(driftPermille)", driftPermille > 0)
        add("\(firstVoters) dynamic voters", hasDynamicVoters)
        add("auto join", autoJoins)
        add("voters \(voterMs) ms", voterMs > 0)
        add("wipe \(wipeMs) ms", wipeMs > 0)
        add("reassign \(reassignMs) ms", reassignMs > 0)
        add("configs \(configMs) ms", configMs > 0)
        add("moves \(moveMs) ms", moveMs > 0)
        add("expires", expires)
        add("compacts transactions", compactsTransactions)
        add("cuts while syncing", cutsWhileSyncing)
        add("relays \(relayMs) ms", relayMs > 0)
        add("late proposals \(lateProposalMs) ms", lateProposalMs > 0)
        return parts.isEmpty ? "" : "; " + parts.joined(separator: ", ")
    }
}
