/// Works out where replicas should be. It knows no cluster: a layout goes in, a plan comes out,
/// the same one for the same layout.
///
/// What always holds of a plan: every partition keeps as many replicas as it had, each on a broker
/// of its own; brokers that are drained, excluded or away get nothing; no partition is worse off
/// with its racks, unless a drained broker leaves no other choice; and the plan for the layout that
/// a plan leads to is empty. The last is so because every move lowers what is wrong with racks, or
/// leaves that and lowers what bytes are outside their band, or leaves both and lowers the same of
/// replicas; and it ends only where no move does.
struct RebalancePlanner {
    private var state: ReplicaDistribution
    private let goals: RebalanceGoals
    private var problems: [String] = []

    /// The plan for a layout.
    static func plan(_ layout: ClusterLayout, _ goals: RebalanceGoals) -> RebalancePlan {
        var planner = RebalancePlanner(layout, goals)
        planner.run()
        return RebalancePlan(changes: planner.state.changes, problems: planner.problems)
    }

    private init(_ layout: ClusterLayout, _ goals: RebalanceGoals) {
        state = ReplicaDistribution(layout, goals)
        self.goals = goals
    }

    private mutating func run() {
        drain()
        if goals.drained.isEmpty || !goals.filled.isEmpty {
            // Each round lowers what is wrong, so that there is a last one.
            while true {
                let spread = goals.filled.isEmpty && spreadOverRacks()
                let bytes = even(.bytes)
                let replicas = even(.replicas)
                if !spread && !bytes && !replicas { break }
            }
        }
        LeaderSpread(goals).apply(to: &state)
    }

    // MARK: Drain

    /// Finds another broker for everything on a drained one.
    private mutating func drain() {
        for partition in state.partitions.indices {
            let drained = state.replicas[partition].filter { state.isDrained[$0] }
            for source in drained {
                guard state.partitions[partition].isMovable else {
                    problems.append(
                        "\(name(partition)) stays on broker \(state.brokers[source].id): its topic "
                            + "is excluded.")
                    continue
                }
                let target =
                    best(state.receivers, for: partition, source)
                    ?? best(state.participants, for: partition, source)
                guard let target else {
                    problems.append(
                        "\(name(partition)) stays on broker \(state.brokers[source].id): no other "
                            + "broker can take it.")
                    continue
                }
                state.move(partition, from: source, to: target)
            }
        }
    }

    private func name(_ partition: Int) -> String { "\(state.partitions[partition].id)" }

    /// The broker that is best for the partition's racks, and of those the one with least on it.
    private func best(_ candidates: [Int], for partition: Int, _ source: Int) -> Int? {
        let bytes = LoadMeasure(.bytes, of: state, goals)
        let replicas = LoadMeasure(.replicas, of: state, goals)
        func rank(_ broker: Int) -> (crowding: Int, load: Double) {
            let load =
                bytes.load(of: broker, state) / (bytes.mean + Double(goals.slackBytes) + 1)
                + replicas.load(of: broker, state) / (replicas.mean + 1)
            return (state.crowding(state.replacing(partition, source, by: broker)), load)
        }
        return candidates.filter { !state.replicas[partition].contains($0) }
            .map { (broker: $0, rank: rank($0)) }.min { $0.rank < $1.rank }?.broker
    }

    // MARK: Racks

    /// Moves replicas from racks that have more of their partition than others; whether any moved.
    private mutating func spreadOverRacks() -> Bool {
        var hasMoved = false
        for partition in state.partitions.indices where state.partitions[partition].isMovable {
            while let (source, target) = repair(partition) {
                state.move(partition, from: source, to: target)
                hasMoved = true
            }
        }
        return hasMoved
    }

    private func repair(_ partition: Int) -> (source: Int, target: Int)? {
        let now = state.crowding(state.replicas[partition])
        guard now > state.leastCrowding(state.replicas[partition].count) else { return nil }
        for source in state.replicas[partition].reversed() where state.participants.contains(source)
        {
            guard let target = best(state.receivers, for: partition, source) else { continue }
            if state.crowding(state.replacing(partition, source, by: target)) < now {
                return (source, target)
            }
        }
        return nil
    }

