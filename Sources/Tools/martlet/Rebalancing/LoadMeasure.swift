/// What is spread evenly: bytes or replicas; with the band in which a broker is as it should be.
struct LoadMeasure {
    enum Kind { case bytes, replicas }

    let kind: Kind
    /// What a broker should have, per weight.
    let mean: Double
    let upper: Double
    let lower: Double

    /// The band around the mean of the participants.
    init(_ kind: Kind, of distribution: ReplicaDistribution, _ goals: RebalanceGoals) {
        self.kind = kind
        var total = 0.0
        var weight = 0.0
        for broker in distribution.participants {
            total += Self.amount(kind, on: broker, distribution)
            weight += Self.weight(kind, of: broker, distribution)
        }
        mean = weight > 0 ? total / weight : 0
        switch kind {
        case .bytes:
            let slack = Double(goals.slackBytes)
            upper = mean * (1 + goals.tolerance) + slack
            lower = mean * (1 - goals.tolerance) - slack
        case .replicas:
            upper = max(mean.rounded(.up), (mean * (1 + goals.tolerance)).rounded(.down))
            lower = min(mean.rounded(.down), (mean * (1 - goals.tolerance)).rounded(.up))
        }
    }

    private static func amount(
        _ kind: Kind, on broker: Int, _ distribution: ReplicaDistribution
    ) -> Double {
        kind == .bytes
            ? Double(distribution.bytes[broker]) : Double(distribution.hosted[broker].count)
    }

    private static func weight(
        _ kind: Kind, of broker: Int, _ distribution: ReplicaDistribution
    ) -> Double {
        kind == .bytes ? distribution.weights[broker] : 1
    }

    /// What the broker has, per weight.
    func load(of broker: Int, _ distribution: ReplicaDistribution) -> Double {
        Self.amount(kind, on: broker, distribution) / Self.weight(kind, of: broker, distribution)
    }

    /// What one replica of the partition adds to the broker's load.
    func load(of partition: Int, on broker: Int, _ distribution: ReplicaDistribution) -> Double {
        let amount = kind == .bytes ? Double(distribution.partitions[partition].size) : 1
        return amount / Self.weight(kind, of: broker, distribution)
    }

    /// How far a load is outside the band.
    func violation(_ load: Double) -> Double { max(0, load - upper, lower - load) }

    /// How much less the two brokers are outside the band once the replica has moved.
    func gain(
        of partition: Int, from source: Int, to target: Int, _ distribution: ReplicaDistribution
    ) -> Double {
        let from = load(of: source, distribution)
        let to = load(of: target, distribution)
        let less = from - load(of: partition, on: source, distribution)
        let more = to + load(of: partition, on: target, distribution)
        return violation(from) - violation(less) + violation(to) - violation(more)
    }
}
