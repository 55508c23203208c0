import KafkaWire

/// A rebalance in words: what a plan moves, and what brokers hold before and after it.
struct RebalanceReport {
    let layout: ClusterLayout
    let plan: RebalancePlan

    /// Bytes as people write them: `12.5 MB`.
    static func bytes(_ count: Int64) -> String {
        let units = ["B", "kB", "MB", "GB", "TB", "PB"]
        var value = Double(count)
        var unit = 0
        while value >= 999.5, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        return "\(Decimals.text(value, unit == 0 || value >= 99.95 ? 0 : 1)) \(units[unit])"
    }

    /// `n things`, or `1 thing`.
    static func count(_ number: Int, _ thing: String) -> String {
        "\(number) \(thing)\(number == 1 ? "" : "s")"
    }

    private static func brokers(_ list: [Int32]) -> String {
        list.map(String.init).joined(separator: ",")
    }

    /// One line: how much goes where.
    var summary: String {
        guard !plan.changes.isEmpty else { return "Nothing to do: all is where it should be." }
        let replicas = plan.changes.reduce(0) { $0 + $1.added.count }
        let bytes = plan.changes.reduce(Int64(0)) { $0 + $1.movedBytes }
        let leaders = plan.changes.count { $0.from.first != $0.to.first }
        return "\(Self.count(plan.changes.count, "partition")) to change: "
            + "\(Self.count(replicas, "replica")) to copy (\(Self.bytes(bytes))), "
            + "\(Self.count(leaders, "preferred leader")) to change."
    }

    /// The whole text.
    var text: String {
        var lines = plan.changes.map { change in
            let what = change.isReorder ? "leader" : Self.bytes(change.movedBytes)
            return "\(change.partition): \(Self.brokers(change.from)) -> "
                + "\(Self.brokers(change.to)) (\(what))"
        }
        if !lines.isEmpty { lines += [""] }
        return lines.map { $0 + "\n" }.joined() + table + "\n" + summary + "\n"
    }

    private struct Holding {
        var replicas = 0
        var leaders = 0
        var bytes: Int64 = 0
    }

    private static func holdings(_ layout: ClusterLayout) -> [Int32: Holding] {
        var holdings: [Int32: Holding] = [:]
        for partition in layout.partitions {
            for broker in partition.replicas {
                holdings[broker, default: Holding()].replicas += 1
                holdings[broker, default: Holding()].bytes += partition.size
            }
            if let first = partition.replicas.first {
                holdings[first, default: Holding()].leaders += 1
            }
        }
        return holdings
    }

    private var table: String {
        let before = Self.holdings(layout)
        let after = Self.holdings(layout.applying(plan))
        let ids = Set(layout.brokers.map(\.id)).union(before.keys).sorted()
        let rows = ids.map { id in
            let broker = layout.brokers.first { $0.id == id }
            let (old, new) = (before[id] ?? Holding(), after[id] ?? Holding())
            return [
                "\(id)", broker?.rack ?? "-", broker?.takesReplicas == true ? "yes" : "no",
                "\(old.replicas) -> \(new.replicas)", "\(old.leaders) -> \(new.leaders)",
                "\(Self.bytes(old.bytes)) -> \(Self.bytes(new.bytes))",
            ]
        }
        return TextColumns.table(
            ["BROKER", "RACK", "TAKES-REPLICAS", "REPLICAS", "LEADERS", "BYTES"], rows)
    }

    /// The plan with what it costs, for scripts.
    var json: JSON {
        let before = Self.holdings(layout)
        let after = Self.holdings(layout.applying(plan))
        func holding(_ one: Holding) -> JSON {
            .object([
                ("replicas", .integer(Int64(one.replicas))),
                ("leaders", .integer(Int64(one.leaders))), ("bytes", .integer(one.bytes)),
            ])
        }
        func list(_ brokers: [Int32]) -> JSON { .array(brokers.map { .integer(Int64($0)) }) }
        return .object([
            (
                "changes",
                .array(
                    plan.changes.map { change in
                        .object([
                            ("topic", .string(change.partition.topic)),
                            ("partition", .integer(Int64(change.partition.partition))),
                            ("from", list(change.from)), ("to", list(change.to)),
                            ("bytes", .integer(change.movedBytes)),
                        ])
                    })
            ),
            (
                "brokers",
                .array(
                    layout.brokers.map { broker in
                        .object([
                            ("id", .integer(Int64(broker.id))),
                            ("rack", broker.rack.map(JSON.string) ?? .null),
                            ("before", holding(before[broker.id] ?? Holding())),
                            ("after", holding(after[broker.id] ?? Holding())),
                        ])
                    })
            ), ("problems", .array(plan.problems.map(JSON.string))),
        ])
    }
}
