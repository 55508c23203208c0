import ClientCore
import MartletClient
import Synchronization

/// Hands the records of the console producer to the client, from a thread that may wait.
struct ConsoleSender {
    let producer: Producer
    let topic: String
    /// Whether each record is waited for before the next.
    let isSynchronous: Bool
    let failures: ProducerFailures

    func send(_ line: ConsoleRecord) throws {
        let record = ProducerRecord(
            topic: topic, key: line.key, value: line.value, headers: line.headers)
        do {
            try hand(record)
        } catch let error as ClientError {
            // Other lines may be well.
            failures.note(error)
        }
    }

    private func hand(_ record: ProducerRecord) throws {
        let producer = producer
        if isSynchronous {
            _ = try blocking { try await producer.send(record) }
            return
        }
        let failures = failures
        let note: @Sendable (Result<RecordMetadata, ClientError>) -> Void = { result in
            if case .failure(let error) = result { failures.note(error) }
        }
        if try producer.tryEnqueue(record, whenDone: note) { return }
        try blocking { try await producer.enqueue(record, whenDone: note) }
    }
}

/// Records that were not sent, to be told now and then.
final class ProducerFailures: Sendable {
    private struct State {
        var untold: [(error: ClientError, count: Int)] = []
        var total = 0
    }
    private let state = Mutex(State())

    /// All so far.
    var total: Int { state.withLock { $0.total } }

    func note(_ error: ClientError) {
        state.withLock { state in
            state.total += 1
            if let last = state.untold.indices.last, state.untold[last].error == error {
                state.untold[last].count += 1
            } else {
                state.untold.append((error, 1))
            }
        }
    }

    /// Prints those that have come since the last time.
    func report(to console: Console) {
        let news = state.withLock { state in
            defer { state.untold = [] }
            return state.untold
        }
        for (error, count) in news {
            let what = count == 1 ? "1 record was" : "\(count) records were"
            console.error("\(what) not sent. \(error)")
        }
    }
}
