/// Spreads preferred leaders evenly by the order of replicas alone: no data move for it.
///
/// Where a broker with too many and one with too few share no partition, leaders go by way of
/// others: each step of the shortest way hands one partition on.
struct LeaderSpread {
    private let tolerance: Double

    init(_ goals: RebalanceGoals) { tolerance = goals.tolerance }

    /// Hands partitions on until all participants lead about as many, or none can.
    func apply(to state: inout ReplicaDistribution) {
        let participants = state.participants
        guard participants.count > 1 else { return }
        let mean =
            Double(participants.reduce(0) { $0 + state.leaders[$1] }) / Double(participants.count)
        let upper = Int(max(mean.rounded(.up), (mean * (1 + tolerance)).rounded(.down)))
        let lower = Int(min(mean.rounded(.down), (mean * (1 - tolerance)).rounded(.up)))
        // What one pass hands on may open a way that was not there before.
        while pass(over: &state, upper, lower) {}
    }

    /// Looks once for a way for each that has too many or too few; whether there was one.
    private func pass(
        over state: inout ReplicaDistribution, _ upper: Int, _ lower: Int
    ) -> Bool {
        var stuck: Set<Int> = []
        var hasMoved = false
        while true {
            let rest = state.participants.filter { !stuck.contains($0) }
            guard let most = rest.max(by: { state.leaders[$0] < state.leaders[$1] }),
                let least = rest.min(by: { state.leaders[$0] < state.leaders[$1] })
            else { return hasMoved }
            let isOver = state.leaders[most] > upper
            guard isOver || state.leaders[least] < lower else { return hasMoved }
            let way =
                isOver
                ? way(from: most, in: state) { state.leaders[$0] < upper }
                : way(to: least, in: state) { state.leaders[$0] > lower }
            guard let way else {
                stuck.insert(isOver ? most : least)
                continue
            }
            for step in way { state.lead(step.partition, by: step.broker) }
            hasMoved = true
        }
    }

    private typealias Step = (partition: Int, broker: Int)

    /// The shortest way to a broker from one that is wanted.
    private func way(
        to target: Int, in state: ReplicaDistribution, _ isWanted: (Int) -> Bool
    ) -> [Step]? {
        let allowed = Set(state.participants)
        var goesBy: [Int: Step] = [:]
        var queue = [target]
        var next = 0
        while next < queue.count {
            let broker = queue[next]
            next += 1
            for partition in state.hosted[broker] {
                guard let leader = state.replicas[partition].first, leader != broker,
                    leader != target, goesBy[leader] == nil, allowed.contains(leader),
                    state.partitions[partition].isMovable
                else { continue }
                goesBy[leader] = (partition, broker)
                if isWanted(leader) { return steps(from: leader, to: target, goesBy) }
                queue.append(leader)
            }
        }
        return nil
    }

    private func steps(from start: Int, to end: Int, _ goesBy: [Int: Step]) -> [Step] {
        var steps: [Step] = []
        var broker = start
        while broker != end, let step = goesBy[broker] {
            steps.append(step)
            broker = step.broker
        }
        return steps
    }

    /// The shortest way from a broker to one that is wanted.
    private func way(
        from source: Int, in state: ReplicaDistribution, _ isWanted: (Int) -> Bool
    ) -> [Step]? {
        let allowed = Set(state.participants)
        var cameBy: [Int: (broker: Int, partition: Int)] = [:]
        var queue = [source]
        var next = 0
        while next < queue.count {
            let broker = queue[next]
            next += 1
            for partition in state.hosted[broker] {
                let replicas = state.replicas[partition]
                guard replicas.first == broker, state.partitions[partition].isMovable else {
                    continue
                }
                for other in replicas.dropFirst()
                where other != source && cameBy[other] == nil && allowed.contains(other) {
                    cameBy[other] = (broker, partition)
                    if isWanted(other) { return steps(to: other, from: source, cameBy) }
                    queue.append(other)
                }
            }
        }
        return nil
    }

    private func steps(
        to end: Int, from source: Int, _ cameBy: [Int: (broker: Int, partition: Int)]
    ) -> [Step] {
        var steps: [Step] = []
        var broker = end
        while broker != source, let step = cameBy[broker] {
            steps.append((step.partition, broker))
            broker = step.broker
        }
        return steps
    }
}
