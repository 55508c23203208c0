import KafkaWire
import MetadataQuorum

/// What the shell's clocks said when an event came in. Cores have no clock of their own.
public struct ClockReading: Equatable, Sendable {
    /// Milliseconds since 1970; may jump. For record timestamps only.
    public var wallMs: Int64
    /// Nanoseconds since some instant; never goes back. For timeouts.
    public var monotonicNs: Int64

    public init(wallMs: Int64, monotonicNs: Int64) {
        self.wallMs = wallMs
        self.monotonicNs = monotonicNs
    }

    /// The monotonic clock in milliseconds.
    var monotonicMs: Int64 { monotonicNs / 1_000_000 }

    /// As the metadata quorum is told it.
    var quorumTime: QuorumTime { QuorumTime(monotonic: monotonicMs, wall: wallMs) }

    /// The monotonic instant `milliseconds` from now, saturating.
    func deadline(afterMs milliseconds: Int64) -> Int64 {
        monotonicNs.saturatingSum(max(0, milliseconds).saturatingProduct(1_000_000))
    }
}
