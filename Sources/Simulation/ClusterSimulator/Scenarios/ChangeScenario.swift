/// What operators do while clients are at work: each kind of change that the world has drawn.
final class ChangeScenario: Scenario {
    private let reassignments: ReassignmentWorkload?
    private let voters: VoterWorkload?
    private let configs: ConfigWorkload?
    private let moves: MoveWorkload?

    init(_ world: SimulatedWorld) {
        let plan = world.options.changes
        reassignments = plan.reassignMs > 0 ? ReassignmentWorkload(world) : nil
        voters = plan.voterMs > 0 ? VoterWorkload(world) : nil
        configs = plan.configMs > 0 ? ConfigWorkload(world) : nil
        moves = plan.moveMs > 0 ? MoveWorkload(world) : nil
    }

    func start() {
        reassignments?.start()
        voters?.start()
        configs?.start()
        moves?.start()
    }

    private var obstacle: String? {
        reassignments?.obstacle ?? voters?.obstacle ?? configs?.obstacle ?? moves?.obstacle
    }
    var isSettled: Bool { obstacle == nil }
    var state: String { obstacle ?? "" }

    func readAll() {
        reassignments?.check()
        configs?.check()
    }
    var isChecked: Bool { configs?.isChecked ?? true }
}
