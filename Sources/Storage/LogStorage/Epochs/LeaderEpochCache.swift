import KafkaWire

/// Where each leader epoch began in this log (KIP-101); on disk as `leader-epoch-checkpoint`.
///
/// Both epochs and start offsets grow from entry to entry.
package struct LeaderEpochCache: Equatable, Sendable {
    package struct Entry: Equatable, Sendable {
        package var epoch: LeaderEpoch
        package var startOffset: Offset
    }
    package private(set) var entries: [Entry] = []

    static let fileName = "leader-epoch-checkpoint"

    init() {}

    var latest: LeaderEpoch { entries.last?.epoch ?? .none }

    /// Notes that `epoch` begins at `offset`, unless it has begun before. Entries that contradict
    /// it are dropped. Returns whether anything changed.
    @discardableResult
    mutating func assign(_ epoch: LeaderEpoch, at offset: Offset) -> Bool {
        guard epoch > .none else { return false }
        if let last = entries.last, last.epoch == epoch, offset >= last.startOffset {
            return false
        }
        while let last = entries.last, last.epoch >= epoch || last.startOffset >= offset {
            entries.removeLast()
        }
        entries.append(Entry(epoch: epoch, startOffset: offset))
        return true
    }

    /// Forgets epochs that begin at or after `offset`. Returns whether anything changed.
    @discardableResult
    mutating func truncate(fromEnd offset: Offset) -> Bool {
        let kept = entries.prefix { $0.startOffset < offset }.count
        guard kept < entries.count else { return false }
        entries.removeLast(entries.count - kept)
        return true
    }

    /// Forgets epochs that ended at or before `offset`, which is where the earliest one left begins
    /// from now on. Returns whether anything changed.
    @discardableResult
    mutating func truncate(fromStart offset: Offset) -> Bool {
        guard let index = entries.lastIndex(where: { $0.startOffset <= offset }) else {
            return false
        }
        let before = entries
        entries.removeFirst(index)
        entries[0].startOffset = offset
        return entries != before
    }

    mutating func removeAll() { entries.removeAll() }

    /// The epoch of the record at `offset`; none when the log knows of no epoch that early.
    package func epoch(of offset: Offset) -> LeaderEpoch {
        entries.last { $0.startOffset <= offset }?.epoch ?? .none
    }

    /// The largest epoch at most `asked`, and where it ends; (-1, -1) when the log knows none.
    func endOffset(for asked: LeaderEpoch, logEnd: Offset) -> (LeaderEpoch, Offset) {
        guard asked != .none else { return (.none, Offset(-1)) }
        if asked == latest { return (asked, logEnd) }
        guard let next = entries.firstIndex(where: { $0.epoch > asked }) else {
            return (.none, Offset(-1))
        }
        // Older than the log's first epoch: it ended where that one begins.
        if next == 0 { return (asked, entries[0].startOffset) }
        return (entries[next - 1].epoch, entries[next].startOffset)
    }
}

/// The file: the version 0, the count, and a line `epoch offset` each.
extension LeaderEpochCache {
    package var text: String {
        "0\n\(entries.count)\n" + entries.map { "\($0.epoch) \($0.startOffset)\n" }.joined()
    }

    /// `nil` when the text is damaged.
    package init?(text: String) {
        let lines = text.split(separator: "\n")
        guard lines.count >= 2, lines[0] == "0", let count = Int(lines[1]),
            count == lines.count - 2
        else { return nil }
        for line in lines.dropFirst(2) {
            let fields = line.split(separator: " ")
            guard fields.count == 2, let epoch = Int32(fields[0]), let start = Int64(fields[1])
            else { return nil }
            assign(LeaderEpoch(epoch), at: Offset(start))
        }
    }
}
