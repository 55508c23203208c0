import Coordinators
import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

/// How an event loop works with coordinator shards.
extension BrokerLoop {
    /// Runs an operation of a coordinator for a request; the machine answers it by its caller.
    ///
    /// - Parameters:
    ///   - cell: the shard; `nil` where this broker does not coordinate.
    ///   - check: what records of a transaction have to show to the log.
    ///   - failed: the response that says that the operation did not run, or was lost.
    func coordinate<Machine>(
        _ cell: ShardCell<Machine>?, _ context: RequestContext, check: TransactionCheck = .none,
        failed: (KafkaError) -> any KafkaMessage,
        _ operation: (Machine, Caller, Moment) -> Void
    ) {
        guard let cell else { return answer(failed(.notCoordinator), to: context) }
        let ticket = newTicket()
        delay(PendingRequest(context: context, kind: .elsewhere), ticket: ticket, deadline: nil)
        let refusal = cell.run(on: self, now: context.now, check: check) { machine, now in
            operation(machine, Caller(ticket), now)
        }
        if let refusal { completed(ticket, message: failed(refusal), now: context.now) }
    }

    /// Runs an operation of a coordinator on behalf of this loop; `then` gets what the machine says
    /// to its caller.
    func consult<Machine>(
        _ cell: ShardCell<Machine>?, now: ClockReading,
        failed: (KafkaError) -> any KafkaMessage,
        _ operation: (Machine, Caller, Moment) -> Void,
        then: @escaping (any KafkaMessage, ClockReading) -> Void
    ) {
        guard let cell else { return then(failed(.notCoordinator), now) }
        let ticket = newTicket()
        continuations[ticket.request] = then
        let refusal = cell.run(on: self, now: now) { machine, moment in
            operation(machine, Caller(ticket), moment)
        }
        if let refusal { completed(ticket, message: failed(refusal), now: now) }
    }

    /// Asks the node's controller thread on behalf of this loop; `then` gets the answer.
    func consultController(
        _ work: ControllerWork,
        then: @escaping (any KafkaMessage, ClockReading) -> Void
    ) {
        let ticket = newTicket()
        continuations[ticket.request] = then
        emit(.controller(ControllerJob(ticket: ticket, work: work)))
    }

    /// Has done what appends to a coordinator's log have made necessary.
    func follow(_ log: CellLog) {
        if !log.wakes.isEmpty { emit(.wake(log.wakes)) }
        if log.appended, view.settings.durability == .flushed { emit(.flush(log.cell)) }
        if let fault = log.fault {
            emit(.directoryFailed(path: log.cell.logDirectory, fault))
        }
    }

    /// Gives an answer to a request of this loop or of another.
    func deliver(_ message: any KafkaMessage, to ticket: WaitTicket, now: ClockReading) {
        if ticket.loop == index {
            completed(ticket, message: message, now: now)
        } else {
            emit(.complete(ticket, message))
        }
    }

    /// Resumes `shard` here once the high watermark of its partition reaches `required`.
    func resume<Machine>(_ shard: ShardCell<Machine>, whenCommitted required: Offset) {
        let ticket = newTicket()
        resumptions[ticket.request] = shard
        let isThere = shard.partition.locked { replica in
            if replica.highWatermark >= required { return true }
            // Without a leader the shard is about to be given up, which answers all that wait.
            if replica.leaderEpoch != nil {
                replica.awaitHighWatermark(required, ticket: ticket)
            }
            return false
        }
        if isThere { emit(.wake([ticket])) }
    }

    /// Resumes `shard` here at an instant (monotonic ms).
    func resume<Machine>(_ shard: ShardCell<Machine>, atMs instant: Int64) {
        let ticket = newTicket()
        resumptions[ticket.request] = shard
        deadlines.add(ticket.request, at: instant * 1_000_000)
    }

    /// Does what the controller or the load of a coordinator's log has left to be done.
    public func run(_ task: CoordinatorTask, now: ClockReading) { task.run(self, now) }
}
