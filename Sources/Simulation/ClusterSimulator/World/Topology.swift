/// Which nodes there are, and what each does.
public struct Topology: Sendable, CustomStringConvertible {
    /// Voters of the metadata quorum.
    public var controllers: [Int32]
    /// Nodes that hold partitions and serve clients.
    public var brokers: [Int32]

    /// One node that is everything.
    public static let single = Topology(controllers: [1], brokers: [1])

    /// - Parameters:
    ///   - count: nodes that are both, those up to `voters` controllers.
    static func combined(_ count: Int32, voters: Int32? = nil) -> Topology {
        Topology(controllers: Array(1...(voters ?? count)), brokers: Array(1...count))
    }

    /// Controllers that hold no partitions, and brokers beside them.
    static func apart(controllers: Int32, brokers: Int32) -> Topology {
        Topology(
            controllers: Array(1...controllers),
            brokers: Array(controllers + 1...controllers + brokers))
    }

    /// All of them: 1 to their number.
    public var nodes: [Int32] { Set(controllers).union(brokers).sorted() }

    /// How many replicas partitions have.
    var replicationFactor: Int16 { Int16(min(3, brokers.count)) }

    public var description: String {
        nodes.count == 1 ? "one node" : "controllers \(controllers), brokers \(brokers)"
    }
}
