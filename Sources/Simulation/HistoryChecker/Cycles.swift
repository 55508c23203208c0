extension HistoryChecker {
    /// Transactions that each read what another one of them wrote, in a circle: at least one of
    /// them saw records that were not committed (Adya's G1c).
    ///
    /// Only reads count. That two transactions write to two partitions in opposite order is no
    /// fault: Kafka does not promise otherwise.
    mutating func findCycles() {
        for component in components() where component.count > 1 {
            let members = Set(component)
            let reads = component.flatMap { reader in
                transactions[reader].readFrom.filter { members.contains($0.key) }.map(\.value)
            }
            let names = component.sorted().map { "'\(transactions[$0].name)'" }
            report.add(
                .cycle,
                "the transactions \(names.joined(separator: ", ")) read each other's records",
                component.map { transactions[$0].line } + reads)
        }
    }

    /// The strongly connected components of the graph of reads (Tarjan 1972), without recursion:
    /// histories are long.
    private func components() -> [[Int]] {
        var found: [[Int]] = []
        var index = [Int?](repeating: nil, count: transactions.count)
        var low = [Int](repeating: 0, count: transactions.count)
        var isOpen = [Bool](repeating: false, count: transactions.count)
        var open: [Int] = []
        var count = 0
        func begin(_ node: Int) -> (node: Int, rest: ArraySlice<Int>) {
            index[node] = count
            low[node] = count
            count += 1
            open.append(node)
            isOpen[node] = true
            return (node, transactions[node].readFrom.keys.sorted()[...])
        }
        for root in transactions.indices where index[root] == nil {
            var path = [begin(root)]
            while let top = path.last {
                if let next = top.rest.first {
                    path[path.count - 1].rest.removeFirst()
                    if let known = index[next] {
                        if isOpen[next] { low[top.node] = min(low[top.node], known) }
                    } else {
                        path.append(begin(next))
                    }
                    continue
                }
                path.removeLast()
                if let parent = path.last?.node { low[parent] = min(low[parent], low[top.node]) }
                guard low[top.node] == index[top.node] else { continue }
                var component: [Int] = []
                while let node = open.popLast() {
                    isOpen[node] = false
                    component.append(node)
                    if node == top.node { break }
                }
                found.append(component)
            }
        }
        return found
    }
}