    // MARK: Bytes and replicas

    /// Moves replicas until all participants are within the band, or nothing helps those that are
    /// not; whether any moved. A later move may help one for which there was none: so this is
    /// called until it finds nothing.
    private mutating func even(_ kind: LoadMeasure.Kind) -> Bool {
        let measure = LoadMeasure(kind, of: state, goals)
        let bytes = kind == .bytes ? nil : LoadMeasure(.bytes, of: state, goals)
        var stuck: Set<Int> = []
        var hasMoved = false
        while let broker = worst(measure, except: stuck) {
            guard let move = move(for: broker, measure, keeping: bytes) else {
                stuck.insert(broker)
                continue
            }
            state.move(move.partition, from: move.source, to: move.target)
            hasMoved = true
        }
        return hasMoved
    }

    private func worst(_ measure: LoadMeasure, except stuck: Set<Int>) -> Int? {
        var worst: (broker: Int, violation: Double)?
        for broker in state.participants where !stuck.contains(broker) {
            let violation = measure.violation(measure.load(of: broker, state))
            if violation > worst?.violation ?? 0 { worst = (broker, violation) }
        }
        return worst?.broker
    }

    private typealias Move = (partition: Int, source: Int, target: Int)

    /// A move that helps a broker outside the band: away from it to those with least, or to it from
    /// those with most.
    private func move(
        for broker: Int, _ measure: LoadMeasure, keeping bytes: LoadMeasure?
    ) -> Move? {
        func load(_ broker: Int) -> Double { measure.load(of: broker, state) }
        let isHigh = load(broker) > measure.upper
        guard isHigh || state.receivers.contains(broker) else { return nil }
        let others = (isHigh ? state.receivers : state.participants).filter { $0 != broker }
            .map { (broker: $0, load: load($0)) }
            .filter { isHigh ? $0.load < measure.mean : $0.load > measure.mean }
            .sorted { isHigh ? $0.load < $1.load : $0.load > $1.load }
        for other in others {
            let (source, target) = isHigh ? (broker, other.broker) : (other.broker, broker)
            if let partition = replica(from: source, to: target, measure, keeping: bytes) {
                return (partition, source, target)
            }
        }
        return nil
    }

    /// The replica whose move is enough with the fewest bytes; where none is enough, the largest
    /// that takes neither broker beyond the mean; where there is none, the smallest that helps.
    private func replica(
        from source: Int, to target: Int, _ measure: LoadMeasure, keeping bytes: LoadMeasure?
    ) -> Int? {
        let hosted = state.hosted[source]
        func helps(_ partition: Int) -> Bool {
            measure.gain(of: partition, from: source, to: target, state) >= 1
                && bytes.map { $0.gain(of: partition, from: source, to: target, state) >= 0 }
                    ?? true
                && state.mayMove(partition, from: source, to: target)
        }
        if measure.kind == .replicas { return hosted.last(where: helps) }
        let excess = measure.load(of: source, state) - measure.upper
        let surplus = measure.load(of: source, state) - measure.mean
        let shortage = measure.lower - measure.load(of: target, state)
        let room = measure.mean - measure.load(of: target, state)
        // The largest come first: up to where they are too large, and up to where they are enough.
        let fitting = Self.count(hosted) { partition in
            measure.load(of: partition, on: source, state) > surplus
                || measure.load(of: partition, on: target, state) > room
        }
        let enough = Self.count(hosted) { partition in
            measure.load(of: partition, on: source, state) >= excess
                && measure.load(of: partition, on: target, state) >= shortage
        }
        return hosted[min(fitting, enough)..<enough].last(where: helps)
            ?? hosted[max(fitting, enough)...].first(where: helps)
            ?? hosted[..<fitting].last(where: helps)
    }

    /// How many from the first on are as `isLarge` says, in a list where no others come before.
    private static func count(_ list: [Int], _ isLarge: (Int) -> Bool) -> Int {
        var low = 0
        var high = list.count
        while low < high {
            let middle = (low + high) / 2
            if isLarge(list[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
