import ClientCore
import Synchronization

/// Who waits for what the producer's core tells.
final class ProducerEndings: Sendable {
    enum Waiter: Sendable {
        case delivery(@Sendable (Result<RecordMetadata, ClientError>) -> Void)
        case resumption(CheckedContinuation<ClientError?, Never>)
        case flush(CheckedContinuation<Void, Never>)
    }

    /// Waiters lie in slots that are used again. An id has the slot and how often it was used
    /// before, so that an id that was taken finds nobody.
    private struct State {
        struct Slot {
            var waiter: Waiter?
            var uses: UInt32 = 0
        }
        var slots: [Slot] = []
        var free: [Int] = []
        var failure: ClientError?

        mutating func add(_ waiter: Waiter) -> UInt64 {
            let index = free.popLast() ?? slots.count
            if index == slots.count { slots.append(Slot()) }
            slots[index].waiter = waiter
            return UInt64(slots[index].uses) << 32 | UInt64(index)
        }

        mutating func take(_ id: UInt64) -> Waiter? {
            let index = Int(id & 0xFFFF_FFFF)
            guard index < slots.count, UInt64(slots[index].uses) == id >> 32,
                let waiter = slots[index].waiter.take()
            else { return nil }
            slots[index].uses &+= 1
            free.append(index)
            return waiter
        }
    }
    private let state = Mutex(State())

    func add(_ waiter: Waiter) -> UInt64 { state.withLock { $0.add(waiter) } }

    func remove(_ id: UInt64) { _ = take(id) }

    private func take(_ id: UInt64) -> Waiter? { state.withLock { $0.take(id) } }

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
        case .delivered(let deliveries):
            let waiters = state.withLock { state in deliveries.map { state.take($0.waiter) } }
            for (delivery, waiter) in zip(deliveries, waiters) {
                if case .delivery(let done) = waiter { done(.success(delivery.metadata)) }
            }
        case .failed(let error, _, let count, let waiters):
            if count > waiters.count { noteFailure(error) }
            for waiter in waiters {
                if case .delivery(let done) = take(waiter) { done(.failure(error)) }
            }
        case .resumed(let id, let error), .transaction(let id, let error):
            if case .resumption(let continuation) = take(id) {
                continuation.resume(returning: error)
            }
        case .flushed(let id):
            if case .flush(let continuation) = take(id) { continuation.resume() }
        }
    }
}
