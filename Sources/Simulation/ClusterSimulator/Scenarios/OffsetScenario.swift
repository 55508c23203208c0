/// Groups without members that commit offsets.
final class OffsetScenario: Scenario {
    private let groups: [OffsetWorkload]
    private var checked = 0

    init(_ world: SimulatedWorld) {
        groups = (1...world.options.offsetGroups).map { OffsetWorkload(world, "plain-\($0)") }
    }

    func start() { for group in groups { group.start() } }
    /// Their last read is the check.
    var isSettled: Bool { true }
    var state: String { "" }
    func readAll() {
        for group in groups { group.read(isSettled: true) { [self] in checked += 1 } }
    }
    var isChecked: Bool { checked == groups.count }
}
