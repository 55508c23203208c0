public import KafkaProtocol
public import KafkaRecords
public import KafkaWire

/// Who appends, and so how much is checked.
public enum AppendOrigin: Sendable, Equatable {
    /// A producer: all checks.
    case client
    /// A coordinator of this node: producer epochs, but no sequences, and control batches may be
    /// written.
    case coordinator
}

/// What an append did.
public struct AppendInfo: Sendable, Equatable {
    /// The offset of the first record; for a duplicate, that of the original.
    public var baseOffset: Offset
    public var lastOffset: Offset
    /// Milliseconds since the epoch; -1 when the topic keeps the producers' timestamps.
    public var logAppendTime: Int64
    /// The batch had been appended before: nothing was written.
    public var isDuplicate: Bool
    /// A new segment was begun for it.
    public var rolled: Bool

    public init(
        baseOffset: Offset, lastOffset: Offset, logAppendTime: Int64 = -1,
        isDuplicate: Bool = false, rolled: Bool = false
    ) {
        self.baseOffset = baseOffset
        self.lastOffset = lastOffset
        self.logAppendTime = logAppendTime
        self.isDuplicate = isDuplicate
        self.rolled = rolled
    }
}

/// Why nothing was appended.
public enum AppendError: Error, Sendable, Equatable {
    /// The batch is refused: the error for the client, and what is wrong.
    case kafka(KafkaError, String)
    /// The batch is refused for some of its records.
    case invalidRecords(KafkaError, [RecordRejection])
    /// The disk failed.
    case io(FileError)
}

extension LogError {
    /// What a client is told.
    public var kafkaError: KafkaError {
        switch self {
        case .offsetOutOfRange: .offsetOutOfRange
        case .io, .failed: .kafkaStorageError
        case .corrupt: .corruptMessage
        }
    }
}
