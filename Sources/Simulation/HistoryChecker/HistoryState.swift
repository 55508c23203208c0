/// What is known of a record, by the order in which they were sent.
struct WriteState {
    var process: Int
    /// Counts the records of its process.
    var sequence: Int
    var topic: String
    var transaction: Int?
    var isIdempotent: Bool
    var line: Int
    var failedLine: Int?
    var ack: (partition: Int32, offset: Int64, line: Int)?
    /// Where a reader found it first.
    var found: (partition: Int32, offset: Int64, line: Int)?
    /// Seen by a reader of committed records.
    var isVisible = false
    /// A reader of committed records came past its place without it: the line that shows it.
    var missedLine: Int?
}

struct TransactionState {
    enum End {
        case open
        case asked(commits: Bool)
        case ended(commits: Bool)
    }
    var name: String
    var line: Int
    var end = End.open
    var endLine: Int?
    var writes: [Int] = []
    /// Transactions whose records were read in this one, and the line of the first such read.
    var readFrom: [Int: Int] = [:]

    var isCommitted: Bool { if case .ended(true) = end { true } else { false } }
    /// Whether its records may be visible.
    var mayBeVisible: Bool {
        switch end {
        case .open, .asked(false), .ended(false): false
        case .asked(true), .ended(true): true
        }
    }
    var outcome: String {
        switch end {
        case .open: "whose end nobody asked for"
        case .asked(let commits): commits ? "whose commit was not answered" : "to be aborted"
        case .ended(let commits): commits ? "committed" : "aborted"
        }
    }
}

/// What a reader got from one place on.
struct ReaderSession {
    var place: HistoryEvent.Place
    var isCommitted: Bool
    var start: Int64
    /// Everything below was given, or was not there.
    var position: Int64
    var positionLine: Int
    /// The line in which the reader was told that the log ends at `position`.
    var endLine: Int?
    /// Offsets that were given, in order.
    var delivered: [Int64] = []
}

struct PartitionID: Hashable, Comparable {
    var topic: String
    var partition: Int32
    static func < (a: PartitionID, b: PartitionID) -> Bool {
        (a.topic, a.partition) < (b.topic, b.partition)
    }
}

/// The values that acknowledgements and readers say a partition has.
struct PartitionState {
    var values: [Int64: (write: Int, line: Int)] = [:]
    var deletedBefore: Int64 = 0
}
