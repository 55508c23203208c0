import ClientCore
import Synchronization

/// Who waits for what the producer's core tells, besides those who wait for records.
final class ProducerEndings: Sendable {
    enum Waiter: Sendable {
        case resumption(CheckedContinuation<ClientError?, Never>)
        case flush(CheckedContinuation<Void, Never>)
    }

    private struct State {
        var waiters: [UInt64: Waiter] = [:]
        var nextID: UInt64 = 0
        var failure: ClientError?
    }
    private let state = Mutex(State())

    func add(_ waiter: Waiter) -> UInt64 {
        state.withLock { state in
            state.nextID += 1
            state.waiters[state.nextID] = waiter
            return state.nextID
        }
    }

    private func take(_ id: UInt64) -> Waiter? {
        state.withLock { $0.waiters.removeValue(forKey: id) }
    }

    /// The first failure of a record that nobody waited for, since the last call.
    func takeFailure() -> ClientError? {
        state.withLock { state in
            defer { state.failure = nil }
            return state.failure
        }
    }

    /// Has the next `flush` throw this error, unless there is an earlier one.
    func noteFailure(_ error: ClientError) {
        state.withLock { $0.failure = $0.failure ?? error }
    }

    func tell(_ output: ProducerCore.Output) {
        switch output {
        case .delivered(let deliveries): deliveries.tell()
        case .failed(let error, _, let count, let handlers):
            if count > handlers.count { noteFailure(error) }
            for handler in handlers { handler.end(.failure(error)) }
        case .resumed(let id, let error), .transaction(let id, let error):
            if case .resumption(let continuation) = take(id) {
                continuation.resume(returning: error)
            }
        case .flushed(let id):
            if case .flush(let continuation) = take(id) { continuation.resume() }
        }
    }
}
