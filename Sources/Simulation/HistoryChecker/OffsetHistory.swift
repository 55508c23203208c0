/// What a group's offset of one partition may be.
struct OffsetHistory {
    private struct Ask {
        var offset: Int64
        var transaction: String?
        var line: Int
    }
    /// Commits that were asked for and not acknowledged: each may have had its effect or not.
    private var open: [Ask] = []
    private var last: (offset: Int64, line: Int) = (-1, 0)

    mutating func ask(_ offset: Int64, transaction: String?, line: Int) {
        open.append(Ask(offset: offset, transaction: transaction, line: line))
    }

    mutating func acknowledge(_ offset: Int64, line: Int) {
        if let index = open.lastIndex(where: { $0.offset == offset && $0.transaction == nil }) {
            open.remove(at: index)
        }
        last = (offset, line)
    }

    /// The transaction has committed, and its offset with it.
    mutating func settle(transaction: String, line: Int) {
        for ask in open where ask.transaction == transaction { last = (ask.offset, line) }
        open.removeAll { $0.transaction == transaction }
    }

    /// What is wrong about an offset that was read back.
    func check(_ offset: Int64) -> (text: String, lines: [Int])? {
        if offset == last.offset || open.contains(where: { $0.offset == offset }) { return nil }
        let lines = last.line > 0 ? [last.line] : []
        return ("where \(last.offset) was committed last", lines)
    }
}
