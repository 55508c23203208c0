import KafkaWire

/// What an operator is told of a fetcher that does not get on: the first of its failures that is
/// not over in a moment, then again at intervals while it lasts, and its end.
struct FetcherReports {
    private var lastReport: Int64?

    /// Failures in a row before anything is said: a leader that moves causes some.
    static let quietFailures = 4
    static let intervalMs: Int64 = 60_000

    /// Whether to speak of the failure that is the `failures`th in a row.
    mutating func speaks(failures: Int, now: ClockReading) -> Bool {
        guard failures >= Self.quietFailures,
            lastReport.map({ now.monotonicMs - $0 >= Self.intervalMs }) ?? true
        else { return false }
        lastReport = now.monotonicMs
        return true
    }

    /// Whether the end of failures is worth a word: they were spoken of.
    mutating func ends() -> Bool {
        defer { lastReport = nil }
        return lastReport != nil
    }
}
