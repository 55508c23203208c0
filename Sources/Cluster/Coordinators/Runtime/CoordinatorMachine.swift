public import KafkaProtocol
public import KafkaWire

/// A coordinator's state for one partition of its topic: decide, append, replay.
///
/// An operation decides on records, hands them to `write`, and answers through the outbox. Replay
/// of records is the only thing that changes the state that the log holds; it is the same code when
/// a log is loaded and when a decision has just been made. Soft state (who waits for whom, timers)
/// lives beside it and is gone after a load.
///
/// An append that fails does not roll the state back: the shard drops the machine and loads a new
/// one from the log (ADR 4).
public protocol CoordinatorMachine: AnyObject, SendableMetatype {
    associatedtype Record: CoordinatorRecord
    /// What is to be done elsewhere once it is decided durably.
    associatedtype Command: Sendable

    var outbox: CoordinatorOutbox<Record, Command> { get set }

    /// Takes over a record at `offset`; one of a producer's transaction counts when that commits.
    func replay(_ record: Record, at offset: Offset, by writer: RecordWriter)

    /// Takes over the end of a producer's transaction.
    func replay(_ marker: CoordinatorMarker)

    /// The log has been replayed: timers begin.
    func loaded(_ now: Moment)

    /// The partition moves away or its log failed: all that wait are answered with `error`.
    func unload(_ error: KafkaError)

    /// Does what is due.
    func timersDue(_ now: Moment)

    /// When `timersDue` is to be called next, in monotonic milliseconds.
    var nextDeadline: Int64? { get }
}

extension CoordinatorMachine {
    /// Has records that were decided on appended as one batch, and replays them.
    ///
    /// The coordinator's own are replayed at once, so that the operation can build on them. Those
    /// of a producer are replayed once the log has taken them: it may refuse the producer's epoch,
    /// and then the answer that follows is the one for that error.
    public func write(_ records: [Record], as writer: RecordWriter = .coordinator) {
        var offset = outbox.nextOffset
        outbox.append(records, as: writer)
        guard writer == .coordinator else { return }
        for record in records {
            replay(record, at: offset, by: writer)
            offset = offset + 1
        }
    }

    /// Has the end of a producer's transaction appended, and replays it once the log has taken it.
    public func write(_ marker: CoordinatorMarker) { outbox.append(marker) }
}
