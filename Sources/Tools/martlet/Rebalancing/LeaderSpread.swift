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
        var stuck: Set<Int> = []
        while true {
            let rest = participants.filter { !stuck.contains($0) }
            guard let most = rest.max(by: { state.leaders[$0] < state.leaders[$1] }),
                let least = rest.min(by: { state.leaders[$0] < state.leaders[$1] })
            else { return }
            let isOver = state.leaders[most] > upper
            guard isOver || state.leaders[least] < lower else { return }
            let way =
                isOver
                ? way(from: most, in: state) { state.leaders[$0] < upper }
                : way(to: least, in: state, lower: lower)
            guard let way else {
                stuck.insert(isOver ? most : least)
                continue
            }
            for step in way { state.lead(step.partition, by: step.broker) }
            stuck.removeAll()
        }
    }

    private typealias Step = (partition: Int, broker: Int)

    /// The way to `least` from a broker that has more than enough.
    private func way(
        to least: Int, in state: ReplicaDistribution, lower: Int
    ) -> [Step]? {
        let sources = state.participants.filter { state.leaders[$0] > lower }
            .sorted { (state.leaders[$1], $0) < (state.leaders[$0], $1) }
        for source in sources {
            if let way = way(from: source, in: state, { $0 == least }) { return way }
        }
        return nil
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
