import ClusterController

/// How many connections there may be; Kafka's keys, which may change while the node runs.
public struct ConnectionLimits: Sendable {
    /// `max.connections`: at so many, no more are accepted until one has ended.
    public var total = Int.max
    /// `max.connections.per.ip`: those beyond are closed at once.
    public var perAddress = Int.max
    /// `max.connections.per.ip.overrides`, by address.
    public var overrides: [String: Int] = [:]

    public init() {}

    /// The limits in force.
    public init(_ controller: Controller) {
        func number(_ key: String) -> Int? {
            controller.effectiveBrokerConfig(key).flatMap { Int($0) }
        }
        total = number("max.connections") ?? .max
        perAddress = number("max.connections.per.ip") ?? .max
        let overrides = controller.effectiveBrokerConfig("max.connections.per.ip.overrides") ?? ""
        for entry in overrides.split(separator: ",") {
            guard let colon = entry.lastIndex(of: ":"),
                let count = Int(entry[entry.index(after: colon)...].filter { $0 != " " })
            else { continue }
            self.overrides[String(entry[..<colon].filter { $0 != " " })] = count
        }
    }

    func limit(of address: String) -> Int { overrides[address] ?? perAddress }
}

/// The connections of a node, in all and by the client's address.
public struct ConnectionCounts {
    public private(set) var total = 0
    private var byAddress: [String: Int] = [:]

    public init() {}

    /// Counts a connection that was accepted; whether its address may have it.
    public mutating func accepted(from address: String, _ limits: ConnectionLimits) -> Bool {
        total += 1
        byAddress[address, default: 0] += 1
        return byAddress[address, default: 0] <= limits.limit(of: address)
    }

    /// A connection that was counted has ended.
    public mutating func ended(from address: String) {
        guard let count = byAddress[address] else { return }
        total -= 1
        byAddress[address] = count > 1 ? count - 1 : nil
    }

    /// Whether one more may be accepted.
    public func hasRoom(_ limits: ConnectionLimits) -> Bool { total < limits.total }
}
