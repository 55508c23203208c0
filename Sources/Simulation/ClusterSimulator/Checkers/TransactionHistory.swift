/// What producers of transactions were told of each, to be held against what is read at the end.
///
/// Each transaction writes one record to each of its partitions and commits its number as the
/// offset of a group: all of that, or nothing of it.
final class TransactionHistory {
    enum Outcome {
        /// No end was asked for: the coordinator has to abort it.
        case abandoned
        case committed
        case aborted
        /// A commit was asked for, and nobody knows what came of it.
        case unknown
    }
    struct Transaction {
        var id: RecordID
        var partitions: [Int32]
        var outcome: Outcome
    }
    private(set) var transactions: [RecordID: Transaction] = [:]

    func note(_ id: RecordID, _ partitions: [Int32], _ outcome: Outcome) {
        transactions[id] = Transaction(id: id, partitions: partitions, outcome: outcome)
    }

    /// - Parameters:
    ///   - found: what a reader of committed records finds in each partition, in order.
    ///   - offsets: the offset that each producer's group has at the end, -1 for none.
    func check(_ found: [Int32: [RecordID]], offsets: [UInt16: Int64]) -> [String] {
        var violations: [String] = []
        var visible: [RecordID: Set<Int32>] = [:]
        for (partition, ids) in found.sorted(by: { $0.key < $1.key }) {
            var last: [UInt16: UInt32] = [:]
            for id in ids {
                if let before = last[id.producer], id.number <= before {
                    violations.append(
                        "txn-\(partition): \(id) comes after \(id.producer)/\(before)")
                }
                last[id.producer] = id.number
                visible[id, default: []].insert(partition)
            }
        }
        var lastVisible: [UInt16: Int64] = [:]
        let all = transactions.values.sorted {
            ($0.id.producer, $0.id.number) < ($1.id.producer, $1.id.number)
        }
        for transaction in all {
            let places = visible[transaction.id] ?? []
            if !places.isEmpty {
                lastVisible[transaction.id.producer] = Int64(transaction.id.number)
            }
            if let fault = fault(of: transaction, in: places) { violations.append(fault) }
        }
        for (producer, offset) in offsets.sorted(by: { $0.key < $1.key }) {
            let expected = lastVisible[producer].map { $0 + 1 } ?? -1
            if offset != expected {
                violations.append(
                    "group of producer \(producer) has the offset \(offset), its records say "
                        + "\(expected)")
            }
        }
        return violations
    }

    private func fault(of transaction: Transaction, in places: Set<Int32>) -> String? {
        let wanted = Set(transaction.partitions)
        let text = "transaction \(transaction.id) (\(transaction.outcome)) of \(wanted.sorted())"
        if !places.isSubset(of: wanted) { return "\(text) is in \(places.sorted())" }
        switch transaction.outcome {
        case .committed where places != wanted: return "\(text) is only in \(places.sorted())"
        case .aborted where !places.isEmpty, .abandoned where !places.isEmpty:
            return "\(text) is visible in \(places.sorted())"
        case .unknown where !places.isEmpty && places != wanted:
            return "\(text) is torn: \(places.sorted())"
        default: return nil
        }
    }
}
