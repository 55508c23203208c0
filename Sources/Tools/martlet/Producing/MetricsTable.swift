import ClientCore

/// A client's metrics as Kafka's tools print them.
enum MetricsTable {
    static func lines(_ metrics: [ClientMetric]) -> [String] {
        let rows = metrics.map { metric in
            (name: "\(metric.group):\(metric.name):\(tags(metric))", value: metric.value)
        }.sorted { $0.name < $1.name }
        let width = max("Metric Name".count, rows.map(\.name.count).max() ?? 0)
        func padded(_ text: String) -> String {
            text + String(repeating: " ", count: width - text.count)
        }
        return ["", "\(padded("Metric Name"))   Value"]
            + rows.map { "\(padded($0.name)) : \(Decimals.text($0.value, 3))" }
    }

    private static func tags(_ metric: ClientMetric) -> String {
        let pairs = metric.tags.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return "{\(pairs.joined(separator: ", "))}"
    }
}
