import BrokerCore
import Logging
import NIOConcurrencyHelpers

/// Says why connections are closed, at most so often: a flood of bad clients must not fill the
/// disk.
final class ConnectionLog: @unchecked Sendable {
    // Sendable: the counters are reached only with `lock` held.
    private let lock = NIOLock()
    private let logger: Logger
    private let clock = Clock()
    private var windowStartNs: Int64 = 0
    private var inWindow = 0
    private var suppressed = 0
    /// Most lines a second.
    static let linesPerSecond = 10

    init(logger: Logger) { self.logger = logger }

    /// The connection is closed because of what the client sent.
    func connectionClosed(_ id: ConnectionID, _ reason: String) { warn("closed", id, reason) }

    /// The connection failed below us.
    func connectionError(_ id: ConnectionID, _ reason: String) { warn("failed", id, reason) }

    /// A connection was closed as it came: its address is at a limit.
    func connectionRefused(_ address: String, _ limit: String) {
        guard let earlier = admit() else { return }
        let metadata: Logger.Metadata = earlier > 0 ? ["suppressed": "\(earlier)"] : [:]
        logger.warning("connection from \(address) refused: \(limit)", metadata: metadata)
    }

    private func warn(_ what: String, _ id: ConnectionID, _ reason: String) {
        guard let earlier = admit() else { return }
        var metadata: Logger.Metadata = ["connection": "\(id.rawValue)"]
        if earlier > 0 { metadata["suppressed"] = "\(earlier)" }
        logger.warning("connection \(what): \(reason)", metadata: metadata)
    }

    /// The number of lines left out before this one; `nil` when this one is left out too.
    private func admit() -> Int? {
        lock.withLock {
            let now = clock.now.monotonicNs
            if now - windowStartNs > 1_000_000_000 {
                windowStartNs = now
                inWindow = 0
            }
            inWindow += 1
            guard inWindow <= Self.linesPerSecond else {
                suppressed += 1
                return nil
            }
            defer { suppressed = 0 }
            return suppressed
        }
    }
}
