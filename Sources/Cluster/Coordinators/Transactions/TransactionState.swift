/// Where a transactional id stands.
///
///     empty, completeCommit, completeAbort → ongoing                (partitions are added)
///     ongoing → prepareCommit → completeCommit                      (EndTxn, then all markers)
///     ongoing → prepareAbort → completeAbort                        (EndTxn, timeout or fencing)
///     empty, completeCommit, completeAbort → prepareAbort           (abort of nothing, KIP-890)
///     empty, completeCommit, completeAbort → empty                  (InitProducerId)
///
/// The raw values are those of the log.
public enum TransactionState: Int8, CaseIterable, Sendable {
    case empty = 0
    case ongoing = 1
    /// Decided durably: the markers are on their way, and nothing can change the outcome.
    case prepareCommit = 2
    case prepareAbort = 3
    case completeCommit = 4
    case completeAbort = 5
    /// Forgotten. Kafka keeps it for the time that the tombstone takes; here it never lasts.
    case dead = 6
    /// An epoch is being raised over an open transaction. Here that is one step with prepareAbort.
    case prepareEpochFence = 7

    /// The name in DescribeTransactions and ListTransactions.
    public var name: String {
        switch self {
        case .empty: "Empty"
        case .ongoing: "Ongoing"
        case .prepareCommit: "PrepareCommit"
        case .prepareAbort: "PrepareAbort"
        case .completeCommit: "CompleteCommit"
        case .completeAbort: "CompleteAbort"
        case .dead: "Dead"
        case .prepareEpochFence: "PrepareEpochFence"
        }
    }

    /// The state of that name.
    public init?(name: String) {
        guard let state = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = state
    }

    /// Whether the log may hold it.
    var isLogged: Bool { rawValue <= Self.completeAbort.rawValue }
    /// Whether markers are on their way.
    var isPrepared: Bool { self == .prepareCommit || self == .prepareAbort }
}
