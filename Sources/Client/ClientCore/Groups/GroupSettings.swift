/// How members of a classic group share out partitions (`partition.assignment.strategy`).
public enum Assignor: String, CaseIterable, Sendable {
    /// Ranges of each topic, the first members of the sorted list get one more.
    case range
    /// All partitions one after the other.
    case roundRobin = "roundrobin"
    /// Balanced, and as before where that is possible.
    case sticky
    /// The same, without giving up what stays (KIP-429).
    case cooperativeSticky = "cooperative-sticky"

    var isCooperative: Bool { self == .cooperativeSticky }
}

/// The protocol by which a consumer is a member of its group (`group.protocol`).
public enum GroupProtocol: String, Sendable {
    /// Members join, one of them assigns (KIP-62, KIP-429).
    case classic
    /// The coordinator assigns (KIP-848).
    case consumer
}

/// A consumer's group; names, units and defaults are Kafka's.
public struct GroupSettings: Sendable {
    /// `group.id`
    public var id: String
    /// `group.protocol`
    public var groupProtocol = GroupProtocol.classic
    /// `group.instance.id`: a static member, whose partitions wait for it when it is away
    /// (KIP-345).
    public var instanceID: String?
    /// `partition.assignment.strategy`, in order of preference. When all are cooperative, so is
    /// the member.
    public var assignors: [Assignor] = [.range, .cooperativeSticky]
    /// `group.remote.assignor`: that of the coordinator, for the protocol `consumer`.
    public var remoteAssignor: String?
    /// `session.timeout.ms`: the group goes on without a member that is silent for so long.
    public var sessionTimeout = Duration.seconds(45)
    /// `heartbeat.interval.ms`
    public var heartbeatInterval = Duration.seconds(3)
    /// `max.poll.interval.ms`: how long a rebalance waits for a member.
    public var rebalanceTimeout = Duration.seconds(300)
    /// `enable.auto.commit`: positions are committed in the background, before partitions are
    /// given up, and when the consumer is closed.
    public var commitsAutomatically = true
    /// `auto.commit.interval.ms`
    public var commitInterval = Duration.seconds(5)

    public init(id: String) { self.id = id }

    /// Takes what it knows from consumer properties under Kafka's names.
    ///
    /// - Throws: `invalidSetting`.
    public mutating func apply(_ properties: [String: String]) throws(ClientError) {
        let given = ClientProperties(values: properties)
        if let text = properties["group.id"] { id = text }
        if let text = properties["group.instance.id"] { instanceID = text }
        if let text = properties["group.remote.assignor"] { remoteAssignor = text }
        if let text = properties["group.protocol"] {
            guard let value = GroupProtocol(rawValue: text.lowercased()) else {
                throw given.refuse("group.protocol", "give classic or consumer")
            }
            groupProtocol = value
        }
        if let text = properties["partition.assignment.strategy"] {
            let key = "partition.assignment.strategy"
            assignors = []
            for name in text.split(separator: ",") {
                guard let assignor = Assignor(className: String(name)) else {
                    throw given.refuse(key, "give range, roundrobin, sticky or cooperative-sticky")
                }
                assignors.append(assignor)
            }
            if assignors.isEmpty { throw given.refuse(key, "give at least one") }
        }
        try given.take("session.timeout.ms", into: &sessionTimeout)
        try given.take("heartbeat.interval.ms", into: &heartbeatInterval)
        try given.take("max.poll.interval.ms", into: &rebalanceTimeout)
        try given.take("enable.auto.commit", into: &commitsAutomatically)
        try given.take("auto.commit.interval.ms", into: &commitInterval)
    }
}

extension Assignor {
    /// The assignor of that name, or of the Java class of that name.
    init?(className: String) {
        let name = className.filter { $0 != " " }
        let last = name.split(separator: ".").last.map(String.init) ?? name
        switch last {
        case "RangeAssignor": self = .range
        case "RoundRobinAssignor": self = .roundRobin
        case "StickyAssignor": self = .sticky
        case "CooperativeStickyAssignor": self = .cooperativeSticky
        default: self.init(rawValue: name)
        }
    }
}
