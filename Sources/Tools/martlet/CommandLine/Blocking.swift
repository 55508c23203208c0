import Dispatch
import Synchronization

/// Runs asynchronous work while the tool's own thread, which is none of the pool's, waits.
func blocking<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
) throws -> Value {
    let box = ResultBox<Value>()
    Task.detached {
        do { box.put(.success(try await body())) } catch { box.put(.failure(error)) }
    }
    return try box.wait().get()
}

private final class ResultBox<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>?>(nil)
    private let done = DispatchSemaphore(value: 0)

    func put(_ value: Result<Value, any Error>) {
        result.withLock { $0 = value }
        done.signal()
    }
    func wait() -> Result<Value, any Error> {
        done.wait()
        guard let value = result.withLock({ $0 }) else {
            preconditionFailure("signalled without a result")
        }
        return value
    }
}
