import KafkaWire
import LogStorage
import Replication

/// One replica on its way into another log directory.
final class ReplicaMove: @unchecked Sendable {
    // Sendable: `path`, `isEnded` and `isReplaced` are reached only with the cell's lock held,
    // `state` with the lock of `ReplicaMoves`, the rest on the mover's thread.
    let cell: PartitionCell
    /// Log directories.
    let source: String
    let target: String
    let log: LogMove
    /// The copy's directory in `target`.
    var path: String
    /// Nothing is to be done to the copy any more: the move was cancelled, has failed, or is done.
    var isEnded = false
    /// The copy is the partition's log.
    var isReplaced = false
    /// Bytes copied since the copy was made durable; of the mover's thread.
    var unflushedBytes = 0
    var state: State

    /// What others see of the copy.
    struct State: Sendable {
        /// What the checkpoints of the target say of the copy.
        var recoveryPoint: Offset
        var logStartOffset: Offset
        var highWatermark = Offset.zero
        var cleanedOffset: Offset?
        /// Bytes of log, and where it ends.
        var size: Int
        var endOffset: Offset
    }

    init(_ cell: PartitionCell, from source: String, to target: String, log: LogMove) {
        self.cell = cell
        self.source = source
        self.target = target
        self.log = log
        path = log.copy.directory
        state = State(
            recoveryPoint: log.copy.flushedOffset, logStartOffset: log.copy.logStartOffset,
            size: log.copy.sizeInBytes, endOffset: log.copy.logEndOffset)
    }
}

/// How far a move is, as DescribeLogDirs tells it.
public struct MoveProgress: Sendable {
    public let cell: PartitionCell
    /// Bytes that the copy has.
    public let size: Int
    /// Where the copy ends.
    public let endOffset: Offset
}
