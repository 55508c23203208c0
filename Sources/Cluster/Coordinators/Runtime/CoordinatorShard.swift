public import KafkaProtocol
public import KafkaRecords
public import KafkaWire

/// One partition of a coordinator: its machine, where it stands in its log, and the answers that
/// wait for the log to be committed.
///
/// States: `inactive` (another broker leads, or nobody), `loading` (the log is being replayed),
/// `active`. Leadership makes it load; a failed append makes it inactive until it is loaded again.
///
/// Invariants: the active machine's state is the replay of the whole log; an answer leaves only
/// once everything written before it lies below the high watermark. So an answer tells of nothing
/// that a failover could take back (reads included), and the state needs no versions to roll back.
///
/// Not for several threads at once: the owner holds a lock.
public final class CoordinatorShard<Machine: CoordinatorMachine> {
    public enum State: Equatable, Sendable {
        case inactive
        case loading(LeaderEpoch)
        case active(LeaderEpoch)
    }

    /// What the owner has to do after a call, in order.
    public struct Output {
        /// Answers that may leave.
        public var replies: [(caller: Caller, message: any KafkaMessage)] = []
        /// What is to be done elsewhere.
        public var commands: [Machine.Command] = []
        /// The log failed: the partition is to be loaded again.
        public var failure: KafkaError?
        public init() {}
    }

    private enum Held {
        case reply(CoordinatorReply)
        case command(Machine.Command)
    }

    public private(set) var state = State.inactive
    /// For records that are appended (`offsets.topic.compression.codec`).
    public var compression = CompressionType.none
    private var machine: Machine?
    private var held: [(required: Offset, item: Held)] = []
    private var heldStart = 0

    public init() {}

    /// The offset that the high watermark must reach before anything more can leave.
    public var waitsFor: Offset? { heldStart < held.count ? held[heldStart].required : nil }
    /// When `timersDue` is to be called, in monotonic milliseconds.
    public var nextDeadline: Int64? { isActive ? machine?.nextDeadline : nil }
    public var isActive: Bool { if case .active = state { true } else { false } }

    /// Why no operation is taken now; `nil` when active.
    public var refusal: KafkaError? {
        switch state {
        case .inactive: .notCoordinator
        case .loading: .coordinatorLoadInProgress
        case .active: nil
        }
    }

    // MARK: Loading

    /// This broker leads the partition in `epoch` from now on: what was is given up.
    public func beginLoading(_ epoch: LeaderEpoch) -> Output {
        let output = deactivate(.notCoordinator)
        state = .loading(epoch)
        return output
    }

    /// The log has been replayed into `machine`; ignored when leadership has moved on meanwhile.
    public func finishLoading(
        _ epoch: LeaderEpoch, _ machine: Machine, _ log: inout some CoordinatorLog, now: Moment
    ) -> Output {
        guard state == .loading(epoch) else { return Output() }
        state = .active(epoch)
        self.machine = machine
        return run(&log, now: now) { $0.loaded(now) }
    }

    /// Gives the partition up: all that wait learn `error`.
    public func deactivate(_ error: KafkaError) -> Output {
        var output = Output()
        machine?.unload(error)
        lose(error, machine?.outbox.takeItems() ?? [], &output)
        machine = nil
        state = .inactive
        return output
    }

    // MARK: Operations

    /// Runs an operation on the machine, appends what it decided, and gives out what may leave.
    ///
    /// - Precondition: the shard is active (`refusal` is `nil`).
    public func run(
        _ log: inout some CoordinatorLog, now: Moment, _ operation: (Machine) -> Void
    ) -> Output {
        guard let machine, isActive else { preconditionFailure("the shard is not active") }
        machine.outbox.nextOffset = log.endOffset
        operation(machine)
        var output = Output()
        let items = machine.outbox.takeItems()
        var refused: KafkaError?
        for (index, item) in items.enumerated() {
            guard let error = take(item, machine, &log, now, &refused) else { continue }
            sometimes(.coordinatorCannotAppend)
            machine.unload(.notCoordinator)
            lose(.notCoordinator, items[index...] + machine.outbox.takeItems(), &output)
            self.machine = nil
            state = .inactive
            output.failure = error
            return output
        }
        release(upTo: log.highWatermark, &output)
        return output
    }

    /// The high watermark has moved: gives out what may leave.
    public func committed(upTo highWatermark: Offset) -> Output {
        var output = Output()
        release(upTo: highWatermark, &output)
        return output
    }

    /// Appends or holds one item; the error after which the machine's state is not the log's.
    ///
    /// - Parameter refused: why the log did not take the last write of a producer; told to the
    ///   caller whose answer follows.
    private func take(
        _ item: CoordinatorOutbox<Machine.Record, Machine.Command>.Item, _ machine: Machine,
        _ log: inout some CoordinatorLog, _ now: Moment, _ refused: inout KafkaError?
    ) -> KafkaError? {
        do {
            switch item {
            case .append(let records, .coordinator):
                let batch = try CoordinatorBatch.encode(
                    records, .coordinator, compression: compression, now: now.wallMs)
                if case .failure(let error) = log.append(batch, transactionVersion: 0) {
                    return error
                }
            case .append(let records, let writer):
                let batch = try CoordinatorBatch.encode(
                    records, writer, compression: compression, now: now.wallMs)
                switch log.append(batch, transactionVersion: 0) {
                case .success(let base):
                    for (index, record) in records.enumerated() {
                        machine.replay(record, at: base + Int64(index), by: writer)
                    }
                case .failure(let error): refused = error
                }
            case .appendMarker(let marker):
                switch log.append(
                    marker.batch(now: now.wallMs), transactionVersion: marker.transactionVersion)
                {
                case .success: machine.replay(marker)
                case .failure(let error): refused = error
                }
            case .reply(let reply): hold(reply, at: log.endOffset, &refused)
            case .perform(let command): held.append((log.endOffset, .command(command)))
            }
            return nil
        } catch {
            preconditionFailure("a coordinator wrote a record that has no encoding: \(error)")
        }
    }

    private func hold(
        _ reply: CoordinatorReply, at offset: Offset, _ refused: inout KafkaError?
    ) {
        guard let error = refused else { return held.append((offset, .reply(reply))) }
        refused = nil
        held.append(
            (
                offset,
                .reply(
                    CoordinatorReply(reply.onLoss(error), to: reply.caller, onLoss: reply.onLoss))
            ))
    }

    private func release(upTo highWatermark: Offset, _ output: inout Output) {
        while heldStart < held.count,
            held[heldStart].required <= highWatermark || PlantedBug.earlyAnswer.isPlanted
        {
            switch held[heldStart].item {
            case .reply(let reply): output.replies.append((reply.caller, reply.message))
            case .command(let command): output.commands.append(command)
            }
            heldStart += 1
        }
        if heldStart == held.count {
            held.removeAll(keepingCapacity: true)
            heldStart = 0
        }
    }

    /// Tells all whose answers have not left that they are lost.
    private func lose(
        _ error: KafkaError,
        _ items: some Sequence<CoordinatorOutbox<Machine.Record, Machine.Command>.Item>,
        _ output: inout Output
    ) {
        sometimes(.coordinatorLosesAnswers, when: heldStart < held.count)
        for (_, item) in held[heldStart...] {
            if case .reply(let reply) = item {
                output.replies.append((reply.caller, reply.onLoss(error)))
            }
        }
        held.removeAll()
        heldStart = 0
        for case .reply(let reply) in items {
            output.replies.append((reply.caller, reply.onLoss(error)))
        }
    }
}
