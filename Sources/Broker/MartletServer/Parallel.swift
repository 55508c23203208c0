import Dispatch

/// Work on as many threads as there are cores.
enum Parallel {
    /// Runs `body` for each index below `count`; returns when all are done.
    static func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        guard count > 1 else {
            if count == 1 { body(0) }
            return
        }
        DispatchQueue.concurrentPerform(iterations: count, execute: body)
    }
}
