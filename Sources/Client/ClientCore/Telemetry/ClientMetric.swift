/// A number that a client has measured, under the names that Kafka's clients have.
public struct ClientMetric: Sendable, Equatable {
    /// `producer-metrics`, `consumer-fetch-manager-metrics` and the like.
    public var group: String
    /// `record-send-rate` and the like.
    public var name: String
    /// `client-id`, and `node-id` where there is one for each broker.
    public var tags: [String: String]
    public var value: Double
}

extension ClientMetric {
    /// Groups of metrics, by how their names begin in pushes.
    private static let subgroups = ["node", "fetch.manager", "coordinator"]

    /// - Parameter prefix: the part of the series' name that says what kind of client it is of.
    init(_ series: MetricSeries, prefix: String, _ kind: ClientKind, clientID: String) {
        let name = series.name.dropFirst(prefix.count)
        let subgroup = Self.subgroups.first { name.hasPrefix("\($0).") }
        let groupName = subgroup.map { "\(kind.rawValue).\($0)" } ?? kind.rawValue
        group = "\(groupName).metrics".dashed
        self.name = String(name.dropFirst(subgroup.map { $0.count + 1 } ?? 0)).dashed
        tags = ["client-id": clientID]
        tags["node-id"] = series.labels["node_id"]
        switch series.kind {
        case .gauge(let value): self.value = value
        case .sum(let total, _, _, _): value = total
        }
    }
}

extension String {
    fileprivate var dashed: String { String(map { $0 == "." ? "-" : $0 }) }
}
