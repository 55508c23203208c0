import Synchronization

/// Counts what `producer-perf-test` sends, and tells it in the words of Kafka's tool.
final class LatencyReport: Sendable {
    private struct Window {
        var begin: Int64
        var count = 0
        var bytes = 0
        var latencies: Int64 = 0
        var longest: Int64 = 0

        mutating func add(_ latency: Int64, _ size: Int) {
            count += 1
            bytes += size
            latencies += latency
            longest = max(longest, latency)
        }
        func rates(_ now: Int64) -> (records: Double, megabytes: Double) {
            let seconds = Double(max(1, now - begin)) / 1000
            return (Double(count) / seconds, Double(bytes) / seconds / 1_048_576)
        }
        var average: Double { Double(latencies) / Double(count) }
    }
    private struct State {
        var total: Window
        var window: Window
        var samples: [Int64] = []
        var lines: [String] = []
        var tellsProgress = true
    }

    private let state: Mutex<State>
    private let sampling: Int
    private let interval: Int64
    /// Whether it is of the records after a warm-up.
    private let isSteadyState: Bool
    /// Most latencies that are kept to compute percentiles from.
    private static let sampleLimit = 500_000

    /// - Parameter interval: milliseconds between lines of progress.
    init(count: Int, interval: Int64, isSteadyState: Bool = false) {
        self.isSteadyState = isSteadyState
        sampling = max(1, count / min(max(1, count), Self.sampleLimit))
        self.interval = interval
        let now = Clocks.wall
        state = Mutex(State(total: Window(begin: now), window: Window(begin: now)))
    }

    /// Counts a record that has ended; in milliseconds.
    func record(latency: Int64, size: Int, now: Int64) {
        state.withLock { state in
            if state.total.count % sampling == 0 { state.samples.append(latency) }
            state.total.add(latency, size)
            state.window.add(latency, size)
            guard now - state.window.begin >= interval else { return }
            if isSteadyState, state.total.count == state.window.count {
                state.lines.append("In steady state.")
            }
            if state.tellsProgress { state.lines.append(Self.line(state.window, now)) }
            state.window = Window(begin: now)
        }
    }

    /// Tells nothing more but the total: another report has begun.
    func stopProgress() { state.withLock { $0.tellsProgress = false } }

    /// Lines of progress that have not been printed.
    func takeLines() -> [String] {
        state.withLock { state in
            defer { state.lines = [] }
            return state.lines
        }
    }

    private static func line(_ window: Window, _ now: Int64) -> String {
        let (records, megabytes) = window.rates(now)
        return "\(window.count) records sent, \(Decimals.text(records, 1)) records/sec "
            + "(\(Decimals.text(megabytes, 2)) MB/sec), \(Decimals.text(window.average, 1)) ms "
            + "avg latency, \(Decimals.text(Double(window.longest), 1)) ms max latency."
    }

    /// The line at the end.
    func total(now: Int64) -> String {
        state.withLock { state in
            let (records, megabytes) = state.total.rates(now)
            let sorted = state.samples.sorted()
            let percentiles = [("50th", 0.5), ("95th", 0.95), ("99th", 0.99), ("99.9th", 0.999)]
                .map { name, share in
                    let index = min(sorted.count - 1, Int(share * Double(sorted.count)))
                    return "\(sorted.isEmpty ? 0 : sorted[index]) ms \(name)"
                }
            return "\(state.total.count)\(isSteadyState ? " steady state" : "") records sent, "
                + "\(Decimals.text(records, 6)) records/sec "
                + "(\(Decimals.text(megabytes, 2)) MB/sec), "
                + "\(Decimals.text(state.total.average, 2)) ms avg latency, "
                + "\(Decimals.text(Double(state.total.longest), 2)) ms max latency, "
                + "\(percentiles.joined(separator: ", "))."
        }
    }
}
