import Dispatch
import Synchronization

/// Runs asynchronous work on the thread that calls, to its end. The threads of tasks, of which
/// there are as many as cores, have no part in it: the caller may be one of them.
func blocking<Value: Sendable, Failure>(
    _ body: @escaping @Sendable () async throws(Failure) -> Value
) throws(Failure) -> Value {
    let thread = CallingThread()
    let box = ResultBox<Value, Failure>()
    Task.detached(executorPreference: thread) {
        do throws(Failure) { box.put(.success(try await body())) } catch {
            box.put(.failure(error))
        }
        thread.finish()
    }
    thread.run()
    return try box.take().get()
}

/// Runs the jobs of one task on the thread that is in `run`.
private final class CallingThread: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isFinished = false
    }
    private let state = Mutex(State())
    private let news = DispatchSemaphore(value: 0)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.jobs.append(job) }
        news.signal()
    }

    func finish() {
        state.withLock { $0.isFinished = true }
        news.signal()
    }

    /// Returns after `finish`.
    func run() {
        while true {
            news.wait()
            let (job, isFinished) = state.withLock { state in
                (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isFinished)
            }
            if let job {
                job.runSynchronously(on: asUnownedTaskExecutor())
            } else if isFinished {
                return
            }
        }
    }
}

private final class ResultBox<Value: Sendable, Failure: Error>: Sendable {
    private let result = Mutex<Result<Value, Failure>?>(nil)

    func put(_ value: Result<Value, Failure>) { result.withLock { $0 = value } }
    func take() -> Result<Value, Failure> {
        guard let value = result.withLock({ $0 }) else {
            preconditionFailure("finished without a result")
        }
        return value
    }
}
