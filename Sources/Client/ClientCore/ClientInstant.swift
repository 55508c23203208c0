import KafkaWire

/// A moment on a monotonic clock that the shell reads; cores only compare and add.
public struct ClientInstant: Comparable, Hashable, Sendable {
    /// Nanoseconds since some moment before the client started.
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static func < (a: ClientInstant, b: ClientInstant) -> Bool {
        a.nanoseconds < b.nanoseconds
    }
    /// The moment `duration` later; one too far away to count is the last that there is.
    public static func + (a: ClientInstant, duration: Duration) -> ClientInstant {
        ClientInstant(nanoseconds: a.nanoseconds.saturatingSum(duration.wholeNanoseconds))
    }
    public static func - (a: ClientInstant, b: ClientInstant) -> Duration {
        .nanoseconds(a.nanoseconds &- b.nanoseconds)
    }
}

extension Duration {
    /// The duration in nanoseconds, at most `Int64.max`.
    public var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds.saturatingProduct(1_000_000_000)
            .saturatingSum(attoseconds / 1_000_000_000)
    }
    /// The duration in whole milliseconds, as the protocol's fields of 32 bits take it.
    public var wholeMilliseconds: Int32 {
        Int32(clamping: wholeNanoseconds / 1_000_000)
    }
}

/// The earlier of two moments, of which either may be missing.
func earlier(_ a: ClientInstant?, _ b: ClientInstant?) -> ClientInstant? {
    guard let a else { return b }
    guard let b else { return a }
    return min(a, b)
}
