/// Names one delayed request: which event loop holds it, and its number there.
///
/// A ticket outlives its request harmlessly: a loop ignores a number that it no longer knows.
public struct WaitTicket: Hashable, Sendable {
    /// The index of the event loop that owns the request.
    public var loop: Int32
    /// The request's number on that loop, never used twice.
    public var request: UInt64

    public init(loop: Int32, request: UInt64) {
        self.loop = loop
        self.request = request
    }
}

/// When a replica counts as holding a batch (`martlet.durability`, ADR 2).
public enum Durability: String, Sendable, CaseIterable {
    /// Once the batch is synced to disk.
    case flushed
    /// Once the batch is in the page cache, as Apache Kafka does.
    case replicated
}
