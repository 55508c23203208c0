/// Workloads that belong together, and the check of what they leave.
protocol Scenario: AnyObject {
    func start()
    /// All that was begun has come to an end.
    var isSettled: Bool { get }
    /// What has not, for a report.
    var state: String { get }
    /// Reads everything with fresh readers, and compares; once all is settled.
    func readAll()
    var isChecked: Bool { get }
}

/// All scenarios of a world, side by side on one node.
final class Scenarios: Scenario {
    private let all: [any Scenario]

    init(_ world: SimulatedWorld) {
        var all: [any Scenario] = [LogScenario(world)]
        if world.options.offsetGroups > 0 { all.append(OffsetScenario(world)) }
        if world.options.transactionalProducers > 0 { all.append(TransactionScenario(world)) }
        if world.options.clients.isThere { all.append(SwiftClientScenario(world)) }
        if world.options.compacts { all.append(CompactionScenario(world)) }
        let changes = world.options.changes
        if changes.expires { all.append(ExpiryScenario(world)) }
        if changes.reassignMs + changes.voterMs + changes.configMs + changes.moveMs > 0 {
            all.append(ChangeScenario(world))
        }
        self.all = all
    }

    func start() { for scenario in all { scenario.start() } }
    var isSettled: Bool { all.allSatisfy(\.isSettled) }
    var state: String { all.filter { !$0.isSettled }.map(\.state).joined(separator: "; ") }
    func readAll() { for scenario in all { scenario.readAll() } }
    var isChecked: Bool { all.allSatisfy(\.isChecked) }
    /// Whose final read has not ended, for a report.
    var unchecked: String {
        all.filter { !$0.isChecked }.map { "\(type(of: $0))" }.joined(separator: ", ")
    }
}
