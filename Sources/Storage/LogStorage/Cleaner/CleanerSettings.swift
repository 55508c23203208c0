public import KafkaWire

/// The broker's `log.cleaner.*` configuration, as far as one cleaning needs it.
public struct CleanerSettings: Sendable, Equatable {
    /// `log.cleaner.dedupe.buffer.size` divided by `log.cleaner.threads`: bytes for the map of
    /// keys.
    public var dedupeBufferBytes = 134_217_728
    /// `log.cleaner.io.buffer.load.factor`: part of the map that may be used.
    public var dedupeBufferLoadFactor = 0.9
    /// `log.cleaner.io.buffer.size` divided by `log.cleaner.threads`: bytes read in one step. A
    /// larger batch is read as a whole.
    public var ioBufferBytes = 524_288

    /// Kafka's defaults for one thread.
    public init() {}
}

/// Why a log could not be cleaned.
public enum CleanerError: Error, Sendable, Equatable {
    /// The disk failed: its directory is to be taken offline.
    case io(FileError)
    /// A segment holds what is no valid batch: the log is left alone until somebody looks at it
    /// (`CleaningSchedule.markUncleanable`).
    case corrupt(path: String, reason: String)
    /// The log was truncated, deleted or moved meanwhile: nothing was changed, clean it again
    /// later.
    case superseded
}

/// What one cleaning did.
public struct CleaningResult: Sendable, Equatable {
    /// The first offset that is not cleaned: the new entry in `cleaner-offset-checkpoint`.
    public var endOffset: Offset
    public var bytesRead = 0
    public var bytesWritten = 0
    /// Records before and after.
    public var recordsRead = 0
    public var recordsKept = 0
    /// Records without a key that were dropped.
    public var keylessRecords = 0
    /// Part of the map of keys that was used, 0 to 1.
    public var mapUtilization = 0.0

    init(endOffset: Offset) { self.endOffset = endOffset }
}
