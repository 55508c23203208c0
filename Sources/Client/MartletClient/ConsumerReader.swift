import ClientCore
import KafkaWire
import Synchronization

/// The one reader of a consumer: takes chunks out of the core, decodes them on the reader's own
/// task, and tells the core how far the reader is.
final class ConsumerReader: @unchecked Sendable {
    // Sendable: what is marked so is touched by the task that reads, which `isReading` makes the
    // only one.
    private let loop: ClientLoop<ConsumerCore>
    private let endings: ConsumerEndings
    private let settings: ConsumerSettings
    private let isReading = Atomic(false)
    // By the task that reads only.
    private var chunk: (whole: FetchedChunk, reader: ChunkReader)?
    /// Records of the batch at hand, and how many of them the reader has been given.
    private var records: ConsumerBatch.Records?
    private var given = 0
    private var serial: UInt64 = 0
    private var seenChanges = 0
    private let hooks: ConsumerHooks?

    /// The batch that the reader has, the `serial`th.
    private struct Progress {
        var batch: ConsumerBatch?
        var serial: UInt64 = 0
    }
    private let progress = Mutex(Progress())
    /// The batch's serial, and below it in 32 bits the first record that the reader may not be done
    /// with: told apart from `progress`, since it changes with each record.
    private let place = Atomic<UInt64>(0)
    /// Counts what may make the batch at hand one that the reader is not to have any more.
    private let changes = Atomic(0)
    private let isClosed = Atomic(false)

    init(
        _ loop: ClientLoop<ConsumerCore>, _ endings: ConsumerEndings,
        _ settings: ConsumerSettings, _ hooks: ConsumerHooks?
    ) {
        self.hooks = hooks
        self.loop = loop
        self.endings = endings
        self.settings = settings
    }

    // MARK: Reading

    /// The next record; `nil` at the end.
    nonisolated(nonsending) func nextRecord() async throws(ClientError) -> ConsumerRecord? {
        begin()
        defer { isReading.store(false, ordering: .releasing) }
        guard !isClosed.load(ordering: .acquiring) else { return nil }
        dropIfChanged()
        while true {
            if let records, given < records.count {
                let record = records[given]
                place.store(serial << 32 | UInt64(given), ordering: .releasing)
                given += 1
                return record
            }
            guard try await advance(until: nil) else { return nil }
        }
    }

    /// The next batch with records, or the rest of one whose records were given one by one; `nil`
    /// at the end, and when `timeout` is over.
    nonisolated(nonsending)
        func next(within timeout: Duration?) async throws(ClientError) -> ConsumerBatch?
    {
        begin()
        defer { isReading.store(false, ordering: .releasing) }
        guard !isClosed.load(ordering: .acquiring) else { return nil }
        dropIfChanged()
        let deadline = timeout.map { ClientLoop<ConsumerCore>.now + $0 }
        if given == records?.count ?? 0 {
            guard try await advance(until: deadline) else { return nil }
        }
        guard let batch = progress.withLock({ $0.batch }) else { return nil }
        let first = given
        place.store(serial << 32 | UInt64(first), ordering: .releasing)
        given = batch.records.count
        return first == 0 ? batch : batch.dropFirst(first)
    }

    private func begin() {
        let wasReading = isReading.exchange(true, ordering: .acquiring)
        precondition(!wasReading, "two tasks read from one consumer at the same time")
    }

    /// Leaves the rest of a batch whose partition has been sought elsewhere or given up.
    private func dropIfChanged() {
        let now = changes.load(ordering: .acquiring)
        guard now != seenChanges else { return }
        seenChanges = now
        guard let batch = progress.withLock({ $0.batch }) else { return }
        let isCurrent = loop.enterUntimed { core in
            (core.isCurrent(batch.partition, generation: batch.generation), false)
        }
        if !isCurrent { (records, given) = (nil, 0) }
    }

    /// Gets the next batch that has records; `false` at the end, and when the time is over.
    nonisolated(nonsending)
        private func advance(until deadline: ClientInstant?) async throws(ClientError) -> Bool
    {
        finishBatch()
        let began = hooks?.beginPoll()
        while true {
            if try nextOfChunk() {
                if let hooks, let batch = progress.withLock({ $0.batch }) {
                    hooks.endPoll(batch, since: began)
                }
                return true
            }
            let taken = take()
            if let error = taken.error { throw error }
            if let whole = taken.chunk {
                chunk = (whole, ChunkReader(whole, settings))
                continue
            }
            loop.enter { core, now in (core.readerWaits(now), false) }
            let isReadable = await endings.waitReadable(loop, until: deadline)
            loop.enter { core, now in (core.readerGoesOn(now), false) }
            guard isReadable else { return false }
        }
    }

    private func take() -> (chunk: FetchedChunk?, error: ClientError?) {
        loop.enterUntimed { core in
            if let error = core.takeError() { return ((nil, error), false) }
            return ((core.takeChunk(), nil), false)
        }
    }

    private func nextOfChunk() throws(ClientError) -> Bool {
        while let (whole, before) = chunk {
            var reader = before
            let isCurrent = loop.enterUntimed { core in
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
                return false
            }
            chunk = (whole, reader)
            hold(batch)
            if !batch.records.isEmpty { return true }
            finishBatch()
        }
        return false
    }

    private func dropChunk(_ whole: FetchedChunk) {
        chunk = nil
        loop.enterUntimed { core in (core.release(whole), true) }
    }

    private func hold(_ batch: ConsumerBatch) {
        serial = (serial + 1) & 0xFFFF_FFFF
        (records, given) = (batch.records, 0)
        progress.withLock { $0 = Progress(batch: batch, serial: serial) }
        place.store(serial << 32, ordering: .releasing)
    }

    // MARK: Progress

    /// The reader is done with the batch that it has.
    private func finishBatch() {
        (records, given) = (nil, 0)
        let batch = progress.withLock { progress in
            defer { progress.batch = nil }
            return progress.batch
        }
        if let batch { tell(batch, batch.nextOffset, count: batch.records.count) }
    }

    private func tell(_ batch: ConsumerBatch, _ offset: Offset, count: Int = 0) {
        loop.enterUntimed { core in
            core.consumed(
                batch.partition, generation: batch.generation, to: offset,
                epoch: batch.leaderEpoch, count: count)
            return ((), false)
        }
    }

    /// Tells the core how far into a batch the reader is.
    func noteProgress() {
        let progress = progress.withLock { $0 }
        guard let batch = progress.batch else { return }
        // That of another batch says nothing of this one, which has just begun.
        let place = place.load(ordering: .acquiring)
        let index = place >> 32 == progress.serial ? Int(place & 0xFFFF_FFFF) : 0
        let isEmpty = batch.records.isEmpty
        tell(batch, isEmpty ? batch.nextOffset : batch.records[index].offset)
    }

    /// Nothing more is given.
    func close() {
        noteProgress()
        isClosed.store(true, ordering: .releasing)
    }

    /// A partition has been sought elsewhere or given up: what is at hand may be of no use.
    func noteChange() { changes.add(1, ordering: .acquiringAndReleasing) }
}
