/// Something in a history that must never be, with the lines that show it.
public struct Anomaly: Equatable, Sendable {
    public enum Kind: String, CaseIterable, Sendable {
        /// An acknowledged record is not where it was said to be.
        case lost
        /// A record is there twice, or was given twice to one reader.
        case duplicated
        /// Records of one producer lie in another order than they were sent, or a reader went back.
        case reordered
        /// One offset has had two values.
        case diverged
        /// A reader of committed records saw one that was aborted, or refused, or not committed.
        case abortedRead = "aborted-read"
        /// A part of a transaction is visible and another part is not.
        case tornTransaction = "torn-transaction"
        /// Transactions saw each other's records in a circle (G1c).
        case cycle
        /// A record was read that nobody sent.
        case phantom
        /// A committed offset was read back as one that it was not.
        case lostOffset = "lost-offset"
    }
    public var kind: Kind
    public var text: String
    /// Numbers of lines, from 1, in their order.
    public var lines: [Int]
}

/// What a history came to.
public struct HistoryReport: Equatable, Sendable {
    /// At most `listed` of each kind.
    public internal(set) var anomalies: [Anomaly] = []
    /// How many there are of each kind.
    public internal(set) var counts: [Anomaly.Kind: Int] = [:]
    public internal(set) var events = 0
    public internal(set) var writes = 0
    public internal(set) var acknowledged = 0
    /// Acknowledged records that no reader came past: nothing is known of them.
    public internal(set) var unread = 0
    public internal(set) var reads = 0
    public internal(set) var transactions = 0

    /// Most anomalies of a kind that are kept.
    public static let listed = 100

    mutating func add(_ kind: Anomaly.Kind, _ text: String, _ lines: [Int]) {
        counts[kind, default: 0] += 1
        guard counts[kind, default: 0] <= Self.listed else { return }
        anomalies.append(Anomaly(kind: kind, text: text, lines: Set(lines).sorted()))
    }
}

/// A line that contradicts those before it: the history was not recorded rightly.
public struct HistoryFault: Error, Equatable, Sendable {
    public var text: String
    init(_ text: String) { self.text = text }
}
