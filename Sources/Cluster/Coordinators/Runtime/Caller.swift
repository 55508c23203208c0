/// Names a request that waits for a coordinator: the event loop that has it, and its number there.
///
/// A caller outlives its request harmlessly: a loop ignores a number that it no longer knows.
public struct Caller: Hashable, Sendable {
    public var loop: Int32
    public var request: UInt64

    public init(loop: Int32, request: UInt64) {
        self.loop = loop
        self.request = request
    }
}

/// The time of an event, as the shell's clocks said.
public struct Moment: Equatable, Sendable {
    /// Milliseconds since 1970; may jump. For what is written to logs.
    public var wallMs: Int64
    /// Milliseconds since some instant; never goes back. For timers.
    public var monotonicMs: Int64

    public init(wallMs: Int64, monotonicMs: Int64) {
        self.wallMs = wallMs
        self.monotonicMs = monotonicMs
    }
}
