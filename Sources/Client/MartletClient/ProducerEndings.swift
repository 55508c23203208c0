import ClientCore
import Synchronization

/// Who waits for what the producer's core tells.
final class ProducerEndings: Sendable {
    enum Waiter: Sendable {
        case delivery(@Sendable (Result<RecordMetadata, ClientError>) -> Void)
        case resumption(CheckedContinuation<ClientError?, Never>)
        case flush(CheckedContinuation<Void, Never>)
    }

    private struct State {
        var waiters: [UInt64: Waiter] = [:]
        var next: UInt64 = 1
        var failure: ClientError?
    }
    private let state = Mutex(State())

    func add(_ waiter: Waiter) -> UInt64 {
        state.withLock { state in
            let id = state.next
            state.next += 1
            state.waiters[id] = waiter
            return id
        }
    }

    func remove(_ id: UInt64) { _ = take(id) }

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

    func tell(_ output: ProducerCore.Output) {
        switch output {
        case .delivered(let deliveries):
            for delivery in deliveries {
                end(delivery.waiter, .success(delivery.metadata))
            }
        case .failed(let error, _, let count, let waiters):
            if count > waiters.count { state.withLock { $0.failure = $0.failure ?? error } }
            for waiter in waiters { end(waiter, .failure(error)) }
        case .resumed(let id, let error), .transaction(let id, let error):
            if case .resumption(let continuation) = take(id) {
                continuation.resume(returning: error)
            }
        case .flushed(let id):
            if case .flush(let continuation) = take(id) { continuation.resume() }
        }
    }

    private func end(_ id: UInt64, _ result: Result<RecordMetadata, ClientError>) {
        if case .delivery(let done) = take(id) { done(result) }
    }
}
