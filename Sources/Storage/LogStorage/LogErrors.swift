public import KafkaWire

/// Why a log could not be opened, read or changed.
public enum LogError: Error, Sendable, Equatable {
    /// The offset asked for is not one that the log has; the log reaches from `start` to `end`
    /// (exclusive).
    case offsetOutOfRange(requested: Offset, start: Offset, end: Offset)
    /// A call to the file system failed. When it was a write or a sync the log is failed from now
    /// on.
    case io(FileError)
    /// What is on disk makes no sense, and recovery cannot tell what it was.
    case corrupt(String)
    /// An earlier write or sync failed; nothing is written any more until the log is opened again.
    case failed(FileError)
}
