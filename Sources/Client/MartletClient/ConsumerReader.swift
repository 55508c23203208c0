import ClientCore
import KafkaWire
import Synchronization

/// The one reader of a consumer: takes chunks out of the core, decodes them on the reader's own
/// task, and tells the core how far the reader is.
final class ConsumerReader: @unchecked Sendable {
    // Sendable: `chunk` is touched by the task that reads, which `isReading` makes the only one.
    private let loop: ClientLoop<ConsumerCore>
    private let endings: ConsumerEndings
    private let settings: ConsumerSettings
    private let isReading = Atomic(false)
    private var chunk: (whole: FetchedChunk, reader: ChunkReader)?

    /// The batch that the reader has, and the first record of it that it may not be done with.
    private struct Progress {
        var batch: ConsumerBatch?
        var offset: Offset = .zero
    }
    private let progress = Mutex(Progress())

    init(
        _ loop: ClientLoop<ConsumerCore>, _ endings: ConsumerEndings, _ settings: ConsumerSettings
    ) {
        self.loop = loop
        self.endings = endings
        self.settings = settings
    }

    /// The next batch with records; `nil` at the end, and when `timeout` is over.
    nonisolated(nonsending)
        func next(within timeout: Duration?) async throws(ClientError) -> ConsumerBatch?
    {
        let wasReading = isReading.exchange(true, ordering: .acquiring)
        precondition(!wasReading, "two tasks read from one consumer at the same time")
        defer { isReading.store(false, ordering: .releasing) }
        finishBatch()
        let deadline = timeout.map { ClientLoop<ConsumerCore>.now + $0 }
        while true {
            if let batch = try nextOfChunk() { return batch }
            let taken = take()
            if let error = taken.error { throw error }
            if let whole = taken.chunk {
                chunk = (whole, ChunkReader(whole, settings))
                continue
            }
            guard await endings.waitReadable(loop, until: deadline) else { return nil }
        }
    }

    private func take() -> (chunk: FetchedChunk?, error: ClientError?) {
        loop.enter { core, _ in
            if let error = core.takeError() { return ((nil, error), false) }
            return ((core.takeChunk(), nil), false)
        }
    }

    private func nextOfChunk() throws(ClientError) -> ConsumerBatch? {
        while let (whole, before) = chunk {
            var reader = before
            let isCurrent = loop.enter { core, _ in
                (core.isCurrent(whole.partition, generation: whole.generation), false)
            }
            var batch: ConsumerBatch?
            if isCurrent {
                do throws(ClientError) { batch = try reader.next() } catch {
                    dropChunk(whole)
                    throw error
                }
            }
            guard let batch else {
                dropChunk(whole)
                return nil
            }
            chunk = (whole, reader)
            progress.withLock { progress in
                progress.batch = batch
                progress.offset = batch.records.first?.offset ?? batch.nextOffset
            }
            if !batch.records.isEmpty { return batch }
            finishBatch()
        }
        return nil
    }

    private func dropChunk(_ whole: FetchedChunk) {
        chunk = nil
        loop.enter { core, _ in (core.release(whole), true) }
    }

    /// The reader is done with the batch that it has.
    private func finishBatch() {
        let batch = progress.withLock { progress in
            defer { progress.batch = nil }
            return progress.batch
        }
        if let batch { tell(batch, batch.nextOffset) }
    }

    private func tell(_ batch: ConsumerBatch, _ offset: Offset) {
        loop.enter { core, _ in
            core.consumed(
                batch.partition, generation: batch.generation, to: offset,
                epoch: batch.leaderEpoch)
            return ((), false)
        }
    }

    /// The reader has come to the record at `offset`, and is done with those before.
    func noteRecord(_ offset: Offset) { progress.withLock { $0.offset = offset } }

    /// Tells the core how far into a batch the reader is.
    func noteProgress() {
        let (batch, offset) = progress.withLock { ($0.batch, $0.offset) }
        if let batch { tell(batch, offset) }
    }
}
