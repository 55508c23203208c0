import ClientCore
import KafkaWire
import Synchronization

/// Who waits for what the consumer's core tells.
final class ConsumerEndings: Sendable {
    enum Waiter: Sendable {
        case offsets(CheckedContinuation<Result<[TopicPartition: FoundOffset], ClientError>, Never>)
        case partitions(CheckedContinuation<Result<[Int32], ClientError>, Never>)
        case commit(CheckedContinuation<ClientError?, Never>)
        case committed(
            CheckedContinuation<Result<[TopicPartition: CommittedOffset], ClientError>, Never>)
    }

    struct State {
        var waiters: [UInt64: Waiter] = [:]
        var next: UInt64 = 1
        /// The reader that waits, `true` to go on.
        var reader: CheckedContinuation<Bool, Never>?
        /// Counts the waits, so that the timer of an earlier one ends no later one.
        var waits: UInt64 = 0
        /// Something came while no reader waited.
        var isReadable = false
        var isClosed = false
        /// Who waits for the consumer to have left its group, and whether it has.
        var leaving: CheckedContinuation<Void, Never>?
        var hasLeft = false
        var handler: (@Sendable (RebalanceEvent) async -> Void)?
        var finish: (@Sendable (UInt64) -> Void)?
        var before: (@Sendable () -> Void)?
        /// Events that the handler has not had, while it runs.
        var events: [(RebalanceEvent, UInt64?)] = []
        var isHandling = false
    }
    let state = Mutex(State())
    private let interceptors: [any ConsumerInterceptor]

    init(_ interceptors: [any ConsumerInterceptor]) { self.interceptors = interceptors }

    func add(_ waiter: Waiter) -> UInt64 {
        state.withLock { state in
            let id = state.next
            state.next += 1
            state.waiters[id] = waiter
            return id
        }
    }

    private func take(_ id: UInt64) -> Waiter? {
        state.withLock { $0.waiters.removeValue(forKey: id) }
    }

    func tell(_ output: ConsumerCore.Output) {
        switch output {
        case .readable: wakeReader(true)
        case .rebalance(let event, let ticket):
            state.withLock { $0.before }?()
            handle(event, ticket)
        case .left: left()
        case .committed(let id, let error):
            if case .commit(let continuation) = take(id) { continuation.resume(returning: error) }
        case .hasCommitted(let offsets):
            for interceptor in interceptors { interceptor.didCommit(offsets) }
        case .fetched(let id, let result):
            if case .committed(let continuation) = take(id) {
                continuation.resume(returning: result)
            }
        case .offsets(let id, let result):
            if case .offsets(let continuation) = take(id) { continuation.resume(returning: result) }
        case .partitions(let id, let result):
            if case .partitions(let continuation) = take(id) {
                continuation.resume(returning: result)
            }
        }
    }

    /// Waits until there may be something to read; `false` when the time is over, the task is
    /// cancelled or the consumer is closed.
    nonisolated(nonsending)
        func waitReadable(
            _ loop: ClientLoop<ConsumerCore>, until deadline: ClientInstant?
        ) async -> Bool
    {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let wait = begin(continuation, until: deadline)
                if let wait, let deadline {
                    loop.at(deadline) { self.wakeReader(false, wait: wait) }
                }
            }
        } onCancel: {
            wakeReader(false)
        }
    }

    /// The number of the wait that begins; `nil` when it has ended at once.
    private func begin(
        _ continuation: CheckedContinuation<Bool, Never>, until deadline: ClientInstant?
    ) -> UInt64? {
        let (answer, wait) = state.withLock { state -> (Bool?, UInt64) in
            state.waits += 1
            if state.isReadable {
                state.isReadable = false
                return (true, state.waits)
            }
            if state.isClosed || Task.isCancelled { return (false, state.waits) }
            if let deadline, deadline <= ClientLoop<ConsumerCore>.now {
                return (false, state.waits)
            }
            state.reader = continuation
            return (nil, state.waits)
        }
        guard let answer else { return wait }
        continuation.resume(returning: answer)
        return nil
    }

    /// - Parameters:
    ///   - isReadable: whether the reader is told to read, or to give up.
    ///   - wait: the one that is to end; `nil` for any.
    private func wakeReader(_ isReadable: Bool, wait: UInt64? = nil) {
        let reader = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            if let wait, wait != state.waits { return nil }
            defer { state.reader = nil }
            if state.reader == nil, isReadable { state.isReadable = true }
            return state.reader
        }
        reader?.resume(returning: isReadable)
    }

    /// There will be nothing more to read.
    func close() {
        state.withLock { $0.isClosed = true }
        wakeReader(false)
    }
}
